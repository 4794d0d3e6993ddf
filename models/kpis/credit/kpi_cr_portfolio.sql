with

stocks as (

    select * from {{ ref('int_credit__daily_stocks') }}

),

landed as (

    select * from {{ ref('stg_credit__landed') }}

),

horizon as (

    select {{ date_of('as_of') }} as as_of_date
    from {{ ref('int_credit__as_of') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where
        (kpi_id = 'cr_active_accounts' and {{ credit_is_landed([['accounts', 'account_id']]) }})
        or (kpi_id = 'cr_disputed_accounts' and {{ credit_is_landed([['accounts', 'disputed_from']]) }})
        or (kpi_id = 'cr_dpd30_rate' and {{ credit_dpd_is_landed() }})
        or (
            kpi_id = 'cr_fraud_share_of_dpd30'
            and {{ credit_dpd_is_landed() }}
            and {{ credit_is_landed([['fraud_flags', 'level']]) }}
        )

),

roles as (            -- which stock stands above and below the line of a KPI version

    select kpi_id, version, 'active' as stock, 1 as stock_version, 'numerator' as role
    from slices
    where kpi_id = 'cr_active_accounts'
    union
    select kpi_id, version, 'disputed', 1, 'numerator'
    from slices
    where kpi_id = 'cr_disputed_accounts'
    union
    select kpi_id, version, kpi_id, version, 'numerator'
    from slices
    where kpi_id = 'cr_dpd30_rate'
    union
    select kpi_id, version, 'active', 1, 'denominator'
    from slices
    where kpi_id = 'cr_dpd30_rate'
    union
    select kpi_id, version, kpi_id, version, 'denominator'
    from slices
    where kpi_id = 'cr_fraud_share_of_dpd30'

),

days as (

    select distinct day_date
    from stocks

),

grains as (

    select distinct period_grain
    from slices

),

dated as (

    select
        grains.period_grain,
        days.day_date,
        {{ period_start('grains.period_grain', 'cast(days.day_date as ' ~ type_ts() ~ ')') }} as period_start
    from days
    cross join grains

),

period_ends as (      -- the stock of a period is that of its last day, of an open one that of today

    select
        dated.period_grain,
        dated.period_start,
        dated.day_date
    from dated
    cross join horizon
    where
        dated.day_date = horizon.as_of_date
        or cast({{ add_days('dated.day_date', 1) }} as {{ type_ts() }})
        = {{ period_end('dated.period_grain', 'dated.period_start') }}

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        period_ends.period_start,
        slices.dimension,
        {{ credit_member('slices.dimension', 'stocks', ['channel', 'customer_type', 'product_line', 'fraud_type']) }}
            as dimension_value,
        case
            when roles.role = 'numerator' then stocks.accounts
            when slices.kpi_id = 'cr_fraud_share_of_dpd30' and stocks.fraud_type = 'fraud' then stocks.accounts
            else 0
        end as numerator,
        case when roles.role = 'denominator' then stocks.accounts else 0 end as denominator
    from stocks
    inner join roles on stocks.stock = roles.stock and stocks.version = roles.stock_version
    inner join slices on roles.kpi_id = slices.kpi_id and roles.version = slices.version
    inner join period_ends
        on slices.period_grain = period_ends.period_grain and stocks.day_date = period_ends.day_date

),

measured as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        sum(numerator) as numerator,
        sum(denominator) as denominator
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

),

published as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        numerator,
        case when kpi_id not in ('cr_active_accounts', 'cr_disputed_accounts') then denominator end as denominator,
        case
            when kpi_id in ('cr_active_accounts', 'cr_disputed_accounts') then numerator
            else {{ safe_divide('numerator', 'denominator') }}
        end as value,
        case
            when kpi_id in ('cr_active_accounts', 'cr_disputed_accounts') then numerator
            else denominator
        end as sample_size,
        true as is_matured
    from measured

)

{{ kpi_rows('published', 'credit', ref('int_credit__as_of')) }}
