with

first_orders as (

    select * from {{ ref('int_ecommerce__first_orders') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id in ('ec_repurchase_rate_30d', 'ec_repurchase_rate_60d', 'ec_repurchase_rate_90d')

),

windows as (

    select
        metric_id as kpi_id,
        version,
        cast(value as int) as window_days
    from {{ ref('stg_dictionary__parameters') }}
    where parameter = 'window_days'

),

sliced as (          -- one row per first buyer, window, cohort grain and dimension

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'first_orders.paid_local_at') }} as period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'member_status' then first_orders.member_status
            when 'first_category' then first_orders.first_category
            when 'platform' then first_orders.platform
            when 'entry' then first_orders.entry
            when 'delivery' then first_orders.delivery
        end as dimension_value,
        coalesce(first_orders.days_to_second <= windows.window_days, false) as is_repeat,
        -- the last day of the window is over
        cast({{ add_days('first_orders.paid_date', 'windows.window_days + 1') }} as {{ type_ts() }}) <= horizon.as_of as is_observed
    from first_orders
    cross join slices
    inner join windows on slices.kpi_id = windows.kpi_id and slices.version = windows.version
    cross join horizon

),

measured as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        {{ count_where('is_repeat') }} as numerator,
        count(*) as denominator,
        {{ safe_divide(count_where('is_repeat'), 'count(*)') }} as value,
        count(*) as sample_size,
        {{ all_true('is_observed') }} as is_matured
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
