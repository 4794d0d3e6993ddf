with

orders as (

    select * from {{ ref('stg_ecommerce__orders') }}

),

test_users as (

    select * from {{ ref('int_ecommerce__test_users') }}

)

select orders.order_id
from orders
inner join test_users on orders.user_id = test_users.user_id
