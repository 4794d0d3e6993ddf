with

orders as (

    select * from {{ ref('int_ecommerce__orders') }}

),

order_members as (

    select * from {{ ref('int_ecommerce__order_members') }}

),

landed as (

    select * from {{ ref('stg_ecommerce__landed') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where
        kpi_id in ('ec_gmv', 'ec_aov', 'ec_member_sales_share', 'ec_gross_margin_rate')
        or (kpi_id = 'ec_refund_rate' and {{ has_landed('landed', ['refunds']) }})

),

daily as (

    select
        orders.paid_date,
        orders.platform,
        sum(orders.paid_amount) filter (where orders.is_valid) as gmv,
        sum(orders.paid_amount) filter (where orders.is_valid and order_members.member_status = 'member') as member_gmv,
        {{ count_where('orders.is_valid') }} as valid_orders,
        {{ count_where("orders.is_valid and order_members.member_status <> 'unknown'") }} as orders_of_known_status,
        sum(orders.paid_amount - orders.refunded_amount) filter (where orders.cost_amount is not null) as net_sales,
        sum(orders.cost_amount) as costs,
        count(orders.cost_amount) as costed_orders,
        {{ count_where('orders.refund_count > 0') }} as refunded_orders,
        count(*) as paid_orders
    from orders
    inner join order_members on orders.order_id = order_members.order_id
    group by orders.paid_date, orders.platform

),

sliced as (          -- one row per day and platform, KPI, period grain and dimension

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'daily.paid_date') }} as period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'platform' then daily.platform
        end as dimension_value,
        case slices.kpi_id
            when 'ec_gmv' then daily.gmv
            when 'ec_aov' then daily.gmv
            when 'ec_member_sales_share' then coalesce(daily.member_gmv, 0)
            when 'ec_gross_margin_rate' then daily.net_sales - daily.costs
            when 'ec_refund_rate' then daily.refunded_orders
        end as numerator,
        case slices.kpi_id
            when 'ec_aov' then daily.valid_orders
            when 'ec_member_sales_share' then daily.gmv
            when 'ec_gross_margin_rate' then daily.net_sales
            when 'ec_refund_rate' then daily.paid_orders
        end as denominator,
        case slices.kpi_id
            when 'ec_gmv' then daily.valid_orders
            when 'ec_aov' then daily.valid_orders
            when 'ec_member_sales_share' then daily.orders_of_known_status
            when 'ec_gross_margin_rate' then daily.costed_orders
            when 'ec_refund_rate' then daily.paid_orders
        end as sample_size
    from daily
    cross join slices

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
        case
            when kpi_id = 'ec_gmv' then cast(sum(numerator) as double)
            else {{ safe_divide('sum(numerator)', 'sum(denominator)') }}
        end as value,
        sum(sample_size) as sample_size,
        true as is_matured
    from sliced
    where sample_size > 0
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
