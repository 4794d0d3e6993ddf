with

due_instalments as (

    select * from {{ ref('int_credit__due_instalments') }}

),

accounts as (

    select * from {{ ref('int_credit__accounts') }}

),

landed as (

    select * from {{ ref('stg_credit__landed') }}

),

horizon as (

    select {{ date_of('as_of') }} as as_of_date
    from {{ ref('int_credit__as_of') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where
        kpi_id in ('cr_fpd7_rate', 'cr_fpd30_rate', 'cr_dpd1_rate_7d', 'cr_dpd1_rate_14d')
        and {{ credit_is_landed([
            ['accounts', 'account_id'], ['instalments', 'account_id'], ['repayments', 'account_id']
        ]) }}

),

first_instalments as (

    select
        account_id,
        is_over_fpd7_rate,
        is_unpaid_fpd7_rate,
        is_over_fpd30_rate,
        is_unpaid_fpd30_rate
    from due_instalments
    where is_first

),

members as (          -- booked accounts by booking month, instalments by due date, counted before they are sliced

    {% for kpi in ['fpd7_rate', 'fpd30_rate'] -%}
    select
        'cr_{{ kpi }}' as kpi_id,
        accounts.cohort_month as member_date,
        accounts.channel,
        accounts.customer_type,
        count(*) as members,
        count(*) filter (where first_instalments.is_unpaid_{{ kpi }}) as unpaid,
        {{ all_true("coalesce(first_instalments.is_over_" ~ kpi ~ ", true)") }} as is_matured
    from accounts
    left join first_instalments on accounts.account_id = first_instalments.account_id
    group by accounts.cohort_month, accounts.channel, accounts.customer_type
    union all
    {% endfor -%}
    {% for kpi in ['dpd1_rate_7d', 'dpd1_rate_14d'] -%}
    select
        'cr_{{ kpi }}' as kpi_id,
        due_instalments.due_date as member_date,
        due_instalments.channel,
        due_instalments.customer_type,
        count(*) as members,
        count(*) filter (where due_instalments.is_unpaid_{{ kpi }}) as unpaid,
        {{ all_true("due_instalments.is_over_" ~ kpi) }} as is_matured
    from due_instalments
    cross join horizon
    where due_instalments.due_date <= horizon.as_of_date
    group by due_instalments.due_date, due_instalments.channel, due_instalments.customer_type
    {{ "union all" if not loop.last }}
    {% endfor %}
),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'cast(members.member_date as ' ~ type_ts() ~ ')') }} as period_start,
        slices.dimension,
        {{ credit_member('slices.dimension', 'members', ['channel', 'customer_type']) }} as dimension_value,
        members.members,
        members.unpaid,
        members.is_matured
    from members
    inner join slices on members.kpi_id = slices.kpi_id

),

measured as (

    {{ sum_and_divide('sliced', 'unpaid', 'members', is_matured=all_true('is_matured')) }}

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
