with

events as (

    select * from {{ ref('stg_ecommerce__events') }}

),

bot_user_agents as (

    select * from {{ ref('stg_ecommerce__bot_user_agents') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_rule_traffic' and parameter = 'max_events_per_ip_minute'

),

event_names as (

    select * from {{ ref('int_ecommerce__event_names') }}

),

minutes as (

    select
        ip,
        date_trunc('minute', event_at) as minute_at,
        count(*) as events
    from events
    where ip is not null
    group by ip, date_trunc('minute', event_at)

),

flooded_days as (

    select distinct
        minutes.ip,
        {{ date_of(to_local('minutes.minute_at', "'" ~ var('business_timezone') ~ "'")) }} as event_date
    from minutes
    inner join parameters on minutes.events > parameters.value

),

user_agents as (

    select distinct user_agent
    from events
    where user_agent is not null

),

bots as (

    select distinct user_agents.user_agent
    from user_agents
    inner join bot_user_agents on {{ contains_ignore_case('user_agents.user_agent', 'bot_user_agents.pattern') }}

),

localised as (

    select
        event_id,
        event_name,
        event_at,
        {{ to_local('event_at', "'" ~ var('business_timezone') ~ "'") }} as event_local_at,
        user_agent,
        ip,
        is_test
    from events

)

select
    localised.event_id,
    localised.event_at,
    localised.event_local_at,
    {{ date_of('localised.event_local_at') }} as event_date,
    case
        when event_names.event_name is null then 'unknown_event'
        when localised.is_test then 'test'
        when bots.user_agent is not null then 'bot'
        when flooded_days.ip is not null then 'ip_flood'
    end as refused_because
from localised
left join event_names on localised.event_name = event_names.event_name
left join bots on localised.user_agent = bots.user_agent
left join flooded_days
    on localised.ip = flooded_days.ip
    and {{ date_of('localised.event_local_at') }} = flooded_days.event_date
