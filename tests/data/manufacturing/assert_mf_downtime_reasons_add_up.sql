-- Downtime split over reasons is the downtime of the machine-shift.
with

machine_shifts as (

    select * from {{ ref('int_manufacturing__machine_shifts') }}

),

downtime as (

    select * from {{ ref('int_manufacturing__downtime_by_reason') }}

),

split as (

    select
        machine_id,
        production_date,
        shift_name,
        sum(downtime_seconds) as downtime_seconds
    from downtime
    group by machine_id, production_date, shift_name

)

select
    machine_shifts.machine_id,
    machine_shifts.production_date,
    machine_shifts.shift_name,
    machine_shifts.downtime_seconds_v1,
    split.downtime_seconds
from machine_shifts
left join split
    on
        machine_shifts.machine_id = split.machine_id
        and machine_shifts.production_date = split.production_date
        and machine_shifts.shift_name = split.shift_name
where abs(machine_shifts.downtime_seconds_v1 - coalesce(split.downtime_seconds, 0)) > 0.001
