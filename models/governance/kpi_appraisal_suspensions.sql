with

checks as (

    select * from {{ ref('dq_periodic_checks') }}

),

missed as (

    select distinct
        domain,
        {{ month_start('period_start') }} as month_start,
        check_id
    from checks
    where period_grain = 'month' and suspends_appraisal and not passed

)

select
    domain,
    month_start,
    {{ string_agg('check_id', ', ', 'check_id') }} as missed_checks
from missed
group by domain, month_start
