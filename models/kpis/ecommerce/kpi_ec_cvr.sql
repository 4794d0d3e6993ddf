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

in_periods as (      -- a visitor of a period by platform, entry and source

    select
        facts.version,
        grains.period_grain,
        {{ period_start('grains.period_grain', 'facts.bucket_local_at') }} as period_start,
        facts.visitor_id,
        facts.platform,
        facts.entry,
        facts.utm_source,
        sum(facts.orders) as orders,
        max(facts.visits) as visits
    from facts
    inner join grains
        on facts.version = grains.version
        and (facts.is_recent or not {{ is_realtime_grain('grains.period_grain') }})
    group by 1, 2, 3, 4, 5, 6, 7

),

compared as (

    select
        version,
        period_grain,
        period_start,
        visitor_id,
        platform,
        entry,
        utm_source,
        orders,
        visits,
        count(*) over (partition by version, period_grain, period_start, visitor_id) > 1 as is_mixed
    from in_periods

),

visiting as (        -- most visitors of a period have one platform, entry and source: they are counted before they are sliced

    select
        compared.version,
        compared.period_grain,
        compared.period_start,
        case when compared.is_mixed then compared.visitor_id end as visitor_id,
        case when first_payments.first_paid_local_at < compared.period_start then 'returning' else 'new' end as customer_type,
        compared.platform,
        compared.entry,
        compared.utm_source,
        sum(compared.orders) as orders,
        sum(compared.visits) as visits
    from compared
    left join first_payments
        on compared.version = first_payments.version
        and compared.visitor_id = first_payments.visitor_id
    group by 1, 2, 3, 4, 5, 6, 7, 8

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
            when 'customer_type+platform' then {{ slice_member(['visiting.customer_type', 'visiting.platform']) }}
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
