/*
Question      OEE moved: by availability, by performance or by quality?
How to read   The change between the newest closed month and the one before, whole and per line, in its three parts; `contribution` adds
              up to `change` per row group (kpi_drivers averages over every order in which the factors could have moved). `factor_rank` 1
              is the part that lowered OEE most (or raised it least).
What to do    availability: unplanned downtime, MTBF, MTTR (oee_3_largest_loss, response_and_repair_time); performance: cycle time,
              micro-stops, overrun of changeovers; quality: the path of fpy_1 to fpy_4.
*/
with

drivers as (

    select * from {{ ref('kpi_drivers') }}
    where kpi_id = 'mf_oee' and period_grain = 'month' and split_by = 'factor' and dimension in ('all', 'line')

),

newest_month as (

    select coalesce(max(period_start) filter (where is_final), max(period_start)) as month_start
    from drivers

)

select
    drivers.version,
    drivers.previous_period_start as month_before,
    drivers.period_start as month_start,
    drivers.dimension_value as line,
    drivers.member as factor,
    row_number() over (
        partition by drivers.version, drivers.dimension, drivers.dimension_value
        order by drivers.contribution, drivers.member
    ) as factor_rank,
    drivers.contribution,
    drivers.change
from drivers
inner join newest_month on drivers.period_start = newest_month.month_start
order by version, line, factor_rank
