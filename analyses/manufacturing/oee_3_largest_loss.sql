/*
Question      Which single loss costs most time, and where?
How to read   The loss matrix of the newest closed month: category (availability, performance, quality), type and station, the largest
              first. `share_of_lost_time` adds up to 1 over all rows with time (below 0 where a machine beat its ideal cycle);
              `share_of_planned_time` is against the station's own planned production time.
What to do    Put technicians, spare parts and fixtures on the first three rows ("golden hour" of the Top 3 stations). For money see
              loss_recovery_ranking.
*/
with

losses as (

    select * from {{ ref('fct_losses') }}

),

machine_shifts as (

    select * from {{ ref('fct_oee') }}

),

newest_month as (

    select coalesce(max(period_start) filter (where is_final), max(period_start)) as month_start
    from {{ ref('kpi_values') }}
    where kpi_id = 'mf_oee' and period_grain = 'month'

),

lost as (

    select
        newest_month.month_start,
        losses.line_id,
        losses.station_id,
        losses.loss_category,
        losses.loss_type,
        sum(losses.occurrences) as occurrences,
        sum(losses.loss_seconds) as lost_seconds
    from losses
    inner join newest_month
        on {{ start_of('month', 'cast(losses.production_date as ' ~ type_ts() ~ ')') }} = newest_month.month_start
    where losses.loss_seconds is not null
    group by newest_month.month_start, losses.line_id, losses.station_id, losses.loss_category, losses.loss_type

),

planned as (

    select
        machine_shifts.line_id,
        machine_shifts.station_id,
        sum(machine_shifts.ppt_seconds) as ppt_seconds
    from machine_shifts
    inner join newest_month
        on {{ start_of('month', 'cast(machine_shifts.production_date as ' ~ type_ts() ~ ')') }} = newest_month.month_start
    group by machine_shifts.line_id, machine_shifts.station_id

)

select
    lost.month_start,
    row_number() over (order by lost.lost_seconds desc, lost.line_id, lost.station_id, lost.loss_category, lost.loss_type) as loss_rank,
    lost.line_id,
    lost.station_id,
    lost.loss_category,
    lost.loss_type,
    lost.occurrences,
    lost.lost_seconds / 3600.0 as lost_hours,
    {{ safe_divide('lost.lost_seconds', 'sum(lost.lost_seconds) over ()') }} as share_of_lost_time,
    {{ safe_divide('lost.lost_seconds', 'planned.ppt_seconds') }} as share_of_planned_time
from lost
left join planned on lost.line_id = planned.line_id and lost.station_id = planned.station_id
order by loss_rank
