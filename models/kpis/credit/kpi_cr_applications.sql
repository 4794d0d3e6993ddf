with

applications as (

    select * from {{ ref('fct_applications') }}
    where not is_duplicate

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'cr_applications'

),

submitted_by_day as (

    select
        {{ start_of('day', 'submitted_local_at') }} as submitted_day,
        customer_type,
        channel,
        count(*) as applications
    from applications
    group by {{ start_of('day', 'submitted_local_at') }}, customer_type, channel

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'submitted_by_day.submitted_day') }} as period_start,
        slices.dimension,
        {{ credit_member('slices.dimension', 'submitted_by_day', ['channel', 'customer_type']) }} as dimension_value,
        submitted_by_day.applications
    from submitted_by_day
    cross join slices

),

measured as (

    select
        kpi_id, version, period_grain, period_start, dimension, dimension_value,
        sum(applications) as numerator,
        {{ typed_null('num') }} as denominator,
        sum(applications) as value,
        sum(applications) as sample_size,
        true as is_matured
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
