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

-- every version beside its own past, suspect values left out as something to compare with
in_order as (

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
        suspects.kpi_id is not null as is_suspect,
        lag(kpi_values.period_start) over version_periods as earlier_start,
        lag(case when suspects.kpi_id is null then kpi_values.value end) over version_periods as earlier_value
    from kpi_values
    left join suspects
        on kpi_values.kpi_id = suspects.kpi_id
        and kpi_values.version = suspects.version
        and kpi_values.period_grain = suspects.period_grain
        and kpi_values.period_start = suspects.period_start
        and kpi_values.dimension = suspects.dimension
        and kpi_values.dimension_value = suspects.dimension_value
    window version_periods as (
        partition by
            kpi_values.kpi_id, kpi_values.version, kpi_values.period_grain, kpi_values.dimension, kpi_values.dimension_value
        order by kpi_values.period_start nulls last
    )

),

-- shifts follow no clock: the one before is the last that any figure of the slice knows
shifts as (

    select distinct
        domain,
        dimension,
        dimension_value,
        period_start
    from kpi_values
    where period_grain = 'shift'

),

shift_order as (

    select
        domain,
        dimension,
        dimension_value,
        period_start,
        lag(period_start) over (partition by domain, dimension, dimension_value order by period_start nulls last) as earlier_start
    from shifts

),

compared as (

    select
        in_order.kpi_id,
        in_order.version,
        in_order.domain,
        in_order.period_grain,
        in_order.period_start,
        in_order.period_end,
        in_order.dimension,
        in_order.dimension_value,
        in_order.numerator,
        in_order.denominator,
        in_order.value,
        in_order.sample_size,
        in_order.is_final,
        in_order.as_of,
        in_order.is_suspect,
        in_order.earlier_value,
        coalesce(
            case
                when in_order.period_grain = 'shift' then in_order.earlier_start = shift_order.earlier_start
                else {{ period_end('in_order.period_grain', 'in_order.earlier_start') }} = in_order.period_start
            end,
            false
        ) as has_period_before
    from in_order
    left join shift_order
        on in_order.period_grain = 'shift'
        and in_order.domain = shift_order.domain
        and in_order.dimension = shift_order.dimension
        and in_order.dimension_value = shift_order.dimension_value
        and in_order.period_start = shift_order.period_start

),

-- the version in force at the start of the period alone is official
official as (

    select
        compared.kpi_id,
        compared.version,
        compared.domain,
        compared.period_grain,
        compared.period_start,
        compared.period_end,
        compared.dimension,
        compared.dimension_value,
        compared.numerator,
        compared.denominator,
        compared.value,
        compared.sample_size,
        compared.is_final,
        compared.as_of,
        compared.is_suspect,
        case when compared.has_period_before then compared.earlier_value end as previous_value,
        compared.has_period_before,
        lag(compared.version) over (
            partition by compared.kpi_id, compared.period_grain, compared.dimension, compared.dimension_value
            order by compared.period_start nulls last
        ) as earlier_version
    from compared
    inner join definitions
        on compared.kpi_id = definitions.kpi_id
        and compared.version = definitions.version
    where
        definitions.status in ('active', 'retired')
        and (definitions.effective_from is null or compared.period_start >= cast(definitions.effective_from as {{ type_ts() }}))
        and (definitions.effective_to is null or compared.period_start < cast(definitions.effective_to as {{ type_ts() }}))
        and compared.value is not null

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
    previous_value,
    is_suspect,
    -- another definition was official before, and this one has no figure of the period before
    coalesce(earlier_version <> version, false) and not has_period_before as is_new_definition
from official
