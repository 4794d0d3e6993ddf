{#
  Seeds on Spark. The adapter's own macro writes values into the statement without escaping quotes, and an empty cell
  as the text None; this one writes literals.
#}
{% macro spark__load_csv_rows(model, agate_table) %}
    {%- set overrides = model['config'].get('column_types', {}) -%}
    {%- set types = [] -%}
    {%- for column in agate_table.column_names -%}
        {%- do types.append(overrides.get(column, adapter.convert_type(agate_table, loop.index0))) -%}
    {%- endfor -%}
    {%- set statements = [] -%}
    {%- for chunk in agate_table.rows | batch(get_batch_size()) -%}
        {%- set sql -%}
            insert into {{ this.render() }} values
            {% for row in chunk -%}
            ({% for value in row %}cast({{ kpi_warehouse.seed_literal(value) }} as {{ types[loop.index0] }}){{ ', ' if not loop.last }}{% endfor %}){{ ',' if not loop.last }}
            {% endfor %}
        {%- endset -%}
        {%- do adapter.add_query(sql, abridge_sql_log=True) -%}
        {%- if loop.first -%}{%- do statements.append(sql) -%}{%- endif -%}
    {%- endfor -%}
    {{ return(statements[0]) }}
{% endmacro %}

{# One cell as a literal: null, or the value's text. #}
{% macro seed_literal(value) %}
    {%- if value is none -%}{{ return('null') }}
    {%- elif value is boolean or value is not number -%}{{ return(kpi_warehouse.text_literal(value | string)) }}
    {%- else -%}{{ return("'" ~ '{:f}'.format(value) ~ "'") }}
    {%- endif -%}
{% endmacro %}

{# Seeds on DuckDB: the adapter's own macro does not quote the path of the file. #}
{% macro duckdb__load_csv_rows(model, agate_table) %}
    {%- set sql -%}
        copy {{ this.render() }} from {{ kpi_warehouse.text_literal(adapter.get_seed_file_path(model)) }}
        (format csv, header true, delimiter {{ kpi_warehouse.text_literal(config.get('delimiter', ',')) }})
    {%- endset -%}
    {%- do adapter.add_query(sql, abridge_sql_log=True) -%}
    {{ return(sql) }}
{% endmacro %}
