with

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

timeline as (

    select * from {{ ref('int_manufacturing__state_timeline') }}

),

shifts as (

    select * from {{ ref('int_manufacturing__shifts') }}

),

working_windows as (

    select * from {{ ref('int_manufacturing__working_windows') }}

),

changeover_windows as (

    select * from {{ ref('int_manufacturing__changeover_windows') }}

),

stop_pieces as (

    select * from {{ ref('int_manufacturing__stop_pieces') }}

),

observed as (

    select
        machine_id,
        min(starts_at) as observed_from_at
    from timeline
    group by machine_id

),

machine_shifts as (

    select
        machines.machine_id,
        machines.line_id,
        machines.station_id,
        shifts.production_date,
        shifts.shift_name,
        shifts.starts_local_at as shift_starts_local_at,
        shifts.is_closed,
        {{ greatest_of(['shifts.starts_at', 'observed.observed_from_at']) }} as starts_at,
        shifts.observed_until_at as ends_at
    from machines
    inner join observed on machines.machine_id = observed.machine_id
    inner join shifts on machines.line_id = shifts.line_id
    where shifts.has_started and shifts.ends_at > observed.observed_from_at

),

working_time as (

    select
        machine_shifts.machine_id,
        machine_shifts.production_date,
        machine_shifts.shift_name,
        sum({{ seconds_between(greatest_of(['machine_shifts.starts_at', 'working_windows.starts_at']), 'working_windows.ends_at') }}) as working_seconds
    from machine_shifts
    inner join working_windows
        on
            machine_shifts.line_id = working_windows.line_id
            and machine_shifts.production_date = working_windows.production_date
            and machine_shifts.shift_name = working_windows.shift_name
            and machine_shifts.starts_at < working_windows.ends_at
    group by machine_shifts.machine_id, machine_shifts.production_date, machine_shifts.shift_name

),

changeover_pieces as (

    select
        machine_shifts.machine_id,
        machine_shifts.production_date,
        machine_shifts.shift_name,
        {{ greatest_of(['machine_shifts.starts_at', 'changeover_windows.starts_at']) }} as starts_at,
        changeover_windows.planned_until_at,
        changeover_windows.ends_at
    from machine_shifts
    inner join changeover_windows
        on
            machine_shifts.machine_id = changeover_windows.machine_id
            and machine_shifts.production_date = changeover_windows.production_date
            and machine_shifts.shift_name = changeover_windows.shift_name

),

planned_pieces as (

    select machine_id, production_date, shift_name, starts_at, planned_until_at as ends_at
    from changeover_pieces

),

planned_spans as (

    {{ merged_spans('planned_pieces', ['machine_id', 'production_date', 'shift_name']) }}

),

changeover_spans as (

    {{ merged_spans('changeover_pieces', ['machine_id', 'production_date', 'shift_name']) }}

),

planned_time as (

    select
        machine_id,
        production_date,
        shift_name,
        sum({{ seconds_between('starts_at', 'ends_at') }}) as planned_seconds
    from planned_spans
    group by machine_id, production_date, shift_name

),

changeover_time as (

    select
        machine_id,
        production_date,
        shift_name,
        sum({{ seconds_between('starts_at', 'ends_at') }}) as changeover_seconds
    from changeover_spans
    group by machine_id, production_date, shift_name

),

stop_time as (

    select
        machine_id,
        production_date,
        shift_name,
        sum(seconds_in_ppt) filter (where is_microstop) as microstop_seconds,
        sum(seconds_in_ppt) filter (where not is_microstop) as downtime_seconds
    from stop_pieces
    group by machine_id, production_date, shift_name

),

buckets as (

    select
        machine_shifts.machine_id,
        machine_shifts.line_id,
        machine_shifts.station_id,
        machine_shifts.production_date,
        machine_shifts.shift_name,
        machine_shifts.shift_starts_local_at,
        machine_shifts.is_closed,
        {{ seconds_between('machine_shifts.starts_at', 'machine_shifts.ends_at') }} as shift_seconds,
        coalesce(working_time.working_seconds, 0) as working_seconds,
        coalesce(planned_time.planned_seconds, 0) as planned_changeover_seconds,
        coalesce(changeover_time.changeover_seconds, 0) - coalesce(planned_time.planned_seconds, 0) as overrun_seconds,
        coalesce(stop_time.downtime_seconds, 0) as downtime_seconds,
        coalesce(stop_time.microstop_seconds, 0) as microstop_seconds
    from machine_shifts
    left join working_time
        on
            machine_shifts.machine_id = working_time.machine_id
            and machine_shifts.production_date = working_time.production_date
            and machine_shifts.shift_name = working_time.shift_name
    left join planned_time
        on
            machine_shifts.machine_id = planned_time.machine_id
            and machine_shifts.production_date = planned_time.production_date
            and machine_shifts.shift_name = planned_time.shift_name
    left join changeover_time
        on
            machine_shifts.machine_id = changeover_time.machine_id
            and machine_shifts.production_date = changeover_time.production_date
            and machine_shifts.shift_name = changeover_time.shift_name
    left join stop_time
        on
            machine_shifts.machine_id = stop_time.machine_id
            and machine_shifts.production_date = stop_time.production_date
            and machine_shifts.shift_name = stop_time.shift_name

)

select
    machine_id,
    line_id,
    station_id,
    production_date,
    shift_name,
    shift_starts_local_at,
    is_closed,
    shift_seconds,
    shift_seconds - working_seconds as break_seconds,
    planned_changeover_seconds,
    working_seconds - planned_changeover_seconds as ppt_seconds,
    overrun_seconds,
    microstop_seconds,
    downtime_seconds as downtime_seconds_v1,
    downtime_seconds + overrun_seconds as downtime_seconds_v2,
    working_seconds - planned_changeover_seconds - downtime_seconds as run_seconds_v1,
    working_seconds - planned_changeover_seconds - downtime_seconds - overrun_seconds as run_seconds_v2
from buckets
