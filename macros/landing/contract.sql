{# The input contract as declared in models/staging/<domain>/_<domain>__sources.yml. #}

{# The source node of a raw table (none while parsing). #}
{% macro contract_table(domain, table) %}
    {%- for node in graph.sources.values() if node.source_name == domain and node.name == table -%}
        {{ return(node) }}
    {%- endfor -%}
    {{ exceptions.raise_compiler_error("No raw table " ~ domain ~ "." ~ table ~ " is declared: add it to the domain's __sources.yml") }}
{% endmacro %}

{# All source nodes of a domain, by name. #}
{% macro contract_tables(domain) %}
    {{ return(graph.sources.values() | selectattr('source_name', 'equalto', domain) | sort(attribute='name') | list) }}
{% endmacro %}

{# A meta value of a source table or column, whichever way dbt stores it. #}
{% macro contract_meta(item, key, default=none) %}
    {%- set config = item.config if item.config is defined and item.config else {} -%}
    {%- set in_config = (config.get('meta') or {}) if config.get is defined else {} -%}
    {%- set direct = item.meta if item.meta is defined and item.meta else {} -%}
    {{ return(in_config.get(key, direct.get(key, default))) }}
{% endmacro %}

{# The columns of a raw table in the contract's order, as plain dictionaries. #}
{% macro contract_columns(table_node) %}
    {%- set columns = [] -%}
    {%- for column in table_node.columns.values() -%}
        {%- do columns.append({
            'name': column.name,
            'type': column.data_type,
            'is_key': kpi_warehouse.contract_meta(column, 'is_key', false),
            'is_required': kpi_warehouse.contract_meta(column, 'is_required', false),
            'accepted': kpi_warehouse.contract_meta(column, 'accepted', []),
            'known': kpi_warehouse.contract_meta(column, 'known', []),
            'minimum': kpi_warehouse.contract_meta(column, 'minimum'),
            'maximum': kpi_warehouse.contract_meta(column, 'maximum'),
            'is_time_zone': kpi_warehouse.contract_meta(column, 'is_time_zone', false),
            'has_happened': kpi_warehouse.contract_meta(column, 'has_happened', false),
        }) -%}
    {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}

{# The var `as_of` as a UTC timestamp literal, or a typed null. #}
{% macro as_of_given() -%}
    {%- if var('as_of') -%}
        {{ kpi_warehouse.ts_literal(var('as_of')) }}
    {%- else -%}
        {{ kpi_warehouse.typed_null('ts') }}
    {%- endif -%}
{%- endmacro %}
