{#
  From raw columns to contract types. Raw columns arrive as any type that a file or a warehouse gave them;
  what cannot be read is null, never an error.
#}

{% macro number_pattern() %}{{ return('^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$') }}{% endmacro %}

{% macro timestamp_pattern() %}
    {{ return(
        '^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}'
        ~ '([ T]([01]?[0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?( ?UTC|Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$'
    ) }}
{% endmacro %}

{% macro offset_pattern() %}{{ return(':[0-9.]+( ?UTC|Z|[+-][0-9]{2}(:?[0-9]{2})?)$') }}{% endmacro %}

{# What a raw type is: text, int, double, decimal, bool, date, ts, ts_other (needs a cast), tstz, other. #}
{% macro raw_kind(raw_type) %}{{ return(adapter.dispatch('raw_kind', 'kpi_warehouse')(raw_type)) }}{% endmacro %}

{% macro default__raw_kind(raw_type) %}
    {%- set name = (raw_type | string | upper).split('(')[0] | trim -%}
    {%- if name.endswith('[]') or name in ('STRUCT', 'MAP', 'UNION', 'LIST', 'ARRAY') -%}{{ return('other') }}
    {%- elif name in ('VARCHAR', 'TEXT', 'STRING', 'CHAR', 'BPCHAR', 'ENUM', 'UUID', 'JSON', 'BLOB', 'BINARY') -%}{{ return('text') }}
    {%- elif name in ('TINYINT', 'SMALLINT', 'INTEGER', 'INT', 'BIGINT', 'HUGEINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT', 'UHUGEINT', 'BYTE', 'SHORT', 'LONG') -%}{{ return('int') }}
    {%- elif name in ('DOUBLE', 'FLOAT', 'REAL') -%}{{ return('double') }}
    {%- elif name in ('DECIMAL', 'NUMERIC') -%}{{ return('decimal') }}
    {%- elif name in ('BOOLEAN', 'BOOL') -%}{{ return('bool') }}
    {%- elif name == 'DATE' -%}{{ return('date') }}
    {%- elif name == 'TIMESTAMP' -%}{{ return('ts') }}
    {%- elif name in ('TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ', 'TIMESTAMP_LTZ') -%}{{ return('tstz') }}
    {%- elif name in ('TIMESTAMP_NS', 'TIMESTAMP_MS', 'TIMESTAMP_S', 'TIMESTAMP_NTZ', 'DATETIME') -%}{{ return('ts_other') }}
    {%- endif -%}
    {{ return('other') }}
{% endmacro %}

{% macro is_finite(expr) %}(abs({{ expr }}) <= 1.7976931348623157E308){% endmacro %}

{# A raw value that says nothing: null, blank text, NaN. #}
{% macro raw_is_missing(column, raw_type='text') -%}
    {%- set kind = kpi_warehouse.raw_kind(raw_type) -%}
    {%- if kind == 'text' -%}
        ({{ column }} is null or trim({{ kpi_warehouse.as_text(column) }}) = '')
    {%- elif kind == 'double' -%}
        ({{ column }} is null or isnan({{ column }}))
    {%- else -%}
        ({{ column }} is null)
    {%- endif -%}
{%- endmacro %}

{# True where something was landed that cannot be read as the contract type (never null). #}
{% macro is_unparseable(column, contract_type, raw_type='text') -%}
    (not {{ kpi_warehouse.raw_is_missing(column, raw_type) }} and {{ kpi_warehouse.parse_value(column, contract_type, raw_type) }} is null)
{%- endmacro %}

{# The value of a raw column as its contract type; the rules are in _dialect__macros.yml. #}
{% macro parse_value(column, contract_type, raw_type='text') -%}
    {%- set kind = kpi_warehouse.raw_kind(raw_type) -%}
    {%- if contract_type in ('id', 'text') -%}{{ kpi_warehouse.parse_text(column, kind, raw_type) }}
    {%- elif kind == 'other' -%}{{ kpi_warehouse.typed_null(contract_type) }}
    {%- elif contract_type == 'num' -%}{{ kpi_warehouse.parse_num(column, kind) }}
    {%- elif contract_type == 'money' -%}{{ kpi_warehouse.parse_money(column, kind) }}
    {%- elif contract_type == 'int' -%}{{ kpi_warehouse.parse_int(column, kind) }}
    {%- elif contract_type == 'bool' -%}{{ kpi_warehouse.parse_bool(column, kind) }}
    {%- elif contract_type == 'ts' -%}{{ kpi_warehouse.parse_ts(column, kind) }}
    {%- elif contract_type == 'timestamp' -%}{{ kpi_warehouse.parse_wall_clock(column, kind) }}
    {%- elif contract_type == 'date' -%}{{ kpi_warehouse.parse_date(column, kind) }}
    {%- else -%}{{ exceptions.raise_compiler_error("Unknown contract type: " ~ contract_type) }}
    {%- endif -%}
{%- endmacro %}

{# Blank is null; ids that a file turned into doubles get their integer spelling back. #}
{% macro parse_text(column, kind, raw_type='text') -%}
    {%- set text = kpi_warehouse.as_text(column) -%}
    {%- if kind == 'text' and raw_type | upper in ('VARCHAR', 'STRING', 'TEXT') -%}
        case when trim({{ column }}) <> '' then {{ column }} end
    {%- elif kind == 'text' -%}
        case when trim({{ text }}) <> '' then {{ text }} end
    {%- elif kind == 'double' -%}
        case
            when {{ column }} = floor({{ column }}) and abs({{ column }}) < 9.2E18 then {{ kpi_warehouse.as_text('try_cast(' ~ column ~ ' as bigint)') }}
            when not isnan({{ column }}) then {{ text }}
        end
    {%- elif kind == 'tstz' -%}
        {{ kpi_warehouse.as_text(kpi_warehouse.tstz_to_utc(column)) }}
    {%- else -%}
        {{ text }}
    {%- endif -%}
{%- endmacro %}

{% macro parse_num(column, kind) -%}
    {%- if kind == 'text' -%}
        {%- set text = 'trim(' ~ kpi_warehouse.as_text(column) ~ ')' -%}
        {%- set number = 'try_cast(' ~ text ~ ' as double)' -%}
        case when {{ kpi_warehouse.regexp_match(text, kpi_warehouse.number_pattern()) }} and {{ kpi_warehouse.is_finite(number) }} then {{ number }} end
    {%- elif kind == 'double' -%}
        case when {{ kpi_warehouse.is_finite(column) }} then cast({{ column }} as double) end
    {%- elif kind in ('int', 'decimal') -%}
        cast({{ column }} as double)
    {%- elif kind == 'bool' -%}
        cast(cast({{ column }} as int) as double)
    {%- else -%}
        {{ kpi_warehouse.typed_null('num') }}
    {%- endif -%}
{%- endmacro %}

{% macro parse_money(column, kind) -%}
    {%- set money = kpi_warehouse.type_money() -%}
    {%- if kind == 'text' -%}
        {%- set text = 'trim(' ~ kpi_warehouse.as_text(column) ~ ')' -%}
        case when {{ kpi_warehouse.regexp_match(text, kpi_warehouse.number_pattern()) }} then try_cast({{ text }} as {{ money }}) end
    {%- elif kind == 'double' -%}
        case when {{ kpi_warehouse.is_finite(column) }} then try_cast({{ column }} as {{ money }}) end
    {%- elif kind in ('int', 'decimal') -%}
        try_cast({{ column }} as {{ money }})
    {%- else -%}
        {{ kpi_warehouse.typed_null('money') }}
    {%- endif -%}
{%- endmacro %}

{% macro parse_int(column, kind) -%}
    {%- if kind == 'text' -%}
        {%- set text = 'trim(' ~ kpi_warehouse.as_text(column) ~ ')' -%}
        {%- set number = 'try_cast(' ~ text ~ ' as double)' -%}
        case
            when {{ kpi_warehouse.regexp_match(text, '^[+-]?[0-9]+([.]0*)?$') }} then try_cast(split_part({{ text }}, '.', 1) as bigint)
            when {{ kpi_warehouse.regexp_match(text, kpi_warehouse.number_pattern()) }} and {{ number }} = floor({{ number }}) and abs({{ number }}) < 9.2E18 then try_cast({{ number }} as bigint)
        end
    {%- elif kind in ('double', 'decimal') -%}
        case when {{ column }} = floor({{ column }}) and abs({{ column }}) < 9.2E18 then try_cast({{ column }} as bigint) end
    {%- elif kind in ('int', 'bool') -%}
        try_cast({{ column }} as bigint)
    {%- else -%}
        {{ kpi_warehouse.typed_null('int') }}
    {%- endif -%}
{%- endmacro %}

{% macro parse_bool(column, kind) -%}
    {%- if kind == 'bool' -%}
        {{ column }}
    {%- elif kind == 'text' -%}
        {%- set text = 'lower(trim(' ~ kpi_warehouse.as_text(column) ~ '))' -%}
        case when {{ text }} in ('true', 't', '1') then true when {{ text }} in ('false', 'f', '0') then false end
    {%- elif kind in ('int', 'double', 'decimal') -%}
        case when {{ column }} = 1 then true when {{ column }} = 0 then false end
    {%- else -%}
        {{ kpi_warehouse.typed_null('bool') }}
    {%- endif -%}
{%- endmacro %}

{# An instant in UTC: an offset is applied, without one the text is UTC already. #}
{% macro parse_ts(column, kind) -%}
    {%- if kind == 'text' -%}
        {{ kpi_warehouse.parse_ts_text('trim(' ~ kpi_warehouse.as_text(column) ~ ')') }}
    {%- else -%}
        {{ kpi_warehouse.parse_wall_clock(column, kind) }}
    {%- endif -%}
{%- endmacro %}

{% macro parse_ts_text(text) %}{{ return(adapter.dispatch('parse_ts_text', 'kpi_warehouse')(text)) }}{% endmacro %}

{% macro default__parse_ts_text(text) -%}
    case
        when not {{ kpi_warehouse.regexp_match(text, kpi_warehouse.timestamp_pattern()) }} then null
        when {{ kpi_warehouse.regexp_match(text, kpi_warehouse.offset_pattern()) }} then timezone('UTC', try_cast(regexp_replace({{ text }}, ' ?UTC$', 'Z') as timestamptz))
        else try_cast({{ text }} as timestamp)
    end
{%- endmacro %}

{% macro spark__parse_ts_text(text) -%}
    case
        when {{ kpi_warehouse.regexp_match(text, kpi_warehouse.timestamp_pattern()) }} then try_cast(regexp_replace({{ text }}, ' ?UTC$', 'Z') as timestamp)
    end
{%- endmacro %}

{# A wall-clock time as it was written: an offset in the text is dropped. #}
{% macro parse_wall_clock(column, kind) -%}
    {%- if kind == 'ts' -%}
        {{ column }}
    {%- elif kind == 'tstz' -%}
        {{ kpi_warehouse.tstz_to_utc(column) }}
    {%- elif kind in ('date', 'ts_other') -%}
        cast({{ column }} as {{ kpi_warehouse.type_ts() }})
    {%- elif kind == 'text' -%}
        {%- set text = 'trim(' ~ kpi_warehouse.as_text(column) ~ ')' -%}
        case when {{ kpi_warehouse.regexp_match(text, kpi_warehouse.timestamp_pattern()) }} then try_cast(regexp_replace({{ text }}, '( ?UTC|Z|(:[0-9.]+)[+-][0-9:]+)$', '{{ kpi_warehouse.regexp_group(2) }}') as {{ kpi_warehouse.type_ts() }}) end
    {%- else -%}
        {{ kpi_warehouse.typed_null('ts') }}
    {%- endif -%}
{%- endmacro %}

{% macro parse_date(column, kind) -%}
    {%- if kind == 'date' -%}
        {{ column }}
    {%- elif kind in ('ts', 'ts_other') -%}
        cast({{ column }} as date)
    {%- elif kind == 'tstz' -%}
        cast({{ kpi_warehouse.tstz_to_utc(column) }} as date)
    {%- elif kind == 'text' -%}
        {%- set text = 'trim(' ~ kpi_warehouse.as_text(column) ~ ')' -%}
        case when {{ kpi_warehouse.regexp_match(text, kpi_warehouse.timestamp_pattern()) }} then try_cast(split_part(split_part({{ text }}, 'T', 1), ' ', 1) as date) end
    {%- else -%}
        {{ kpi_warehouse.typed_null('date') }}
    {%- endif -%}
{%- endmacro %}

{# A zoned timestamp as a UTC one without zone. #}
{% macro tstz_to_utc(expr) %}{{ return(adapter.dispatch('tstz_to_utc', 'kpi_warehouse')(expr)) }}{% endmacro %}
{% macro default__tstz_to_utc(expr) %}timezone('UTC', {{ expr }}){% endmacro %}
{% macro spark__tstz_to_utc(expr) %}cast({{ expr }} as timestamp){% endmacro %}
