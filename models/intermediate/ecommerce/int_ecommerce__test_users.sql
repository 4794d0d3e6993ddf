with

events as (

    select * from {{ ref('stg_ecommerce__events') }}

),

orders as (

    select * from {{ ref('stg_ecommerce__orders') }}

),

marked as (

    select user_id
    from events
    where is_test
    union all
    select user_id
    from orders
    where is_test

)

select distinct user_id
from marked
where user_id is not null
