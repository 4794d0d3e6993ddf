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
