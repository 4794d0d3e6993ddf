{# Text helpers of the landing. #}

{# True where a raw type cannot hold a value that fails to be read as the contract type. #}
{% macro is_native(type, raw_type) -%}
    {%- set kind = kpi_warehouse.raw_kind(raw_type) -%}
    {%- set natives = {
        'id': ['text', 'int', 'double', 'decimal', 'bool', 'date', 'ts', 'ts_other', 'tstz', 'other'],
        'code': ['text', 'int', 'double', 'decimal', 'bool', 'date', 'ts', 'ts_other', 'tstz', 'other'],
        'text': ['text', 'int', 'double', 'decimal', 'bool', 'date', 'ts', 'ts_other', 'tstz', 'other'],
        'num': ['int', 'decimal'], 'money': ['int'], 'int': ['int'], 'bool': ['bool'],
        'ts': ['ts', 'ts_other', 'tstz', 'date'], 'timestamp': ['ts', 'ts_other', 'tstz', 'date'],
        'date': ['date', 'ts', 'ts_other', 'tstz']
    } -%}
    {{ return(kind in natives[type]) }}
{%- endmacro %}

{# The present ones of some text expressions, comma-separated; null if none is present. #}
{% macro concat_present(expressions) -%}
    {%- if expressions -%}
        nullif(concat_ws(',', {{ expressions | join(', ') }}), '')
    {%- else -%}
        {{ kpi_warehouse.typed_null('text') }}
    {%- endif -%}
{%- endmacro %}

{# The raw row as a JSON text; places: {landed name: the column that holds it}. #}
{% macro raw_row_as_json(places) -%}
    {{ kpi_warehouse.json_object(places) if places else kpi_warehouse.typed_null('text') }}
{%- endmacro %}
