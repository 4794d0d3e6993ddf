with

events as (

    select * from {{ ref('int_ecommerce__traffic') }}
    where refused_because is null

),

event_persons as (

    select * from {{ ref('int_ecommerce__event_persons') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}
    where metric_id in ('ec_rule_session', 'ec_rule_traffic')

),

limits as (

    select
        max(value) filter (where parameter = 'gap_minutes') as gap_minutes,
        max(value) filter (where parameter = 'max_events_per_session') as max_events
    from parameters

),

in_order as (

    select
        events.event_id,
        events.event_at,
        event_persons.person_id,
        lag(events.event_at) over (partition by event_persons.person_id order by events.event_at, events.event_id) as previous_at
    from events
    inner join event_persons on events.event_id = event_persons.request_id

),

started as (

    select
        in_order.event_id,
        in_order.event_at,
        in_order.person_id,
        case
            when in_order.previous_at is null
                or {{ minutes_between('in_order.previous_at', 'in_order.event_at') }} >= limits.gap_minutes
                then in_order.event_id
        end as starting_event_id
    from in_order
    cross join limits

),

cut as (

    select
        event_id,
        person_id,
        {{ last_value_ignore_nulls('starting_event_id') }} over (
            partition by person_id
            order by event_at, event_id
            rows between unbounded preceding and current row
        ) as session_id
    from started

),

sized as (

    select session_id, count(*) as session_events
    from cut
    group by session_id

)

select
    cut.event_id,
    cut.person_id,
    cut.session_id,
    sized.session_events,
    sized.session_events > limits.max_events as is_over_limit
from cut
inner join sized on cut.session_id = sized.session_id
cross join limits
