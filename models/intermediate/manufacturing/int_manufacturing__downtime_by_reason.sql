with

stop_pieces as (

    select * from {{ ref('int_manufacturing__stop_pieces') }}

),

machine_shifts as (

    select * from {{ ref('int_manufacturing__machine_shifts') }}

),

downtime as (

    select
        machine_id,
        production_date,
        shift_name,
        reason_code,
        reason_level1,
        has_standard_code,
        count(distinct stop_starts_at) as stops,
        sum(seconds_in_ppt) as downtime_seconds
    from stop_pieces
    where not is_microstop
    group by machine_id, production_date, shift_name, reason_code, reason_level1, has_standard_code

)

select
    machine_shifts.machine_id,
    machine_shifts.line_id,
    machine_shifts.station_id,
    machine_shifts.production_date,
    machine_shifts.shift_name,
    machine_shifts.shift_starts_local_at,
    downtime.reason_code,
    downtime.reason_level1,
    downtime.has_standard_code,
    downtime.stops,
    downtime.downtime_seconds
from downtime
inner join machine_shifts
    on
        downtime.machine_id = machine_shifts.machine_id
        and downtime.production_date = machine_shifts.production_date
        and downtime.shift_name = machine_shifts.shift_name
