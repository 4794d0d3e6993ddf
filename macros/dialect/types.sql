{# SQL type names and literals. Every other dialect macro writes its types through these. #}

{% macro type_ts() %}{{ return(adapter.dispatch('type_ts', 'kpi_warehouse')()) }}{% endmacro %}
{% macro default__type_ts() %}{{ return('timestamp') }}{% endmacro %}

{% macro type_date() %}{{ return('date') }}{% endmacro %}

{% macro type_text() %}{{ return(adapter.dispatch('type_text', 'kpi_warehouse')()) }}{% endmacro %}
{% macro default__type_text() %}{{ return('varchar') }}{% endmacro %}
{% macro spark__type_text() %}{{ return('string') }}{% endmacro %}

{% macro type_double() %}{{ return('double') }}{% endmacro %}

{% macro type_bigint() %}{{ return('bigint') }}{% endmacro %}

{% macro type_bool() %}{{ return('boolean') }}{% endmacro %}

{% macro type_money() %}{{ return('decimal(30,18)') }}{% endmacro %}

{# The SQL type of a contract type: id, code, text, num, money, int, bool, ts, timestamp, date. #}
{% macro contract_sql_type(contract_type) %}
    {%- set types = {
        'id': kpi_warehouse.type_text(), 'code': kpi_warehouse.type_text(), 'text': kpi_warehouse.type_text(),
        'num': kpi_warehouse.type_double(), 'money': kpi_warehouse.type_money(),
        'int': kpi_warehouse.type_bigint(), 'bool': kpi_warehouse.type_bool(),
        'ts': kpi_warehouse.type_ts(), 'timestamp': kpi_warehouse.type_ts(), 'date': kpi_warehouse.type_date(),
    } -%}
    {%- if contract_type not in types -%}
        {{ exceptions.raise_compiler_error("Unknown contract type: " ~ contract_type) }}
    {%- endif -%}
    {{ return(types[contract_type]) }}
{% endmacro %}

{% macro typed_null(contract_type) %}cast(null as {{ kpi_warehouse.contract_sql_type(contract_type) }}){% endmacro %}

{% macro as_text(expr) %}cast({{ expr }} as {{ kpi_warehouse.type_text() }}){% endmacro %}

{% macro ts_literal(text) %}cast('{{ text }}' as {{ kpi_warehouse.type_ts() }}){% endmacro %}

{% macro date_literal(text) %}cast('{{ text }}' as date){% endmacro %}

{# A text literal of any characters: quotes and backslashes are escaped as the engine asks. #}
{% macro text_literal(text) %}{{ return(adapter.dispatch('text_literal', 'kpi_warehouse')(text)) }}{% endmacro %}
{% macro default__text_literal(text) %}{{ return("'" ~ text | replace("'", "''") ~ "'") }}{% endmacro %}
{% macro spark__text_literal(text) %}{{ return("'" ~ text | replace('\\', '\\\\') | replace("'", "\\'") ~ "'") }}{% endmacro %}

{# Text literals, comma-separated. #}
{% macro text_literals(texts) -%}
    {%- for text in texts -%}{{ kpi_warehouse.text_literal(text) }}{{ ', ' if not loop.last }}{%- endfor -%}
{%- endmacro %}

{# A name of any characters as an identifier: the only way in which a landed name goes into SQL (adapter.quote doubles no quotes). #}
{% macro quote_name(name) %}{{ return(adapter.dispatch('quote_name', 'kpi_warehouse')(name)) }}{% endmacro %}
{% macro default__quote_name(name) %}{{ return('"' ~ name | replace('"', '""') ~ '"') }}{% endmacro %}
{% macro spark__quote_name(name) %}{{ return('`' ~ name | replace('`', '``') ~ '`') }}{% endmacro %}
