-- Stocks summed from entries and exits equal the accounts counted one by one at every month end, for every DPD range.
with

ranges as (

    select
        metric_id as stock,
        version,
        max(value) filter (where parameter = 'dpd_min') as dpd_min,
        max(value) filter (where parameter = 'dpd_max') as dpd_max
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id in ('cr_dpd30_rate', 'cr_fraud_share_of_dpd30')
    group by metric_id, version

),

counted as (

    select
        case when is_disputed then 'disputed' else 'active' end as stock,
        1 as version,
        state_date,
        count(*) as accounts
    from {{ ref('int_credit__month_ends') }}
    where state = 'open'
    group by is_disputed, state_date
    union all
    select
        ranges.stock,
        ranges.version,
        month_ends.state_date,
        count(*) as accounts
    from {{ ref('int_credit__month_ends') }} as month_ends
    inner join ranges
        on
            month_ends.dpd >= ranges.dpd_min
            and (ranges.dpd_max is null or month_ends.dpd <= ranges.dpd_max)
    where month_ends.state = 'open' and not month_ends.is_disputed
    group by ranges.stock, ranges.version, month_ends.state_date

),

read_days as (

    select distinct state_date
    from {{ ref('int_credit__month_ends') }}

),

stocks as (

    select
        daily.stock,
        daily.version,
        daily.day_date,
        sum(daily.accounts) as accounts
    from {{ ref('int_credit__daily_stocks') }} as daily
    inner join read_days on daily.day_date = read_days.state_date
    group by daily.stock, daily.version, daily.day_date

)

select
    coalesce(counted.stock, stocks.stock) as stock,
    coalesce(counted.version, stocks.version) as version,
    coalesce(counted.state_date, stocks.day_date) as day_date,
    counted.accounts as counted_accounts,
    stocks.accounts as stock_accounts
from counted
full outer join stocks
    on
        counted.stock = stocks.stock
        and counted.version = stocks.version
        and counted.state_date = stocks.day_date
where {{ is_distinct('counted.accounts', 'stocks.accounts') }}
