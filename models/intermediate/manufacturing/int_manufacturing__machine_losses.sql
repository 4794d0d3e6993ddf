-- Downtime and speed loss of machine-shifts (version 1) in seconds and money.
with

machine_shifts as (

    select * from {{ ref('int_manufacturing__machine_shifts') }}

),

performance as (

    select * from {{ ref('int_manufacturing__performance') }}

),

machine_hour_costs as (

    select * from {{ ref('stg_manufacturing__machine_hour_costs') }}

),

rated as (

    select
        machine_id,
        production_date,
        shift_name,
        sum(run_seconds_v1) - sum(ideal_seconds) as speed_loss_seconds
    from performance
    group by machine_id, production_date, shift_name

),

hourly as (

    select
        machine_shifts.machine_id,
        machine_shifts.production_date,
        machine_shifts.shift_name,
        {{ arg_max('machine_hour_costs.cost_per_hour', 'machine_hour_costs.valid_from') }} as cost_per_hour
    from machine_shifts
    inner join machine_hour_costs
        on
            machine_shifts.machine_id = machine_hour_costs.machine_id
            and machine_shifts.production_date >= machine_hour_costs.valid_from
            and (machine_shifts.production_date < machine_hour_costs.valid_to or machine_hour_costs.valid_to is null)
    group by machine_shifts.machine_id, machine_shifts.production_date, machine_shifts.shift_name

)

select
    machine_shifts.machine_id,
    machine_shifts.line_id,
    machine_shifts.station_id,
    machine_shifts.production_date,
    machine_shifts.shift_name,
    machine_shifts.shift_starts_local_at,
    machine_shifts.downtime_seconds_v1 as downtime_seconds,
    rated.speed_loss_seconds,
    hourly.cost_per_hour,
    machine_shifts.downtime_seconds_v1 / 3600.0 * hourly.cost_per_hour as downtime_cost,
    rated.speed_loss_seconds / 3600.0 * hourly.cost_per_hour as speed_loss_cost
from machine_shifts
left join rated
    on
        machine_shifts.machine_id = rated.machine_id
        and machine_shifts.production_date = rated.production_date
        and machine_shifts.shift_name = rated.shift_name
left join hourly
    on
        machine_shifts.machine_id = hourly.machine_id
        and machine_shifts.production_date = hourly.production_date
        and machine_shifts.shift_name = hourly.shift_name
