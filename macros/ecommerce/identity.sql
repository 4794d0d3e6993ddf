{# The person of a user: that of int_ecommerce__user_persons (left joined on user_id), else the user alone. #}
{% macro person_of_user(person_id, user_id) %}coalesce({{ person_id }}, 'user:' || {{ user_id }}){% endmacro %}

{#
    The person of sets of ids, each at a time of its own: the body of a model.
    requests: relation or subquery with request_id (unique), requested_at (UTC), user_id, phone_hash, device_id, cookie_id,
    fingerprint_id (ids may be null; without any there is no person).
    Columns: request_id, person_id, user_id (its own or the linked one, null if anonymous), resolved_by.

    An id asks for the user seen with it last at or before the time, among links that are live then, else for the
    first seen after it; ties go to the smaller id. The work is one ordered pass over sightings and requests of an
    id together. That a link row is seen twice but lives as one is taken apart so:
      - its last sighting ends what it says: before, the row is `spanning` (first <= time < last) and always live;
      - from the last sighting on, a later sighting also lives longer, so only the latest needs to be judged;
      - looking forward, only first sightings count, and the earliest also begins to live earliest.
#}
{% macro resolve_persons(requests, sightings, user_persons) -%}
{%- set id_columns = {'phone': 'phone_hash', 'device': 'device_id', 'cookie': 'cookie_id', 'fingerprint': 'fingerprint_id'} -%}
with

requests as (

    select * from {{ requests }} as request_rows

),

sightings as (

    select * from {{ sightings }}

),

user_persons as (

    select * from {{ user_persons }}

),

linked_ids as (

    select distinct linked_type, id_type, id, ttl_days
    from sightings

),

asked as (           -- one row per anonymous request and id

    {%- for id_type, column in id_columns.items() %}
    select request_id, requested_at, 'user' as linked_type, '{{ id_type }}' as id_type, {{ column }} as id
    from requests
    where user_id is null and {{ column }} is not null
    union all
    {%- endfor %}
    select request_id, requested_at, 'device' as linked_type, 'cookie' as id_type, cookie_id as id
    from requests
    where user_id is null and device_id is null and cookie_id is not null

),

answerable as (

    select
        asked.request_id,
        asked.requested_at,
        asked.linked_type,
        asked.id_type,
        asked.id,
        linked_ids.ttl_days
    from asked
    inner join linked_ids
        on asked.linked_type = linked_ids.linked_type
        and asked.id_type = linked_ids.id_type
        and asked.id = linked_ids.id

),

ids_in_question as (

    select distinct linked_type, id_type, id
    from answerable

),

wanted as (

    select
        sightings.linked_type,
        sightings.id_type,
        sightings.id,
        sightings.linked_id,
        sightings.first_seen_at,
        sightings.last_seen_at
    from sightings
    inner join ids_in_question
        on sightings.linked_type = ids_in_question.linked_type
        and sightings.id_type = ids_in_question.id_type
        and sightings.id = ids_in_question.id

),

moments as (

    select linked_type, id_type, id, first_seen_at as seen_at, linked_id as first_seen_id, {{ typed_null('id') }} as last_seen_id
    from wanted
    union all
    select linked_type, id_type, id, last_seen_at as seen_at, {{ typed_null('id') }} as first_seen_id, linked_id as last_seen_id
    from wanted

),

timeline as (        -- sightings stand before requests of the same instant

    select
        linked_type,
        id_type,
        id,
        seen_at as moment_at,
        0 as is_request,
        {{ typed_null('id') }} as request_id,
        cast(null as int) as ttl_days,
        min(first_seen_id) as first_seen_id,
        min(last_seen_id) as last_seen_id
    from moments
    group by linked_type, id_type, id, seen_at
    union all
    select
        linked_type,
        id_type,
        id,
        requested_at as moment_at,
        1 as is_request,
        request_id,
        ttl_days,
        {{ typed_null('id') }} as first_seen_id,
        {{ typed_null('id') }} as last_seen_id
    from answerable

),

looked_around as (

    select
        linked_type,
        id_type,
        id,
        moment_at,
        is_request,
        request_id,
        ttl_days,
        {{ last_value_ignore_nulls('last_seen_id') }} over looking_back as last_id,
        {{ last_value_ignore_nulls('case when last_seen_id is not null then moment_at end') }} over looking_back as last_at,
        {{ last_value_ignore_nulls('first_seen_id') }} over looking_ahead as next_id,
        {{ last_value_ignore_nulls('case when first_seen_id is not null then moment_at end') }} over looking_ahead as next_at
    from timeline
    window
        looking_back as (
            partition by linked_type, id_type, id
            order by moment_at, is_request
            rows between unbounded preceding and current row
        ),
        looking_ahead as (
            partition by linked_type, id_type, id
            order by moment_at desc, is_request desc
            rows between unbounded preceding and current row
        )

),

spans as (

    select linked_type, id_type, id, linked_id, first_seen_at, last_seen_at
    from wanted
    where first_seen_at < last_seen_at

),

spanning as (

    select
        answerable.request_id,
        answerable.linked_type,
        answerable.id_type,
        max(spans.first_seen_at) as span_at,
        {{ arg_min('spans.linked_id', ['-' ~ epoch_micros('spans.first_seen_at'), 'spans.linked_id']) }} as span_id
    from answerable
    inner join spans
        on answerable.linked_type = spans.linked_type
        and answerable.id_type = spans.id_type
        and answerable.id = spans.id
        and answerable.requested_at >= spans.first_seen_at
        and answerable.requested_at < spans.last_seen_at
    group by answerable.request_id, answerable.linked_type, answerable.id_type

),

judged as (

    select
        looked_around.request_id,
        looked_around.linked_type,
        looked_around.id_type,
        spanning.span_at,
        spanning.span_id,
        case when looked_around.moment_at < {{ add_days('looked_around.last_at', 'looked_around.ttl_days', 'ts') }} then looked_around.last_at end as last_at,
        case when looked_around.moment_at < {{ add_days('looked_around.last_at', 'looked_around.ttl_days', 'ts') }} then looked_around.last_id end as last_id,
        case when looked_around.moment_at >= {{ add_days('looked_around.next_at', '-looked_around.ttl_days', 'ts') }} then looked_around.next_id end as next_id
    from looked_around
    left join spanning
        on looked_around.request_id = spanning.request_id
        and looked_around.linked_type = spanning.linked_type
        and looked_around.id_type = spanning.id_type
    where looked_around.is_request = 1

),

answered as (

    select
        request_id,
        linked_type,
        id_type,
        case
            when span_at = last_at then least(span_id, last_id)
            when span_at > last_at or last_at is null then coalesce(span_id, next_id)
            else last_id
        end as linked_id
    from judged

),

strongest as (

    select
        request_id,
        {%- for id_type in id_columns %}
        max(linked_id) filter (where linked_type = 'user' and id_type = '{{ id_type }}') as user_of_{{ id_type }},
        {%- endfor %}
        max(linked_id) filter (where linked_type = 'device') as device_of_cookie
    from answered
    group by request_id

),

resolved as (

    select
        requests.request_id,
        requests.phone_hash,
        requests.fingerprint_id,
        requests.cookie_id,
        coalesce(requests.device_id, strongest.device_of_cookie) as device_id,
        coalesce(
            requests.user_id
            {%- for id_type in id_columns %},
            strongest.user_of_{{ id_type }}
            {%- endfor %}
        ) as user_id,
        case
            when requests.user_id is not null then 'user'
            {%- for id_type in id_columns %}
            when strongest.user_of_{{ id_type }} is not null then '{{ id_type }}'
            {%- endfor %}
        end as resolved_by
    from requests
    left join strongest on requests.request_id = strongest.request_id

)

select
    resolved.request_id,
    case
        when resolved.user_id is not null then {{ person_of_user('user_persons.person_id', 'resolved.user_id') }}
        when resolved.device_id is not null then 'device:' || resolved.device_id
        when resolved.cookie_id is not null then 'cookie:' || resolved.cookie_id
        when resolved.fingerprint_id is not null then 'fingerprint:' || resolved.fingerprint_id
        else 'phone:' || resolved.phone_hash
    end as person_id,
    resolved.user_id,
    resolved.resolved_by
from resolved
left join user_persons on resolved.user_id = user_persons.user_id
{%- endmacro %}
