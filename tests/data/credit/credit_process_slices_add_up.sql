-- Members of one dimension add up to `all`: of the additive process KPIs, numerator and denominator alike.
with

process_values as (

    {% for model in [
        'kpi_cr_applications', 'kpi_cr_controllable_time', 'kpi_cr_decision_rates', 'kpi_cr_node_sla', 'kpi_cr_timeout_abandon', 'kpi_cr_wip'
    ] -%}
    select kpi_id, version, period_grain, period_start, dimension, numerator, denominator from {{ ref(model) }}
    {{ "union all" if not loop.last }}
    {% endfor %}
    union all
    select kpi_id, version, period_grain, period_start, dimension, numerator, denominator
    from {{ ref('kpi_cr_supplement_rate') }}
    where dimension <> 'reason'
    union all
    select kpi_id, version, period_grain, period_start, dimension, numerator, denominator
    from {{ ref('kpi_cr_api') }}
    where denominator is not null

),

sums as (

    select
        kpi_id, version, period_grain, period_start, dimension,
        sum(numerator) as numerator,
        sum(coalesce(denominator, 0)) as denominator
    from process_values
    group by kpi_id, version, period_grain, period_start, dimension

)

select members.*
from sums as members
left join sums as wholes
    on wholes.dimension = 'all'
    and members.kpi_id = wholes.kpi_id
    and members.version = wholes.version
    and members.period_grain = wholes.period_grain
    and members.period_start = wholes.period_start
where
    wholes.kpi_id is null
    or abs(members.numerator - wholes.numerator) > 0.000001 * (1 + abs(wholes.numerator))
    or abs(members.denominator - wholes.denominator) > 0.000001 * (1 + abs(wholes.denominator))
