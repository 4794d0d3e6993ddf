with

orders as (

    select * from {{ ref('int_ecommerce__orders') }}

),

order_categories as (

    select * from {{ ref('int_ecommerce__order_categories') }}

),

order_deliveries as (

    select * from {{ ref('int_ecommerce__order_deliveries') }}

),

order_members as (

    select * from {{ ref('int_ecommerce__order_members') }}

),

first_orders as (

    -- of several orders at the first instant the smallest order_id stands for the person
    select
        person_id,
        min(order_id) as order_id
    from orders
    where valid_order_rank = 1
    group by person_id

),

next_payments as (

    -- the rank of the second instant is above 1 by the number of orders at the first
    select
        person_id,
        min(paid_at) as paid_at,
        min(paid_local_at) as paid_local_at
    from orders
    where valid_order_rank > 1
    group by person_id

)

select
    orders.person_id,
    orders.order_id,
    orders.paid_at,
    orders.paid_local_at,
    orders.paid_date,
    orders.paid_amount,
    orders.platform,
    orders.entry,
    order_members.member_status,
    order_categories.category_id as first_category,
    coalesce(order_deliveries.delivery, 'unknown') as delivery,
    next_payments.paid_at as second_paid_at,
    next_payments.paid_local_at as second_paid_local_at,
    {{ days_between_dates('orders.paid_date', date_of('next_payments.paid_local_at')) }} as days_to_second
from first_orders
inner join orders on first_orders.order_id = orders.order_id
inner join order_categories on orders.order_id = order_categories.order_id and order_categories.is_largest
inner join order_members on orders.order_id = order_members.order_id
left join order_deliveries on orders.order_id = order_deliveries.order_id
left join next_payments on orders.person_id = next_payments.person_id
