with

spells as (

    select * from {{ ref('int_credit__dpd_spells') }}

),

horizon as (

    select {{ date_of('as_of') }} as as_of_date
    from {{ ref('int_credit__as_of') }}

),

months as (           -- the months that end within a spell; the open one ends at `as_of`

    select
        spells.account_id,
        spells.due_date,
        spells.arrears_from_date,
        spells.snapshot_dpd,
        spells.state,
        spells.is_disputed,
        {{ add_months(month_start('spells.valid_from_date'), 'steps.n') }} as month_start,
        horizon.as_of_date
    from spells
    cross join horizon
    cross join lateral {{ int_series(
        '0',
        months_between_dates('spells.valid_from_date', 'spells.valid_to_date')
        ~ ' - case when spells.valid_to_date > horizon.as_of_date'
        ~ ' and month(spells.valid_to_date) = month(horizon.as_of_date) then 0 else 1 end'
    ) }} as steps

),

dated as (

    select
        account_id,
        month_start,
        least({{ month_end('month_start') }}, as_of_date) as state_date,
        state,
        is_disputed,
        due_date,
        arrears_from_date,
        snapshot_dpd
    from months

)

select
    dated.account_id,
    dated.month_start,
    dated.state_date,
    dated.state,
    dated.is_disputed,
    case when dated.state = 'open' then {{ credit_dpd('dated', 'dated.state_date') }} end as dpd
from dated
