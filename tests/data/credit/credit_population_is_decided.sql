-- Each KPI of the decided population has the same denominator: decided applications that are no duplicates.
with

counted as (

    select decided.period_start, decided.applications
    from (
        select {{ start_of('month', 'decided_local_at') }} as period_start, count(*) as applications
        from {{ ref('fct_applications') }}
        where decided_at is not null and not is_duplicate
        group by {{ start_of('month', 'decided_local_at') }}
    ) as decided

),

published as (

    select kpi_id, period_grain, period_start, dimension, denominator from {{ ref('kpi_cr_decision_rates') }}
    union all
    select kpi_id, period_grain, period_start, dimension, denominator from {{ ref('kpi_cr_supplement_rate') }}

)

select published.*, counted.applications
from published
left join counted on published.period_start = counted.period_start
where
    published.period_grain = 'month'
    and published.dimension = 'all'
    and published.denominator <> coalesce(counted.applications, 0)
