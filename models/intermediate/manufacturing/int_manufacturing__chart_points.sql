{#
    Points of the control charts: means and ranges of rational subgroups, else individuals and moving ranges.
    Measurements of a subgroup of one are individuals. Micro-stops and cycle time make one individual per machine-shift.
#}
with

measurements as (

    select * from {{ ref('stg_manufacturing__measurements') }}

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

machine_shifts as (

    select * from {{ ref('int_manufacturing__machine_shifts') }}

),

microstops as (

    select * from {{ ref('int_manufacturing__microstops') }}

),

performance as (

    select * from {{ ref('int_manufacturing__performance') }}

),

shifts as (

    select * from {{ ref('int_manufacturing__shifts') }}

),

measured as (

    select
        measurements.measurement_id,
        measurements.characteristic,
        coalesce(measurements.machine_id, 'unknown') as machine_id,
        coalesce(machines.line_id, 'unknown') as line_id,
        measurements.subgroup_id,
        measurements.measured_at,
        measurements.measured_value,
        count(measurements.subgroup_id) over (
            partition by measurements.characteristic, measurements.machine_id, measurements.subgroup_id
        ) as subgroup_size
    from measurements
    left join machines on measurements.machine_id = machines.machine_id

),

subgroups as (

    select
        characteristic,
        machine_id,
        line_id,
        subgroup_id as point_id,
        min(measured_at) as point_at,
        count(*) as subgroup_size,
        avg(measured_value) as point_value,
        max(measured_value) - min(measured_value) as spread
    from measured
    where subgroup_size > 1
    group by characteristic, machine_id, line_id, subgroup_id

),

microstops_per_shift as (

    select
        machine_id,
        production_date,
        shift_name,
        count(*) as microstops
    from microstops
    group by machine_id, production_date, shift_name

),

cycle_time_per_shift as (

    select
        machine_id,
        production_date,
        shift_name,
        {{ safe_divide('sum(ideal_seconds)', 'sum(run_seconds_v1)') }} as attainment
    from performance
    group by machine_id, production_date, shift_name

),

-- a shift in progress is no point yet
closed_shifts as (

    select
        machine_shifts.machine_id,
        machine_shifts.line_id,
        machine_shifts.production_date,
        machine_shifts.shift_name,
        shifts.starts_at
    from machine_shifts
    inner join shifts
        on
            machine_shifts.line_id = shifts.line_id
            and machine_shifts.production_date = shifts.production_date
            and machine_shifts.shift_name = shifts.shift_name
    where machine_shifts.is_closed

),

individuals as (

    select
        'measurement' as series_kind,
        characteristic,
        machine_id,
        line_id,
        measurement_id as point_id,
        measured_at as point_at,
        measured_value as point_value
    from measured
    where subgroup_size < 2
    union all
    select
        'microstops' as series_kind,
        'microstop_count' as characteristic,
        closed_shifts.machine_id,
        closed_shifts.line_id,
        {{ as_text('closed_shifts.production_date') }} || ' ' || closed_shifts.shift_name as point_id,
        closed_shifts.starts_at as point_at,
        coalesce(microstops_per_shift.microstops, 0) as point_value
    from closed_shifts
    left join microstops_per_shift
        on
            closed_shifts.machine_id = microstops_per_shift.machine_id
            and closed_shifts.production_date = microstops_per_shift.production_date
            and closed_shifts.shift_name = microstops_per_shift.shift_name
    union all
    select
        'cycle_time' as series_kind,
        'cycle_time_attainment' as characteristic,
        closed_shifts.machine_id,
        closed_shifts.line_id,
        {{ as_text('closed_shifts.production_date') }} || ' ' || closed_shifts.shift_name as point_id,
        closed_shifts.starts_at as point_at,
        cycle_time_per_shift.attainment as point_value
    from closed_shifts
    inner join cycle_time_per_shift
        on
            closed_shifts.machine_id = cycle_time_per_shift.machine_id
            and closed_shifts.production_date = cycle_time_per_shift.production_date
            and closed_shifts.shift_name = cycle_time_per_shift.shift_name
    where cycle_time_per_shift.attainment is not null

),

every_point as (

    select
        'xbar_r' as chart,
        'measurement' as series_kind,
        characteristic, machine_id, line_id, point_id, point_at,
        subgroup_size,
        point_value,
        spread,
        subgroup_size as spread_size
    from subgroups
    union all
    select
        'i_mr' as chart,
        series_kind,
        characteristic, machine_id, line_id, point_id, point_at,
        1 as subgroup_size,
        point_value,
        abs(point_value - lag(point_value) over (
            partition by series_kind, characteristic, machine_id order by point_at, point_id
        )) as spread,
        2 as spread_size
    from individuals

)

select
    chart,
    series_kind,
    characteristic,
    machine_id,
    line_id,
    point_id,
    point_at,
    row_number() over (
        partition by chart, series_kind, characteristic, machine_id order by point_at, point_id
    ) as point_number,
    subgroup_size,
    point_value,
    spread,
    spread_size
from every_point
