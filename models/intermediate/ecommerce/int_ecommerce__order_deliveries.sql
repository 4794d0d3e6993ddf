with

deliveries as (

    select * from {{ ref('stg_ecommerce__deliveries') }}

),

test_orders as (

    select * from {{ ref('int_ecommerce__test_orders') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

)

select
    deliveries.order_id,
    deliveries.promised_at,
    deliveries.delivered_at,
    {{ to_local('deliveries.promised_at', "'" ~ var('business_timezone') ~ "'") }} as promised_local_at,
    case
        when deliveries.delivered_at <= deliveries.promised_at then 'on_time'
        when deliveries.delivered_at > deliveries.promised_at or deliveries.promised_at < horizon.as_of_utc then 'late'
        else 'unknown'
    end as delivery
from deliveries
cross join horizon
left join test_orders on deliveries.order_id = test_orders.order_id
where test_orders.order_id is null
