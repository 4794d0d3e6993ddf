{#
    The slices of a dimension add up to `all` where the measure is additive; ratios are compared by their numerators
    and denominators.
#}
with

every_kpi as (

    select kpi_id, version, period_grain, period_start, dimension, numerator, denominator
    from {{ ref('kpi_mf_output') }}
    union all
    select kpi_id, version, period_grain, period_start, dimension, numerator, denominator
    from {{ ref('kpi_mf_downtime') }}
    where dimension <> 'reason_level1'
    union all
    select kpi_id, version, period_grain, period_start, dimension, numerator, denominator
    from {{ ref('kpi_mf_microstops') }}
    union all
    select kpi_id, version, period_grain, period_start, dimension, numerator, denominator
    from {{ ref('kpi_mf_first_pass') }}
    union all
    select kpi_id, version, period_grain, period_start, dimension, numerator, denominator
    from {{ ref('kpi_mf_oee') }}
    where kpi_id <> 'mf_oee'

),

summed as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        coalesce(sum(numerator), 0) as numerator,
        coalesce(sum(denominator), 0) as denominator
    from every_kpi
    group by kpi_id, version, period_grain, period_start, dimension

),

whole as (

    select * from summed where dimension = 'all'

)

select
    summed.*,
    whole.numerator as whole_numerator,
    whole.denominator as whole_denominator
from summed
left join whole
    on
        summed.kpi_id = whole.kpi_id
        and summed.version = whole.version
        and summed.period_grain = whole.period_grain
        and summed.period_start = whole.period_start
where
    whole.kpi_id is null
    or abs(summed.numerator - whole.numerator) > 0.000001 * (1 + abs(whole.numerator))
    or abs(summed.denominator - whole.denominator) > 0.000001 * (1 + abs(whole.denominator))
