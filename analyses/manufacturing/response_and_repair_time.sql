/*
Question      Is a breakdown long because nobody comes, or because the repair takes long?
How to read   Breakdown orders per month of the repair, line and machine: response = reported to arrived, repair = arrived to repaired,
              both in minutes; together they are the time of MTTR where the arrival was recorded. `response_share` is the part of waiting;
              `without_arrival` orders are in `orders` and in no time.
What to do    response_share high: call-out, shifts of the technicians, the 30-minute reminder. Repair high: spare parts, fault trees,
              training. P90 far from the median: single hard faults, name them in the weekly meeting.
*/
with

maintenance_orders as (

    select * from {{ ref('stg_manufacturing__maintenance_orders') }}
    where kind = 'breakdown' and repaired_at is not null

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

timed as (

    select
        coalesce(machines.line_id, 'unknown') as line_id,
        coalesce(machines.station_id, 'unknown') as station_id,
        maintenance_orders.machine_id,
        maintenance_orders.arrived_at,
        {{ minutes_between('maintenance_orders.reported_at', 'maintenance_orders.arrived_at') }} as response_minutes,
        {{ minutes_between('maintenance_orders.arrived_at', 'maintenance_orders.repaired_at') }} as repair_minutes,
        {{ place_columns('maintenance_orders.repaired_at') }}
    from maintenance_orders
    left join machines on maintenance_orders.machine_id = machines.machine_id
    {{ place_joins("coalesce(machines.line_id, 'unknown')", 'maintenance_orders.repaired_at') }}

)

select
    {{ start_of('month', 'cast(production_date as ' ~ type_ts() ~ ')') }} as month_start,
    line_id,
    station_id,
    machine_id,
    count(*) as orders,
    {{ count_where('arrived_at is null') }} as without_arrival,
    avg(response_minutes) as mean_response_minutes,
    {{ percentile_cont('response_minutes', 0.5) }} as median_response_minutes,
    {{ percentile_cont('response_minutes', 0.9) }} as p90_response_minutes,
    avg(repair_minutes) as mean_repair_minutes,
    {{ percentile_cont('repair_minutes', 0.5) }} as median_repair_minutes,
    {{ percentile_cont('repair_minutes', 0.9) }} as p90_repair_minutes,
    {{ safe_divide('sum(response_minutes)', 'sum(response_minutes) + sum(repair_minutes)') }} as response_share
from timed
group by {{ start_of('month', 'cast(production_date as ' ~ type_ts() ~ ')') }}, line_id, station_id, machine_id
order by month_start desc, line_id, station_id, machine_id
