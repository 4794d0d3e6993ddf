-- Every check of data quality that has a value per period, from the figures that are published and from no others.
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

readiness as (

    select * from {{ ref('dq_credit_readiness') }}

),

horizon as (

    select as_of from {{ ref('int_credit__as_of') }}

),

-- EC-23 is a figure on data as well, though no appraisal waits for it
quality_kpis as (

    select distinct depends_on_kpi_id as check_id
    from dependencies
    union
    select 'ec_mta_coverage_rate' as check_id

),

appraised as (

    select distinct depends_on_kpi_id as check_id from dependencies

),

kpi_checks as (

    select
        official.kpi_id as check_id,
        official.domain,
        official.period_grain,
        official.period_start,
        official.dimension,
        official.dimension_value,
        official.numerator,
        official.denominator,
        official.value,
        targets.comparator,
        targets.target_value as expected,
        official.sample_size,
        case
            when targets.comparator = '>=' then official.value >= targets.target_value
            when targets.comparator = '>' then official.value > targets.target_value
            when targets.comparator = '<=' then official.value <= targets.target_value
            when targets.comparator = '<' then official.value < targets.target_value
        end as passed,
        official.as_of
    from official
    inner join quality_kpis
        on official.kpi_id = quality_kpis.check_id
    inner join targets
        on official.kpi_id = targets.kpi_id
        and official.dimension = targets.dimension
        and official.dimension_value = targets.dimension_value
        and official.period_grain = targets.period_grain
        and (targets.valid_from is null or official.period_start >= cast(targets.valid_from as {{ type_ts() }}))
        and (targets.valid_to is null or official.period_start < cast(targets.valid_to as {{ type_ts() }}))
    where
        official.is_final
        and targets.condition is null
        and targets.target_value is not null
        and targets.comparator in ('>=', '>', '<=', '<')

),

credit_months as (

    select
        credit_checks.check_id,
        'credit' as domain,
        'month' as period_grain,
        cast(credit_checks.month_start as {{ type_ts() }}) as period_start,
        'all' as dimension,
        'all' as dimension_value,
        cast(credit_checks.numerator as {{ type_double() }}) as numerator,
        cast(credit_checks.denominator as {{ type_double() }}) as denominator,
        credit_checks.value,
        '>=' as comparator,
        credit_checks.expected,
        credit_checks.denominator as sample_size,
        credit_checks.passed,
        horizon.as_of
    from credit_checks
    cross join horizon
    where cast({{ add_days(month_end('credit_checks.month_start'), 1) }} as {{ type_ts() }}) <= horizon.as_of

),

-- days whose deadline is over and on which something happened
due_days as (

    select
        check_id,
        cast(business_date as {{ type_ts() }}) as day_start,
        row_count,
        rows_in_time,
        expected
    from readiness
    where passed is not null

),

ready_periods as (

    {% for grain in ['day', 'week', 'month'] -%}
    select
        check_id,
        '{{ grain }}' as period_grain,
        {{ start_of(grain, 'day_start') }} as period_start,
        sum(rows_in_time) as rows_in_time,
        sum(row_count) as row_count,
        max(expected) as expected
    from due_days
    group by check_id, {{ start_of(grain, 'day_start') }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

ready_checks as (

    select
        ready_periods.check_id,
        'credit' as domain,
        ready_periods.period_grain,
        cast(ready_periods.period_start as {{ type_ts() }}) as period_start,
        'all' as dimension,
        'all' as dimension_value,
        cast(ready_periods.rows_in_time as {{ type_double() }}) as numerator,
        cast(ready_periods.row_count as {{ type_double() }}) as denominator,
        {{ safe_divide('ready_periods.rows_in_time', 'ready_periods.row_count') }} as value,
        '>=' as comparator,
        ready_periods.expected,
        ready_periods.row_count as sample_size,
        {{ safe_divide('ready_periods.rows_in_time', 'ready_periods.row_count') }} >= ready_periods.expected as passed,
        horizon.as_of
    from ready_periods
    cross join horizon

),

every_check as (

    {% for part in ['kpi_checks', 'credit_months', 'ready_checks'] -%}
    select
        check_id, domain, period_grain, period_start, dimension, dimension_value, numerator, denominator, value,
        comparator, expected, sample_size, passed, as_of
    from {{ part }}
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select
    every_check.check_id,
    every_check.domain,
    every_check.period_grain,
    cast(every_check.period_start as {{ type_ts() }}) as period_start,
    every_check.dimension,
    every_check.dimension_value,
    cast(every_check.numerator as {{ type_double() }}) as numerator,
    cast(every_check.denominator as {{ type_double() }}) as denominator,
    cast(every_check.value as {{ type_double() }}) as value,
    every_check.comparator,
    cast(every_check.expected as {{ type_double() }}) as expected,
    cast(every_check.sample_size as {{ type_bigint() }}) as sample_size,
    every_check.passed,
    appraised.check_id is not null as suspends_appraisal,
    every_check.as_of
from every_check
left join appraised on every_check.check_id = appraised.check_id
