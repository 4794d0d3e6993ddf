with

tickets as (

    select * from {{ ref('int_ecommerce__tickets') }}

),

orders as (

    select * from {{ ref('int_ecommerce__orders') }}

),

landed as (

    select
        {{ any_true("has_rows and table_name = 'service_tickets'") }} as has_tickets,
        {{ any_true("has_rows and table_name = 'orders'") }} as has_orders
    from {{ ref('stg_ecommerce__landed') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id in ('ec_service_bad_rating_rate', 'ec_complaint_rate')

),

facts as (          -- one row per rated ticket, complaint and paid order

    select
        'ec_service_bad_rating_rate' as kpi_id,
        opened_date as date_day,
        platform,
        {{ bool_to_int('is_bad') }} as numerator,
        1 as denominator
    from tickets
    where is_rated
    union all
    select
        'ec_complaint_rate' as kpi_id,
        tickets.opened_date as date_day,
        tickets.platform,
        1 as numerator,
        0 as denominator
    from tickets
    cross join landed
    where tickets.kind = 'complaint' and landed.has_orders
    union all
    select
        'ec_complaint_rate' as kpi_id,
        orders.paid_date as date_day,
        orders.platform,
        0 as numerator,
        1 as denominator
    from orders
    cross join landed
    where landed.has_tickets

),

daily as (

    select
        kpi_id,
        date_day,
        platform,
        sum(numerator) as numerator,
        sum(denominator) as denominator
    from facts
    group by kpi_id, date_day, platform

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'daily.date_day') }} as period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'platform' then daily.platform
        end as dimension_value,
        daily.numerator,
        daily.denominator
    from daily
    inner join slices on daily.kpi_id = slices.kpi_id

),

measured as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        {{ safe_divide('sum(numerator)', 'sum(denominator)') }} as value,
        sum(denominator) as sample_size,
        true as is_matured
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
