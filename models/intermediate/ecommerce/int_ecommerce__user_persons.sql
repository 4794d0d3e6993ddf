{#
    Users who share a phone, however indirectly, are one person. Group labels spread over shared phones; in each
    round a whole group takes the least label that touches it. Labels are hashed anew every round, so a chain of n
    users needs about log2(n) rounds rather than n; a data test fails should two labels still touch.
#}
{%- set rounds = 14 -%}
with

sightings as (

    select * from {{ ref('int_ecommerce__sightings') }}

),

phone_users as (

    select distinct linked_id as user_id, id as phone_hash
    from sightings
    where linked_type = 'user' and id_type = 'phone'

),

counted as (

    select user_id, phone_hash, count(*) over (partition by phone_hash) as users_of_phone
    from phone_users

),

shared as (          -- only phones of several users can merge anybody

    select user_id, phone_hash
    from counted
    where users_of_phone > 1

),

labels_0 as (

    select user_id, phone_hash, user_id as label
    from shared

),
{% for round in range(1, rounds + 1) %}
touched_{{ round }} as (

    select
        user_id,
        phone_hash,
        label,
        min({{ hash_key([round, 'label']) }}) over (partition by phone_hash) as least_label
    from labels_{{ round - 1 }}

),

labels_{{ round }} {{ as_materialized() }} (

    select
        user_id,
        phone_hash,
        min(least_label) over (partition by label) as label
    from touched_{{ round }}

),
{% endfor %}
persons as (

    select user_id, phone_hash, min(user_id) over (partition by label) as person_user_id
    from labels_{{ rounds }}

)

select
    user_id,
    concat('user:', min(person_user_id)) as person_id,
    count(*) as shared_phones
from persons
group by user_id
