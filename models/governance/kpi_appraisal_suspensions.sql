with

official as (

    select * from {{ ref('kpi_official_values') }}

),

targets as (

    select * from {{ ref('kpi_targets') }}

),

dependencies as (

    select * from {{ ref('kpi_dq_dependencies') }}

),

credit_checks as (

    select * from {{ ref('dq_credit_checks') }}

),

-- the month's official data-quality figures against their own targets
missed_kpis as (

    select
        official.domain,
        {{ month_start('official.period_start') }} as month_start,
        official.kpi_id as missed_check
    from official
    inner join dependencies
        on official.kpi_id = dependencies.depends_on_kpi_id
    inner join targets
        on official.kpi_id = targets.kpi_id
        and official.dimension = targets.dimension
        and official.dimension_value = targets.dimension_value
        and official.period_grain = targets.period_grain
        and (targets.valid_from is null or official.period_start >= cast(targets.valid_from as {{ type_ts() }}))
        and (targets.valid_to is null or official.period_start < cast(targets.valid_to as {{ type_ts() }}))
    where
        official.period_grain = 'month'
        and official.is_final
        and targets.condition is null
        and targets.target_value is not null
        and (
            (targets.comparator in ('>=', '>') and official.value < targets.target_value)
            or (targets.comparator in ('<=', '<') and official.value > targets.target_value)
        )

),

missed_checks as (

    select
        'credit' as domain,
        credit_checks.month_start,
        credit_checks.check_id as missed_check
    from credit_checks
    inner join dependencies
        on credit_checks.check_id = dependencies.depends_on_kpi_id
    where not credit_checks.passed

),

missed as (

    select domain, month_start, missed_check from missed_kpis
    union all
    select domain, month_start, missed_check from missed_checks

)

select
    domain,
    month_start,
    {{ string_agg('missed_check', ', ', 'missed_check') }} as missed_checks
from missed
group by domain, month_start
