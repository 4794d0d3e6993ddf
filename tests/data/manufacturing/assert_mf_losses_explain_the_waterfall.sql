-- Planned production time less good time is what the loss matrix lists, machine-shift by machine-shift; at the machine-hour cost, planned
-- production time less net run time is the money of its availability and performance losses (bad pieces cost their scrap).
with

machine_shifts as (

    select * from {{ ref('fct_oee') }}

),

losses as (

    select * from {{ ref('fct_losses') }}
    where machine_id <> 'unknown'

),

costs as (

    select * from {{ ref('int_manufacturing__machine_losses') }}

),

matrix as (

    select
        machine_id,
        production_date,
        shift_name,
        sum(loss_seconds) as lost_seconds,
        sum(loss_cost) as lost_money
    from losses
    group by machine_id, production_date, shift_name

)

select
    machine_shifts.machine_id,
    machine_shifts.production_date,
    machine_shifts.shift_name,
    machine_shifts.ppt_seconds - machine_shifts.good_seconds as seconds_not_good,
    matrix.lost_seconds,
    (machine_shifts.ppt_seconds - machine_shifts.net_run_seconds) / 3600 * costs.cost_per_hour as money_not_run,
    matrix.lost_money
from machine_shifts
inner join costs
    on
        machine_shifts.machine_id = costs.machine_id
        and machine_shifts.production_date = costs.production_date
        and machine_shifts.shift_name = costs.shift_name
left join matrix
    on
        machine_shifts.machine_id = matrix.machine_id
        and machine_shifts.production_date = matrix.production_date
        and machine_shifts.shift_name = matrix.shift_name
where
    abs(machine_shifts.ppt_seconds - machine_shifts.good_seconds - coalesce(matrix.lost_seconds, 0)) > 0.001
    or abs(
        (machine_shifts.ppt_seconds - machine_shifts.net_run_seconds) / 3600 * costs.cost_per_hour - coalesce(matrix.lost_money, 0)
    ) > 0.0001
