with

events as (

    select * from {{ ref('int_credit__events') }}

),

paired as (

    -- the next completion at or after; one completion may end several requests
    select
        event_id,
        application_id,
        event_name,
        reason,
        event_at,
        min(case when event_name = 'supplement_completed' then event_at end) over (
            partition by application_id
            order by event_at
            range between current row and unbounded following
        ) as completed_at
    from events
    where event_name in ('request_supplement', 'supplement_completed')

)

select
    event_id,
    application_id,
    reason,
    event_at as requested_at,
    completed_at,
    {{ business_local('completed_at') }} as completed_local_at,
    {{ minutes_between('event_at', 'completed_at') }} as cycle_minutes
from paired
where event_name = 'request_supplement'
