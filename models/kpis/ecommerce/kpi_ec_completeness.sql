with

events as (

    select * from {{ ref('stg_ecommerce__events') }}

),

traffic as (         -- for the business date only: completeness is measured before the traffic filter

    select * from {{ ref('int_ecommerce__traffic') }}

),

event_names as (

    select * from {{ ref('int_ecommerce__event_names') }}
    where is_core

),

server_event_counts as (

    select * from {{ ref('stg_ecommerce__server_event_counts') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

landed as (

    select * from {{ ref('stg_ecommerce__landed') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'ec_event_completeness'

),

received as (

    select
        traffic.event_date,
        events.event_name,
        coalesce(events.platform, 'unknown') as platform,
        count(*) as received_count
    from events
    inner join traffic on events.event_id = traffic.event_id
    group by traffic.event_date, events.event_name, coalesce(events.platform, 'unknown')

),

daily as (           -- counts of days that have not begun at the horizon say nothing yet

    select
        cast(server_event_counts.count_date as {{ type_ts() }}) as day_at,
        server_event_counts.event_name,
        server_event_counts.platform,
        server_event_counts.expected_count,
        {{ least_of(['coalesce(received.received_count, 0)', 'server_event_counts.expected_count']) }} as matched_count
    from server_event_counts
    inner join event_names on server_event_counts.event_name = event_names.event_name
    inner join horizon on cast(server_event_counts.count_date as {{ type_ts() }}) <= horizon.as_of
    left join received
        on server_event_counts.count_date = received.event_date
        and server_event_counts.event_name = received.event_name
        and server_event_counts.platform = received.platform

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'daily.day_at') }} as period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'event_name' then daily.event_name
            when 'platform' then daily.platform
        end as dimension_value,
        daily.matched_count,
        daily.expected_count
    from daily
    cross join slices

),

summed as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        sum(matched_count) as matched_count,
        sum(expected_count) as expected_count
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

),

measured as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        matched_count as numerator,
        expected_count as denominator,
        {{ safe_divide('matched_count', 'expected_count') }} as value,
        expected_count as sample_size,
        true as is_matured
    from summed
    where {{ has_landed('landed', ['events', 'server_event_counts']) }}

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
