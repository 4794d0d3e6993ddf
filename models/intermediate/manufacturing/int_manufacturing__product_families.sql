with

work_orders as (

    select * from {{ ref('stg_manufacturing__work_orders') }}

)

select
    product_id,
    {{ arg_max('product_family', ['released_at', 'work_order_id']) }} as product_family
from work_orders
group by product_id
