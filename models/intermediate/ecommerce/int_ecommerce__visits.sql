with

events as (

    select * from {{ ref('int_ecommerce__events') }}

),

realtime as (

    select * from {{ ref('int_ecommerce__realtime') }}

)

select distinct
    events.person_id,
    events.visitor_id,
    {{ realtime_bucket('events.event_local_at', 'realtime.realtime_from') }} as bucket_local_at,
    events.event_local_at >= realtime.realtime_from as is_recent,
    events.platform,
    events.session_entry as entry,
    events.session_utm_source as utm_source
from events
cross join realtime
