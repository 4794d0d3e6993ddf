with

events as (

    select * from {{ ref('int_ecommerce__events') }}
    where event_name = 'add_to_cart'

),

checkouts as (

    select * from {{ ref('int_ecommerce__checkouts') }}

),

orders as (

    select * from {{ ref('int_ecommerce__orders') }}

),

realtime as (

    select * from {{ ref('int_ecommerce__realtime') }}

),

landed as (

    select * from {{ ref('stg_ecommerce__landed') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id in ('ec_atc_checkout_rate', 'ec_checkout_paid_rate')

),

additions as (

    select date_trunc('day', event_local_at) as day_at, platform, count(*) as cart_additions
    from events
    group by date_trunc('day', event_local_at), platform

),

facts as (

    select 'ec_atc_checkout_rate' as kpi_id, day_at as local_at, false as is_recent, platform, {{ typed_null('id') }} as checkout_id, cart_additions as other_side
    from additions
    union all
    select 'ec_atc_checkout_rate' as kpi_id, bucket_local_at as local_at, is_recent, platform, checkout_id, 0 as other_side
    from checkouts
    union all
    select 'ec_checkout_paid_rate' as kpi_id, bucket_local_at as local_at, is_recent, platform, checkout_id, 0 as other_side
    from checkouts
    union all
    select
        'ec_checkout_paid_rate' as kpi_id,
        orders.paid_local_at as local_at,
        orders.paid_local_at >= realtime.realtime_from as is_recent,
        orders.platform,
        {{ typed_null('id') }} as checkout_id,
        1 as other_side
    from orders
    cross join realtime

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'facts.local_at') }} as period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'platform' then facts.platform
        end as dimension_value,
        facts.checkout_id,
        facts.other_side
    from facts
    inner join slices
        on facts.kpi_id = slices.kpi_id
        and (facts.is_recent or not {{ is_realtime_grain('slices.period_grain') }})

),

counted as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        case kpi_id when 'ec_atc_checkout_rate' then count(distinct checkout_id) else sum(other_side) end as numerator,
        case kpi_id when 'ec_atc_checkout_rate' then sum(other_side) else count(distinct checkout_id) end as denominator
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
        and (
            (counted.kpi_id = 'ec_atc_checkout_rate' and {{ has_landed('landed', ['events']) }})
            or (counted.kpi_id = 'ec_checkout_paid_rate' and {{ has_landed('landed', ['events', 'orders']) }})
        )

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
