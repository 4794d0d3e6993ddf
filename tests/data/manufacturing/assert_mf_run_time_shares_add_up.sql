-- Run time shared over product families is the run time of the machine-shift (both versions).
with

machine_shifts as (

    select * from {{ ref('int_manufacturing__machine_shifts') }}

),

performance as (

    select * from {{ ref('int_manufacturing__performance') }}

),

shared as (

    select
        machine_id,
        production_date,
        shift_name,
        sum(run_seconds_v1) as run_seconds_v1,
        sum(run_seconds_v2) as run_seconds_v2
    from performance
    group by machine_id, production_date, shift_name

)

select
    machine_shifts.machine_id,
    machine_shifts.production_date,
    machine_shifts.shift_name
from machine_shifts
inner join shared
    on
        machine_shifts.machine_id = shared.machine_id
        and machine_shifts.production_date = shared.production_date
        and machine_shifts.shift_name = shared.shift_name
where
    abs(machine_shifts.run_seconds_v1 - shared.run_seconds_v1) > 0.001
    or abs(machine_shifts.run_seconds_v2 - shared.run_seconds_v2) > 0.001
