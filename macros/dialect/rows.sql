{#
  Row generators. Each `*_series` and `split_rows` macro is a subquery in parentheses:
    from {{ int_series(1, 10) }} as s                               -- on its own
    from t cross join lateral {{ int_series('t.a', 't.b') }} as s   -- once per row of t, nothing where a > b or one is null
    left join lateral ... on true                                   -- keeps rows of t without any
  Each `explode_*` macro is a select-list item that multiplies the rows of a simple select (one per select).
#}

{# Integers from start to stop, both included. #}
{% macro int_series(start, stop, column='n') -%}
    (select {{ kpi_warehouse.explode_ints(start, stop) }} as {{ column }})
{%- endmacro %}
{% macro explode_ints(start, stop) %}{{ return(adapter.dispatch('explode_ints', 'kpi_warehouse')(start, stop)) }}{% endmacro %}
{% macro default__explode_ints(start, stop) %}unnest(generate_series(cast({{ start }} as bigint), cast({{ stop }} as bigint))){% endmacro %}
{% macro spark__explode_ints(start, stop) %}explode(case when {{ stop }} >= {{ start }} then sequence(cast({{ start }} as bigint), cast({{ stop }} as bigint)) end){% endmacro %}

{# Dates from start to stop, both included; none before the first plausible day or after the last. #}
{% macro date_series(start, stop, column='date_day') -%}
    (select {{ kpi_warehouse.explode_dates(start, stop) }} as {{ column }})
{%- endmacro %}
{% macro explode_dates(start, stop) %}
    {{ return(adapter.dispatch('explode_dates', 'kpi_warehouse')(
        kpi_warehouse.not_before(start, kpi_warehouse.date_literal(kpi_warehouse.first_plausible_day())),
        kpi_warehouse.not_after(stop, kpi_warehouse.date_literal(kpi_warehouse.first_implausible_day()))
    )) }}
{% endmacro %}
{% macro default__explode_dates(start, stop) %}cast(unnest(generate_series({{ start }}, {{ stop }}, interval 1 day)) as date){% endmacro %}
{% macro spark__explode_dates(start, stop) %}explode(case when {{ stop }} >= {{ start }} then sequence({{ start }}, {{ stop }}, interval 1 day) end){% endmacro %}

{# Timestamps from start to stop, both included, every step_seconds; bounded as the dates are. #}
{% macro ts_series(start, stop, step_seconds, column='ts') -%}
    (select {{ kpi_warehouse.explode_ts(start, stop, step_seconds) }} as {{ column }})
{%- endmacro %}
{% macro explode_ts(start, stop, step_seconds) %}
    {{ return(adapter.dispatch('explode_ts', 'kpi_warehouse')(
        kpi_warehouse.not_before(start, kpi_warehouse.ts_literal(kpi_warehouse.first_plausible_day())),
        kpi_warehouse.not_after(stop, kpi_warehouse.ts_literal(kpi_warehouse.first_implausible_day())),
        step_seconds
    )) }}
{% endmacro %}
{% macro default__explode_ts(start, stop, step_seconds) %}unnest(generate_series({{ start }}, {{ stop }}, to_seconds({{ step_seconds }}))){% endmacro %}
{% macro spark__explode_ts(start, stop, step_seconds) %}explode(case when {{ stop }} >= {{ start }} then sequence({{ start }}, {{ stop }}, make_dt_interval(0, 0, 0, {{ step_seconds }})) end){% endmacro %}

{# A bound that keeps null (greatest and least do not on every engine). #}
{% macro not_before(expr, bound) %}(case when {{ expr }} < {{ bound }} then {{ bound }} else {{ expr }} end){% endmacro %}
{% macro not_after(expr, bound) %}(case when {{ expr }} > {{ bound }} then {{ bound }} else {{ expr }} end){% endmacro %}

{# The parts of a text and their place from 1; no row for a null text, one empty part for an empty text. #}
{% macro split_rows(text, separator, column='part', position='position') %}{{ return(adapter.dispatch('split_rows', 'kpi_warehouse')(text, separator, column, position)) }}{% endmacro %}
{% macro default__split_rows(text, separator, column, position) -%}
    {%- set parts = 'string_split(' ~ text ~ ', ' ~ kpi_warehouse.text_literal(separator) ~ ')' -%}
    (select unnest({{ parts }}) as {{ column }}, unnest(generate_series(1, len({{ parts }}))) as {{ position }})
{%- endmacro %}
{% macro spark__split_rows(text, separator, column, position) -%}
    (select split_parts.{{ column }}, split_parts.zero_based + 1 as {{ position }} from lateral posexplode(split({{ text }}, {{ kpi_warehouse.text_literal('\\Q' ~ separator ~ '\\E') }})) as split_parts(zero_based, {{ column }}))
{%- endmacro %}
