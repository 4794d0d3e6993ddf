-- From booking to the day of `as_of` every account lies in exactly one spell on every day.
with

spells as (

    select
        account_id,
        valid_from_date,
        valid_to_date,
        lead(valid_from_date) over (partition by account_id order by valid_from_date) as next_from_date
    from {{ ref('int_credit__dpd_spells') }}

),

covered as (

    select
        account_id,
        min(valid_from_date) as first_date,
        max(valid_to_date) as end_date,
        count(*) filter (where next_from_date <> valid_to_date) as breaks
    from spells
    group by account_id

)

select
    accounts.account_id,
    accounts.booked_date,
    covered.first_date,
    covered.end_date,
    covered.breaks
from {{ ref('int_credit__accounts') }} as accounts
cross join {{ ref('int_credit__as_of') }} as horizon
left join covered on accounts.account_id = covered.account_id
where
    covered.account_id is null
    or covered.first_date <> accounts.booked_date
    or covered.end_date <> {{ add_days(date_of('horizon.as_of'), 1) }}
    or covered.breaks > 0
