with

schedule as (

    select * from {{ ref('int_credit__schedule') }}

),

accounts as (

    select * from {{ ref('int_credit__accounts') }}

),

payment_days as (

    select * from {{ ref('int_credit__payment_days') }}

),

horizon as (

    select {{ date_of('as_of') }} as as_of_date
    from {{ ref('int_credit__as_of') }}

),

parameters as (

    select
        cast(
            max(value) filter (where metric_id = 'cr_rule_dpd' and parameter = 'coverage_tolerance')
            as {{ type_money() }}
        ) as coverage_tolerance,
        cast(max(value) filter (where metric_id = 'cr_d1_contact_rate' and parameter = 'days_after_due') as int) - 1
            as d1_days,
        {%- for kpi in ['cr_dpd1_rate_7d', 'cr_dpd1_rate_14d', 'cr_fpd7_rate', 'cr_fpd30_rate'] %}
        cast(max(value) filter (where metric_id = '{{ kpi }}' and parameter = 'window_days') as int)
            as {{ kpi | replace('cr_', '') }}_days{{ "," if not loop.last }}
        {%- endfor %}
    from {{ ref('stg_dictionary__parameters') }}

),

falling_due as (      -- closed or charged off before its due date an instalment no longer falls due

    select
        schedule.account_id,
        schedule.instalment_no,
        schedule.due_date,
        schedule.place = 1 as is_first,
        schedule.due_so_far,
        accounts.cohort_month,
        accounts.channel,
        accounts.customer_type,
        accounts.product_line
    from schedule
    left join accounts on schedule.account_id = accounts.account_id
    cross join horizon
    where
        (accounts.ended_date is null or accounts.ended_date >= schedule.due_date)
        and (schedule.due_date <= horizon.as_of_date or schedule.place = 1)

),

paid as (

    select
        falling_due.account_id,
        falling_due.instalment_no,
        {%- for window in ['d1', 'dpd1_rate_7d', 'dpd1_rate_14d', 'fpd7_rate', 'fpd30_rate'] %}
        sum(payment_days.amount) filter (
            where payment_days.paid_date <= {{ add_days('falling_due.due_date', 'parameters.' ~ window ~ '_days') }}
        ) as paid_{{ window }}{{ "," if not loop.last }}
        {%- endfor %}
    from falling_due
    inner join payment_days on falling_due.account_id = payment_days.account_id
    cross join parameters
    group by falling_due.account_id, falling_due.instalment_no

)

select
    falling_due.account_id,
    falling_due.instalment_no,
    falling_due.due_date,
    falling_due.is_first,
    falling_due.cohort_month,
    falling_due.channel,
    falling_due.customer_type,
    falling_due.product_line,
    {%- for window in ['d1', 'dpd1_rate_7d', 'dpd1_rate_14d', 'fpd7_rate', 'fpd30_rate'] %}
    {{ add_days('falling_due.due_date', 'parameters.' ~ window ~ '_days') }} < horizon.as_of_date
        as is_over_{{ window }},
    {{ add_days('falling_due.due_date', 'parameters.' ~ window ~ '_days') }} < horizon.as_of_date
    and coalesce(paid.paid_{{ window }}, 0) < falling_due.due_so_far - parameters.coverage_tolerance
        as is_unpaid_{{ window }}{{ "," if not loop.last }}
    {%- endfor %}
from falling_due
left join paid
    on falling_due.account_id = paid.account_id and falling_due.instalment_no = paid.instalment_no
cross join parameters
cross join horizon
