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
with

listed as (
{% for table, relations in tables.items() %}
{%- for source_column, kind in [('_unparsed_columns', 'unparsed:'), ('_unknown_columns', 'unknown_member:'), ('_doubted_columns', '')] %}
    select '{{ table }}' as table_name, '{{ kind }}' as kind, {{ source_column }} as column_names, count(*) as affected_rows
    from {{ relations[0] }}
    where {{ source_column }} is not null and _reject_reason is null and not _is_duplicate
    group by {{ source_column }}
    {{ "union all" if not loop.last }}
{%- endfor %}
    {{ "union all" if not loop.last }}
{%- endfor %}

),

by_column as (

    select
        listed.table_name,
        listed.kind || parts.part as kind_and_column,
        listed.affected_rows
    from listed
    cross join lateral {{ kpi_warehouse.split_rows('listed.column_names', ',') }} as parts

)

select
    '{{ domain }}' as domain,
    table_name,
    split_part(kind_and_column, ':', 2) as column_name,
    split_part(kind_and_column, ':', 1) as kind,
    cast(sum(affected_rows) as {{ kpi_warehouse.type_bigint() }}) as affected_rows
from by_column
group by table_name, kind_and_column
{%- endif -%}
{%- endmacro %}

{# Rows by business day. rules: the data-quality rules of the dictionary (rule `late_row`). #}
{% macro landing_days(domain, tables, rules) -%}
{%- if not execute -%}
select 1 as parsing
{%- else -%}
{%- set accepted = '_reject_reason is null and not _is_duplicate' -%}
with

late as (

    select max(threshold) * 3600 as seconds
    from {{ rules }}
    where rule_id = 'late_row'

)
{% for table, relations in tables.items() %}
{%- set own_time = kpi_warehouse.contract_meta(kpi_warehouse.contract_table(domain, table), 'own_time') %}
{%- set day = kpi_warehouse.date_of(kpi_warehouse.to_local('coalesce(' ~ own_time ~ ', _loaded_at)' if own_time else '_loaded_at', "'" ~ var('business_timezone') ~ "'")) %}
select
    '{{ domain }}' as domain,
    '{{ table }}' as table_name,
    {{ day }} as business_date,
    {{ 'true' if own_time else 'false' }} as has_own_time,
    count(*) as rows_read,
    count(*) filter (where {{ accepted }}) as rows_accepted,
    count(*) filter (where _is_duplicate) as rows_deduplicated,
    count(*) filter (where _reject_reason is not null) as rows_quarantined,
    count(*) filter (where {{ accepted }} and coalesce(_unparsed_columns, _unknown_columns, _doubted_columns) is not null) as rows_irregular,
    {% if own_time -%}
    count(*) filter (
        where {{ accepted }} and {{ kpi_warehouse.seconds_between(own_time, '_loaded_at') }} > late.seconds
    )
    {%- else -%}
    cast(0 as {{ kpi_warehouse.type_bigint() }})
    {%- endif %} as rows_late
from {{ relations[0] }}
cross join late
group by {{ day }}
{{ "union all" if not loop.last }}
{%- endfor %}
{%- endif -%}
{%- endmacro %}
