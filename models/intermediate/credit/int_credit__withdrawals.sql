with

events as (

    select * from {{ ref('int_credit__events') }}

),

applications as (

    select * from {{ ref('int_credit__applications') }}

),

supplement_cycles as (

    select * from {{ ref('int_credit__supplement_cycles') }}

),

withdrawals as (

    select
        events.application_id,
        min(events.event_at) as withdrawn_at,
        {{ arg_min('events.event_id', ['events.event_at', 'events.event_id']) }} as event_id
    from events
    where events.event_name = 'withdraw'
    group by events.application_id

),

last_events as (

    select
        withdrawals.application_id,
        max(events.event_at) as last_event_at
    from withdrawals
    inner join events
        on withdrawals.application_id = events.application_id
        and events.event_at <= withdrawals.withdrawn_at
        and events.event_id <> withdrawals.event_id
    group by withdrawals.application_id

),

open_supplements as (

    select distinct withdrawals.application_id
    from withdrawals
    inner join supplement_cycles
        on withdrawals.application_id = supplement_cycles.application_id
        and supplement_cycles.requested_at <= withdrawals.withdrawn_at
        and (supplement_cycles.completed_at > withdrawals.withdrawn_at or supplement_cycles.completed_at is null)

),

last_activities as (

    -- the submission is the last activity where no event followed it
    select
        withdrawals.application_id,
        withdrawals.withdrawn_at,
        {{ greatest_of([
            'last_events.last_event_at',
            'case when applications.submitted_at <= withdrawals.withdrawn_at then applications.submitted_at end'
        ]) }} as last_activity_at,
        open_supplements.application_id is not null as has_open_supplement
    from withdrawals
    inner join applications on withdrawals.application_id = applications.application_id
    left join last_events on withdrawals.application_id = last_events.application_id
    left join open_supplements on withdrawals.application_id = open_supplements.application_id

)

select
    application_id,
    withdrawn_at,
    last_activity_at,
    {{ minutes_between('last_activity_at', 'withdrawn_at') }} as idle_minutes,
    has_open_supplement
from last_activities
