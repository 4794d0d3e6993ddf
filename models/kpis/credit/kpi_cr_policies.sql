with

decisions as (

    select * from {{ ref('stg_credit__policy_decisions') }}

),

changes as (

    select * from {{ ref('stg_credit__policy_changes') }}

),

landed as (

    select * from {{ ref('stg_credit__landed') }}

),

horizon as (

    select * from {{ ref('int_credit__as_of') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where
        kpi_id = 'cr_strict_policy_rate'
        or (
            kpi_id = 'cr_policy_rollout_24h_rate'
            and {{ credit_is_landed([['policy_changes', 'fully_effective_at']]) }}
        )

),

windows as (

    select
        metric_id as kpi_id,
        version,
        value * 60 as window_minutes
    from parameters
    where metric_id = 'cr_policy_rollout_24h_rate' and parameter = 'window_hours'

),

members as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        slices.dimension,
        {{ business_local('decisions.decided_at') }} as local_at,
        decisions.policy_id as policy,
        decisions.applied as is_counted,
        true as is_matured
    from decisions
    inner join slices on slices.kpi_id = 'cr_strict_policy_rate'
    union all
    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        slices.dimension,
        {{ business_local('changes.announced_at') }} as local_at,
        changes.policy_id as policy,
        coalesce(
            {{ minutes_between('changes.announced_at', 'changes.fully_effective_at') }} <= windows.window_minutes, false
        ) as is_counted,
        {{ minutes_between('changes.announced_at', 'horizon.as_of_utc') }} >= windows.window_minutes as is_matured
    from changes
    cross join horizon
    inner join slices on slices.kpi_id = 'cr_policy_rollout_24h_rate'
    inner join windows
        on slices.kpi_id = windows.kpi_id
        and slices.version = windows.version

),

sliced as (

    select
        kpi_id,
        version,
        period_grain,
        {{ period_start('period_grain', 'local_at') }} as period_start,
        dimension,
        {{ credit_member('dimension', 'members', ['policy']) }} as dimension_value,
        is_counted,
        is_matured
    from members

),

measured as (

    select
        kpi_id, version, period_grain, period_start, dimension, dimension_value,
        {{ count_where('is_counted') }} as numerator,
        count(*) as denominator,
        {{ safe_divide(count_where('is_counted'), 'count(*)') }} as value,
        count(*) as sample_size,
        {{ all_true('is_matured') }} as is_matured
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
