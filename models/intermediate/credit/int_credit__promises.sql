with

promises as (

    select * from {{ ref('stg_credit__promises_to_pay') }}

),

repayments as (

    select * from {{ ref('stg_credit__repayments') }}

),

accounts as (

    select * from {{ ref('int_credit__accounts') }}

),

parameters as (

    select cast(max(value) as {{ type_money() }}) as coverage_tolerance
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'cr_ptp_kept_rate' and parameter = 'coverage_tolerance'

),

paid as (

    select
        promises.promise_id,
        sum(repayments.amount) as paid_amount
    from promises
    inner join repayments
        on
            promises.account_id = repayments.account_id
            and promises.promised_at <= repayments.posted_at
            and promises.due_date >= {{ date_of(business_local('repayments.posted_at')) }}
    group by promises.promise_id

)

select
    promises.promise_id,
    promises.account_id,
    promises.promised_at,
    promises.due_date,
    promises.amount,
    coalesce(paid.paid_amount, 0) as paid_amount,
    coalesce(paid.paid_amount, 0) >= promises.amount - parameters.coverage_tolerance as is_kept,
    accounts.channel
from promises
left join paid on promises.promise_id = paid.promise_id
left join accounts on promises.account_id = accounts.account_id
cross join parameters
