with

traffic as (

    select * from {{ ref('int_ecommerce__traffic') }}

),

event_sessions as (

    select * from {{ ref('int_ecommerce__event_sessions') }}
    where is_over_limit

)

select
    traffic.event_id,
    traffic.event_at,
    traffic.event_date,
    coalesce(traffic.refused_because, 'session_limit') as refused_because
from traffic
left join event_sessions on traffic.event_id = event_sessions.event_id
where traffic.refused_because is not null or event_sessions.event_id is not null
