with

calls as (

    select * from {{ ref('stg_credit__api_calls') }}

),

landed as (

    select * from {{ ref('stg_credit__landed') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where
        kpi_id in ('cr_api_p95_latency_ms', 'cr_api_failure_rate')
        and {{ credit_is_landed([['api_calls', 'latency_ms']]) }}

),

definitions as (

    select
        metric_id as kpi_id,
        version,
        max(value) filter (where parameter = 'latency_max_ms') as latency_max_ms,
        max(value) filter (where parameter = 'percentile') as percentile
    from parameters
    where metric_id in ('cr_api_p95_latency_ms', 'cr_api_failure_rate')
    group by metric_id, version

),

judged_calls as (

    -- a negative or absent latency of an ok call is a call, not a failure and not a latency
    select
        definitions.kpi_id,
        definitions.version,
        definitions.percentile,
        calls.api,
        {{ business_local('calls.called_at') }} as called_local_at,
        calls.latency_ms,
        calls.status <> 'ok' or coalesce(calls.latency_ms > definitions.latency_max_ms, false) as is_failure,
        calls.status = 'ok' and calls.latency_ms >= 0 and calls.latency_ms <= definitions.latency_max_ms as is_timed
    from calls
    cross join definitions

),

calls_by_hour as (

    select
        kpi_id,
        version,
        {{ start_of('hour', 'called_local_at') }} as called_hour,
        api,
        {{ count_where('is_failure') }} as failures,
        count(*) as calls
    from judged_calls
    where kpi_id = 'cr_api_failure_rate'
    group by kpi_id, version, {{ start_of('hour', 'called_local_at') }}, api

),

sliced_calls as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'calls_by_hour.called_hour') }} as period_start,
        slices.dimension,
        {{ credit_member('slices.dimension', 'calls_by_hour', ['api']) }} as dimension_value,
        calls_by_hour.failures,
        calls_by_hour.calls
    from calls_by_hour
    inner join slices
        on calls_by_hour.kpi_id = slices.kpi_id
        and calls_by_hour.version = slices.version

),

sliced_latencies as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'judged_calls.called_local_at') }} as period_start,
        slices.dimension,
        {{ credit_member('slices.dimension', 'judged_calls', ['api']) }} as dimension_value,
        judged_calls.percentile,
        judged_calls.latency_ms
    from judged_calls
    inner join slices
        on judged_calls.kpi_id = slices.kpi_id
        and judged_calls.version = slices.version
    where judged_calls.kpi_id = 'cr_api_p95_latency_ms' and judged_calls.is_timed

),

ranked_latencies as (

    select
        kpi_id, version, period_grain, period_start, dimension, dimension_value, percentile,
        latency_ms,
        row_number() over (
            partition by kpi_id, version, period_grain, period_start, dimension, dimension_value order by latency_ms
        ) as latency_rank,
        count(*) over (
            partition by kpi_id, version, period_grain, period_start, dimension, dimension_value
        ) as latencies
    from sliced_latencies

),

percentiles as (

    select
        kpi_id, version, period_grain, period_start, dimension, dimension_value,
        {{ ranked_percentile('latency_ms', 'latency_rank', 'latencies', 'percentile') }} as value,
        count(*) as sample_size
    from ranked_latencies
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

),

measured as (

    {{ sum_and_divide('sliced_calls', 'failures', 'calls') }}
    union all
    select
        kpi_id, version, period_grain, period_start, dimension, dimension_value,
        {{ typed_null('num') }} as numerator,
        {{ typed_null('num') }} as denominator,
        value,
        sample_size,
        true as is_matured
    from percentiles

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
