with

events as (

    select * from {{ ref('int_ecommerce__events') }}
    where event_name = 'purchase' and order_id is not null

)

select
    order_id,
    {{ arg_min('session_id', ['event_at', 'event_id']) }} as session_id,
    {{ arg_min('session_utm_source', ['event_at', 'event_id']) }} as utm_source
from events
group by order_id
