{#
    Where a raw table lies and what it holds: {found, columns: [{name, type}], relation, place}.
    Files under <raw_root>/<domain>/<table>/ by default; tables of schema raw_<domain> where raw_root is empty.
#}
{% macro raw_table(domain, table) %}
    {{ return(adapter.dispatch('raw_table', 'kpi_warehouse')(domain, table)) }}
{% endmacro %}

{% macro default__raw_table(domain, table) %}
    {{ return(kpi_warehouse.raw_table_in_schema(domain, table)) }}
{% endmacro %}

{% macro duckdb__raw_table(domain, table) %}
    {%- if not var('raw_root') -%}
        {{ return(kpi_warehouse.raw_table_in_schema(domain, table)) }}
    {%- endif -%}
    {%- set columns = kpi_warehouse.contract_columns(kpi_warehouse.contract_table(domain, table)) -%}
    {%- set names = columns | map(attribute='name') | list -%}
    {%- set arguments = [domain, table, tojson(names + ['_loaded_at']), tojson(columns | selectattr('is_required') | map(attribute='name') | list)] -%}
    {#- src/kpi_warehouse/landing: which files, which columns, and how they are read -#}
    {%- set answer = fromjson(run_query("select kpi_landed_table(" ~ kpi_warehouse.text_literals(arguments) ~ ")")[0][0]) -%}
    {%- if answer.error is defined -%}
        {{ exceptions.raise_compiler_error(answer.error) }}
    {%- endif -%}
    {{ return({'found': answer.found, 'columns': answer.columns, 'relation': answer.relation, 'place': var('raw_root') ~ '/' ~ domain ~ '/' ~ table}) }}
{% endmacro %}

{% macro raw_table_in_schema(domain, table) %}
    {%- set place = 'raw_' ~ domain ~ '.' ~ table -%}
    {%- set relation = adapter.get_relation(database=target.database, schema='raw_' ~ domain, identifier=table) -%}
    {%- if relation is none -%}
        {{ return({'found': false, 'columns': [], 'relation': none, 'place': place}) }}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do columns.append({'name': column.name, 'type': column.data_type | lower}) -%}
    {%- endfor -%}
    {{ return({'found': true, 'columns': columns, 'relation': relation | string, 'place': place}) }}
{% endmacro %}

{# Columns of a raw table that were landed, in order: what the project adds to them (`_landed_…`) is left out. #}
{% macro landed_columns(raw) %}
    {{ return(raw.columns | rejectattr('name', 'in', ['_landed_fault', '_landed_file', '_landed_line', '_landed_values']) | list) }}
{% endmacro %}

{# True where some rows are refused for their form (more or fewer values than the header of their file). #}
{% macro has_misfits(raw) %}
    {{ return('_landed_fault' in (raw.columns | map(attribute='name') | list)) }}
{% endmacro %}

{# True for a row of which every landed value is empty. alias: the relation's; quoted names are read. #}
{% macro row_is_blank(raw, alias) -%}
    {%- set tests = ['true'] -%}
    {%- for column in kpi_warehouse.landed_columns(raw) -%}
        {%- do tests.append(kpi_warehouse.raw_is_missing(alias ~ '.' ~ kpi_warehouse.quote_name(column.name), column.type)) -%}
    {%- endfor -%}
    {%- if kpi_warehouse.has_misfits(raw) -%}
        {%- do tests.append(alias ~ '._landed_fault is null') -%}
    {%- endif -%}
    ({{ tests | join(' and ') }})
{%- endmacro %}

{# Everything under the raw root that is not read: domain, table_name, name (its path there) and reason; a select. #}
{% macro landed_findings() %}{{ return(adapter.dispatch('landed_findings', 'kpi_warehouse')()) }}{% endmacro %}

{% macro default__landed_findings() -%}
select
    {{ kpi_warehouse.typed_null('text') }} as domain,
    {{ kpi_warehouse.typed_null('text') }} as table_name,
    {{ kpi_warehouse.typed_null('text') }} as name,
    {{ kpi_warehouse.typed_null('text') }} as reason
where false
{%- endmacro %}

{% macro duckdb__landed_findings() -%}
{%- if not execute or not var('raw_root') -%}
{{ kpi_warehouse.default__landed_findings() }}
{%- else -%}
{%- set tables = {} -%}
{%- for node in graph.sources.values() -%}
    {%- do tables.setdefault(node.source_name, {}).update({node.name: []}) -%}
{%- endfor -%}
select
    finding.domain,
    finding.table_name,
    finding.name,
    finding.reason
from (
    select unnest(from_json(
        kpi_landed_files({{ kpi_warehouse.text_literal(tojson(tables)) }}),
        '[{"domain": "VARCHAR", "table_name": "VARCHAR", "name": "VARCHAR", "reason": "VARCHAR"}]'
    )) as finding
) as findings
{%- endif -%}
{%- endmacro %}

{% macro spark__landed_findings() -%}
{%- set relation = adapter.get_relation(database=none, schema='raw_landing', identifier='findings') if execute else none -%}
{%- if relation is none -%}
{{ kpi_warehouse.default__landed_findings() }}
{%- else -%}
select domain, table_name, name, reason from {{ relation }}
{%- endif -%}
{%- endmacro %}
