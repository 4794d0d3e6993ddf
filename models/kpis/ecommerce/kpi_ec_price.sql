with

events as (

    select * from {{ ref('int_ecommerce__events') }}
    where event_name = 'view_item_list' and is_key_sku

),

price_comparisons as (

    select * from {{ ref('stg_ecommerce__price_comparisons') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_price_competitiveness' and parameter = 'comparison_max_hours'

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'ec_price_competitiveness'

),

timeline as (        -- a comparison stands before the exposures of the same instant

    select
        sku_id,
        compared_at as moment_at,
        0 as is_exposure,
        compared_at,
        own_price <= competitor_price as is_competitive,
        {{ typed_null('id') }} as category_id,
        {{ typed_null('ts') }} as event_local_at
    from price_comparisons
    union all
    select
        sku_id,
        event_at as moment_at,
        1 as is_exposure,
        {{ typed_null('ts') }} as compared_at,
        {{ typed_null('bool') }} as is_competitive,
        category_id,
        event_local_at
    from events

),

compared as (

    select
        is_exposure,
        moment_at,
        category_id,
        event_local_at,
        {{ last_value_ignore_nulls('compared_at') }} over looking_back as compared_at,
        {{ last_value_ignore_nulls('is_competitive') }} over looking_back as is_competitive
    from timeline
    window looking_back as (
        partition by sku_id
        order by moment_at, is_exposure
        rows between unbounded preceding and current row
    )

),

daily as (

    select
        date_trunc('day', compared.event_local_at) as day_at,
        compared.category_id,
        {{ count_where('compared.is_competitive') }} as competitive_exposures,
        count(*) as exposures
    from compared
    inner join parameters
        on compared.is_exposure = 1
        and {{ seconds_between('compared.compared_at', 'compared.moment_at') }} <= 3600 * parameters.value
    group by date_trunc('day', compared.event_local_at), compared.category_id

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'daily.day_at') }} as period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'category' then daily.category_id
        end as dimension_value,
        daily.competitive_exposures,
        daily.exposures
    from daily
    cross join slices

),

measured as (

    {{ sum_and_divide('sliced', 'competitive_exposures', 'exposures') }}

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
