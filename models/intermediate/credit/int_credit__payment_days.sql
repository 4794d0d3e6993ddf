with

repayments as (

    select * from {{ ref('stg_credit__repayments') }}

),

posted as (

    select
        account_id,
        {{ date_of(business_local('posted_at')) }} as paid_date,
        amount
    from repayments

)

select
    account_id,
    paid_date,
    sum(amount) as amount
from posted
group by account_id, paid_date
