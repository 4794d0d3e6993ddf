with

deliveries as (

    select * from {{ ref('int_ecommerce__order_deliveries') }}
    where delivery <> 'unknown'

),

orders as (

    select * from {{ ref('stg_ecommerce__orders') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'ec_on_time_delivery_rate'

),

daily as (

    select
        {{ date_of('deliveries.promised_local_at') }} as promised_date,
        coalesce(orders.platform, 'unknown') as platform,
        {{ count_where("deliveries.delivery = 'on_time'") }} as on_time,
        count(*) as promised
    from deliveries
    left join orders on deliveries.order_id = orders.order_id
    group by {{ date_of('deliveries.promised_local_at') }}, coalesce(orders.platform, 'unknown')

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'daily.promised_date') }} as period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'platform' then daily.platform
        end as dimension_value,
        daily.on_time,
        daily.promised
    from daily
    cross join slices

),

measured as (          -- promises may lie in periods that have not begun

    select
        sliced.kpi_id,
        sliced.version,
        sliced.period_grain,
        sliced.period_start,
        sliced.dimension,
        sliced.dimension_value,
        sum(sliced.on_time) as numerator,
        sum(sliced.promised) as denominator,
        {{ safe_divide('sum(sliced.on_time)', 'sum(sliced.promised)') }} as value,
        sum(sliced.promised) as sample_size,
        true as is_matured
    from sliced
    cross join horizon
    where sliced.period_start <= horizon.as_of
    group by
        sliced.kpi_id,
        sliced.version,
        sliced.period_grain,
        sliced.period_start,
        sliced.dimension,
        sliced.dimension_value

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
