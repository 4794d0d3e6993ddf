-- A final decision before its application's submission is refused: none is left among the accepted ones.
select
    events.event_id,
    events.event_at,
    applications.submitted_at
from {{ ref('stg_credit__application_events') }} as events
inner join {{ ref('stg_credit__applications') }} as applications on events.application_id = applications.application_id
where events.event_name = 'final_decision' and events.event_at < applications.submitted_at
