-- The reasons of the downtime rate keep the whole denominator, so their rates add up to the rate of all.
with

rates as (

    select * from {{ ref('kpi_mf_downtime') }}
    where kpi_id = 'mf_unplanned_downtime_rate'

),

whole as (

    select * from rates where dimension = 'all'

),

reasons as (

    select
        period_grain,
        period_start,
        sum(value) as value,
        min(denominator) as least_denominator,
        max(denominator) as greatest_denominator
    from rates
    where dimension = 'reason_level1'
    group by period_grain, period_start

)

select
    whole.period_grain,
    whole.period_start,
    whole.value,
    reasons.value as value_of_reasons
from whole
left join reasons
    on whole.period_grain = reasons.period_grain and whole.period_start = reasons.period_start
where
    abs(whole.value - coalesce(reasons.value, 0)) > 0.000000001
    or abs(whole.denominator - reasons.least_denominator) > 0.000001
    or abs(whole.denominator - reasons.greatest_denominator) > 0.000001
