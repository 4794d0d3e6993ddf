-- Lifetime value holds every valid order exactly once, in every slice: its GMV is that of the orders.
with

lifetimes as (

    select
        dimension,
        sum(orders) as orders,
        sum(gmv) as gmv
    from {{ ref('fct_customer_value') }}
    group by dimension

),

valid_orders as (

    select
        count(*) as orders,
        sum(paid_amount) as gmv
    from {{ ref('fct_orders') }}
    where is_valid

)

select
    lifetimes.dimension,
    lifetimes.orders,
    lifetimes.gmv,
    valid_orders.orders as expected_orders,
    valid_orders.gmv as expected_gmv
from lifetimes
cross join valid_orders
where lifetimes.orders <> valid_orders.orders or lifetimes.gmv <> valid_orders.gmv
