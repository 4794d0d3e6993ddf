with

accounts as (

    select * from {{ ref('int_credit__accounts') }}

),

month_ends as (

    select * from {{ ref('int_credit__month_ends') }}

),

horizon as (

    select as_of
    from {{ ref('int_credit__as_of') }}

),

parameters as (

    select
        cast(max(value) filter (where metric_id = 'cr_rule_vintage' and parameter = 'max_mob') as int) as max_mob,
        cast(max(value) filter (where metric_id = 'cr_vintage_mob3_dpd30_rate' and parameter = 'dpd_min') as int)
            as dpd_min
    from {{ ref('stg_dictionary__parameters') }}

),

aged as (

    select
        accounts.cohort_month,
        {{ months_between_dates('accounts.cohort_month', 'month_ends.month_start') }} as mob,
        accounts.channel,
        accounts.customer_type,
        accounts.product_line,
        accounts.principal,
        month_ends.state_date,
        month_ends.state,
        month_ends.dpd
    from month_ends
    inner join accounts on month_ends.account_id = accounts.account_id

)

select
    aged.cohort_month,
    cast(aged.mob as int) as mob,
    cast(aged.channel as {{ type_text() }}) as channel,
    cast(aged.customer_type as {{ type_text() }}) as customer_type,
    cast(aged.product_line as {{ type_text() }}) as product_line,
    aged.state_date,
    count(*) as accounts,
    count(*) filter (where aged.state = 'charged_off' or aged.dpd >= parameters.dpd_min) as dpd30_accounts,
    count(*) filter (where aged.state = 'charged_off') as charged_off_accounts,
    count(*) filter (where aged.state = 'repaid') as repaid_accounts,
    count(*) filter (where aged.state = 'closed') as closed_accounts,
    cast(sum(aged.principal) as {{ type_double() }}) as principal,
    cast(
        sum(aged.principal) filter (where aged.state = 'charged_off' or aged.dpd >= parameters.dpd_min)
        as {{ type_double() }}
    ) as dpd30_principal,
    {{ safe_divide(
        "count(*) filter (where aged.state = 'charged_off' or aged.dpd >= parameters.dpd_min)", 'count(*)'
    ) }} as dpd30_rate,
    cast({{ add_days('aged.state_date', 1) }} as {{ type_ts() }}) <= horizon.as_of as is_final
from aged
cross join parameters
cross join horizon
where aged.mob <= parameters.max_mob
group by
    aged.cohort_month, aged.mob, aged.channel, aged.customer_type, aged.product_line, aged.state_date, horizon.as_of
