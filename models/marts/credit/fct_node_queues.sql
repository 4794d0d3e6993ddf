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

ordered as (

    select
        event_id,
        application_id,
        node,
        entered_at,
        entered_local_at,
        lag(node) over visits_in_order as previous_node,
        lag(event_id) over visits_in_order is not null and lag(left_at) over visits_in_order is null as is_previous_open,
        max(left_at) over (
            partition by application_id
            order by entered_at, event_id
            rows between unbounded preceding and 1 preceding
        ) as last_left_at
    from visits
    window visits_in_order as (
        partition by application_id
        order by entered_at, event_id
    )

),

queued as (           -- a visit without an end fills the time up to the next one, so nothing queues after it

    select
        ordered.event_id,
        ordered.application_id,
        applications.channel,
        applications.customer_type,
        applications.product_line,
        applications.is_duplicate,
        applications.decided_at is not null as is_decided,
        ordered.node,
        ordered.previous_node,
        ordered.entered_at,
        ordered.entered_local_at,
        case
            when ordered.is_previous_open then ordered.entered_at
            else least(
                ordered.entered_at,
                {{ greatest_of(['applications.submitted_at', 'ordered.last_left_at']) }}
            )
        end as queued_at
    from ordered
    inner join applications on ordered.application_id = applications.application_id

),

waiting as (

    select
        queued.event_id,
        sum({{ minutes_between(
            greatest_of(['queued.queued_at', 'waits.started_at']), least_of(['queued.entered_at', 'waits.ended_at'])
        ) }}) as waiting_minutes
    from queued
    inner join waits
        on queued.application_id = waits.application_id
        and queued.queued_at < waits.ended_at
        and queued.entered_at > waits.started_at
    group by queued.event_id

)

select
    queued.event_id,
    queued.application_id,
    queued.channel,
    queued.customer_type,
    queued.product_line,
    queued.is_duplicate,
    coalesce(queued.node, 'unknown') as node,
    queued.previous_node,
    queued.queued_at,
    queued.entered_at,
    queued.entered_local_at,
    {{ minutes_between('queued.queued_at', 'queued.entered_at') }} as queue_minutes,
    case when queued.is_decided then coalesce(waiting.waiting_minutes, 0) end as waiting_minutes,
    case
        when queued.is_decided
            then {{ minutes_between('queued.queued_at', 'queued.entered_at') }} - coalesce(waiting.waiting_minutes, 0)
    end as controllable_minutes
from queued
left join waiting on queued.event_id = waiting.event_id
