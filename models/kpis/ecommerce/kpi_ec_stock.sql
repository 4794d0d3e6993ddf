with

stock_intervals as (

    select * from {{ ref('int_ecommerce__stock_intervals') }}

),

realtime as (

    select * from {{ ref('int_ecommerce__realtime') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id in ('ec_key_sku_availability', 'ec_key_sku_stockouts')

),

held as (

    select
        sku_id,
        category_id,
        is_in_stock,
        held_from,
        held_to,
        {{ to_local('held_from', "'" ~ var('business_timezone') ~ "'") }} as held_local_from,
        {{ to_local('held_to', "'" ~ var('business_timezone') ~ "'") }} as held_local_to
    from stock_intervals
    where held_from < held_to

),

day_pieces as (

    {{ stock_by_day('stock_intervals') }}

),

recently_held as (

    select
        held.sku_id,
        held.category_id,
        held.is_in_stock,
        held.held_from,
        held.held_to,
        {{ start_of('quarter_hour', greatest_of(['held.held_local_from', 'realtime.realtime_from'])) }} as quarter_from,
        held.held_local_to
    from held
    inner join realtime on held.held_local_to > realtime.realtime_from

),

quarter_starts as (

    select
        recently_held.sku_id,
        recently_held.category_id,
        recently_held.is_in_stock,
        recently_held.held_from,
        recently_held.held_to,
        series.ts as bucket_local_at
    from recently_held
    cross join lateral {{ ts_series('recently_held.quarter_from', 'recently_held.held_local_to', 900) }} as series

),

quarter_hours as (

    select
        sku_id,
        category_id,
        is_in_stock,
        held_from,
        held_to,
        bucket_local_at,
        {{ to_utc('bucket_local_at', "'" ~ var('business_timezone') ~ "'") }} as bucket_from,
        {{ add_seconds(to_utc('bucket_local_at', "'" ~ var('business_timezone') ~ "'"), 900) }} as bucket_to
    from quarter_starts

),

pieces as (

    select
        sku_id,
        category_id,
        is_in_stock,
        cast(stock_date as {{ type_ts() }}) as bucket_local_at,
        false as is_recent,
        minutes
    from day_pieces
    union all
    select
        sku_id,
        category_id,
        is_in_stock,
        bucket_local_at,
        true as is_recent,
        {{ minutes_between(greatest_of(['held_from', 'bucket_from']), least_of(['held_to', 'bucket_to'])) }} as minutes
    from quarter_hours
    where held_from < bucket_to and held_to > bucket_from

),

facts as (

    select
        'ec_key_sku_availability' as kpi_id,
        sku_id,
        category_id,
        bucket_local_at,
        is_recent,
        sum(case when is_in_stock then minutes else 0 end) as numerator,
        sum(minutes) as denominator,
        count(*) as rows_counted
    from pieces
    group by sku_id, category_id, bucket_local_at, is_recent
    union all
    select
        'ec_key_sku_stockouts' as kpi_id,
        sku_id,
        category_id,
        date_trunc('day', snapshot_local_at) as bucket_local_at,
        false as is_recent,
        sum({{ bool_to_int('is_stockout') }}) as numerator,
        {{ typed_null('num') }} as denominator,
        count(*) as rows_counted
    from stock_intervals
    where is_listed
    group by sku_id, category_id, date_trunc('day', snapshot_local_at)

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'facts.bucket_local_at') }} as period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'category' then facts.category_id
            when 'sku' then facts.sku_id
        end as dimension_value,
        facts.numerator,
        facts.denominator,
        facts.rows_counted
    from facts
    inner join slices
        on facts.kpi_id = slices.kpi_id
        and facts.is_recent = {{ is_realtime_grain('slices.period_grain') }}

),

summed as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        sum(rows_counted) as rows_counted
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

),

measured as (

    select
        summed.kpi_id,
        summed.version,
        summed.period_grain,
        summed.period_start,
        summed.dimension,
        summed.dimension_value,
        summed.numerator,
        summed.denominator,
        case summed.kpi_id
            when 'ec_key_sku_stockouts' then summed.numerator
            else {{ safe_divide('summed.numerator', 'summed.denominator') }}
        end as value,
        summed.rows_counted as sample_size,
        true as is_matured
    from summed
    cross join realtime
    where not {{ is_realtime_grain('summed.period_grain') }} or summed.period_start >= realtime.realtime_from

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
