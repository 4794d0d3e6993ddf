with

second_purchases as (

    select * from {{ ref('int_ecommerce__first_orders') }}
    where second_paid_at is not null

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'ec_ttp_median_days'

),

percentiles as (

    select
        metric_id as kpi_id,
        version,
        value as percentile
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_ttp_median_days' and parameter = 'percentile'

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'second_purchases.second_paid_local_at') }} as period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'member_status' then second_purchases.member_status
        end as dimension_value,
        {{ seconds_between('second_purchases.paid_at', 'second_purchases.second_paid_at') }} / 86400 as elapsed_days
    from second_purchases
    cross join slices

),

ranked as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        elapsed_days,
        row_number() over (
            partition by kpi_id, version, period_grain, period_start, dimension, dimension_value
            order by elapsed_days
        ) as gap_rank,
        count(*) over (partition by kpi_id, version, period_grain, period_start, dimension, dimension_value) as gaps
    from sliced

),

measured as (

    select
        ranked.kpi_id,
        ranked.version,
        ranked.period_grain,
        ranked.period_start,
        ranked.dimension,
        ranked.dimension_value,
        {{ typed_null('num') }} as numerator,
        {{ typed_null('num') }} as denominator,
        {{ ranked_percentile('ranked.elapsed_days', 'ranked.gap_rank', 'ranked.gaps', 'percentiles.percentile') }} as value,
        count(*) as sample_size,
        true as is_matured
    from ranked
    inner join percentiles on ranked.kpi_id = percentiles.kpi_id and ranked.version = percentiles.version
    group by ranked.kpi_id, ranked.version, ranked.period_grain, ranked.period_start, ranked.dimension, ranked.dimension_value

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
