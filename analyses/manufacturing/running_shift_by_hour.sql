/*
Question      How does the shift in progress go, hour by hour?
How to read   The shift that holds as_of, per line (a line between shifts: its last one begun), in hours from the start of the shift.
              FPY counts the units first completed in the hour with what is known of them so far; A, P, Q and OEE (version 1) as in
              fct_oee, whose machine-shifts these hours add up to: a machine's pieces count in the hour of their completion or counter
              reading, at the mean ideal cycle that the machine had in this shift. Hours of few pieces swing: read three together.
What to do    FPY two points or OEE three under target: the shift leader acts in the shift. An A that falls: name the stop now, while its
              reason is known. The last hour is open (`minutes` says how long it has run).
*/
with

shifts as (

    select * from {{ ref('int_manufacturing__shifts') }}
    where has_started

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

machine_shifts as (

    select * from {{ ref('int_manufacturing__machine_shifts') }}

),

working_windows as (

    select * from {{ ref('int_manufacturing__working_windows') }}

),

changeover_windows as (

    select * from {{ ref('int_manufacturing__changeover_windows') }}

),

stop_pieces as (

    select * from {{ ref('int_manufacturing__stop_pieces') }}
    where not is_microstop

),

timeline as (

    select * from {{ ref('int_manufacturing__state_timeline') }}

),

performance as (

    select * from {{ ref('int_manufacturing__performance') }}

),

pieces as (

    select * from {{ ref('int_manufacturing__pieces') }}

),

counter_readings as (

    select * from {{ ref('stg_manufacturing__counter_readings') }}

),

passes as (

    select * from {{ ref('int_manufacturing__passes') }}
    where completed_at is not null

),

station_faults as (

    select * from {{ ref('int_manufacturing__station_faults') }}

),

units as (

    select * from {{ ref('int_manufacturing__units') }}

),

newest as (

    select
        shifts.*,
        row_number() over (partition by line_id order by starts_at desc, shift_name) as place
    from shifts

),

hours as (

    select
        newest.line_id,
        newest.production_date,
        newest.shift_name,
        newest.time_zone,
        newest.is_closed,
        newest.starts_at as shift_starts_at,
        series.hour_starts_at,
        {{ least_of([add_seconds('series.hour_starts_at', 3600), 'newest.observed_until_at']) }} as hour_ends_at
    from newest
    cross join lateral {{ ts_series('newest.starts_at', 'newest.observed_until_at', 3600, 'hour_starts_at') }} as series
    where newest.place = 1 and series.hour_starts_at < newest.observed_until_at

),

observed as (

    select
        machine_id,
        min(starts_at) as observed_from_at
    from timeline
    group by machine_id

),

machine_hours as (

    select
        hours.*,
        machines.machine_id,
        {{ greatest_of(['hours.hour_starts_at', 'observed.observed_from_at']) }} as seen_from_at
    from hours
    inner join machines on hours.line_id = machines.line_id
    inner join observed on machines.machine_id = observed.machine_id
    where observed.observed_from_at < hours.hour_ends_at

),

working_time as (

    select
        machine_hours.machine_id,
        machine_hours.hour_starts_at,
        sum({{ seconds_between(
            greatest_of(['machine_hours.seen_from_at', 'working_windows.starts_at']),
            least_of(['machine_hours.hour_ends_at', 'working_windows.ends_at'])
        ) }}) as working_seconds
    from machine_hours
    inner join working_windows
        on
            machine_hours.line_id = working_windows.line_id
            and machine_hours.seen_from_at < working_windows.ends_at
            and machine_hours.hour_ends_at > working_windows.starts_at
    group by machine_hours.machine_id, machine_hours.hour_starts_at

),

planned_pieces as (

    select
        machine_hours.machine_id,
        machine_hours.hour_starts_at,
        {{ greatest_of(['machine_hours.seen_from_at', 'changeover_windows.starts_at']) }} as starts_at,
        {{ least_of(['machine_hours.hour_ends_at', 'changeover_windows.planned_until_at']) }} as ends_at
    from machine_hours
    inner join changeover_windows
        on
            machine_hours.machine_id = changeover_windows.machine_id
            and machine_hours.seen_from_at < changeover_windows.planned_until_at
            and machine_hours.hour_ends_at > changeover_windows.starts_at

),

planned_spans as (

    {{ merged_spans('planned_pieces', ['machine_id', 'hour_starts_at']) }}

),

planned_time as (

    select
        machine_id,
        hour_starts_at,
        sum({{ seconds_between('starts_at', 'ends_at') }}) as planned_seconds
    from planned_spans
    group by machine_id, hour_starts_at

),

downtime as (

    select
        machine_hours.machine_id,
        machine_hours.hour_starts_at,
        sum({{ seconds_between(
            greatest_of(['machine_hours.hour_starts_at', 'stop_pieces.starts_at']),
            least_of(['machine_hours.hour_ends_at', 'stop_pieces.ends_at'])
        ) }}) as downtime_seconds
    from machine_hours
    inner join stop_pieces
        on
            machine_hours.machine_id = stop_pieces.machine_id
            and machine_hours.hour_starts_at < stop_pieces.ends_at
            and machine_hours.hour_ends_at > stop_pieces.starts_at
    group by machine_hours.machine_id, machine_hours.hour_starts_at

),

deltas as (

    select
        machine_id,
        read_at,
        total_count,
        lag(total_count) over (partition by machine_id order by read_at) as previous_count
    from counter_readings

),

counted_by as (

    select
        machine_id,
        production_date,
        shift_name,
        max(counted_by) as counted_by,
        sum(pieces) as pieces
    from pieces
    group by machine_id, production_date, shift_name

),

made as (

    select
        machine_id,
        read_at as made_at,
        'counter' as counted_by,
        case
            when previous_count is null then 0
            when total_count < previous_count then total_count
            else total_count - previous_count
        end as pieces
    from deltas
    union all
    select
        machine_id,
        completed_at as made_at,
        'passes' as counted_by,
        1 as pieces
    from passes

),

ideal_time as (

    select
        machine_id,
        production_date,
        shift_name,
        sum(ideal_seconds) as ideal_seconds
    from performance
    group by machine_id, production_date, shift_name

),

made_in_hour as (

    select
        machine_hours.machine_id,
        machine_hours.hour_starts_at,
        sum(made.pieces) as pieces,
        sum(made.pieces * {{ safe_divide('ideal_time.ideal_seconds', 'counted_by.pieces') }}) as ideal_seconds
    from machine_hours
    inner join counted_by
        on
            machine_hours.machine_id = counted_by.machine_id
            and machine_hours.production_date = counted_by.production_date
            and machine_hours.shift_name = counted_by.shift_name
    inner join made
        on
            machine_hours.machine_id = made.machine_id
            and counted_by.counted_by = made.counted_by
            and machine_hours.hour_starts_at <= made.made_at
            and machine_hours.hour_ends_at > made.made_at
    left join ideal_time
        on
            machine_hours.machine_id = ideal_time.machine_id
            and machine_hours.production_date = ideal_time.production_date
            and machine_hours.shift_name = ideal_time.shift_name
    group by machine_hours.machine_id, machine_hours.hour_starts_at

),

passed_in_hour as (

    select
        machine_hours.machine_id,
        machine_hours.hour_starts_at,
        count(*) as completed_passes,
        {{ count_where('passes.is_first_at_machine and not coalesce(passes.is_rework, false) and station_faults.unit_id is null') }} as good_passes
    from machine_hours
    inner join passes
        on
            machine_hours.machine_id = passes.machine_id
            and machine_hours.hour_starts_at <= passes.completed_at
            and machine_hours.hour_ends_at > passes.completed_at
    left join station_faults on passes.unit_id = station_faults.unit_id and passes.station_id = station_faults.station_id
    group by machine_hours.machine_id, machine_hours.hour_starts_at

),

finished_in_hour as (

    select
        hours.line_id,
        hours.hour_starts_at,
        count(*) as finished_units,
        {{ count_where('units.is_first_pass') }} as first_pass_units
    from hours
    inner join units
        on
            hours.line_id = units.line_id
            and hours.hour_starts_at <= units.completed_at
            and hours.hour_ends_at > units.completed_at
    group by hours.line_id, hours.hour_starts_at

),

by_machine as (

    select
        machine_hours.line_id,
        machine_hours.hour_starts_at,
        coalesce(working_time.working_seconds, 0) - coalesce(planned_time.planned_seconds, 0) as ppt_seconds,
        coalesce(working_time.working_seconds, 0) - coalesce(planned_time.planned_seconds, 0) - coalesce(downtime.downtime_seconds, 0) as run_seconds,
        ideal_time.ideal_seconds is not null as is_rated,
        coalesce(made_in_hour.pieces, 0) as pieces,
        coalesce(made_in_hour.ideal_seconds, 0) as ideal_seconds,
        coalesce(passed_in_hour.completed_passes, 0) as completed_passes,
        coalesce(passed_in_hour.good_passes, 0) as good_passes
    from machine_hours
    inner join machine_shifts
        on
            machine_hours.machine_id = machine_shifts.machine_id
            and machine_hours.production_date = machine_shifts.production_date
            and machine_hours.shift_name = machine_shifts.shift_name
    left join working_time
        on machine_hours.machine_id = working_time.machine_id and machine_hours.hour_starts_at = working_time.hour_starts_at
    left join planned_time
        on machine_hours.machine_id = planned_time.machine_id and machine_hours.hour_starts_at = planned_time.hour_starts_at
    left join downtime
        on machine_hours.machine_id = downtime.machine_id and machine_hours.hour_starts_at = downtime.hour_starts_at
    left join made_in_hour
        on machine_hours.machine_id = made_in_hour.machine_id and machine_hours.hour_starts_at = made_in_hour.hour_starts_at
    left join passed_in_hour
        on machine_hours.machine_id = passed_in_hour.machine_id and machine_hours.hour_starts_at = passed_in_hour.hour_starts_at
    left join ideal_time
        on
            machine_hours.machine_id = ideal_time.machine_id
            and machine_hours.production_date = ideal_time.production_date
            and machine_hours.shift_name = ideal_time.shift_name

),

by_line as (

    select
        line_id,
        hour_starts_at,
        sum(ppt_seconds) as ppt_seconds,
        sum(run_seconds) as run_seconds,
        sum(case when is_rated then run_seconds end) as rated_run_seconds,
        sum(pieces) as pieces,
        sum(ideal_seconds) as ideal_seconds,
        sum(completed_passes) as completed_passes,
        sum(good_passes) as good_passes
    from by_machine
    group by line_id, hour_starts_at

),

measured as (

    select
        hours.line_id,
        hours.production_date,
        hours.shift_name,
        hours.is_closed,
        {{ to_local('hours.hour_starts_at', 'hours.time_zone') }} as hour_starts_local_at,
        {{ minutes_between('hours.hour_starts_at', 'hours.hour_ends_at') }} as minutes,
        coalesce(finished_in_hour.finished_units, 0) as finished_units,
        coalesce(finished_in_hour.first_pass_units, 0) as first_pass_units,
        by_line.ppt_seconds,
        by_line.run_seconds,
        by_line.pieces,
        by_line.ideal_seconds,
        by_line.completed_passes,
        by_line.good_passes,
        {{ safe_divide('by_line.run_seconds', 'by_line.ppt_seconds') }} as availability,
        {{ safe_divide('by_line.ideal_seconds', 'by_line.rated_run_seconds') }} as performance,
        {{ safe_divide('by_line.good_passes', 'by_line.completed_passes') }} as quality
    from hours
    left join by_line on hours.line_id = by_line.line_id and hours.hour_starts_at = by_line.hour_starts_at
    left join finished_in_hour on hours.line_id = finished_in_hour.line_id and hours.hour_starts_at = finished_in_hour.hour_starts_at

)

select
    measured.*,
    {{ safe_divide('first_pass_units', 'finished_units') }} as fpy,
    availability * performance * quality as oee
from measured
order by line_id, hour_starts_local_at
