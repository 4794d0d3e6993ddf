with

kpi_values as (

    select * from {{ ref('kpi_values') }}

),

suspects as (

    select * from {{ ref('kpi_suspect_values') }}

),

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}

),

targets as (

    select * from {{ ref('kpi_targets') }}

),

-- a baseline is of the version that it is held against, so that no change of definition passes for a change of the figure
measured as (

    select
        targets.target_id,
        kpi_values.kpi_id,
        kpi_values.version,
        kpi_values.dimension,
        kpi_values.dimension_value,
        definitions.kpi_kind,
        targets.baseline_from,
        targets.baseline_to,
        count(*) as periods,
        sum(kpi_values.numerator) as numerator,
        sum(kpi_values.denominator) as denominator,
        avg(kpi_values.value) as mean_value
    from targets
    inner join kpi_values
        on targets.kpi_id = kpi_values.kpi_id
        and targets.period_grain = kpi_values.period_grain
        and targets.dimension = kpi_values.dimension
        and (targets.dimension_value = '*' or targets.dimension_value = kpi_values.dimension_value)
        and kpi_values.period_start >= cast(targets.baseline_from as {{ type_ts() }})
        and kpi_values.period_end <= cast(targets.baseline_to as {{ type_ts() }})
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
        kpi_values.is_final
        and kpi_values.value is not null
        and suspects.kpi_id is null
        and definitions.status in ('active', 'retired')
    group by
        targets.target_id, kpi_values.kpi_id, kpi_values.version, kpi_values.dimension, kpi_values.dimension_value, definitions.kpi_kind,
        targets.baseline_from, targets.baseline_to

),

-- ratios and means of several periods are sums over sums, sums and counts the mean period; a percentile is that of one period
valued as (

    select
        target_id,
        kpi_id,
        version,
        dimension,
        dimension_value,
        baseline_from,
        baseline_to,
        periods,
        case
            when kpi_kind in ('ratio', 'mean') then {{ safe_divide('numerator', 'denominator') }}
            when kpi_kind in ('sum', 'count') or periods = 1 then mean_value
        end as baseline_value
    from measured

)

select
    target_id,
    kpi_id,
    cast(version as int) as version,
    dimension,
    dimension_value,
    baseline_from,
    baseline_to,
    cast(periods as int) as periods,
    cast(baseline_value as {{ type_double() }}) as baseline_value
from valued
where baseline_value is not null
