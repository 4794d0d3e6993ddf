with

events as (

    select * from {{ ref('stg_ecommerce__events') }}

),

traffic as (

    select * from {{ ref('int_ecommerce__traffic') }}

),

event_sessions as (

    select * from {{ ref('int_ecommerce__event_sessions') }}
    where not is_over_limit

),

products as (

    select * from {{ ref('stg_ecommerce__products') }}

),

session_starts as (

    select
        events.event_id as session_id,
        coalesce(events.entry, 'unknown') as session_entry,
        coalesce(events.utm_source, 'unknown') as session_utm_source
    from event_sessions
    inner join events on event_sessions.event_id = events.event_id
    where event_sessions.event_id = event_sessions.session_id

)

select
    events.event_id,
    events.event_name,
    events.event_at,
    traffic.event_local_at,
    traffic.event_date,
    event_sessions.person_id,
    case
        when events.user_id is not null then 'user:' || events.user_id
        when events.device_id is not null then 'device:' || events.device_id
        when events.cookie_id is not null then 'cookie:' || events.cookie_id
        when events.fingerprint_id is not null then 'fingerprint:' || events.fingerprint_id
        else 'phone:' || events.phone_hash
    end as visitor_id,
    event_sessions.session_id,
    session_starts.session_entry,
    session_starts.session_utm_source,
    coalesce(events.platform, 'unknown') as platform,
    events.sku_id,
    coalesce(events.category_id, products.category_id, 'unknown') as category_id,
    coalesce(products.is_key_sku, false) as is_key_sku,
    products.category_id as sku_category_id,
    events.order_id,
    events.checkout_id,
    events.latency_ms,
    events.utm_campaign
from event_sessions
inner join events on event_sessions.event_id = events.event_id
inner join traffic on event_sessions.event_id = traffic.event_id
inner join session_starts on event_sessions.session_id = session_starts.session_id
left join products on events.sku_id = products.sku_id
