with

checks as (

    select * from {{ ref('dq_periodic_checks') }}
    where period_grain = 'month' and suspends_appraisal and not passed

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}
    where parameter in ('confidence_z', 'min_sample', 'go_live_months') and metric_id like '%_rule_appraisal'

),

rules as (

    select
        left(metric_id, 3) as kpi_prefix,
        max(case when parameter = 'confidence_z' then value end) as z,
        max(case when parameter = 'min_sample' then value end) as min_sample,
        max(case when parameter = 'go_live_months' then value end) as go_live_months
    from parameters
    group by left(metric_id, 3)

),

-- nobody was appraised before the programme, nor in the months in which its measuring goes live
judged as (

    select
        checks.domain,
        {{ month_start('checks.period_start') }} as month_start,
        checks.check_id,
        checks.value,
        checks.comparator,
        checks.expected,
        checks.denominator is not null and checks.value between 0 and 1 as is_share,
        checks.sample_size,
        rules.z,
        case when checks.value between 0 and 1 then checks.value * (1 - checks.value) end as variance
    from checks
    inner join rules on left(checks.check_id, 3) = rules.kpi_prefix
    where
        coalesce(checks.sample_size, 0) >= rules.min_sample
        and {{ months_between(date_literal(var('programme_start')), date_of('checks.period_start')) }} >= rules.go_live_months

),

-- the bounds of Wilson's one-sided interval
bounded as (

    select
        domain,
        month_start,
        check_id,
        comparator,
        expected,
        value,
        is_share,
        case
            when is_share then
                (value + z * z / (2 * sample_size) + z * sqrt(variance / sample_size + z * z / (4.0 * sample_size * sample_size)))
                / (1 + z * z / sample_size)
        end as upper_bound,
        case
            when is_share then
                (value + z * z / (2 * sample_size) - z * sqrt(variance / sample_size + z * z / (4.0 * sample_size * sample_size)))
                / (1 + z * z / sample_size)
        end as lower_bound
    from judged

),

missed as (

    select distinct
        domain,
        month_start,
        check_id
    from bounded
    where
        not is_share
        or (comparator in ('>=', '>') and upper_bound < expected)
        or (comparator in ('<=', '<') and lower_bound > expected)

)

select
    domain,
    month_start,
    {{ string_agg('check_id', ', ', 'check_id') }} as missed_checks
from missed
group by domain, month_start
