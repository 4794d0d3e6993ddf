{{ config(materialized='view') }}

with

spells as (

    select * from {{ ref('int_credit__dpd_spells') }}
    where state = 'open'

),

bounds as (

    {{ credit_bucket_bounds() | indent(4) }}

),

days as (

    select
        spells.account_id,
        days.day_date,
        spells.channel,
        spells.customer_type,
        spells.product_line,
        {{ credit_dpd('spells', 'days.day_date') }} as dpd,
        case when days.day_date >= spells.arrears_from_date then spells.due_date end as oldest_unpaid_due_date,
        spells.is_disputed,
        spells.is_fraud
    from spells
    cross join lateral {{ date_series(
        'spells.valid_from_date', add_days('spells.valid_to_date', -1), 'day_date'
    ) }} as days

)

select
    days.account_id,
    cast(days.day_date as date) as day_date,
    days.channel,
    days.customer_type,
    days.product_line,
    cast(days.dpd as int) as dpd,
    cast({{ credit_bucket('days.dpd', 'bounds') }} as {{ type_text() }}) as dpd_bucket,
    days.oldest_unpaid_due_date,
    days.is_disputed,
    days.is_fraud
from days
cross join bounds
