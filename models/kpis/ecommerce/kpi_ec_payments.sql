with

attempts as (

    select * from {{ ref('stg_ecommerce__payment_attempts') }}

),

test_orders as (

    select * from {{ ref('int_ecommerce__test_orders') }}

),

realtime as (

    select * from {{ ref('int_ecommerce__realtime') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'ec_payment_failure_rate'

),

real_attempts as (

    select
        {{ to_local('attempts.attempted_at', "'" ~ var('business_timezone') ~ "'") }} as attempted_local_at,
        coalesce(attempts.gateway, 'unknown') as gateway,
        attempts.succeeded
    from attempts
    left join test_orders on attempts.order_id = test_orders.order_id
    where test_orders.order_id is null

),

reduced as (

    select
        {{ realtime_bucket('real_attempts.attempted_local_at', 'realtime.realtime_from') }} as bucket_local_at,
        real_attempts.attempted_local_at >= realtime.realtime_from as is_recent,
        real_attempts.gateway,
        {{ count_where('not real_attempts.succeeded') }} as failed_attempts,
        count(*) as attempts
    from real_attempts
    cross join realtime
    group by
        {{ realtime_bucket('real_attempts.attempted_local_at', 'realtime.realtime_from') }},
        real_attempts.attempted_local_at >= realtime.realtime_from,
        real_attempts.gateway

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'reduced.bucket_local_at') }} as period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'gateway' then reduced.gateway
        end as dimension_value,
        reduced.failed_attempts,
        reduced.attempts
    from reduced
    inner join slices on reduced.is_recent or not {{ is_realtime_grain('slices.period_grain') }}

),

counted as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        sum(failed_attempts) as failed_attempts,
        sum(attempts) as attempts
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

),

measured as (

    select
        counted.kpi_id,
        counted.version,
        counted.period_grain,
        counted.period_start,
        counted.dimension,
        counted.dimension_value,
        counted.failed_attempts as numerator,
        counted.attempts as denominator,
        {{ safe_divide('counted.failed_attempts', 'counted.attempts') }} as value,
        counted.attempts as sample_size,
        true as is_matured
    from counted
    cross join realtime
    where not {{ is_realtime_grain('counted.period_grain') }} or counted.period_start >= realtime.realtime_from

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
