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

    {{ sum_and_divide('sliced', 'within_sla', 'visits') }}

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
