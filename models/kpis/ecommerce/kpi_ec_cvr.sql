with

visits as (

    select * from {{ ref('int_ecommerce__visits') }}

),

orders as (

    select * from {{ ref('int_ecommerce__orders') }}
    where is_valid

),

order_sources as (

    select * from {{ ref('int_ecommerce__order_sources') }}

),

realtime as (

    select * from {{ ref('int_ecommerce__realtime') }}

),

landed as (

    select * from {{ ref('stg_ecommerce__landed') }}

),

identities as (      -- the versions differ in who is a visitor only

    select version, value = 1 as is_stitched
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_cvr' and parameter = 'identity_stitching'

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'ec_cvr'

),

visitors as (

    select distinct
        identities.version,
        case when identities.is_stitched then visits.person_id else visits.visitor_id end as visitor_id,
        visits.bucket_local_at,
        visits.is_recent,
        visits.platform,
        visits.entry,
        visits.utm_source
    from visits
    cross join identities

),

buyers as (

    select
        identities.version,
        orders.order_id,
        case when identities.is_stitched then orders.person_id else 'user:' || orders.user_id end as visitor_id,
        orders.paid_local_at,
        orders.platform,
        orders.entry,
        coalesce(order_sources.utm_source, 'unknown') as utm_source
    from orders
    cross join identities
    left join order_sources on orders.order_id = order_sources.order_id

),

first_payments as (

    select version, visitor_id, min(paid_local_at) as first_paid_local_at
    from buyers
    group by version, visitor_id

),

facts as (

    select version, visitor_id, bucket_local_at, is_recent, platform, entry, utm_source, 0 as orders
    from visitors
    union all
    select
        buyers.version,
        buyers.visitor_id,
        buyers.paid_local_at as bucket_local_at,
        buyers.paid_local_at >= realtime.realtime_from as is_recent,
        buyers.platform,
        buyers.entry,
        buyers.utm_source,
        1 as orders
    from buyers
    cross join realtime

),

in_periods as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'facts.bucket_local_at') }} as period_start,
        slices.dimension,
        facts.visitor_id,
        facts.platform,
        facts.entry,
        facts.utm_source,
        facts.orders
    from facts
    inner join slices
        on facts.version = slices.version
        and (facts.is_recent or not {{ is_realtime_grain('slices.period_grain') }})

),

typed as (

    select
        in_periods.*,
        case when first_payments.first_paid_local_at < in_periods.period_start then 'returning' else 'new' end as customer_type
    from in_periods
    left join first_payments
        on in_periods.version = first_payments.version
        and in_periods.visitor_id = first_payments.visitor_id

),

sliced as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        case dimension
            when 'all' then 'all'
            when 'customer_type' then customer_type
            when 'platform' then platform
            when 'entry' then entry
            when 'utm_source' then utm_source
            when 'customer_type+platform' then customer_type || '+' || platform
        end as dimension_value,
        visitor_id,
        orders
    from typed

),

counted as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        sum(orders) as orders,
        count(distinct case when orders = 0 then visitor_id end) as visitors
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
        counted.orders as numerator,
        counted.visitors as denominator,
        {{ safe_divide('counted.orders', 'counted.visitors') }} as value,
        counted.visitors as sample_size,
        true as is_matured
    from counted
    cross join realtime
    where
        (not {{ is_realtime_grain('counted.period_grain') }} or counted.period_start >= realtime.realtime_from)
        and {{ has_landed('landed', ['events', 'orders']) }}

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
