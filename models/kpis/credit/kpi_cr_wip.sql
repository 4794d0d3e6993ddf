with

wip_days as (

    select * from {{ ref('int_credit__wip_days') }}

),

forecasts as (

    select * from {{ ref('stg_credit__capacity_forecasts') }}

),

landed as (

    select * from {{ ref('stg_credit__landed') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where
        kpi_id in ('cr_wip', 'cr_wip_utilisation')
        and {{ credit_is_landed([['application_events', 'event_id']]) }}

),

capacities as (

    select
        forecast_date,
        sum(daily_capacity) as daily_capacity
    from forecasts
    group by forecast_date

),

sliced as (

    -- a stock is taken at a day's end: there is no other grain
    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        wip_days.date_day,
        slices.dimension,
        {{ credit_member('slices.dimension', 'wip_days', ['channel']) }} as dimension_value,
        wip_days.applications
    from wip_days
    inner join slices on slices.period_grain = 'day'

),

stocks as (

    select
        kpi_id, version, period_grain, date_day, dimension, dimension_value,
        sum(applications) as applications
    from sliced
    group by kpi_id, version, period_grain, date_day, dimension, dimension_value

),

measured as (

    select
        kpi_id, version, period_grain, date_day as period_start, dimension, dimension_value,
        applications as numerator,
        {{ typed_null('num') }} as denominator,
        applications as value,
        applications as sample_size,
        true as is_matured
    from stocks
    where kpi_id = 'cr_wip'
    union all
    select
        stocks.kpi_id, stocks.version, stocks.period_grain, stocks.date_day as period_start, stocks.dimension,
        stocks.dimension_value,
        stocks.applications as numerator,
        capacities.daily_capacity as denominator,
        {{ safe_divide('stocks.applications', 'capacities.daily_capacity') }} as value,
        stocks.applications as sample_size,
        true as is_matured
    from stocks
    inner join capacities on stocks.date_day = capacities.forecast_date
    where stocks.kpi_id = 'cr_wip_utilisation' and stocks.dimension = 'all'

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
