with

accounts as (

    select * from {{ ref('int_credit__accounts') }}

),

coverage as (

    select * from {{ ref('int_credit__coverage') }}

),

dpd_snapshots as (

    select * from {{ ref('stg_credit__dpd_snapshots') }}

),

fraud_flags as (

    select * from {{ ref('stg_credit__fraud_flags') }}

),

horizon as (

    select {{ date_of('as_of') }} as as_of_date
    from {{ ref('int_credit__as_of') }}

),

parameters as (

    select
        cast(max(value) filter (where metric_id = 'cr_rule_dpd' and parameter = 'grace_days') as int) as grace_days,
        cast(max(value) filter (where metric_id = 'cr_rule_snapshots' and parameter = 'max_age_days') as int)
            as max_age_days
    from {{ ref('stg_dictionary__parameters') }}

),

snapshots as (

    select
        dpd_snapshots.account_id,
        dpd_snapshots.snapshot_date,
        dpd_snapshots.days_past_due,
        lead(dpd_snapshots.snapshot_date) over (
            partition by dpd_snapshots.account_id
            order by dpd_snapshots.snapshot_date
        ) as next_snapshot_date
    from dpd_snapshots
    inner join accounts on dpd_snapshots.account_id = accounts.account_id
    where not accounts.has_instalments

),

flags as (

    select
        fraud_flags.account_id,
        {{ date_of(business_local('fraud_flags.flagged_at')) }} as flagged_date,
        {{ arg_max("fraud_flags.level in ('suspected', 'confirmed')", 'fraud_flags.flagged_at') }} as is_fraud
    from fraud_flags
    group by fraud_flags.account_id, {{ date_of(business_local('fraud_flags.flagged_at')) }}

),

changes as (          -- null: this change leaves that attribute as it was

    select
        account_id,
        booked_date as change_date,
        1 as is_booking,
        {{ typed_null('date') }} as due_date,
        {{ typed_null('bool') }} as is_repaid,
        cast(0 as {{ type_bigint() }}) as snapshot_dpd,
        false as is_disputed,
        false as is_fraud,
        'open' as life
    from accounts
    union all
    select account_id, change_date, 0, oldest_due_date, is_repaid, null, null, null, null
    from coverage
    union all
    select account_id, snapshot_date, 0, null, null, days_past_due, null, null, null
    from snapshots
    union all
    select
        snapshots.account_id,
        {{ add_days('snapshots.snapshot_date', 'parameters.max_age_days + 1') }},
        0,
        null,
        null,
        0,
        null,
        null,
        null
    from snapshots
    cross join parameters
    where
        snapshots.next_snapshot_date is null
        or snapshots.next_snapshot_date > {{ add_days('snapshots.snapshot_date', 'parameters.max_age_days + 1') }}
    union all
    select account_id, disputed_from_date, 0, null, null, null, true, null, null
    from accounts
    where disputed_from_date < disputed_to_date or (disputed_from_date is not null and disputed_to_date is null)
    union all
    select account_id, disputed_to_date, 0, null, null, null, false, null, null
    from accounts
    where disputed_from_date < disputed_to_date
    union all
    select account_id, flagged_date, 0, null, null, null, null, is_fraud, null
    from flags
    union all
    select account_id, closed_date, 0, null, null, null, null, null, 'closed'
    from accounts
    where closed_date < charged_off_date or (closed_date is not null and charged_off_date is null)
    union all
    select account_id, charged_off_date, 0, null, null, null, null, null, 'charged_off'
    from accounts
    where charged_off_date is not null

),

clipped as (         -- what happened before the booking is known on the day of booking

    select
        changes.account_id,
        changes.change_date,
        greatest(changes.change_date, accounts.booked_date) as valid_from_date,
        changes.is_booking,
        changes.due_date,
        changes.is_repaid,
        changes.snapshot_dpd,
        changes.is_disputed,
        changes.is_fraud,
        changes.life,
        accounts.has_instalments,
        accounts.channel,
        accounts.customer_type,
        accounts.product_line
    from changes
    inner join accounts on changes.account_id = accounts.account_id

),

carried as (

    select
        account_id,
        has_instalments,
        channel,
        customer_type,
        product_line,
        valid_from_date,
        lead(valid_from_date) over account_changes as next_from_date,
        {%- for attribute in ['due_date', 'is_repaid', 'snapshot_dpd', 'is_disputed', 'is_fraud', 'life'] %}
        {{ last_value_ignore_nulls(attribute) }} over account_changes_so_far as {{ attribute }}{{ "," if not loop.last }}
        {%- endfor %}
    from clipped
    window
        account_changes as (
            partition by account_id
            order by valid_from_date, is_booking desc, change_date
        ),
        account_changes_so_far as (
            partition by account_id
            order by valid_from_date, is_booking desc, change_date
            rows between unbounded preceding and current row
        )

),

bounded as (

    select
        carried.account_id,
        carried.has_instalments,
        carried.channel,
        carried.customer_type,
        carried.product_line,
        carried.valid_from_date,
        carried.due_date,
        carried.is_repaid,
        carried.snapshot_dpd,
        carried.is_disputed,
        carried.is_fraud,
        carried.life,
        least(
            coalesce(carried.next_from_date, {{ add_days('horizon.as_of_date', 1) }}),
            {{ add_days('horizon.as_of_date', 1) }}
        ) as valid_to_date
    from carried
    cross join horizon

)

select                -- of the changes of one day the last carries them all; the others are empty
    bounded.account_id,
    bounded.valid_from_date,
    bounded.valid_to_date,
    case when bounded.life = 'open' and bounded.is_repaid then 'repaid' else bounded.life end as state,
    case when not bounded.is_repaid then bounded.due_date end as due_date,
    case
        when not bounded.is_repaid then {{ add_days('bounded.due_date', 'parameters.grace_days + 1') }}
    end as arrears_from_date,
    case when not bounded.has_instalments then bounded.snapshot_dpd end as snapshot_dpd,
    bounded.is_disputed,
    bounded.is_fraud,
    bounded.channel,
    bounded.customer_type,
    bounded.product_line
from bounded
cross join parameters
where bounded.valid_from_date < bounded.valid_to_date
