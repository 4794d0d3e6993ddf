with

events as (

    select * from {{ ref('int_credit__events') }}

),

slas as (

    select * from {{ ref('stg_credit__node_slas') }}

),

paired as (

    -- the next leave of the same node at or after; one leave may end several visits
    select
        event_id,
        application_id,
        event_name,
        node,
        event_at as entered_at,
        min(case when event_name = 'leave_node' then event_at end) over (
            partition by application_id, node
            order by event_at
            range between current row and unbounded following
        ) as left_at
    from events
    where event_name in ('enter_node', 'leave_node')

),

visits as (

    select
        event_id,
        application_id,
        node,
        entered_at,
        {{ business_local('entered_at') }} as entered_local_at,
        left_at,
        {{ business_local('left_at') }} as left_local_at,
        {{ minutes_between('entered_at', 'left_at') }} as visit_minutes,
        {{ seconds_between('entered_at', 'left_at') }} * 1000 as visit_ms
    from paired
    where event_name = 'enter_node'

),

valid_slas as (

    -- of several SLAs valid on the day of entry the newest holds
    select
        visits.event_id,
        {{ arg_max('slas.sla_ms', 'slas.valid_from') }} as sla_ms
    from visits
    inner join slas
        on visits.node = slas.node
        and {{ date_of('visits.entered_local_at') }} >= slas.valid_from
        and ({{ date_of('visits.entered_local_at') }} < slas.valid_to or slas.valid_to is null)
    group by visits.event_id

)

select
    visits.event_id,
    visits.application_id,
    visits.node,
    visits.entered_at,
    visits.entered_local_at,
    visits.left_at,
    visits.left_local_at,
    visits.visit_minutes,
    valid_slas.sla_ms,
    visits.visit_ms <= valid_slas.sla_ms as is_within_sla
from visits
left join valid_slas on visits.event_id = valid_slas.event_id
