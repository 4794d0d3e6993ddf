-- Both versions of the 30+ rate have one denominator, and version 1 (30-59) counts no more than version 2 (30 and more).
select
    v2.period_grain,
    v2.period_start,
    v2.dimension,
    v2.dimension_value,
    v1.numerator as numerator_v1,
    v2.numerator as numerator_v2,
    v1.denominator as denominator_v1,
    v2.denominator as denominator_v2
from {{ ref('kpi_cr_portfolio') }} as v2
inner join {{ ref('kpi_cr_portfolio') }} as v1
    on
        v2.kpi_id = v1.kpi_id
        and v2.period_grain = v1.period_grain
        and v2.period_start = v1.period_start
        and v2.dimension = v1.dimension
        and v2.dimension_value = v1.dimension_value
where
    v2.kpi_id = 'cr_dpd30_rate'
    and v2.version = 2
    and v1.version = 1
    and (v1.numerator > v2.numerator or v1.denominator <> v2.denominator)
