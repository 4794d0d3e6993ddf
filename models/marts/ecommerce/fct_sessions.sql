with

sessions as (

    select * from {{ ref('int_ecommerce__sessions') }}

),

order_sources as (

    select * from {{ ref('int_ecommerce__order_sources') }}

),

orders as (

    select * from {{ ref('int_ecommerce__orders') }}
    where is_valid

),

session_orders as (

    select
        order_sources.session_id,
        count(*) as valid_orders,
        sum(orders.paid_amount) as gmv
    from order_sources
    inner join orders on order_sources.order_id = orders.order_id
    group by order_sources.session_id

),

localised as (

    select
        session_id,
        {{ to_local('ended_at', "'" ~ var('business_timezone') ~ "'") }} as ended_local_at
    from sessions

)

select
    cast(sessions.session_id as {{ type_text() }}) as session_id,
    cast(sessions.person_id as {{ type_text() }}) as person_id,
    cast(sessions.started_local_at as {{ type_ts() }}) as started_local_at,
    cast(localised.ended_local_at as {{ type_ts() }}) as ended_local_at,
    cast({{ seconds_between('sessions.started_at', 'sessions.ended_at') }} as {{ type_double() }}) as duration_seconds,
    cast(sessions.platform as {{ type_text() }}) as platform,
    cast(sessions.entry as {{ type_text() }}) as entry,
    cast(sessions.utm_source as {{ type_text() }}) as utm_source,
    cast(sessions.utm_medium as {{ type_text() }}) as utm_medium,
    cast(sessions.utm_campaign as {{ type_text() }}) as utm_campaign,
    cast(sessions.events as {{ type_bigint() }}) as events,
    cast(sessions.page_views as {{ type_bigint() }}) as page_views,
    cast(sessions.item_views as {{ type_bigint() }}) as item_views,
    cast(sessions.cart_additions as {{ type_bigint() }}) as cart_additions,
    cast(sessions.checkouts_begun as {{ type_bigint() }}) as checkouts_begun,
    cast(sessions.purchases as {{ type_bigint() }}) as purchases,
    cast(sessions.page_errors as {{ type_bigint() }}) as page_errors,
    cast(sessions.has_search as {{ type_bool() }}) as has_search,
    cast(sessions.is_search_successful as {{ type_bool() }}) as is_search_successful,
    cast(coalesce(session_orders.valid_orders, 0) as {{ type_bigint() }}) as valid_orders,
    cast(coalesce(session_orders.gmv, 0) as {{ type_double() }}) as gmv
from sessions
inner join localised on sessions.session_id = localised.session_id
left join session_orders on sessions.session_id = session_orders.session_id
