{#
    The columns of kpi_values, in order, from a CTE of measured rows. The CTE has kpi_id, version, period_grain,
    period_start, dimension, dimension_value, numerator, denominator, value, sample_size and is_matured (true
    where every member was observed for its whole window; the period itself is closed here).
    own_period: the CTE brings period_end and is_final too (manufacturing: each line's own clock).
    as_of: relation with the domain's horizon.
#}
{% macro kpi_rows(cte, domain, as_of, own_period=false) -%}
select
    cast({{ cte }}.kpi_id as {{ kpi_warehouse.type_text() }}) as kpi_id,
    cast({{ cte }}.version as int) as version,
    cast('{{ domain }}' as {{ kpi_warehouse.type_text() }}) as domain,
    cast({{ cte }}.period_grain as {{ kpi_warehouse.type_text() }}) as period_grain,
    cast({{ cte }}.period_start as {{ kpi_warehouse.type_ts() }}) as period_start,
    {% if own_period -%}
    cast({{ cte }}.period_end as {{ kpi_warehouse.type_ts() }}) as period_end,
    {%- else -%}
    cast({{ kpi_warehouse.period_end(cte ~ '.period_grain', cte ~ '.period_start') }} as {{ kpi_warehouse.type_ts() }}) as period_end,
    {%- endif %}
    cast({{ cte }}.dimension as {{ kpi_warehouse.type_text() }}) as dimension,
    cast({{ cte }}.dimension_value as {{ kpi_warehouse.type_text() }}) as dimension_value,
    cast({{ cte }}.numerator as {{ kpi_warehouse.type_double() }}) as numerator,
    cast({{ cte }}.denominator as {{ kpi_warehouse.type_double() }}) as denominator,
    cast({{ cte }}.value as {{ kpi_warehouse.type_double() }}) as value,
    cast({{ cte }}.sample_size as {{ kpi_warehouse.type_bigint() }}) as sample_size,
    {% if own_period -%}
    cast({{ cte }}.is_final as boolean) as is_final,
    {%- else -%}
    coalesce({{ cte }}.is_matured and {{ kpi_warehouse.period_end(cte ~ '.period_grain', cte ~ '.period_start') }} <= horizon.as_of, false) as is_final,
    {%- endif %}
    cast(horizon.as_of as {{ kpi_warehouse.type_ts() }}) as as_of
from {{ cte }}
cross join {{ as_of }} as horizon
{%- endmacro %}

{#
    The measured rows of a ratio of sums, as a select for `kpi_rows`. sliced: a CTE with kpi_id, version, period_grain, period_start,
    dimension, dimension_value and the columns that are summed. sample_size: the column that is (denominator). is_matured: an aggregate.
#}
{% macro sum_and_divide(sliced, numerator, denominator, sample_size=none, is_matured='true') -%}
select
    kpi_id, version, period_grain, period_start, dimension, dimension_value,
    sum({{ numerator }}) as numerator,
    sum({{ denominator }}) as denominator,
    {{ kpi_warehouse.safe_divide('sum(' ~ numerator ~ ')', 'sum(' ~ denominator ~ ')') }} as value,
    sum({{ sample_size or denominator }}) as sample_size,
    {{ is_matured }} as is_matured
from {{ sliced }}
group by kpi_id, version, period_grain, period_start, dimension, dimension_value
{%- endmacro %}
