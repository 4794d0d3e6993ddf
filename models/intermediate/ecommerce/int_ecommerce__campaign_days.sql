with

campaigns as (

    select * from {{ ref('stg_ecommerce__campaigns') }}
    where kind = 'promotion' and utm_campaign is not null

),

events as (

    select * from {{ ref('int_ecommerce__events') }}

),

tagged_days as (

    select distinct utm_campaign, event_date
    from events
    where utm_campaign is not null

),

windows as (

    select
        campaign_id,
        utm_campaign,
        {{ to_local('starts_at', "'" ~ var('business_timezone') ~ "'") }} as starts_local_at,
        {{ to_local('ends_at', "'" ~ var('business_timezone') ~ "'") }} as ends_local_at
    from campaigns

)

select distinct tagged_days.event_date as campaign_date
from tagged_days
inner join windows
    on tagged_days.utm_campaign = windows.utm_campaign
    and windows.starts_local_at < {{ add_days("cast(tagged_days.event_date as " ~ type_ts() ~ ")", 1, 'ts') }}
    and windows.ends_local_at > cast(tagged_days.event_date as {{ type_ts() }})
