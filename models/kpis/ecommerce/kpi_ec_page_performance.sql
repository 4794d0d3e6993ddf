with

events as (

    select * from {{ ref('int_ecommerce__events') }}
    where event_name in ('page_view', 'page_error')

),

realtime as (

    select * from {{ ref('int_ecommerce__realtime') }}

),

landed as (

    select * from {{ ref('stg_ecommerce__landed') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_fast_first_screen_share'

),

limits as (

    select
        max(value) filter (where parameter = 'latency_min_ms') as least_ms,
        max(value) filter (where parameter = 'latency_max_ms') as fast_ms
    from parameters

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id in ('ec_fast_first_screen_share', 'ec_page_crash_rate')

),

timed as (

    select
        {{ realtime_bucket('events.event_local_at', 'realtime.realtime_from') }} as bucket_local_at,
        events.event_local_at >= realtime.realtime_from as is_recent,
        events.platform,
        events.event_name,
        events.latency_ms >= limits.least_ms and events.latency_ms <= limits.fast_ms as is_fast,
        events.latency_ms >= limits.least_ms as is_measured
    from events
    cross join realtime
    cross join limits

),

reduced as (

    select
        bucket_local_at,
        is_recent,
        platform,
        {{ count_where("event_name = 'page_view'") }} as page_views,
        {{ count_where("event_name = 'page_error'") }} as page_errors,
        {{ count_where("event_name = 'page_view' and is_measured") }} as measured_views,
        {{ count_where("event_name = 'page_view' and is_fast") }} as fast_views
    from timed
    group by bucket_local_at, is_recent, platform

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
            when 'platform' then reduced.platform
        end as dimension_value,
        case slices.kpi_id when 'ec_page_crash_rate' then reduced.page_errors else reduced.fast_views end as numerator,
        case slices.kpi_id when 'ec_page_crash_rate' then reduced.page_views else reduced.measured_views end as denominator
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
        sum(numerator) as numerator,
        sum(denominator) as denominator
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
        counted.numerator,
        counted.denominator,
        {{ safe_divide('counted.numerator', 'counted.denominator') }} as value,
        counted.denominator as sample_size,
        true as is_matured
    from counted
    cross join realtime
    where
        (not {{ is_realtime_grain('counted.period_grain') }} or counted.period_start >= realtime.realtime_from)
        and (counted.kpi_id = 'ec_page_crash_rate' or {{ has_landed('landed', ['events.latency_ms']) }})

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
