with

due_instalments as (

    select * from {{ ref('int_credit__due_instalments') }}
    where is_unpaid_d1

),

contacts as (

    select * from {{ ref('stg_credit__collection_contacts') }}
    where reached

),

promises as (

    select * from {{ ref('int_credit__promises') }}

),

episodes as (

    select * from {{ ref('int_credit__arrears_episodes') }}

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
        (
            kpi_id = 'cr_d1_contact_rate'
            and {{ credit_is_landed([
                ['accounts', 'account_id'], ['instalments', 'account_id'], ['repayments', 'account_id'],
                ['collection_contacts', 'account_id']
            ]) }}
        )
        or (
            kpi_id = 'cr_ptp_kept_rate'
            and {{ credit_is_landed([['promises_to_pay', 'account_id'], ['repayments', 'account_id']]) }}
        )
        or (kpi_id = 'cr_cure_rate_1_29' and {{ credit_dpd_is_landed() }})

),

parameters as (

    select cast(max(value) as int) as days_after_due
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'cr_d1_contact_rate' and parameter = 'days_after_due'

),

reached_days as (

    select distinct
        account_id,
        {{ date_of(business_local('contacted_at')) }} as reached_date
    from contacts

),

first_days as (

    select
        due_instalments.account_id,
        due_instalments.channel,
        {{ add_days('due_instalments.due_date', 'parameters.days_after_due') }} as first_date
    from due_instalments
    cross join parameters

),

counted as (          -- by day and channel, before they are sliced

    select
        'cr_d1_contact_rate' as kpi_id,
        first_days.first_date as member_date,
        first_days.channel,
        count(*) as members,
        count(reached_days.account_id) as successes,
        true as is_matured
    from first_days
    left join reached_days
        on first_days.account_id = reached_days.account_id and first_days.first_date = reached_days.reached_date
    group by first_days.first_date, first_days.channel
    union all
    select
        'cr_ptp_kept_rate' as kpi_id,
        promises.due_date as member_date,
        promises.channel,
        count(*) as members,
        count(*) filter (where promises.is_kept) as successes,
        true as is_matured
    from promises
    cross join horizon
    where promises.due_date <= horizon.as_of_date
    group by promises.due_date, promises.channel
    union all
    select
        'cr_cure_rate_1_29' as kpi_id,
        began_date as member_date,
        channel,
        count(*) as members,
        count(*) filter (where is_cured) as successes,
        {{ all_true('is_over') }} as is_matured
    from episodes
    group by began_date, channel

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'cast(counted.member_date as ' ~ type_ts() ~ ')') }} as period_start,
        slices.dimension,
        {{ credit_member('slices.dimension', 'counted', ['channel']) }} as dimension_value,
        counted.members,
        counted.successes,
        counted.is_matured
    from counted
    inner join slices on counted.kpi_id = slices.kpi_id

),

measured as (

    {{ sum_and_divide('sliced', 'successes', 'members', is_matured=all_true('is_matured')) }}

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
