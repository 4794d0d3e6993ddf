with

messages as (

    select * from {{ ref('stg_ecommerce__messages') }}
    where delivered_at is not null

),

user_persons as (

    select * from {{ ref('int_ecommerce__user_persons') }}

),

landed as (

    select * from {{ ref('stg_ecommerce__landed') }}
    where table_name = 'messages'

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

windows as (

    select
        metric_id as kpi_id,
        version,
        case metric_id when 'ec_message_open_rate' then 'opened_at' else 'clicked_at' end as column_name,
        value * 3600 as window_seconds
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id in ('ec_message_open_rate', 'ec_message_click_rate') and parameter = 'window_hours'

),

published as (          -- the KPIs whose response was landed

    select
        windows.kpi_id,
        windows.version,
        windows.window_seconds
    from windows
    inner join landed on windows.column_name = landed.column_name

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id in ('ec_message_open_rate', 'ec_message_click_rate')

),

responses as (

    select
        published.kpi_id,
        published.version,
        {{ person_of_user('user_persons.person_id', 'messages.user_id') }} as person_id,
        {{ date_of(to_local('messages.sent_at', "'" ~ var('business_timezone') ~ "'")) }} as sent_date,
        coalesce(messages.channel, 'unknown') as channel,
        coalesce(messages.campaign_id, 'unknown') as campaign_id,
        messages.delivered_at,
        case published.kpi_id when 'ec_message_open_rate' then messages.opened_at else messages.clicked_at end as responded_at,
        {{ add_seconds('messages.delivered_at', 'published.window_seconds') }} as window_ends_at
    from messages
    cross join published
    left join user_persons on messages.user_id = user_persons.user_id

),

daily as (          -- one row per KPI, person, day of sending, channel and campaign

    select
        responses.kpi_id,
        responses.version,
        responses.person_id,
        responses.sent_date,
        responses.channel,
        responses.campaign_id,
        {{ any_true('coalesce(responses.responded_at between responses.delivered_at and responses.window_ends_at, false)') }}
            as has_responded,
        {{ all_true('responses.window_ends_at <= horizon.as_of_utc') }} as is_observed,
        count(*) as delivered_messages
    from responses
    cross join horizon
    group by
        responses.kpi_id,
        responses.version,
        responses.person_id,
        responses.sent_date,
        responses.channel,
        responses.campaign_id

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'daily.sent_date') }} as period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'channel' then daily.channel
            when 'campaign' then daily.campaign_id
        end as dimension_value,
        daily.person_id,
        daily.has_responded,
        daily.is_observed,
        daily.delivered_messages
    from daily
    inner join slices on daily.kpi_id = slices.kpi_id and daily.version = slices.version

),

measured as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        count(distinct case when has_responded then person_id end) as numerator,
        count(distinct person_id) as denominator,
        {{ safe_divide('count(distinct case when has_responded then person_id end)', 'count(distinct person_id)') }} as value,
        sum(delivered_messages) as sample_size,
        {{ all_true('is_observed') }} as is_matured
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
