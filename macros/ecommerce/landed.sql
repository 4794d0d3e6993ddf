{#
    True where every one of these was landed and holds accepted rows: 'table' or 'table.column'. `landed` is the CTE
    of stg_ecommerce__landed.
#}
{% macro has_landed(landed, needs) -%}
    {%- for need in needs -%}
    {%- set parts = need.split('.') -%}
    (
        select count(*) from {{ landed }}
        where {{ landed }}.has_rows and {{ landed }}.table_name = '{{ parts[0] }}'{% if parts | length > 1 %} and {{ landed }}.column_name = '{{ parts[1] }}'{% endif %}
    ) > 0
    {%- if not loop.last %}
    and {% endif -%}
    {%- endfor -%}
{%- endmacro %}
