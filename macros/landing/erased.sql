{#
    Persons that were erased (`kpi erase`). Schema `privacy` of the warehouse holds `erased` (token: keyed hash of `<kind>:<id>`) and
    `erasure_key` (inner_pad, outer_pad: the HMAC key, padded, in hex); where it is absent nobody was.
#}

{# The condition under which a landed row is of an erased person; `none` where nobody is erased or no column could tell. #}
{% macro erased_condition(columns, raw_types) %}
    {%- set relation = adapter.get_relation(database=target.database, schema='privacy', identifier='erased') -%}
    {%- set found = [] -%}
    {%- if relation is not none -%}
        {%- for column in columns if column.personal and column.name in raw_types -%}
            {%- set kind = kpi_warehouse.erasable_text('landed.' ~ adapter.quote(raw_types[column.personal_type].name)) if column.personal_type in raw_types else kpi_warehouse.text_literal(column.personal) -%}
            {%- set id = kpi_warehouse.erasable_text('landed.' ~ adapter.quote(raw_types[column.name].name)) -%}
            {%- set message = 'concat(' ~ kind ~ ", ':', " ~ id ~ ')' -%}
            {%- do found.append('coalesce(' ~ kpi_warehouse.keyed_hash(message, 'privacy.erasure_key') ~ ' in (select token from privacy.erased), false)') -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return('(' ~ found | join(' or ') ~ ')' if found else none) }}
{% endmacro %}

{# An id as text however a file stores it: without white space around it and without the `.0` of a double. #}
{% macro erasable_text(expression) -%}
    {%- set blank = '[ \t\r\n\u00a0\u2000-\u200d\u202f\u3000\ufeff]+' -%}
    {{ kpi_warehouse.regexp_replace_all(kpi_warehouse.regexp_replace_all(kpi_warehouse.as_text(expression), '^' ~ blank ~ '|' ~ blank ~ '$', ''), '[.]0+$', '') }}
{%- endmacro %}

{# What stays of the landed rows of erased persons: that they were there. `with` parts before it must not be needed. #}
{% macro erased_rows(columns, raw, condition) -%}
select
    {%- for column in columns %}
    {{ kpi_warehouse.typed_null(column.type) }} as {{ column.name }},
    {%- endfor %}
    {{ kpi_warehouse.typed_null('ts') }} as _loaded_at,
    {{ kpi_warehouse.typed_null('text') }} as _row_key,
    'erased' as _reject_reason,
    '{{ (columns | selectattr('personal') | list)[0].name }}' as _reject_column,
    {{ kpi_warehouse.typed_null('text') }} as _unparsed_columns,
    {{ kpi_warehouse.typed_null('text') }} as _unknown_columns,
    false as _is_duplicate,
    '{}' as _raw_row
from {{ raw.relation }} as landed
where {{ condition }}
{%- endmacro %}
