{# The landing audits of a domain. tables: {table: [base relation, staging relation]}. Written models call these. #}

{% macro landing_quarantine(domain, tables) -%}
{%- for table, relations in tables.items() %}
select
    '{{ domain }}' as domain,
    '{{ table }}' as table_name,
    _row_key as row_key,
    _reject_reason as reason,
    _reject_column as column_name,
    _raw_row as raw_row
from {{ relations[0] }}
where _reject_reason is not null
{{ "union all" if not loop.last }}
{%- endfor %}
{%- endmacro %}

{% macro landing_reconciliation(domain, tables) -%}
{%- for table, relations in tables.items() %}
select
    '{{ domain }}' as domain,
    '{{ table }}' as table_name,
    {% if execute -%}
    {%- set raw = kpi_warehouse.raw_table(domain, table) -%}
    {%- set seed = kpi_warehouse.contract_meta(kpi_warehouse.contract_table(domain, table), 'seed') -%}
    {%- if raw.found -%}
    (select count(*) from {{ raw.relation }} as landed)
    {%- elif seed -%}
    (select count(*) from {{ api.Relation.create(database=this.database, schema='seeds', identifier=seed) }})
    {%- else -%}
    0
    {%- endif -%}
    {%- else -%}
    0
    {%- endif %} as rows_read,
    (select count(*) from {{ relations[1] }}) as rows_accepted,
    (select count(*) from {{ relations[0] }} where _is_duplicate) as rows_deduplicated,
    (select count(*) from {{ relations[0] }} where _reject_reason is not null) as rows_quarantined
{{ "union all" if not loop.last }}
{%- endfor %}
{%- endmacro %}

{% macro landing_happenings(domain, tables) -%}
{%- if not execute -%}
select 1 as parsing
{%- else -%}
{%- set parts = [] -%}
{%- for table, relations in tables.items() -%}
    {%- for column in kpi_warehouse.contract_columns(kpi_warehouse.contract_table(domain, table)) if column.has_happened -%}
        {%- do parts.append([table, column.name, relations[0]]) -%}
    {%- endfor -%}
{%- endfor -%}
{%- for part in parts %}
select
    '{{ domain }}' as domain,
    '{{ part[0] }}' as table_name,
    '{{ part[1] }}' as column_name,
    _row_key as row_key,
    {{ part[1] }} as happened_at
from {{ part[2] }}
where _reject_reason is null and not _is_duplicate and {{ part[1] }} is not null
{{ "union all" if not loop.last }}
{%- endfor %}
{%- endif -%}
{%- endmacro %}

{% macro landing_landed(domain, tables) -%}
{%- if not execute -%}
select 1 as parsing
{%- else -%}
{%- set parts = [] -%}
{%- for table, relations in tables.items() -%}
    {%- set node = kpi_warehouse.contract_table(domain, table) -%}
    {%- set seed = kpi_warehouse.contract_meta(node, 'seed') -%}
    {%- set raw = kpi_warehouse.raw_table(domain, table) -%}
    {%- set names = raw.columns | map(attribute='name') | map('lower') | list -%}
    {%- for column in kpi_warehouse.contract_columns(node) if column.name in names or (not raw.found and seed) -%}
        {%- do parts.append([table, column.name, relations[1]]) -%}
    {%- endfor -%}
{%- endfor -%}
{%- for part in parts %}
select
    '{{ domain }}' as domain,
    '{{ part[0] }}' as table_name,
    '{{ part[1] }}' as column_name,
    exists (select 1 from {{ part[2] }}) as has_rows
{{ "union all" if not loop.last }}
{%- else %}
select
    {{ kpi_warehouse.typed_null('text') }} as domain,
    {{ kpi_warehouse.typed_null('text') }} as table_name,
    {{ kpi_warehouse.typed_null('text') }} as column_name,
    false as has_rows
where false
{%- endfor %}
{%- endif -%}
{%- endmacro %}

{% macro landing_irregularities(domain, tables) -%}
{%- if not execute -%}
select 1 as parsing
{%- else -%}
{%- for table, relations in tables.items() %}
{%- for source_column, kind in [('_unparsed_columns', 'unparsed'), ('_unknown_columns', 'unknown_member')] %}
select
    '{{ domain }}' as domain,
    '{{ table }}' as table_name,
    {{ source_column }} as column_name,
    '{{ kind }}' as kind,
    count(*) as affected_rows
from {{ relations[0] }}
where {{ source_column }} is not null and _reject_reason is null and not _is_duplicate
group by {{ source_column }}
{{ "union all" if not loop.last }}
{%- endfor %}
{{ "union all" if not loop.last }}
{%- endfor %}
{%- endif -%}
{%- endmacro %}
