with

accounts as (

    select * from {{ ref('int_credit__accounts') }}

),

spells as (

    select * from {{ ref('int_credit__dpd_spells') }}

),

horizon as (

    select * from {{ ref('int_credit__as_of') }}

),

months as (

    -- months on book of the oldest account; the open month is taken at as_of
    select
        cast({{ add_months('bounds.first_month', 'numbers.n') }} as date) as month_start,
        {{ least_of([month_end(add_months('bounds.first_month', 'numbers.n')), 'bounds.as_of_date']) }} as stock_date,
        {{ month_end(add_months('bounds.first_month', 'numbers.n')) }} < bounds.as_of_date as is_closed
    from (
        select
            min(accounts.booked_month) as first_month,
            {{ date_of('max(horizon.as_of)') }} as as_of_date
        from accounts
        cross join horizon
    ) as bounds
    cross join lateral {{ int_series('0', months_between_dates('bounds.first_month', 'bounds.as_of_date')) }} as numbers

),

account_months as (

    select
        accounts.account_id,
        accounts.channel,
        accounts.customer_type,
        accounts.product_line,
        accounts.booked_month,
        accounts.closed_date,
        accounts.charged_off_date,
        coalesce(
            accounts.disputed_from_date <= months.stock_date
            and coalesce(accounts.disputed_to_date > months.stock_date, true),
            false
        ) as is_in_dispute,
        months.month_start,
        months.stock_date,
        months.is_closed
    from accounts
    inner join months on accounts.booked_month <= months.month_start

)

select
    account_months.account_id,
    account_months.channel,
    account_months.customer_type,
    account_months.product_line,
    account_months.booked_month,
    account_months.month_start,
    account_months.stock_date,
    account_months.is_closed as is_month_closed,
    {{ months_between_dates('account_months.booked_month', 'account_months.month_start') }} as mob,
    case
        when account_months.charged_off_date <= account_months.stock_date then 'charged_off'
        when account_months.closed_date <= account_months.stock_date then 'closed'
        when spells.is_repaid then 'repaid'
        else 'active'
    end as status,
    case
        when spells.account_id is not null and not spells.is_repaid
            then {{ credit_dpd('spells', 'account_months.stock_date') }}
    end as dpd,
    account_months.is_in_dispute,
    spells.fraud_type
from account_months
left join spells
    on account_months.account_id = spells.account_id
    and account_months.stock_date >= spells.from_date
    and account_months.stock_date < spells.to_date
