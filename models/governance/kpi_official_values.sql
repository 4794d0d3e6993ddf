with

kpi_values as (

    select * from {{ ref('kpi_values') }}

),

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}

),

suspects as (

    select * from {{ ref('kpi_suspect_values') }}

),

-- the version in force at the start of the period alone is official
official as (

    select
        kpi_values.kpi_id,
        kpi_values.version,
        kpi_values.domain,
        kpi_values.period_grain,
        kpi_values.period_start,
        kpi_values.period_end,
        kpi_values.dimension,
        kpi_values.dimension_value,
        kpi_values.numerator,
        kpi_values.denominator,
        kpi_values.value,
        kpi_values.sample_size,
        kpi_values.is_final,
        kpi_values.as_of,
        suspects.kpi_id is not null as is_suspect
    from kpi_values
    inner join definitions
        on kpi_values.kpi_id = definitions.kpi_id
        and kpi_values.version = definitions.version
    left join suspects
        on kpi_values.kpi_id = suspects.kpi_id
        and kpi_values.version = suspects.version
        and kpi_values.period_grain = suspects.period_grain
        and kpi_values.period_start = suspects.period_start
        and kpi_values.dimension = suspects.dimension
        and kpi_values.dimension_value = suspects.dimension_value
    where
        definitions.status in ('active', 'retired')
        and (definitions.effective_from is null or kpi_values.period_start >= cast(definitions.effective_from as {{ type_ts() }}))
        and (definitions.effective_to is null or kpi_values.period_start < cast(definitions.effective_to as {{ type_ts() }}))
        and kpi_values.value is not null

)

select
    kpi_id,
    version,
    domain,
    period_grain,
    period_start,
    period_end,
    dimension,
    dimension_value,
    numerator,
    denominator,
    value,
    sample_size,
    is_final,
    as_of,
    -- nothing is compared with a value that is suspect itself
    lag(case when not is_suspect then value end) over (
        partition by kpi_id, period_grain, dimension, dimension_value
        order by period_start nulls last
    ) as previous_value,
    is_suspect
from official
