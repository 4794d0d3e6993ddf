with

campaigns as (

    select * from {{ ref('stg_ecommerce__campaigns') }}
    where kind in ('recall', 'winback')

),

campaign_audience as (

    select * from {{ ref('stg_ecommerce__campaign_audience') }}

),

user_persons as (

    select * from {{ ref('int_ecommerce__user_persons') }}

),

orders as (

    select * from {{ ref('int_ecommerce__orders') }}

),

campaign_clicks as (

    select * from {{ ref('int_ecommerce__campaign_clicks') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

landed as (

    select
        {{ any_true("table_name = 'orders' and has_rows") }} as has_orders,
        {{ any_true("table_name in ('messages', 'events') and has_rows") }} as has_clicks
    from {{ ref('stg_ecommerce__landed') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'ec_winback_conversion_rate'

),

click_rule as (

    select value * 86400 as window_seconds
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_winback_conversion_rate' and version = 1 and parameter = 'click_window_days'

),

started as (

    select
        campaigns.campaign_id,
        campaigns.kind,
        campaigns.starts_at,
        campaigns.ends_at,
        {{ to_local('campaigns.ends_at', "'" ~ var('business_timezone') ~ "'") }} as ends_local_at
    from campaigns
    cross join horizon
    cross join landed
    where campaigns.starts_at <= horizon.as_of_utc and landed.has_orders and landed.has_clicks

),

audience as (

    select distinct
        campaign_audience.campaign_id,
        {{ person_of_user('user_persons.person_id', 'campaign_audience.user_id') }} as person_id
    from campaign_audience
    left join user_persons on campaign_audience.user_id = user_persons.user_id

),

repurchases as (

    select
        started.campaign_id,
        audience.person_id,
        orders.paid_at
    from started
    inner join audience on started.campaign_id = audience.campaign_id
    inner join orders
        on
            audience.person_id = orders.person_id
            and orders.valid_order_rank > 1
            and orders.paid_at >= started.starts_at
            and orders.paid_at < started.ends_at

),

converted as (

    select distinct
        repurchases.campaign_id,
        repurchases.person_id
    from repurchases
    cross join click_rule
    inner join campaign_clicks
        on
            repurchases.campaign_id = campaign_clicks.campaign_id
            and repurchases.person_id = campaign_clicks.person_id
            and campaign_clicks.clicked_at <= repurchases.paid_at
            and {{ add_seconds('campaign_clicks.clicked_at', 'click_rule.window_seconds') }} >= repurchases.paid_at

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'started.ends_local_at') }} as period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'campaign' then started.campaign_id
            when 'kind' then started.kind
        end as dimension_value,
        audience.person_id,
        converted.person_id as converted_person_id
    from started
    inner join audience on started.campaign_id = audience.campaign_id
    left join converted on audience.campaign_id = converted.campaign_id and audience.person_id = converted.person_id
    cross join slices

),

measured as (

    select
        sliced.kpi_id,
        sliced.version,
        sliced.period_grain,
        sliced.period_start,
        sliced.dimension,
        sliced.dimension_value,
        count(distinct sliced.converted_person_id) as numerator,
        count(distinct sliced.person_id) as denominator,
        {{ safe_divide('count(distinct sliced.converted_person_id)', 'count(distinct sliced.person_id)') }} as value,
        count(distinct sliced.person_id) as sample_size,
        true as is_matured
    from sliced
    cross join horizon
    where sliced.period_start <= horizon.as_of
    group by
        sliced.kpi_id,
        sliced.version,
        sliced.period_grain,
        sliced.period_start,
        sliced.dimension,
        sliced.dimension_value

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
