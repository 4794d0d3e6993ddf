with

touches as (

    select * from {{ ref('stg_ecommerce__ad_touches') }}

),

attribution as (

    select * from {{ ref('fct_attribution') }}

),

windows as (

    select max(value) as longest_days
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_mta_coverage_rate' and version = 1

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

models as (

    select distinct model
    from attribution

),

dated_touches as (

    select
        {{ month_start(to_local('touched_at', "'" ~ var('business_timezone') ~ "'")) }} as month_date,
        channel,
        kind,
        cost
    from touches

),

spending as (

    select
        month_date,
        channel,
        count(*) as touches,
        {{ count_where("kind = 'click'") }} as clicks,
        count(*) - count(cost) as touches_without_cost,
        sum(cost) as cost
    from dated_touches
    group by month_date, channel

),

earnings as (        -- by the month of the touch, as the cost is

    select
        {{ month_start(to_local('touched_at', "'" ~ var('business_timezone') ~ "'")) }} as month_date,
        channel,
        model,
        sum(credit) as credited_orders,
        sum(credited_gmv) as credited_gmv
    from attribution
    group by {{ month_start(to_local('touched_at', "'" ~ var('business_timezone') ~ "'")) }}, channel, model

),

returns as (

    select
        spending.month_date,
        spending.channel,
        models.model,
        spending.touches,
        spending.clicks,
        spending.touches_without_cost,
        spending.cost,
        coalesce(earnings.credited_orders, 0) as credited_orders,
        coalesce(earnings.credited_gmv, 0) as credited_gmv
    from spending
    cross join models
    left join earnings
        on
            spending.month_date = earnings.month_date
            and spending.channel = earnings.channel
            and models.model = earnings.model

)

select
    returns.month_date,
    {{ as_text('returns.channel') }} as channel,
    {{ as_text('returns.model') }} as model,
    cast(returns.touches as bigint) as touches,
    cast(returns.clicks as bigint) as clicks,
    cast(returns.touches_without_cost as bigint) as touches_without_cost,
    cast(returns.cost as double) as cost,
    cast(returns.credited_orders as double) as credited_orders,
    cast(returns.credited_gmv as double) as credited_gmv,
    {{ safe_divide('returns.cost', 'sum(returns.cost) over (partition by returns.month_date, returns.model)') }} as cost_share,
    {{ safe_divide('returns.credited_gmv', 'sum(returns.credited_gmv) over (partition by returns.month_date, returns.model)') }} as gmv_share,
    {{ safe_divide('returns.credited_gmv', 'returns.cost') }} as return_on_spend,
    {{ safe_divide('returns.cost', 'returns.credited_orders') }} as cost_per_order,
    {{ add_days("cast(" ~ add_months('returns.month_date', 1) ~ " as " ~ type_ts() ~ ")", 'windows.longest_days', 'ts') }} <= horizon.as_of as is_final,
    cast(horizon.as_of as {{ type_ts() }}) as as_of
from returns
cross join windows
cross join horizon
