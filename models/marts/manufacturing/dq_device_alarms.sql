-- Alarms of the devices (state rows with a fault code) against what else was recorded of them.
with

machine_states as (

    select * from {{ ref('stg_manufacturing__machine_states') }}

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

maintenance_orders as (

    select * from {{ ref('stg_manufacturing__maintenance_orders') }}

),

downtime_reasons as (

    select * from {{ ref('stg_manufacturing__downtime_reasons') }}

),

horizon as (

    select * from {{ ref('int_manufacturing__as_of') }}

),

rule as (

    select 60 * {{ manufacturing_parameter('mf_rule_event_match', 'alarm_window_minutes') }} as window_seconds

),

alarms as (

    select
        machine_states.state_id,
        machine_states.machine_id,
        coalesce(machines.line_id, 'unknown') as line_id,
        coalesce(machines.station_id, 'unknown') as station_id,
        machine_states.fault_code,
        machine_states.state,
        machine_states.started_at,
        coalesce(machine_states.ended_at, horizon.as_of_utc) as ended_at,
        machine_states.reason_code,
        downtime_reasons.level1 as reason_level1,
        machine_states.reason_coded_at
    from machine_states
    cross join horizon
    left join machines on machine_states.machine_id = machines.machine_id
    left join downtime_reasons on machine_states.reason_code = downtime_reasons.reason_code
    where machine_states.fault_code is not null

),

breakdowns as (

    select
        maintenance_id,
        machine_id,
        reported_at
    from maintenance_orders
    where kind = 'breakdown'

),

-- an alarm may bear a code that the order does not repeat: machine and time decide, the order reported first wins
orders_of_alarms as (

    select
        alarms.state_id,
        {{ arg_min('breakdowns.maintenance_id', ['breakdowns.reported_at', 'breakdowns.maintenance_id']) }} as maintenance_id,
        min(breakdowns.reported_at) as reported_at
    from alarms
    cross join rule
    inner join breakdowns
        on
            alarms.machine_id = breakdowns.machine_id
            and breakdowns.reported_at >= {{ add_seconds('alarms.started_at', '-rule.window_seconds') }}
            and breakdowns.reported_at <= {{ add_seconds('alarms.ended_at', 'rule.window_seconds') }}
    group by alarms.state_id

)

select
    {{ as_text('alarms.state_id') }} as state_id,
    {{ as_text('alarms.machine_id') }} as machine_id,
    {{ as_text('alarms.line_id') }} as line_id,
    {{ as_text('alarms.station_id') }} as station_id,
    {{ as_text('alarms.fault_code') }} as fault_code,
    {{ as_text('alarms.state') }} as state,
    alarms.started_at,
    alarms.ended_at,
    {{ place_columns('alarms.started_at') }},
    {{ as_text('alarms.reason_level1') }} as reason_level1,
    cast({{ minutes_between('alarms.started_at', 'alarms.reason_coded_at') }} as {{ type_double() }}) as minutes_to_code,
    {{ as_text('orders_of_alarms.maintenance_id') }} as maintenance_id,
    cast({{ minutes_between('alarms.started_at', 'orders_of_alarms.reported_at') }} as {{ type_double() }}) as minutes_to_report,
    alarms.state = 'running' as is_while_running,
    alarms.state in ('stopped', 'planned_stop') and alarms.reason_level1 is null as is_uncoded_stop,
    alarms.state in ('stopped', 'planned_stop')
    and coalesce(alarms.reason_level1 = 'equipment_failure', false)
    and orders_of_alarms.maintenance_id is null as is_failure_without_order
from alarms
left join orders_of_alarms on alarms.state_id = orders_of_alarms.state_id
{{ place_joins('alarms.line_id', 'alarms.started_at') }}
