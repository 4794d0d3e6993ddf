-- Question: do newer cohorts come back sooner or later than older ones, and from which day on do the curves part?
-- Reads: the share of each cohort month that has bought again by day 7, 14, 30, 60 and 90, for all and by membership, channel and value
--   of the first order; only days that are over for every member. `change` compares with the cohort of the month before, `day_gain` is
--   what the curve gained since the row before: where it falls behind is where to act.
-- To do: day 30 falls short (ec_repurchase_rate_30d has its target): a stronger incentive for the second order (voucher, free shipping,
--   add-on offer). Day 30 holds and day 90 falls: category cycle and recall campaigns, see time_to_second_purchase.sql.
with

retention as (

    select * from {{ ref('fct_cohort_retention') }}
    where
        cohort_grain = 'cohort_month'
        and day_no in (7, 14, 30, 60, 90)
        and is_final
        and dimension in ('all', 'member_status', 'acquisition_channel', 'order_value_band')

),

targets as (

    select * from {{ ref('kpi_scorecard') }}
    where
        kpi_id in ('ec_repurchase_rate_30d', 'ec_repurchase_rate_60d', 'ec_repurchase_rate_90d')
        and period_grain = 'cohort_month'

),

target_days as (

    select
        cast(period_start as date) as cohort_date,
        dimension,
        dimension_value,
        case kpi_id
            when 'ec_repurchase_rate_30d' then 30
            when 'ec_repurchase_rate_60d' then 60
            else 90
        end as day_no,
        max(target_value) as target_value
    from targets
    group by period_start, dimension, dimension_value, kpi_id

),

compared as (

    select
        retention.cohort_date,
        retention.dimension,
        retention.dimension_value,
        retention.day_no,
        retention.cohort_persons,
        retention.retained_persons,
        retention.retention_rate,
        lag(retention.retention_rate) over (
            partition by retention.dimension, retention.dimension_value, retention.day_no
            order by retention.cohort_date
        ) as previous_rate,
        retention.retention_rate - lag(retention.retention_rate) over (
            partition by retention.dimension, retention.dimension_value, retention.cohort_date
            order by retention.day_no
        ) as day_gain
    from retention

)

select
    compared.cohort_date,
    compared.dimension,
    compared.dimension_value,
    compared.day_no,
    compared.cohort_persons,
    compared.retained_persons,
    compared.retention_rate,
    compared.previous_rate,
    compared.retention_rate - compared.previous_rate as change,
    compared.day_gain,
    target_days.target_value,
    compared.retention_rate - target_days.target_value as gap_to_target
from compared
left join target_days
    on
        compared.cohort_date = target_days.cohort_date
        and compared.dimension = target_days.dimension
        and compared.dimension_value = target_days.dimension_value
        and compared.day_no = target_days.day_no
order by compared.dimension, compared.dimension_value, compared.cohort_date desc, compared.day_no
