with

visits as (

    select * from {{ ref('int_credit__node_visits') }}

),

applications as (

    select * from {{ ref('int_credit__applications') }}

),

waits as (

    select * from {{ ref('int_credit__waits') }}

),

waiting as (

    -- the application's waits that lie inside the visit; an open visit has no end to measure to
    select
        visits.event_id,
        sum({{ minutes_between(
            greatest_of(['visits.entered_at', 'waits.started_at']), least_of(['visits.left_at', 'waits.ended_at'])
        ) }}) as waiting_minutes
    from visits
    inner join waits
        on visits.application_id = waits.application_id
        and visits.entered_at < waits.ended_at
        and visits.left_at > waits.started_at
    group by visits.event_id

)

select
    visits.event_id,
    visits.application_id,
    coalesce(applications.channel, 'unknown') as channel,
    coalesce(applications.customer_type, 'unknown') as customer_type,
    coalesce(applications.product_line, 'unknown') as product_line,
    coalesce(applications.is_duplicate, false) as is_duplicate,
    coalesce(visits.node, 'unknown') as node,
    visits.entered_at,
    visits.entered_local_at,
    visits.left_at,
    visits.left_local_at,
    visits.visit_minutes,
    case
        when applications.decided_at is not null and visits.left_at is not null
            then coalesce(waiting.waiting_minutes, 0)
    end as waiting_minutes,
    case
        when applications.decided_at is not null
            then visits.visit_minutes - coalesce(waiting.waiting_minutes, 0)
    end as controllable_minutes,
    visits.sla_ms,
    visits.is_within_sla
from visits
left join applications on visits.application_id = applications.application_id
left join waiting on visits.event_id = waiting.event_id
