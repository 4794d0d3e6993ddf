with

accounts as (

    select * from {{ ref('stg_credit__accounts') }}

),

instalments as (

    select * from {{ ref('stg_credit__instalments') }}

),

scheduled as (

    select distinct account_id
    from instalments

),

dated as (

    select
        account_id,
        application_id,
        channel,
        customer_type,
        product_line,
        principal,
        {{ date_of(business_local('booked_at')) }} as booked_date,
        {{ date_of(business_local('closed_at')) }} as closed_date,
        {{ date_of(business_local('charged_off_at')) }} as charged_off_date,
        {{ date_of(business_local('disputed_from')) }} as disputed_from_date,
        {{ date_of(business_local('disputed_to')) }} as disputed_to_date
    from accounts

)

select
    dated.account_id,
    dated.application_id,
    dated.channel,
    dated.customer_type,
    dated.product_line,
    dated.principal,
    dated.booked_date,
    {{ month_start('dated.booked_date') }} as cohort_month,
    dated.closed_date,
    dated.charged_off_date,
    least(
        coalesce(dated.closed_date, dated.charged_off_date),
        coalesce(dated.charged_off_date, dated.closed_date)
    ) as ended_date,
    dated.disputed_from_date,
    dated.disputed_to_date,
    scheduled.account_id is not null as has_instalments
from dated
left join scheduled on dated.account_id = scheduled.account_id
