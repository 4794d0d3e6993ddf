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

    select version, visitor_id, bucket_local_at, is_recent, platform, entry, utm_source, 0 as orders, 1 as visits
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
        1 as orders,
        0 as visits
    from buyers
    cross join realtime

),

grains as (

    select distinct version, period_grain
    from slices

),

in_periods as (

    select
        facts.version,
        grains.period_grain,
        {{ period_start('grains.period_grain', 'facts.bucket_local_at') }} as period_start,
        facts.visitor_id,
        facts.platform,
        facts.entry,
        facts.utm_source,
        facts.orders,
        facts.visits
    from facts
    inner join grains
        on facts.version = grains.version
        and (facts.is_recent or not {{ is_realtime_grain('grains.period_grain') }})

),

visitor_periods as ( -- most visitors of a period have one platform, entry and source: they are counted before they are sliced

    select
        version,
        period_grain,
        period_start,
        visitor_id,
        min(platform) as platform,
        min(entry) as entry,
        min(utm_source) as utm_source,
        min(platform) < max(platform) or min(entry) < max(entry) or min(utm_source) < max(utm_source) as is_mixed,
        sum(orders) as orders,
        max(visits) as visits
    from in_periods
    group by version, period_grain, period_start, visitor_id

),

typed as (

    select
        visitor_periods.version,
        visitor_periods.period_grain,
        visitor_periods.period_start,
        visitor_periods.visitor_id,
        visitor_periods.platform,
        visitor_periods.entry,
        visitor_periods.utm_source,
        visitor_periods.is_mixed,
        visitor_periods.orders,
        visitor_periods.visits,
        case when first_payments.first_paid_local_at < visitor_periods.period_start then 'returning' else 'new' end as customer_type
    from visitor_periods
    left join first_payments
        on visitor_periods.version = first_payments.version
        and visitor_periods.visitor_id = first_payments.visitor_id

),

alike as (

    select
        version,
        period_grain,
        period_start,
        {{ typed_null('id') }} as visitor_id,
        customer_type,
        platform,
        entry,
        utm_source,
        sum(orders) as orders,
        sum(visits) as visits
    from typed
    where not is_mixed
    group by version, period_grain, period_start, customer_type, platform, entry, utm_source

),

mixed as (           -- read from the facts again: few visitors, and all periods of all others need not be kept

    select
        typed.version,
        typed.period_grain,
        typed.period_start,
        typed.visitor_id,
        typed.customer_type,
        facts.platform,
        facts.entry,
        facts.utm_source,
        sum(facts.orders) as orders,
        max(facts.visits) as visits
    from typed
    inner join facts
        on typed.version = facts.version
        and typed.visitor_id = facts.visitor_id
        and typed.period_start = {{ period_start('typed.period_grain', 'facts.bucket_local_at') }}
        and (facts.is_recent or not {{ is_realtime_grain('typed.period_grain') }})
    where typed.is_mixed
    group by 1, 2, 3, 4, 5, 6, 7, 8

),

visiting as (

    select version, period_grain, period_start, visitor_id, customer_type, platform, entry, utm_source, orders, visits
    from alike
    union all
    select version, period_grain, period_start, visitor_id, customer_type, platform, entry, utm_source, orders, visits
    from mixed

),

sliced as (          -- mixed visitors once per period and slice, the others added up

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        visiting.period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'customer_type' then visiting.customer_type
            when 'platform' then visiting.platform
            when 'entry' then visiting.entry
            when 'utm_source' then visiting.utm_source
            when 'customer_type+platform' then visiting.customer_type || '+' || visiting.platform
        end as dimension_value,
        visiting.visitor_id,
        sum(visiting.orders) as orders,
        case when visiting.visitor_id is null then sum(visiting.visits) else max(visiting.visits) end as visits
    from visiting
    inner join slices on visiting.version = slices.version and visiting.period_grain = slices.period_grain
    group by 1, 2, 3, 4, 5, 6, 7

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
        sum(visits) as visitors
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
