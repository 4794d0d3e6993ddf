/*
Question      Where does an improvement bring back most money?
How to read   Money lost in the newest closed month per line, station and cause (downtime and speed loss at the machine-hour cost, scrap at
              standard cost), the dearest first. `share` and `cumulative_share` are of all money lost (a machine that beats its cycle
              counts against it). `recovered_at_target` is what comes back if the cause falls by what the programme asks of its KPI
              (downtime - 25 %, micro-stops - 30 %, changeover - 15 %, scrap cost - 25 %: kpi_targets); null where the target is no
              relative one.
What to do    Divide `recovered_at_target` by the price of the measure (fixture, spare part, redundant sensor, quick-change kit) and
              decide in that order. Losses of machines without a cost rate valid that day have no money and are not in the list.
*/
with

losses as (

    select * from {{ ref('fct_losses') }}
    where loss_cost is not null

),

targets as (

    select * from {{ ref('kpi_targets') }}

),

newest_month as (

    select coalesce(max(period_start) filter (where is_final), max(period_start)) as month_start
    from {{ ref('kpi_values') }}
    where kpi_id = 'mf_oee' and period_grain = 'month'

),

asked as (

    select
        kpi_id,
        max(-relative_to_baseline) as asked_reduction
    from targets
    where dimension = 'all' and period_grain = 'month' and relative_to_baseline < 0
    group by kpi_id

),

lost as (

    select
        newest_month.month_start,
        losses.line_id,
        losses.station_id,
        losses.loss_category,
        losses.loss_type,
        case
            when losses.loss_category = 'availability' then 'mf_unplanned_downtime_rate'
            when losses.loss_type = 'microstop' then 'mf_microstop_minutes'
            when losses.loss_type = 'changeover_overrun' then 'mf_changeover_minutes'
            when losses.loss_type = 'scrap' then 'mf_scrap_cost'
            when losses.loss_type = 'reduced_speed' then 'mf_cycle_time_attainment'
        end as kpi_id,
        sum(losses.loss_seconds) / 3600.0 as lost_hours,
        sum(losses.loss_cost) as lost_money
    from losses
    inner join newest_month
        on {{ start_of('month', 'cast(losses.production_date as ' ~ type_ts() ~ ')') }} = newest_month.month_start
    group by newest_month.month_start, losses.line_id, losses.station_id, losses.loss_category, losses.loss_type

)

select
    lost.month_start,
    row_number() over (order by lost.lost_money desc, lost.line_id, lost.station_id, lost.loss_category, lost.loss_type) as money_rank,
    lost.line_id,
    lost.station_id,
    lost.loss_category,
    lost.loss_type,
    lost.lost_hours,
    lost.lost_money,
    {{ safe_divide('lost.lost_money', 'sum(lost.lost_money) over ()') }} as share,
    {{ safe_divide(
        'sum(lost.lost_money) over (order by lost.lost_money desc, lost.line_id, lost.station_id, lost.loss_category, lost.loss_type rows between unbounded preceding and current row)',
        'sum(lost.lost_money) over ()'
    ) }} as cumulative_share,
    lost.kpi_id,
    lost.lost_money * asked.asked_reduction as recovered_at_target
from lost
left join asked on lost.kpi_id = asked.kpi_id
order by money_rank
