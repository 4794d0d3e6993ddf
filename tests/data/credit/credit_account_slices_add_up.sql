-- The members of a dimension add up to `all`, above and below the line (score models are no sums).
{% set models = [
    'kpi_cr_portfolio', 'kpi_cr_vintages', 'kpi_cr_roll_rate', 'kpi_cr_due_instalments', 'kpi_cr_collections'
] %}
with

published as (

    {% for model in models -%}
    select kpi_id, version, period_grain, period_start, dimension, numerator, denominator
    from {{ ref(model) }}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

summed as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        sum(numerator) as numerator,
        sum(denominator) as denominator
    from published
    group by kpi_id, version, period_grain, period_start, dimension

)

select
    slices.kpi_id,
    slices.version,
    slices.period_grain,
    slices.period_start,
    slices.dimension,
    slices.numerator,
    slices.denominator,
    totals.numerator as numerator_of_all,
    totals.denominator as denominator_of_all
from summed as slices
left join summed as totals
    on
        slices.kpi_id = totals.kpi_id
        and slices.version = totals.version
        and slices.period_grain = totals.period_grain
        and slices.period_start = totals.period_start
        and totals.dimension = 'all'
where
    {{ is_distinct('slices.numerator', 'totals.numerator') }}
    or {{ is_distinct('slices.denominator', 'totals.denominator') }}
