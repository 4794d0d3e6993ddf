with

accounts as (

    select * from {{ ref('int_credit__accounts') }}
    where has_instalments

),

schedule as (

    select * from {{ ref('int_credit__schedule') }}

),

payment_days as (

    select * from {{ ref('int_credit__payment_days') }}

),

parameters as (

    select cast(max(value) as {{ type_money() }}) as coverage_tolerance
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'cr_rule_dpd' and parameter = 'coverage_tolerance'

),

changes as (          -- what was paid up to the booking counts from the booking on

    select account_id, booked_date as change_date, cast(0 as {{ type_money() }}) as amount
    from accounts
    union all
    select
        accounts.account_id,
        greatest(payment_days.paid_date, accounts.booked_date) as change_date,
        payment_days.amount
    from accounts
    inner join payment_days on accounts.account_id = payment_days.account_id

),

changed_days as (

    select account_id, change_date, sum(amount) as amount
    from changes
    group by account_id, change_date

),

steps as (

    select
        account_id,
        change_date,
        sum(amount) over (
            partition by account_id
            order by change_date
            rows between unbounded preceding and current row
        ) as paid_so_far
    from changed_days

),

ladder as (           -- payments and instalments of an account on one scale of money

    select
        account_id,
        paid_so_far as height,
        0 as is_instalment,
        change_date,
        {{ typed_null('date') }} as due_date,
        paid_so_far
    from steps
    union all
    select
        schedule.account_id,
        schedule.due_so_far - parameters.coverage_tolerance as height,
        1 as is_instalment,
        {{ typed_null('date') }} as change_date,
        schedule.due_date,
        cast(null as {{ type_money() }}) as paid_so_far
    from schedule
    cross join parameters

),

read as (             -- an instalment strictly above what is paid is not covered; as high as it is: covered

    select
        account_id,
        change_date,
        paid_so_far,
        is_instalment,
        min(due_date) over (
            partition by account_id
            order by height desc, is_instalment
            rows between unbounded preceding and current row
        ) as oldest_due_date
    from ladder

)

select
    account_id,
    change_date,
    paid_so_far,
    oldest_due_date,
    oldest_due_date is null as is_repaid
from read
where is_instalment = 0
