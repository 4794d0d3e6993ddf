with

events as (

    select * from {{ ref('int_ecommerce__events') }}

),

raw_events as (

    select * from {{ ref('stg_ecommerce__events') }}

),

searches as (

    select session_id, min(event_at) as first_search_at
    from events
    where event_name = 'search'
    group by session_id

),

counted as (

    select
        events.session_id,
        events.person_id,
        min(events.event_at) as started_at,
        min(events.event_local_at) as started_local_at,
        max(events.event_at) as ended_at,
        count(*) as events,
        {{ count_where("events.event_name = 'page_view'") }} as page_views,
        {{ count_where("events.event_name = 'view_item'") }} as item_views,
        {{ count_where("events.event_name = 'add_to_cart'") }} as cart_additions,
        {{ count_where("events.event_name = 'begin_checkout'") }} as checkouts_begun,
        {{ count_where("events.event_name = 'purchase'") }} as purchases,
        {{ count_where("events.event_name = 'page_error'") }} as page_errors,
        {{ count_where("events.event_name in ('select_item', 'add_to_cart') and events.event_at > searches.first_search_at") }} as choices_after_search,
        min(searches.first_search_at) as first_search_at
    from events
    left join searches on events.session_id = searches.session_id
    group by events.session_id, events.person_id

)

select
    counted.session_id,
    counted.person_id,
    counted.started_at,
    counted.started_local_at,
    counted.ended_at,
    coalesce(raw_events.platform, 'unknown') as platform,
    coalesce(raw_events.entry, 'unknown') as entry,
    coalesce(raw_events.utm_source, 'unknown') as utm_source,
    coalesce(raw_events.utm_medium, 'unknown') as utm_medium,
    coalesce(raw_events.utm_campaign, 'unknown') as utm_campaign,
    counted.events,
    counted.page_views,
    counted.item_views,
    counted.cart_additions,
    counted.checkouts_begun,
    counted.purchases,
    counted.page_errors,
    counted.first_search_at,
    counted.first_search_at is not null as has_search,
    counted.choices_after_search > 0 as is_search_successful
from counted
inner join raw_events on counted.session_id = raw_events.event_id
