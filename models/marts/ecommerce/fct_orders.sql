with

orders as (

    select * from {{ ref('int_ecommerce__orders') }}

),

order_members as (

    select * from {{ ref('int_ecommerce__order_members') }}

),

order_categories as (

    select * from {{ ref('int_ecommerce__order_categories') }}
    where is_largest

),

order_deliveries as (

    select * from {{ ref('int_ecommerce__order_deliveries') }}

),

order_sources as (

    select * from {{ ref('int_ecommerce__order_sources') }}

),

order_touches as (

    select
        order_id,
        max(order_touches) as touches
    from {{ ref('int_ecommerce__order_touches') }}
    group by order_id

),

previous_payments as (

    -- the latest payment of a valid order strictly before; orders of one instant share theirs
    select
        person_id,
        paid_at,
        lag(paid_at) over (partition by person_id order by paid_at) as previous_paid_at
    from orders
    where is_valid
    group by person_id, paid_at

)

select
    {{ as_text('orders.order_id') }} as order_id,
    {{ as_text('orders.person_id') }} as person_id,
    {{ as_text('orders.user_id') }} as user_id,
    orders.created_at,
    orders.paid_at,
    orders.paid_local_at,
    orders.paid_date,
    {{ as_text('orders.platform') }} as platform,
    {{ as_text('orders.entry') }} as entry,
    {{ as_text("coalesce(order_sources.utm_source, 'unknown')") }} as utm_source,
    {{ as_text('orders.campaign_id') }} as campaign_id,
    {{ as_text('order_members.member_status') }} as member_status,
    {{ as_text('order_categories.category_id') }} as main_category,
    cast(orders.gross_amount as decimal(38, 18)) as gross_amount,
    cast(orders.discount_amount as decimal(38, 18)) as discount_amount,
    cast(orders.paid_amount as decimal(38, 18)) as paid_amount,
    cast(orders.refunded_amount as decimal(38, 18)) as refunded_amount,
    cast(orders.refund_count as int) as refund_count,
    cast(orders.cost_amount as decimal(38, 18)) as cost_amount,
    cast(orders.paid_amount - orders.refunded_amount - orders.cost_amount as decimal(38, 18)) as margin_amount,
    orders.is_valid,
    cast(orders.valid_order_rank as int) as valid_order_rank,
    coalesce(orders.valid_order_rank > 1, false) as is_repeat,
    case
        when orders.is_valid
            then {{ seconds_between('previous_payments.previous_paid_at', 'orders.paid_at') }} / 86400
    end as days_since_previous,
    order_deliveries.promised_at,
    order_deliveries.delivered_at,
    {{ as_text("coalesce(order_deliveries.delivery, 'unknown')") }} as delivery,
    cast(coalesce(order_touches.touches, 0) as int) as touches
from orders
inner join order_members on orders.order_id = order_members.order_id
inner join order_categories on orders.order_id = order_categories.order_id
left join order_deliveries on orders.order_id = order_deliveries.order_id
left join order_sources on orders.order_id = order_sources.order_id
left join order_touches on orders.order_id = order_touches.order_id
left join previous_payments
    on orders.person_id = previous_payments.person_id and orders.paid_at = previous_payments.paid_at
