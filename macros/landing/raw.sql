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
    {%- set root = var('raw_root') -%}
    {%- if not root -%}
        {{ return(kpi_warehouse.raw_table_in_schema(domain, table)) }}
    {%- endif -%}
    {%- set place = root ~ '/' ~ domain ~ '/' ~ table -%}
    {#- the folder as a pattern: its own brackets, stars and quotes are letters -#}
    {%- set pattern = place | replace('[', '[[]') | replace('*', '[*]') | replace('?', '[?]') | replace("'", "''") -%}
    {%- set parquet, csv = [], [] -%}
    {%- for row in run_query("select file from glob('" ~ pattern ~ "/*.parquet') order by file") -%}
        {%- do parquet.append("'" ~ (row[0] | replace("'", "''")) ~ "'") -%}
    {%- endfor -%}
    {%- for row in run_query("select file from glob('" ~ pattern ~ "/*.csv') order by file") -%}
        {%- set file = "'" ~ (row[0] | replace("'", "''")) ~ "'" -%}
        {#- a file of no bytes holds no header either: nothing landed -#}
        {%- if run_query("select size from read_blob(" ~ file ~ ")")[0][0] > 3 -%}
            {%- do csv.append(file) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set parts = [] -%}
    {%- if parquet -%}
        {%- set read = "read_parquet([" ~ parquet | join(', ') ~ "], union_by_name = true)" -%}
        {%- set respelled = [] -%}
        {%- for column in (run_query("describe select * from " ~ read) if csv else []) if kpi_warehouse.raw_kind(column[1]) == 'double' -%}
            {#- beside text files these become text: an id must read 4, not 4.0 -#}
            {%- do respelled.append(kpi_warehouse.parse_text(adapter.quote(column[0]), 'double') ~ ' as ' ~ adapter.quote(column[0])) -%}
        {%- endfor -%}
        {%- do parts.append("select *" ~ (" replace (" ~ respelled | join(', ') ~ ")" if respelled else "") ~ " from " ~ read) -%}
    {%- endif -%}
    {%- if csv -%}
        {%- do parts.append("select * from read_csv([" ~ csv | join(', ') ~ "], header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"', union_by_name = true, null_padding = true, comment = '', parallel = false)") -%}
    {%- endif -%}
    {%- if not parts -%}
        {{ return({'found': false, 'columns': [], 'relation': none, 'place': place}) }}
    {%- endif -%}
    {%- set relation = "(" ~ parts | join(" union all by name ") ~ ")" -%}
    {%- set columns = [] -%}
    {%- for row in run_query("describe " ~ parts | join(" union all by name ")) -%}
        {%- do columns.append({'name': row[0], 'type': row[1] | lower}) -%}
    {%- endfor -%}
    {{ return({'found': true, 'columns': columns, 'relation': relation, 'place': place}) }}
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
