with

campaigns as (

    select * from {{ ref('stg_ecommerce__campaigns') }}

),

messages as (

    select * from {{ ref('stg_ecommerce__messages') }}

),

events as (

    select * from {{ ref('int_ecommerce__events') }}

),

user_persons as (

    select * from {{ ref('int_ecommerce__user_persons') }}

),

clicks as (

    select
        messages.campaign_id,
        {{ person_of_user('user_persons.person_id', 'messages.user_id') }} as person_id,
        messages.clicked_at
    from messages
    left join user_persons on messages.user_id = user_persons.user_id
    where messages.clicked_at is not null
    union all
    select
        campaigns.campaign_id,
        events.person_id,
        events.event_at as clicked_at
    from campaigns
    inner join events on campaigns.utm_campaign = events.utm_campaign

)

select distinct
    campaign_id,
    person_id,
    clicked_at
from clicks
where campaign_id is not null and person_id is not null
