with

orders as (

    select * from {{ ref('int_ecommerce__orders') }}
    where is_valid

),

order_categories as (

    select * from {{ ref('int_ecommerce__order_categories') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'ec_repeat_gmv_share'

),

parts as (          -- one row per order and dimension member, with its part of the order's amount

    select
        paid_date,
        valid_order_rank,
        'all' as dimension,
        'all' as dimension_value,
        cast(paid_amount as double) as gmv
    from orders
    union all
    select
        paid_date,
        valid_order_rank,
        'platform' as dimension,
        platform as dimension_value,
        cast(paid_amount as double) as gmv
    from orders
    union all
    select
        orders.paid_date,
        orders.valid_order_rank,
        'category' as dimension,
        order_categories.category_id as dimension_value,
        order_categories.paid_amount as gmv
    from orders
    inner join order_categories on orders.order_id = order_categories.order_id

),

daily as (

    select
        paid_date,
        dimension,
        dimension_value,
        coalesce(sum(gmv) filter (where valid_order_rank > 1), 0) as repeat_gmv,
        sum(gmv) as gmv,
        count(*) as orders
    from parts
    group by paid_date, dimension, dimension_value

),

measured as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'daily.paid_date') }} as period_start,
        slices.dimension,
        daily.dimension_value,
        sum(daily.repeat_gmv) as numerator,
        sum(daily.gmv) as denominator,
        {{ safe_divide('sum(daily.repeat_gmv)', 'sum(daily.gmv)') }} as value,
        sum(daily.orders) as sample_size,
        true as is_matured
    from daily
    inner join slices on daily.dimension = slices.dimension
    group by
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'daily.paid_date') }},
        slices.dimension,
        daily.dimension_value

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
