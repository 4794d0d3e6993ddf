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
        {%- set parts = [] -%}
        {%- for part in name.split('+') %}{% do parts.append('coalesce(' ~ relation ~ '.' ~ part ~ ", 'unknown')") %}{% endfor %}
        when '{{ name }}' then {{ kpi_warehouse.slice_member(parts) }}
        {%- endfor %}
    end
{%- endmacro %}
