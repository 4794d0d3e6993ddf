-- The categories of an order carry its whole paid amount, and exactly one of them is the largest.
select
    orders.order_id,
    orders.paid_amount,
    sum(parts.paid_amount) as parts_amount,
    {{ count_where('parts.is_largest') }} as largest
from {{ ref('int_ecommerce__orders') }} as orders
left join {{ ref('int_ecommerce__order_categories') }} as parts on orders.order_id = parts.order_id
group by orders.order_id, orders.paid_amount
having
    sum(parts.paid_amount) is null
    or abs(sum(parts.paid_amount) - cast(orders.paid_amount as double)) > 1e-6 + 1e-12 * cast(orders.paid_amount as double)
    or {{ count_where('parts.is_largest') }} <> 1
