with

refreshes as (

    select * from {{ ref('stg_ecommerce__dashboard_refreshes') }}

),

campaign_days as (

    select * from {{ ref('int_ecommerce__campaign_days') }}

),

landed as (

    select * from {{ ref('stg_ecommerce__landed') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'ec_dashboard_latency_minutes'

),

percentiles as (

    select version, value as percentile
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_dashboard_latency_minutes' and parameter = 'percentile'

),

known as (

    select {{ has_landed('landed', ['campaigns', 'events']) }} as has_campaign_days

),

localised as (

    select
        dashboard,
        {{ to_local('refreshed_at', "'" ~ var('business_timezone') ~ "'") }} as refreshed_local_at,
        {{ minutes_between('data_through_at', 'refreshed_at') }} as latency_minutes
    from refreshes

),

latencies as (

    select
        localised.dashboard,
        localised.refreshed_local_at,
        localised.latency_minutes,
        case
            when not known.has_campaign_days then 'unknown'
            when campaign_days.campaign_date is not null then 'yes'
            else 'no'
        end as campaign_day
    from localised
    cross join known
    left join campaign_days on {{ date_of('localised.refreshed_local_at') }} = campaign_days.campaign_date

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'latencies.refreshed_local_at') }} as period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'dashboard' then latencies.dashboard
            when 'campaign_day' then latencies.campaign_day
        end as dimension_value,
        latencies.latency_minutes
    from latencies
    cross join slices

),

ranked as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        latency_minutes,
        row_number() over (
            partition by kpi_id, version, period_grain, period_start, dimension, dimension_value
            order by latency_minutes
        ) as latency_rank,
        count(*) over (partition by kpi_id, version, period_grain, period_start, dimension, dimension_value) as latencies
    from sliced

),

measured as (

    select
        ranked.kpi_id,
        ranked.version,
        ranked.period_grain,
        ranked.period_start,
        ranked.dimension,
        ranked.dimension_value,
        {{ typed_null('num') }} as numerator,
        {{ typed_null('num') }} as denominator,
        {{ ranked_percentile('ranked.latency_minutes', 'ranked.latency_rank', 'ranked.latencies', 'percentiles.percentile') }} as value,
        count(*) as sample_size,
        true as is_matured
    from ranked
    inner join percentiles on ranked.version = percentiles.version
    group by ranked.kpi_id, ranked.version, ranked.period_grain, ranked.period_start, ranked.dimension, ranked.dimension_value

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
