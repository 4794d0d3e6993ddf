{# What a fact is reduced to before it is sliced: its quarter hour while quarter hours are published, else its day. #}
{% macro realtime_bucket(local_at, realtime_from) -%}
    case when {{ local_at }} >= {{ realtime_from }} then {{ kpi_warehouse.start_of('quarter_hour', local_at) }} else date_trunc('day', {{ local_at }}) end
{%- endmacro %}

{# Grains of the real-time rows; those start at or after realtime_from, all others are published for ever. #}
{% macro is_realtime_grain(period_grain) %}({{ period_grain }} in ('quarter_hour', 'hour')){% endmacro %}
