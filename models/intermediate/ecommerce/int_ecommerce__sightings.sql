with

events as (

    select * from {{ ref('stg_ecommerce__events') }}

),

identity_links as (

    select * from {{ ref('stg_ecommerce__identity_links') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_rule_identity'

),

lives as (

    select
        max(value) filter (where parameter = 'ttl_days_phone') as phone_days,
        max(value) filter (where parameter = 'ttl_days_device') as device_days,
        max(value) filter (where parameter = 'ttl_days_cookie') as cookie_days,
        max(value) filter (where parameter = 'ttl_days_fingerprint') as fingerprint_days
    from parameters

),

implied as (         -- every event with two ids is a sighting of the pair

    {%- for id_type, column in [('phone', 'phone_hash'), ('device', 'device_id'), ('cookie', 'cookie_id'), ('fingerprint', 'fingerprint_id')] %}
    select distinct
        'user' as linked_type,
        user_id as linked_id,
        '{{ id_type }}' as id_type,
        {{ column }} as id,
        event_at as first_seen_at,
        event_at as last_seen_at
    from events
    where user_id is not null and {{ column }} is not null
    union all
    {%- endfor %}
    select distinct
        'device' as linked_type,
        device_id as linked_id,
        'cookie' as id_type,
        cookie_id as id,
        event_at as first_seen_at,
        event_at as last_seen_at
    from events
    where device_id is not null and cookie_id is not null

),

both_ways as (       -- a landed pair may name its ids in either order

    select
        id_type_a as linked_type,
        id_a as linked_id,
        id_type_b as id_type,
        id_b as id,
        first_seen_at,
        last_seen_at
    from identity_links
    union all
    select
        id_type_b as linked_type,
        id_b as linked_id,
        id_type_a as id_type,
        id_a as id,
        first_seen_at,
        last_seen_at
    from identity_links

),

every_sighting as (

    select linked_type, linked_id, id_type, id, first_seen_at, last_seen_at
    from implied
    union all
    select linked_type, linked_id, id_type, id, first_seen_at, last_seen_at
    from both_ways
    where
        (linked_type = 'user' and id_type in ('phone', 'device', 'cookie', 'fingerprint'))
        or (linked_type = 'device' and id_type = 'cookie')

)

select distinct
    every_sighting.linked_type,
    every_sighting.linked_id,
    every_sighting.id_type,
    every_sighting.id,
    every_sighting.first_seen_at,
    every_sighting.last_seen_at,
    cast(
        case every_sighting.id_type
            when 'phone' then lives.phone_days
            when 'device' then lives.device_days
            when 'cookie' then lives.cookie_days
            when 'fingerprint' then lives.fingerprint_days
        end as int
    ) as ttl_days
from every_sighting
cross join lives
