{# What the credit KPI models share. #}

{# UTC to the business clock. #}
{% macro business_local(ts) -%}
    {{ kpi_warehouse.to_local(ts, "'" ~ var('business_timezone') ~ "'") }}
{%- endmacro %}

{# True where all these columns ([[table, column], ...]) were landed with rows; reads the CTE `landed` (stg_credit__landed). #}
{% macro credit_is_landed(columns) -%}
    (
        select count(*) = {{ columns | length }}
        from landed
        where landed.has_rows and (
            {%- for table, column in columns %}
            (landed.table_name = '{{ table }}' and landed.column_name = '{{ column }}'){{ " or" if not loop.last }}
            {%- endfor %}
        )
    )
{%- endmacro %}

{#
    The member of a slice: columns of `relation` named as the dimensions, missing ones read `unknown`.
    dimension: the column that holds the dimension's name; dimensions: the ones that may occur (`a+b` joins two).
#}
{% macro credit_member(dimension, relation, dimensions) -%}
    case {{ dimension }}
        when 'all' then 'all'
        {%- for name in dimensions %}
        when '{{ name }}' then {% for part in name.split('+') -%}
            coalesce({{ relation }}.{{ part }}, 'unknown'){{ " || '+' || " if not loop.last }}
        {%- endfor %}
        {%- endfor %}
    end
{%- endmacro %}

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
