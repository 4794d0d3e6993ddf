with

spells as (

    select * from {{ ref('int_credit__dpd_spells') }}
    where state = 'open'

),

landed as (

    select * from {{ ref('stg_credit__landed') }}

),

ranges as (           -- the stretches of DPD of which a KPI counts the accounts at period ends

    select
        metric_id,
        version,
        cast(max(value) filter (where parameter = 'dpd_min') as int) as dpd_min,
        cast(max(value) filter (where parameter = 'dpd_max') as int) as dpd_max
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id in ('cr_dpd30_rate', 'cr_fraud_share_of_dpd30')
    group by metric_id, version

),

stretches as (        -- from when to when an account counts in a stock

    select
        case when is_disputed then 'disputed' else 'active' end as stock,
        1 as version,
        channel,
        customer_type,
        product_line,
        is_fraud,
        valid_from_date as from_date,
        valid_to_date as to_date
    from spells
    union all
    select
        ranges.metric_id as stock,
        ranges.version,
        spells.channel,
        spells.customer_type,
        spells.product_line,
        spells.is_fraud,
        case
            when spells.snapshot_dpd is not null then spells.valid_from_date
            else greatest(
                spells.valid_from_date, spells.arrears_from_date, {{ add_days('spells.due_date', 'ranges.dpd_min') }}
            )
        end as from_date,
        case
            when spells.snapshot_dpd is not null or ranges.dpd_max is null then spells.valid_to_date
            else least(spells.valid_to_date, {{ add_days('spells.due_date', 'ranges.dpd_max + 1') }})
        end as to_date
    from spells
    cross join ranges
    where
        not spells.is_disputed
        and (
            spells.snapshot_dpd between ranges.dpd_min and coalesce(ranges.dpd_max, spells.snapshot_dpd)
            or (
                spells.valid_to_date > {{ add_days('spells.due_date', 'ranges.dpd_min') }}
                and spells.valid_to_date > spells.arrears_from_date
            )
        )

),

steps as (

    select stock, version, channel, customer_type, product_line, is_fraud, from_date as day_date, 1 as step
    from stretches
    where from_date < to_date
    union all
    select stock, version, channel, customer_type, product_line, is_fraud, to_date as day_date, -1 as step
    from stretches
    where from_date < to_date

),

cell_days as (

    select
        stock,
        version,
        channel,
        customer_type,
        product_line,
        case
            when not {{ credit_is_landed([['fraud_flags', 'level']]) }} then 'unknown'
            when is_fraud then 'fraud'
            else 'credit'
        end as fraud_type,
        day_date,
        sum(step) as step
    from steps
    group by stock, version, channel, customer_type, product_line, is_fraud, day_date

),

levels as (

    select
        stock,
        version,
        channel,
        customer_type,
        product_line,
        fraud_type,
        day_date as from_date,
        lead(day_date) over (
            partition by stock, version, channel, customer_type, product_line, fraud_type
            order by day_date
        ) as to_date,
        sum(step) over (
            partition by stock, version, channel, customer_type, product_line, fraud_type
            order by day_date
            rows between unbounded preceding and current row
        ) as accounts
    from cell_days

)

select
    levels.stock,
    levels.version,
    levels.channel,
    levels.customer_type,
    levels.product_line,
    levels.fraud_type,
    days.day_date,
    cast(levels.accounts as {{ type_bigint() }}) as accounts
from levels
cross join lateral {{ date_series('levels.from_date', add_days('levels.to_date', -1), 'day_date') }} as days
where levels.accounts > 0
