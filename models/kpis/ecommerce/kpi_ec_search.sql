with

sessions as (

    select * from {{ ref('int_ecommerce__sessions') }}
    where has_search

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'ec_search_success_rate'

),

daily as (

    select
        date_trunc('day', started_local_at) as day_at,
        platform,
        {{ count_where('is_search_successful') }} as successful_sessions,
        count(*) as search_sessions
    from sessions
    group by date_trunc('day', started_local_at), platform

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
            when 'platform' then daily.platform
        end as dimension_value,
        daily.successful_sessions,
        daily.search_sessions
    from daily
    cross join slices

),

measured as (

    {{ sum_and_divide('sliced', 'successful_sessions', 'search_sessions') }}

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
