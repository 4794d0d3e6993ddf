{# `as (` of a CTE that is to be worked out before what reads it: DuckDB's planning time doubles with every window upon a window. #}
{% macro as_materialized() %}{{ return(adapter.dispatch('as_materialized', 'kpi_warehouse')()) }}{% endmacro %}
{% macro default__as_materialized() %}as materialized{% endmacro %}
{% macro spark__as_materialized() %}as{% endmacro %}
