{# Aggregates. `where` is a condition on the rows that are aggregated (none: all). #}

{% macro filter_where(where=none) %}{% if where %} filter (where {{ where }}){% endif %}{% endmacro %}

{# Linear-interpolation percentile of a number as a double; nulls do not count, null if nothing is left. #}
{% macro percentile_cont(expr, p, where=none) %}{{ return(adapter.dispatch('percentile_cont', 'kpi_warehouse')(expr, p, where)) }}{% endmacro %}
{% macro default__percentile_cont(expr, p, where) %}quantile_cont(cast({{ expr }} as double), {{ p }}){{ kpi_warehouse.filter_where(where) }}{% endmacro %}
{% macro spark__percentile_cont(expr, p, where) %}percentile(cast({{ expr }} as double), {{ p }}){{ kpi_warehouse.filter_where(where) }}{% endmacro %}

{# One or several expressions as one comparable value, compared from left to right. #}
{% macro sort_key(exprs) %}
    {%- if exprs is string -%}{{ return(exprs) }}{%- endif -%}
    {{ return(adapter.dispatch('sort_key', 'kpi_warehouse')(exprs)) }}
{% endmacro %}
{% macro default__sort_key(exprs) %}row({{ exprs | join(', ') }}){% endmacro %}
{% macro spark__sort_key(exprs) %}struct({{ exprs | join(', ') }}){% endmacro %}

{#
  The value in the row with the greatest `by` (an expression or a list); that value may be null.
  Rows with a null in `by` do not count.
#}
{% macro arg_max(value, by, where=none) -%}
    {{ adapter.dispatch('arg_max', 'kpi_warehouse')(value, kpi_warehouse.sort_key(by)) }}{{ kpi_warehouse.filter_where(kpi_warehouse.where_sortable(by, where)) }}
{%- endmacro %}
{% macro default__arg_max(value, by) %}arg_max_null({{ value }}, {{ by }}){% endmacro %}
{% macro spark__arg_max(value, by) %}max_by({{ value }}, {{ by }}){% endmacro %}

{% macro arg_min(value, by, where=none) -%}
    {{ adapter.dispatch('arg_min', 'kpi_warehouse')(value, kpi_warehouse.sort_key(by)) }}{{ kpi_warehouse.filter_where(kpi_warehouse.where_sortable(by, where)) }}
{%- endmacro %}
{% macro default__arg_min(value, by) %}arg_min_null({{ value }}, {{ by }}){% endmacro %}
{% macro spark__arg_min(value, by) %}min_by({{ value }}, {{ by }}){% endmacro %}

{# The condition `where`, and that no part of a composed key is null: the engines order such keys differently. #}
{% macro where_sortable(by, where=none) %}
    {%- set conditions = ['(' ~ where ~ ')'] if where else [] -%}
    {%- for expr in by if by is not string -%}
        {%- do conditions.append(expr ~ ' is not null') -%}
    {%- endfor -%}
    {{ return(conditions | join(' and ')) }}
{% endmacro %}

{% macro any_true(condition, where=none) %}bool_or({{ condition }}){{ kpi_warehouse.filter_where(where) }}{% endmacro %}

{% macro all_true(condition, where=none) %}bool_and({{ condition }}){{ kpi_warehouse.filter_where(where) }}{% endmacro %}

{% macro count_where(condition) %}count(*) filter (where {{ condition }}){% endmacro %}

{# Texts joined in order; nulls are left out, null if nothing is left. Spark 4 or later. #}
{% macro string_agg(expr, separator, order_by, where=none) %}{{ return(adapter.dispatch('string_agg', 'kpi_warehouse')(expr, separator, order_by, where)) }}{% endmacro %}
{% macro default__string_agg(expr, separator, order_by, where) %}string_agg({{ kpi_warehouse.as_text(expr) }}, {{ kpi_warehouse.text_literal(separator) }} order by {{ order_by }}){{ kpi_warehouse.filter_where(where) }}{% endmacro %}
{% macro spark__string_agg(expr, separator, order_by, where) %}listagg({{ kpi_warehouse.as_text(expr) }}, {{ kpi_warehouse.text_literal(separator) }}) within group (order by {{ order_by }}){{ kpi_warehouse.filter_where(where) }}{% endmacro %}

{# Window functions that skip nulls: put the over clause after them. #}
{% macro last_value_ignore_nulls(expr) %}{{ return(adapter.dispatch('value_ignore_nulls', 'kpi_warehouse')('last_value', expr)) }}{% endmacro %}
{% macro first_value_ignore_nulls(expr) %}{{ return(adapter.dispatch('value_ignore_nulls', 'kpi_warehouse')('first_value', expr)) }}{% endmacro %}
{% macro default__value_ignore_nulls(function, expr) %}{{ function }}({{ expr }} ignore nulls){% endmacro %}
{% macro spark__value_ignore_nulls(function, expr) %}{{ function }}({{ expr }}) ignore nulls{% endmacro %}
