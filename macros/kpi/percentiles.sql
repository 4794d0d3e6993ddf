{# Percentiles of KPIs: the same figure on both engines, and exactly a value where its neighbours are equal. #}

{# Place (0-based, fractional) of the percentile p among n ordered values; rounded, lest 0.99 * 100 be a trifle off 99. #}
{% macro percentile_place(p, n) %}round({{ p }} * ({{ n }} - 1), 6){% endmacro %}

{#
    Percentile p (a column, as it comes from the dictionary) by linear interpolation, an aggregate over rows that
    carry their rank (from 1, no ties) and the number of values n of their group. Neighbours that are equal give
    exactly their value.
#}
{% macro ranked_percentile(value, rank, n, p) -%}
    {%- set place = kpi_warehouse.percentile_place(p, n) -%}
    {%- set below = 'max(' ~ value ~ ') filter (where ' ~ rank ~ ' - 1 <= ' ~ place ~ ')' -%}
    {%- set above = 'min(' ~ value ~ ') filter (where ' ~ rank ~ ' - 1 >= ' ~ place ~ ')' -%}
    ({{ below }} + max(round({{ place }} - floor({{ place }}), 6)) * ({{ above }} - {{ below }}))
{%- endmacro %}
