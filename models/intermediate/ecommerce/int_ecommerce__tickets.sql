with

tickets as (

    select * from {{ ref('stg_ecommerce__service_tickets') }}

),

orders as (

    select * from {{ ref('stg_ecommerce__orders') }}

),

test_orders as (

    select * from {{ ref('int_ecommerce__test_orders') }}

),

rating_rule as (

    select
        max(value) filter (where parameter = 'rating_min') as rating_min,
        max(value) filter (where parameter = 'rating_max') as rating_max,
        max(value) filter (where parameter = 'rating_bad_max') as rating_bad_max
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_service_bad_rating_rate' and version = 1

)

select
    tickets.ticket_id,
    tickets.user_id,
    tickets.order_id,
    tickets.kind,
    tickets.opened_at,
    {{ date_of(to_local('tickets.opened_at', "'" ~ var('business_timezone') ~ "'")) }} as opened_date,
    coalesce(orders.platform, 'unknown') as platform,
    tickets.rating,
    coalesce(tickets.rating between rating_rule.rating_min and rating_rule.rating_max, false) as is_rated,
    coalesce(tickets.rating between rating_rule.rating_min and rating_rule.rating_bad_max, false) as is_bad
from tickets
cross join rating_rule
left join orders on tickets.order_id = orders.order_id
left join test_orders on tickets.order_id = test_orders.order_id
where test_orders.order_id is null
