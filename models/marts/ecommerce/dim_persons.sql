with

sessions as (

    select * from {{ ref('int_ecommerce__sessions') }}

),

orders as (

    select * from {{ ref('int_ecommerce__orders') }}

),

members as (

    select * from {{ ref('stg_ecommerce__members') }}

),

event_users as (

    select distinct user_id
    from {{ ref('stg_ecommerce__events') }}
    where user_id is not null

),

sightings as (

    select * from {{ ref('int_ecommerce__sightings') }}
    where linked_type = 'user'

),

user_persons as (

    select * from {{ ref('int_ecommerce__user_persons') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

users as (           -- every account that was seen, whatever it did

    select user_id from event_users
    union
    select user_id from orders
    union
    select user_id from members
    union
    select linked_id as user_id from sightings

),

persons_of_users as (

    select users.user_id, {{ person_of_user('user_persons.person_id', 'users.user_id') }} as person_id
    from users
    left join user_persons on users.user_id = user_persons.user_id

),

accounts as (

    select person_id, count(*) as accounts
    from persons_of_users
    group by person_id

),

memberships as (

    select
        persons_of_users.person_id,
        min(members.joined_at) as first_joined_at,
        {{ any_true('members.joined_at <= horizon.as_of_utc and (members.left_at is null or members.left_at > horizon.as_of_utc)') }} as is_member
    from members
    inner join persons_of_users on members.user_id = persons_of_users.user_id
    cross join horizon
    group by persons_of_users.person_id

),

traffic as (

    select
        person_id,
        min(started_local_at) as first_session_local_at,
        max(started_local_at) as last_session_local_at,
        count(*) as sessions,
        sum(events) as events,
        {{ arg_min('platform', ['started_at', 'session_id']) }} as first_platform,
        {{ arg_min('entry', ['started_at', 'session_id']) }} as first_entry,
        {{ arg_min('utm_source', ['started_at', 'session_id']) }} as first_utm_source
    from sessions
    group by person_id

),

purchases as (

    select
        person_id,
        min(paid_local_at) as first_valid_order_local_at,
        max(paid_local_at) as last_valid_order_local_at,
        count(*) as valid_orders,
        sum(paid_amount) as gmv
    from orders
    where is_valid
    group by person_id

),

persons as (

    select person_id from accounts
    union
    select person_id from traffic

)

select
    cast(persons.person_id as {{ type_text() }}) as person_id,
    cast(split_part(persons.person_id, ':', 1) as {{ type_text() }}) as person_type,
    cast(persons.person_id like 'user:%' as {{ type_bool() }}) as is_identified,
    cast(coalesce(accounts.accounts, 0) as {{ type_bigint() }}) as accounts,
    cast({{ to_local('memberships.first_joined_at', "'" ~ var('business_timezone') ~ "'") }} as {{ type_ts() }}) as first_joined_local_at,
    cast(coalesce(memberships.is_member, false) as {{ type_bool() }}) as is_member,
    cast(traffic.first_session_local_at as {{ type_ts() }}) as first_session_local_at,
    cast(traffic.last_session_local_at as {{ type_ts() }}) as last_session_local_at,
    cast(coalesce(traffic.sessions, 0) as {{ type_bigint() }}) as sessions,
    cast(coalesce(traffic.events, 0) as {{ type_bigint() }}) as events,
    cast(coalesce(traffic.first_platform, 'unknown') as {{ type_text() }}) as first_platform,
    cast(coalesce(traffic.first_entry, 'unknown') as {{ type_text() }}) as first_entry,
    cast(coalesce(traffic.first_utm_source, 'unknown') as {{ type_text() }}) as first_utm_source,
    cast(purchases.first_valid_order_local_at as {{ type_ts() }}) as first_valid_order_local_at,
    cast(purchases.last_valid_order_local_at as {{ type_ts() }}) as last_valid_order_local_at,
    cast(coalesce(purchases.valid_orders, 0) as {{ type_bigint() }}) as valid_orders,
    cast(coalesce(purchases.gmv, 0) as {{ type_double() }}) as gmv
from persons
left join accounts on persons.person_id = accounts.person_id
left join memberships on persons.person_id = memberships.person_id
left join traffic on persons.person_id = traffic.person_id
left join purchases on persons.person_id = purchases.person_id
