with

supplement_cycles as (

    select * from {{ ref('int_credit__supplement_cycles') }}
    where completed_at is not null

),

applications as (

    select * from {{ ref('fct_applications') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}

),

dictionary_slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'cr_supplement_cycle_p90_minutes'

),

slices as (

    select
        dictionary_slices.kpi_id,
        dictionary_slices.version,
        dictionary_slices.period_grain,
        dictionary_slices.dimension,
        parameters.value as percentile
    from dictionary_slices
    inner join parameters
        on dictionary_slices.kpi_id = parameters.metric_id
        and dictionary_slices.version = parameters.version
        and parameters.parameter = 'percentile'

),

cycles as (

    -- decided or not; an application that was not landed is unknown
    select
        supplement_cycles.completed_local_at,
        supplement_cycles.cycle_minutes,
        supplement_cycles.reason,
        applications.customer_type,
        applications.channel,
        applications.product_line
    from supplement_cycles
    left join applications on supplement_cycles.application_id = applications.application_id
    where not coalesce(applications.is_duplicate, false)

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'cycles.completed_local_at') }} as period_start,
        slices.dimension,
        {{ credit_member('slices.dimension', 'cycles', ['customer_type', 'channel', 'product_line', 'customer_type+channel', 'reason']) }} as dimension_value,
        slices.percentile,
        cycles.cycle_minutes
    from cycles
    cross join slices

),

ranked as (

    select
        kpi_id, version, period_grain, period_start, dimension, dimension_value, percentile,
        cycle_minutes,
        row_number() over (
            partition by kpi_id, version, period_grain, period_start, dimension, dimension_value
            order by cycle_minutes
        ) as cycle_rank,
        count(*) over (
            partition by kpi_id, version, period_grain, period_start, dimension, dimension_value
        ) as cycles
    from sliced

),

measured as (

    select
        kpi_id, version, period_grain, period_start, dimension, dimension_value,
        {{ typed_null('num') }} as numerator,
        {{ typed_null('num') }} as denominator,
        {{ ranked_percentile('cycle_minutes', 'cycle_rank', 'cycles', 'percentile') }} as value,
        count(*) as sample_size,
        true as is_matured
    from ranked
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
