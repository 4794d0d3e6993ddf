with

events as (

    select * from {{ ref('int_ecommerce__events') }}
    where event_name in ('view_item', 'add_to_cart')

),

orders as (

    select * from {{ ref('int_ecommerce__orders') }}
    where is_valid

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'ec_pdp_atc_rate'

),

first_payments as (

    select person_id, min(paid_local_at) as first_paid_local_at
    from orders
    group by person_id

),

daily as (

    select
        person_id,
        date_trunc('day', event_local_at) as day_at,
        platform,
        category_id,
        {{ count_where("event_name = 'view_item'") }} as item_views,
        {{ count_where("event_name = 'add_to_cart'") }} as cart_additions
    from events
    group by person_id, date_trunc('day', event_local_at), platform, category_id

),

in_periods as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'daily.day_at') }} as period_start,
        slices.dimension,
        daily.person_id,
        daily.platform,
        daily.category_id,
        daily.item_views,
        daily.cart_additions
    from daily
    cross join slices

),

sliced as (

    select
        in_periods.kpi_id,
        in_periods.version,
        in_periods.period_grain,
        in_periods.period_start,
        in_periods.dimension,
        case in_periods.dimension
            when 'all' then 'all'
            when 'customer_type' then
                case when first_payments.first_paid_local_at < in_periods.period_start then 'returning' else 'new' end
            when 'platform' then in_periods.platform
            when 'category' then in_periods.category_id
        end as dimension_value,
        in_periods.person_id,
        in_periods.item_views,
        in_periods.cart_additions
    from in_periods
    left join first_payments on in_periods.person_id = first_payments.person_id

),

counted as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        sum(cart_additions) as cart_additions,
        count(distinct case when item_views > 0 then person_id end) as viewers
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
        cart_additions as numerator,
        viewers as denominator,
        {{ safe_divide('cart_additions', 'viewers') }} as value,
        viewers as sample_size,
        true as is_matured
    from counted

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
