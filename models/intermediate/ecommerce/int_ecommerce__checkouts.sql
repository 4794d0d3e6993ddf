with

events as (

    select * from {{ ref('int_ecommerce__events') }}
    where event_name = 'begin_checkout' and checkout_id is not null

),

realtime as (

    select * from {{ ref('int_ecommerce__realtime') }}

)

select distinct
    events.checkout_id,
    {{ realtime_bucket('events.event_local_at', 'realtime.realtime_from') }} as bucket_local_at,
    events.event_local_at >= realtime.realtime_from as is_recent,
    events.platform
from events
cross join realtime
