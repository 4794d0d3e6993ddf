with

month_ends as (

    select * from {{ ref('int_credit__month_ends') }}

),

accounts as (

    select * from {{ ref('int_credit__accounts') }}

),

landed as (

    select * from {{ ref('stg_credit__landed') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'cr_roll_rate_1_29_to_30' and {{ credit_dpd_is_landed() }}

),

parameters as (

    select
        version,
        cast(max(value) filter (where parameter = 'dpd_from_min') as int) as dpd_from_min,
        cast(max(value) filter (where parameter = 'dpd_from_max') as int) as dpd_from_max,
        cast(max(value) filter (where parameter = 'dpd_min') as int) as dpd_min
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'cr_roll_rate_1_29_to_30'
    group by version

),

starting as (

    select
        month_ends.account_id,
        {{ add_months('month_ends.month_start', 1) }} as month_start,
        parameters.version,
        parameters.dpd_min
    from month_ends
    inner join parameters on month_ends.dpd between parameters.dpd_from_min and parameters.dpd_from_max
    where not month_ends.is_disputed

),

rolled as (

    select
        starting.version,
        month_ends.month_start,
        accounts.channel,
        accounts.customer_type,
        count(*) as accounts,
        count(*) filter (where month_ends.state = 'charged_off' or month_ends.dpd >= starting.dpd_min)
            as rolled_accounts
    from starting
    inner join month_ends
        on starting.account_id = month_ends.account_id and starting.month_start = month_ends.month_start
    inner join accounts on starting.account_id = accounts.account_id
    where not month_ends.is_disputed
    group by starting.version, month_ends.month_start, accounts.channel, accounts.customer_type

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'cast(rolled.month_start as ' ~ type_ts() ~ ')') }} as period_start,
        slices.dimension,
        {{ credit_member('slices.dimension', 'rolled', ['channel', 'customer_type']) }} as dimension_value,
        rolled.accounts,
        rolled.rolled_accounts
    from rolled
    inner join slices on rolled.version = slices.version

),

measured as (

    {{ sum_and_divide('sliced', 'rolled_accounts', 'accounts') }}

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
