{#
  From raw columns to contract types. Raw columns arrive as any type that a file or a warehouse gave them;
  what cannot be read is null, never an error.
#}

{% macro number_pattern() %}{{ return('^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$') }}{% endmacro %}

{# A time as nearly every file spells it: the engines read it as it stands. #}
{% macro plain_time_pattern() %}
    {{ return('^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([ T]([01]?[0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?)?$') }}
{% endmacro %}

{#
    Every spelling of a time that has one meaning. Year first; seconds, and a fraction of any length, may lack. What may follow
    is Z, UTC or GMT, a signed offset (hours, or hours and minutes with or without a colon; after UTC or GMT too: + lies
    east), and the name of a zone. 03/02/2026, mere numbers, a.m. and p.m. have none.
#}
{% macro timestamp_pattern() %}
    {{ return(
        '^[0-9]{4}(-[0-9]{1,2}-[0-9]{1,2}|/[0-9]{1,2}/[0-9]{1,2})'
        ~ '(( +|[Tt])([01]?[0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?'
        ~ '( *([Zz]|[Uu][Tt][Cc]|[Gg][Mm][Tt]|(([Uu][Tt][Cc]|[Gg][Mm][Tt]) ?)?[+-](0?[0-9]|1[0-8])(:?[0-5][0-9])?)([[][A-Za-z0-9_/+-]+[]])?'
        ~ '| +[A-Za-z_]+/[A-Za-z0-9_/+-]+|[[][A-Za-z_]+/[A-Za-z0-9_/+-]+[]])?)?$'
    ) }}
{% endmacro %}

{# … of which these say how far they are from UTC. #}
{% macro instant_pattern() %}{{ return(':[0-9.,]+ *([A-Za-z[]|[+-][0-9])') }}{% endmacro %}

{# Characters that show nothing: blanks of every width, tabs, line ends, marks of direction, a byte-order mark. #}
{% macro blank_characters() %}{{ return(adapter.dispatch('blank_characters', 'kpi_warehouse')()) }}{% endmacro %}
{% macro blank_codes() %}
    {{ return([
        32, 9, 10, 11, 12, 13, 28, 29, 30, 31, 133, 160, 173, 1564, 5760, 6158, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199,
        8200, 8201, 8202, 8203, 8204, 8205, 8206, 8207, 8232, 8233, 8234, 8235, 8236, 8237, 8238, 8239, 8287, 8288, 8294, 8295,
        8296, 8297, 12288, 65279
    ]) }}
{% endmacro %}
{% macro default__blank_characters() %}
    {%- set characters = [] -%}
    {%- for code in kpi_warehouse.blank_codes() %}{% do characters.append('chr(' ~ code ~ ')') %}{% endfor -%}
    {{ return('(' ~ characters | join(' || ') ~ ')') }}
{% endmacro %}
{% macro spark__blank_characters() %}
    {%- set characters = [] -%}
    {%- for code in kpi_warehouse.blank_codes() %}{% do characters.append('\\u' ~ '%04x' | format(code)) %}{% endfor -%}
    {{ return("'" ~ characters | join('') ~ "'") }}
{% endmacro %}

{# A text without the characters around it that show nothing. #}
{% macro trimmed(expr) %}{{ return(adapter.dispatch('trimmed', 'kpi_warehouse')(expr)) }}{% endmacro %}
{# Nearly every value is ASCII (as many bytes as letters) and has no blank at its ends: only the others pay for the long list. #}
{% macro default__trimmed(expr) -%}
    case
        when strlen({{ expr }}) = length({{ expr }}) and {{ expr }} >= '!'
            {%- for code in kpi_warehouse.blank_codes() if code < 128 %} and not suffix({{ expr }}, chr({{ code }})){% endfor %} then {{ expr }}
        else trim({{ expr }}, {{ kpi_warehouse.blank_characters() }})
    end
{%- endmacro %}
{% macro spark__trimmed(expr) %}btrim({{ expr }}, {{ kpi_warehouse.blank_characters() }}){% endmacro %}

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

{# The trimmed text of a raw text column; `is_trimmed`: it is that already. #}
{% macro bare_text(column, is_trimmed=false) %}
    {{ return(kpi_warehouse.as_text(column) if is_trimmed else '(' ~ kpi_warehouse.trimmed(kpi_warehouse.as_text(column)) ~ ')') }}
{% endmacro %}

{# A raw value that says nothing: null, blank text, NaN. #}
{% macro raw_is_missing(column, raw_type='text', is_trimmed=false) -%}
    {%- set kind = kpi_warehouse.raw_kind(raw_type) -%}
    {%- if kind == 'text' -%}
        ({{ column }} is null or {{ kpi_warehouse.bare_text(column, is_trimmed) }} = '')
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

{#
    The value of a raw column as its contract type; the rules are in _dialect__macros.yml. is_trimmed: a text column has been
    through `trimmed`. zone: the clock whose days a date counts (an SQL expression: a name in quotes, or a column).
#}
{% macro parse_value(column, contract_type, raw_type='text', is_trimmed=false, zone=none) -%}
    {%- set kind = kpi_warehouse.raw_kind(raw_type) -%}
    {%- set bare = kpi_warehouse.bare_text(column, is_trimmed) if kind == 'text' else column -%}
    {%- if contract_type in ('id', 'code') -%}{{ kpi_warehouse.parse_id(bare, kind) }}
    {%- elif contract_type == 'text' -%}{{ kpi_warehouse.parse_text(bare, kind) }}
    {%- elif kind == 'other' -%}{{ kpi_warehouse.typed_null(contract_type) }}
    {%- elif contract_type == 'num' -%}{{ kpi_warehouse.parse_num(bare, kind) }}
    {%- elif contract_type == 'money' -%}{{ kpi_warehouse.parse_money(bare, kind) }}
    {%- elif contract_type == 'int' -%}{{ kpi_warehouse.parse_int(bare, kind) }}
    {%- elif contract_type == 'bool' -%}{{ kpi_warehouse.parse_bool(bare, kind) }}
    {%- elif contract_type == 'ts' -%}{{ kpi_warehouse.parse_ts(bare, kind) }}
    {%- elif contract_type == 'timestamp' -%}{{ kpi_warehouse.parse_wall_clock(bare, kind) }}
    {%- elif contract_type == 'date' -%}{{ kpi_warehouse.parse_date(bare, kind, zone or "'" ~ var('business_timezone') ~ "'") }}
    {%- else -%}{{ exceptions.raise_compiler_error("Unknown contract type: " ~ contract_type) }}
    {%- endif -%}
{%- endmacro %}

{#
    An id has one spelling, however a file stores it: 1001, 1001.0 and 1001.0000000000 are 1001. Leading zeros, 1001.50,
    1e5 and whatever else was written as text stay as they are.
#}
{% macro parse_id(column, kind) -%}
    {%- if kind == 'text' -%}
        case
            when {{ column }} like '%.0%' and {{ kpi_warehouse.regexp_match(column, '^[+-]?[0-9]+[.]0+$') }} then split_part({{ column }}, '.', 1)
            when {{ column }} <> '' then {{ column }}
        end
    {%- elif kind == 'decimal' -%}
        case
            when {{ column }} = 0 then '0'
            when {{ kpi_warehouse.as_text(column) }} like '%.%' then regexp_replace({{ kpi_warehouse.as_text(column) }}, '[.]?0+$', '')
            else {{ kpi_warehouse.as_text(column) }}
        end
    {%- else -%}
        {{ kpi_warehouse.parse_text(column, kind) }}
    {%- endif -%}
{%- endmacro %}

{# Blank is null; what a file turned into doubles gets its integer spelling back. #}
{% macro parse_text(column, kind) -%}
    {%- set text = kpi_warehouse.as_text(column) -%}
    {%- if kind == 'text' -%}
        nullif({{ column }}, '')
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
        {%- set number = 'try_cast(' ~ column ~ ' as double)' -%}
        case when {{ kpi_warehouse.regexp_match(column, kpi_warehouse.number_pattern()) }} and {{ kpi_warehouse.is_finite(number) }} then {{ number }} end
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

{# A double is the decimal that its shortest spelling says: 19.99, and not the binary fraction behind it. #}
{% macro parse_money(column, kind) -%}
    {%- set money = kpi_warehouse.type_money() -%}
    {%- if kind == 'text' -%}
        case when {{ kpi_warehouse.regexp_match(column, kpi_warehouse.number_pattern()) }} then try_cast({{ column }} as {{ money }}) end
    {%- elif kind == 'double' -%}
        case when {{ kpi_warehouse.is_finite(column) }} then try_cast({{ kpi_warehouse.as_text(column) }} as {{ money }}) end
    {%- elif kind in ('int', 'decimal') -%}
        try_cast({{ column }} as {{ money }})
    {%- else -%}
        {{ kpi_warehouse.typed_null('money') }}
    {%- endif -%}
{%- endmacro %}

{% macro parse_int(column, kind) -%}
    {%- if kind == 'text' -%}
        {%- set number = 'try_cast(' ~ column ~ ' as double)' -%}
        case
            when {{ kpi_warehouse.regexp_match(column, '^[+-]?[0-9]+([.]0*)?$') }} then try_cast(split_part({{ column }}, '.', 1) as bigint)
            when {{ kpi_warehouse.regexp_match(column, kpi_warehouse.number_pattern()) }} and {{ number }} = floor({{ number }}) and abs({{ number }}) < 9.2E18 then try_cast({{ number }} as bigint)
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
        case
            when lower({{ column }}) in ('true', 't', '1') then true
            when lower({{ column }}) in ('false', 'f', '0') then false
            when {{ kpi_warehouse.regexp_match(column, '^1[.]0*$') }} then true
            when {{ kpi_warehouse.regexp_match(column, '^0[.]0*$') }} then false
        end
    {%- elif kind in ('int', 'double', 'decimal') -%}
        case when {{ column }} = 1 then true when {{ column }} = 0 then false end
    {%- else -%}
        {{ kpi_warehouse.typed_null('bool') }}
    {%- endif -%}
{%- endmacro %}

{# An instant in UTC: an offset is applied, without one the text is UTC already. #}
{% macro parse_ts(column, kind) -%}
    {%- if kind == 'text' -%}
        case
            when {{ kpi_warehouse.regexp_match(column, kpi_warehouse.plain_time_pattern()) }} then try_cast({{ column }} as {{ kpi_warehouse.type_ts() }})
            when {{ kpi_warehouse.regexp_match(column, kpi_warehouse.timestamp_pattern()) }} then {{ kpi_warehouse.instant_of_text(column) }}
        end
    {%- else -%}
        {{ kpi_warehouse.parse_wall_clock(column, kind) }}
    {%- endif -%}
{%- endmacro %}

{# Of a text that fits `timestamp_pattern`: the wall clock as it was written. #}
{% macro wall_clock_of_text(text) -%}
    try_cast(
        replace({{ kpi_warehouse.regexp_part(text, '^[0-9/-]+') }}, '/', '-')
        || ' '
        || replace(coalesce(nullif({{ kpi_warehouse.regexp_part(text, '[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,6})?)?') }}, ''), '00:00'), ',', '.')
        as {{ kpi_warehouse.type_ts() }}
    )
{%- endmacro %}

{# … and the instant: less its offset, else in its zone, else UTC. #}
{% macro instant_of_text(text) -%}
    {%- set offset = '[+-][0-9]{1,2}(:?[0-9]{2})?([[].*)?$' -%}
    {%- set signed = kpi_warehouse.regexp_part(text, ':[0-9.,]+ *[A-Za-z]* ?' ~ offset) -%}
    {%- set distance = 'regexp_replace(' ~ kpi_warehouse.regexp_part(signed, offset) ~ ", '[[].*$', '')" -%}
    {%- set digits = "regexp_replace(replace(substr(" ~ distance ~ ", 2), ':', ''), '^([0-9]{1,2})$', '" ~ kpi_warehouse.regexp_group(1) ~ "00')" -%}
    {%- set name = kpi_warehouse.regexp_part(text, '[A-Za-z_]+/[A-Za-z0-9_/+-]+') -%}
    case
        when {{ signed }} <> '' then {{ kpi_warehouse.add_seconds(
            kpi_warehouse.wall_clock_of_text(text),
            "(case when " ~ distance ~ " like '-%' then 60 else -60 end)"
            ~ " * (floor(try_cast(" ~ digits ~ " as int) / 100) * 60 + try_cast(" ~ digits ~ " as int) % 100)"
        ) }}
        when {{ name }} <> '' and {{ text }} not like '%Z[%' then {{ kpi_warehouse.instant_in_zone(kpi_warehouse.wall_clock_of_text(text), name) }}
        else {{ kpi_warehouse.wall_clock_of_text(text) }}
    end
{%- endmacro %}

{# A wall clock in a zone of any name as UTC; null where there is no such zone. #}
{% macro instant_in_zone(ts_local, name) %}{{ return(adapter.dispatch('instant_in_zone', 'kpi_warehouse')(ts_local, name)) }}{% endmacro %}
{% macro default__instant_in_zone(ts_local, name) %}timezone('UTC', try_cast(cast({{ ts_local }} as varchar) || ' ' || {{ name }} as timestamptz)){% endmacro %}
{% macro spark__instant_in_zone(ts_local, name) %}try_cast(cast({{ ts_local }} as string) || ' ' || {{ name }} as timestamp){% endmacro %}

{# A wall-clock time as it was written: an offset in the text is dropped. #}
{% macro parse_wall_clock(column, kind) -%}
    {%- if kind == 'ts' -%}
        {{ column }}
    {%- elif kind == 'tstz' -%}
        {{ kpi_warehouse.tstz_to_utc(column) }}
    {%- elif kind in ('date', 'ts_other') -%}
        cast({{ column }} as {{ kpi_warehouse.type_ts() }})
    {%- elif kind == 'text' -%}
        case
            when {{ kpi_warehouse.regexp_match(column, kpi_warehouse.plain_time_pattern()) }} then try_cast({{ column }} as {{ kpi_warehouse.type_ts() }})
            when {{ kpi_warehouse.regexp_match(column, kpi_warehouse.timestamp_pattern()) }} then {{ kpi_warehouse.wall_clock_of_text(column) }}
        end
    {%- else -%}
        {{ kpi_warehouse.typed_null('ts') }}
    {%- endif -%}
{%- endmacro %}

{# A day as it was written; of an instant (it says how far it is from UTC) the day on the clock of `zone`. #}
{% macro parse_date(column, kind, zone) -%}
    {%- if kind == 'date' -%}
        {{ column }}
    {%- elif kind in ('ts', 'ts_other') -%}
        cast({{ column }} as date)
    {%- elif kind == 'tstz' -%}
        cast({{ kpi_warehouse.to_local(kpi_warehouse.tstz_to_utc(column), zone) }} as date)
    {%- elif kind == 'text' -%}
        case
            when {{ kpi_warehouse.regexp_match(column, kpi_warehouse.plain_time_pattern()) }} then cast(try_cast({{ column }} as {{ kpi_warehouse.type_ts() }}) as date)
            when not {{ kpi_warehouse.regexp_match(column, kpi_warehouse.timestamp_pattern()) }} then null
            when {{ kpi_warehouse.regexp_match(column, kpi_warehouse.instant_pattern()) }} then cast({{ kpi_warehouse.to_local('(' ~ kpi_warehouse.instant_of_text(column) ~ ')', zone) }} as date)
            else cast({{ kpi_warehouse.wall_clock_of_text(column) }} as date)
        end
    {%- else -%}
        {{ kpi_warehouse.typed_null('date') }}
    {%- endif -%}
{%- endmacro %}

{# A zoned timestamp as a UTC one without zone. #}
{% macro tstz_to_utc(expr) %}{{ return(adapter.dispatch('tstz_to_utc', 'kpi_warehouse')(expr)) }}{% endmacro %}
{% macro default__tstz_to_utc(expr) %}timezone('UTC', {{ expr }}){% endmacro %}
{% macro spark__tstz_to_utc(expr) %}cast({{ expr }} as timestamp){% endmacro %}
