{# Columns behind the dimensions of the manufacturing KPIs. #}
{% macro manufacturing_dimension_columns() %}
    {{ return({
        'line': 'line_id', 'station': 'station_id', 'machine': 'machine_id', 'work_order': 'work_order_id',
        'shift_name': 'shift_name', 'product_family': 'product_family', 'reason_level1': 'reason_level1',
        'defect_category': 'defect_category', 'source': 'source', 'scan_node': 'scan_node',
        'from_family': 'from_family', 'to_family': 'to_family'
    }) }}
{% endmacro %}

{#
    Sums of facts per slice of the dictionary and period on the line's own clock, as a select.
    facts: a CTE with line_id, production_date, shift_starts_local_at and the columns behind `dimensions`.
    slices: a CTE of dictionary slices. sums: {name: expression over facts and slices}, summed (null if there is nothing).
    dimensions: those that the facts know; `whole`: those for which the facts give one value, `all`. where: further condition.
    A row is final when the period is closed for every line behind it.
#}
{% macro sum_by_slice(facts, slices, sums, dimensions=[], whole=[], where=none) -%}
{%- set columns = kpi_warehouse.manufacturing_dimension_columns() -%}
select
    slices.kpi_id,
    slices.version,
    slices.period_grain,
    periods.period_start,
    slices.dimension,
    {{ kpi_warehouse.slice_value(dimensions, whole, columns) }} as dimension_value,
    max(periods.period_end) as period_end,
    {{ kpi_warehouse.all_true('periods.is_closed') }} as is_final,
    {%- for name, expression in sums.items() %}
    sum({{ expression }}) as {{ name }}{{ "," if not loop.last }}
    {%- endfor %}
from {{ facts }} as facts
cross join {{ slices }} as slices
inner join {{ ref('int_manufacturing__periods') }} as periods
    on
        facts.line_id = periods.line_id
        and slices.period_grain = periods.period_grain
        and case
            when slices.period_grain = 'shift' then facts.shift_starts_local_at
            else {{ kpi_warehouse.period_start('slices.period_grain', 'cast(facts.production_date as ' ~ kpi_warehouse.type_ts() ~ ')') }}
        end = periods.period_start
where
    {{ kpi_warehouse.slice_value(dimensions, whole, columns) }} is not null
    {%- if where %}
    and ({{ where }})
    {%- endif %}
group by
    slices.kpi_id, slices.version, slices.period_grain, periods.period_start, slices.dimension,
    {{ kpi_warehouse.slice_value(dimensions, whole, columns) }}
{%- endmacro %}

{% macro slice_value(dimensions, whole, columns) -%}
    case
        when slices.dimension in ('all'{% for name in whole %}, '{{ name }}'{% endfor %}) then 'all'
        {%- for name in dimensions %}
        when slices.dimension = '{{ name }}' then {{ kpi_warehouse.slice_member(kpi_warehouse.slice_parts(name, columns)) }}
        {%- endfor %}
    end
{%- endmacro %}

{# The columns of facts behind a dimension (`a+b`: two). #}
{% macro slice_parts(name, columns) %}
    {%- set parts = [] -%}
    {%- for part in name.split('+') %}{% do parts.append('facts.' ~ columns[part]) %}{% endfor -%}
    {{ return(parts) }}
{% endmacro %}

{# The rows of a KPI from one result of `sum_by_slice`, as a select: a ratio (sums: numerator, denominator, sample_size) … #}
{% macro ratio_of_sums(sums) -%}
select
    kpi_id, version, period_grain, period_start, period_end, dimension, dimension_value,
    numerator,
    denominator,
    {{ kpi_warehouse.safe_divide('numerator', 'denominator') }} as value,
    sample_size,
    is_final
from {{ sums }}
{%- endmacro %}

{# … or an amount (sums: value, sample_size). #}
{% macro amount_of_sums(sums) -%}
select
    kpi_id, version, period_grain, period_start, period_end, dimension, dimension_value,
    value as numerator,
    {{ kpi_warehouse.typed_null('num') }} as denominator,
    value,
    sample_size,
    is_final
from {{ sums }}
{%- endmacro %}

{#
    Ratio of two results of `sum_by_slice` (columns numerator; denominator and sample_size), as a select. In a `whole`
    dimension the denominator is that of the whole period and only members with a numerator have rows (ruling 18).
#}
{% macro ratio_by_slice(numerators, denominators, whole=[]) -%}
{%- set is_whole = "coalesce(above.dimension, below.dimension) in ('" ~ whole | join("', '") ~ "')" if whole else "false" -%}
select
    coalesce(above.kpi_id, below.kpi_id) as kpi_id,
    coalesce(above.version, below.version) as version,
    coalesce(above.period_grain, below.period_grain) as period_grain,
    coalesce(above.period_start, below.period_start) as period_start,
    {{ kpi_warehouse.greatest_of(['coalesce(above.period_end, below.period_end)', 'coalesce(below.period_end, above.period_end)']) }} as period_end,
    coalesce(above.dimension, below.dimension) as dimension,
    coalesce(above.dimension_value, below.dimension_value) as dimension_value,
    coalesce(above.numerator, 0) as numerator,
    below.denominator,
    {{ kpi_warehouse.safe_divide('coalesce(above.numerator, 0)', 'below.denominator') }} as value,
    coalesce(below.sample_size, 0) as sample_size,
    coalesce(above.is_final, true) and coalesce(below.is_final, true) as is_final
from {{ numerators }} as above
full outer join {{ denominators }} as below
    on
        above.kpi_id = below.kpi_id
        and above.version = below.version
        and above.period_grain = below.period_grain
        and above.period_start = below.period_start
        and above.dimension = below.dimension
        and case when {{ is_whole | replace('coalesce(above.dimension, below.dimension)', 'above.dimension') }} then 'all' else above.dimension_value end = below.dimension_value
where not ({{ is_whole }} and above.kpi_id is null)
{%- endmacro %}
