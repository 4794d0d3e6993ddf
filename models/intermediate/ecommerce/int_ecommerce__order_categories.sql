with

orders as (

    select * from {{ ref('int_ecommerce__orders') }}

),

order_items as (

    select * from {{ ref('stg_ecommerce__order_items') }}

),

products as (

    select * from {{ ref('stg_ecommerce__products') }}

),

lines as (

    select
        orders.order_id,
        orders.paid_amount,
        order_items.line_no,
        coalesce(products.category_id, 'unknown') as category_id,
        -- an order without lines is one line of unknown category
        coalesce({{ times_money('order_items.quantity', 'order_items.unit_price') }}, 0) as line_amount
    from orders
    left join order_items on orders.order_id = order_items.order_id
    left join products on order_items.sku_id = products.sku_id

),

weighted as (

    select
        order_id,
        paid_amount,
        line_no,
        category_id,
        line_amount,
        sum(line_amount) over (partition by order_id) as order_amount,
        count(*) over (partition by order_id) as order_lines,
        row_number() over (partition by order_id order by line_amount desc, line_no) as size_rank
    from lines

)

select
    order_id,
    category_id,
    sum(
        case
            when order_amount = 0 then cast(1 as double) / order_lines
            else cast(line_amount as double) / cast(order_amount as double)
        end
    ) as paid_share,
    sum(
        cast(paid_amount as double)
        * case
            when order_amount = 0 then cast(1 as double) / order_lines
            else cast(line_amount as double) / cast(order_amount as double)
        end
    ) as paid_amount,
    min(size_rank) = 1 as is_largest
from weighted
group by order_id, category_id
