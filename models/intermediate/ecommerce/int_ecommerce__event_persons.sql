{%- set passing -%}
(
    select
        events.event_id as request_id,
        events.event_at as requested_at,
        events.user_id,
        events.phone_hash,
        events.device_id,
        events.cookie_id,
        events.fingerprint_id
    from {{ ref('stg_ecommerce__events') }} as events
    inner join {{ ref('int_ecommerce__traffic') }} as traffic on events.event_id = traffic.event_id
    where traffic.refused_because is null
)
{%- endset -%}
{{ resolve_persons(passing, ref('int_ecommerce__sightings'), ref('int_ecommerce__user_persons')) }}
