with

visits as (

    -- visits without a valid SLA are out of both sides
    select * from {{ ref('fct_node_visits') }}
    where left_at is not null and sla_ms is not null and not is_duplicate

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'cr_node_sla_rate'

),

left_by_day as (

    select
        {{ start_of('day', 'left_local_at') }} as left_day,
        node,
        channel,
        {{ count_where('is_within_sla') }} as within_sla,
        count(*) as visits
    from visits
    group by {{ start_of('day', 'left_local_at') }}, node, channel

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'left_by_day.left_day') }} as period_start,
        slices.dimension,
        {{ credit_member('slices.dimension', 'left_by_day', ['node', 'channel']) }} as dimension_value,
        left_by_day.within_sla,
        left_by_day.visits
    from left_by_day
    cross join slices

),

measured as (

    select
        kpi_id, version, period_grain, period_start, dimension, dimension_value,
        sum(within_sla) as numerator,
        sum(visits) as denominator,
        {{ safe_divide('sum(within_sla)', 'sum(visits)') }} as value,
        sum(visits) as sample_size,
        true as is_matured
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
