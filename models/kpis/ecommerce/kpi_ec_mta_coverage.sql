with

orders as (

    select * from {{ ref('int_ecommerce__orders') }}
    where is_valid

),

order_touches as (

    select * from {{ ref('int_ecommerce__order_touches') }}

),

landed as (

    select {{ any_true('has_rows') }} as has_touches
    from {{ ref('stg_ecommerce__landed') }}
    where table_name = 'ad_touches'

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'ec_mta_coverage_rate'

),

touched_orders as (

    select distinct
        order_id,
        channel
    from order_touches

),

parts as (          -- every order counts below the line, by channel once for each of its channels above it

    select
        orders.paid_date,
        'all' as dimension,
        'all' as dimension_value,
        case when count(touched_orders.order_id) > 0 then 1 else 0 end as covered_orders
    from orders
    left join touched_orders on orders.order_id = touched_orders.order_id
    group by orders.order_id, orders.paid_date
    union all
    select
        orders.paid_date,
        'channel' as dimension,
        touched_orders.channel as dimension_value,
        1 as covered_orders
    from orders
    inner join touched_orders on orders.order_id = touched_orders.order_id

),

daily as (

    select
        parts.paid_date,
        parts.dimension,
        parts.dimension_value,
        sum(parts.covered_orders) as covered_orders,
        count(*) as counted_orders
    from parts
    cross join landed
    where landed.has_touches
    group by parts.paid_date, parts.dimension, parts.dimension_value

),

members as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'daily.paid_date') }} as period_start,
        slices.dimension,
        daily.dimension_value,
        sum(daily.covered_orders) as covered_orders,
        sum(daily.counted_orders) as counted_orders
    from daily
    inner join slices on daily.dimension = slices.dimension
    group by
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'daily.paid_date') }},
        slices.dimension,
        daily.dimension_value

),

measured as (

    select
        members.kpi_id,
        members.version,
        members.period_grain,
        members.period_start,
        members.dimension,
        members.dimension_value,
        members.covered_orders as numerator,
        whole.counted_orders as denominator,
        {{ safe_divide('members.covered_orders', 'whole.counted_orders') }} as value,
        whole.counted_orders as sample_size,
        true as is_matured
    from members
    inner join members as whole
        on
            members.kpi_id = whole.kpi_id
            and members.version = whole.version
            and members.period_grain = whole.period_grain
            and members.period_start = whole.period_start
            and whole.dimension = 'all'

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
