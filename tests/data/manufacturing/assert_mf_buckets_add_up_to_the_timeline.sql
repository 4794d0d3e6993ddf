{#
    The buckets of a machine-shift come by subtraction; here run time is counted afresh from the timeline:
    run time of version 1 = running + micro-stops + changeover overrun, inside shifts and outside breaks.
#}
with

machine_shifts as (

    select * from {{ ref('int_manufacturing__machine_shifts') }}

),

timeline as (

    select * from {{ ref('int_manufacturing__state_timeline') }}

),

working_windows as (

    select * from {{ ref('int_manufacturing__working_windows') }}

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

counted as (

    select
        machines.machine_id,
        working_windows.production_date,
        working_windows.shift_name,
        timeline.state,
        sum({{ seconds_between(
            greatest_of(['timeline.starts_at', 'working_windows.starts_at']),
            least_of(['timeline.ends_at', 'working_windows.ends_at'])
        ) }}) as state_seconds
    from timeline
    inner join machines on timeline.machine_id = machines.machine_id
    inner join working_windows
        on
            machines.line_id = working_windows.line_id
            and {{ date_of('timeline.starts_at') }} = working_windows.utc_date
            and timeline.starts_at < working_windows.ends_at
            and timeline.ends_at > working_windows.starts_at
    group by machines.machine_id, working_windows.production_date, working_windows.shift_name, timeline.state

),

per_shift as (

    select
        machine_id,
        production_date,
        shift_name,
        coalesce(sum(state_seconds) filter (where state = 'running'), 0) as running_seconds,
        coalesce(sum(state_seconds) filter (where state = 'changeover'), 0) as changeover_seconds,
        coalesce(sum(state_seconds) filter (where state in ('stopped', 'planned_stop', 'unrecorded')), 0) as stop_seconds
    from counted
    group by machine_id, production_date, shift_name

)

select machine_shifts.*
from machine_shifts
left join per_shift
    on
        machine_shifts.machine_id = per_shift.machine_id
        and machine_shifts.production_date = per_shift.production_date
        and machine_shifts.shift_name = per_shift.shift_name
where
    abs(machine_shifts.run_seconds_v1 - coalesce(per_shift.running_seconds, 0) - machine_shifts.microstop_seconds - machine_shifts.overrun_seconds) > 0.001
    or abs(machine_shifts.downtime_seconds_v1 + machine_shifts.microstop_seconds - coalesce(per_shift.stop_seconds, 0)) > 0.001
    or abs(machine_shifts.planned_changeover_seconds + machine_shifts.overrun_seconds - coalesce(per_shift.changeover_seconds, 0)) > 0.001
