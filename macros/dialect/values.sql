{# Numbers, texts, hashes, JSON. #}

{# n / d as a double; null where d is 0 or null. #}
{% macro safe_divide(n, d) %}(cast({{ n }} as double) / nullif(cast({{ d }} as double), 0)){% endmacro %}

{# Natural logarithm; null where x is not above 0. #}
{% macro safe_ln(x) %}(case when {{ x }} > 0 then ln({{ x }}) end){% endmacro %}

{# A share of n rows on a scale on which chance is 1 / sqrt(n), whatever the share (Anscombe): from 0 to pi. #}
{% macro arcsine_share(hits, n) %}(2 * asin(sqrt((greatest({{ hits }}, 0) + 0.375) / ({{ n }} + 0.75)))){% endmacro %}

{# Stops the query with a message (a text expression); stands for a value of a contract type. #}
{% macro stop_with(message, contract_type) %}{{ return(adapter.dispatch('stop_with', 'kpi_warehouse')(message, contract_type)) }}{% endmacro %}
{% macro default__stop_with(message, contract_type) %}cast(error({{ message }}) as {{ kpi_warehouse.contract_sql_type(contract_type) }}){% endmacro %}
{% macro spark__stop_with(message, contract_type) %}cast(raise_error({{ message }}) as {{ kpi_warehouse.contract_sql_type(contract_type) }}){% endmacro %}

{#
    quantity (a whole number) times an amount of money, exact; null where it is beyond 1e16. Spark cuts the places of a product
    of wide decimals: a quantity beyond seven digits goes through doubles there.
#}
{% macro times_money(quantity, money) %}{{ return(adapter.dispatch('times_money', 'kpi_warehouse')(quantity, money)) }}{% endmacro %}
{% macro default__times_money(quantity, money) %}try_cast(try(cast({{ quantity }} as bigint) * {{ money }}) as decimal(34,18)){% endmacro %}
{% macro spark__times_money(quantity, money) -%}
    try_cast(coalesce(
        try_cast({{ quantity }} as decimal(7,0)) * cast({{ money }} as decimal(30,18)),
        cast(cast({{ quantity }} as double) * cast({{ money }} as double) as decimal(38,18))
    ) as decimal(34,18))
{%- endmacro %}

{# 1 / 0 / null. #}
{% macro bool_to_int(condition) %}cast(({{ condition }}) as int){% endmacro %}

{# The greatest / least of the values that are not null. #}
{% macro greatest_of(exprs) %}greatest({{ exprs | join(', ') }}){% endmacro %}
{% macro least_of(exprs) %}least({{ exprs | join(', ') }}){% endmacro %}

{# Does a part of the text match (a pattern without backslashes)? #}
{% macro regexp_match(expr, pattern) %}{{ return(adapter.dispatch('regexp_match', 'kpi_warehouse')(expr, pattern)) }}{% endmacro %}
{% macro default__regexp_match(expr, pattern) %}regexp_matches({{ expr }}, '{{ pattern }}'){% endmacro %}
{% macro spark__regexp_match(expr, pattern) %}({{ expr }} rlike '{{ pattern }}'){% endmacro %}

{# The first part of a text that fits a pattern (without backslashes); an empty text if there is none. #}
{% macro regexp_part(expr, pattern) %}regexp_extract({{ expr }}, '{{ pattern }}', 0){% endmacro %}

{% macro regexp_group(number) %}{{ return(adapter.dispatch('regexp_group', 'kpi_warehouse')(number)) }}{% endmacro %}
{% macro default__regexp_group(number) %}{{ return('\\' ~ number) }}{% endmacro %}
{% macro spark__regexp_group(number) %}{{ return('$' ~ number) }}{% endmacro %}

{% macro regexp_replace_all(expr, pattern, replacement) %}{{ return(adapter.dispatch('regexp_replace_all', 'kpi_warehouse')(expr, pattern, replacement)) }}{% endmacro %}
{% macro default__regexp_replace_all(expr, pattern, replacement) %}regexp_replace({{ expr }}, '{{ pattern }}', '{{ replacement }}', 'g'){% endmacro %}
{% macro spark__regexp_replace_all(expr, pattern, replacement) %}regexp_replace({{ expr }}, '{{ pattern }}', '{{ replacement }}'){% endmacro %}

{# Is needle (an SQL expression) in the text, whatever the case? #}
{% macro contains_ignore_case(haystack, needle) %}contains(lower({{ haystack }}), lower({{ needle }})){% endmacro %}

{# Differ, where null equals null. #}
{% macro is_distinct(a, b) %}({{ a }} is distinct from {{ b }}){% endmacro %}
{% macro is_same(a, b) %}({{ a }} is not distinct from {{ b }}){% endmacro %}

{#
    Parts joined into one text by a separator of one character, nulls as nothing. Different parts never read alike: where a
    part holds the separator itself (or a backslash), a backslash is set before it.
#}
{% macro joined_parts(parts, separator) -%}
    {%- for part in parts -%}
        coalesce({{ kpi_warehouse.escaped_part(kpi_warehouse.as_text(part), separator) if parts | length > 1 else kpi_warehouse.as_text(part) }}, ''){{ " || '" ~ separator ~ "' || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{% macro escaped_part(text, separator) -%}
    {%- set backslash = '\\' -%}
    replace(replace({{ text }}, {{ kpi_warehouse.text_literal(backslash) }}, {{ kpi_warehouse.text_literal(backslash ~ backslash) }}), '{{ separator }}', {{ kpi_warehouse.text_literal(backslash ~ separator) }})
{%- endmacro %}

{# The member of a slice: one part as it stands, several joined by + as in `joined_parts`; null where one is null. #}
{% macro slice_member(parts) -%}
    {%- for part in parts -%}
        {{ kpi_warehouse.escaped_part(part, '+') if parts | length > 1 else part }}{{ " || '+' || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#
    md5 of the values as text (32 hex digits): equal on both engines for text, integers, booleans, dates, timestamps, decimals.
    Different values never join to one text: see `joined_parts`.
#}
{% macro hash_key(exprs) -%}
    md5(concat_ws('|'
        {%- for expr in ([exprs] if exprs is string else exprs) -%}
            , coalesce(replace({{ kpi_warehouse.escaped_part(kpi_warehouse.as_text(expr), '|') }}, '~', {{ kpi_warehouse.text_literal('\\~') }}), '~')
        {%- endfor -%}
    ))
{%- endmacro %}

{# A whole number that rows with the same values share; for comparison within one run, not to be kept. #}
{% macro row_hash(exprs) %}{{ return(adapter.dispatch('row_hash', 'kpi_warehouse')(exprs)) }}{% endmacro %}
{% macro default__row_hash(exprs) %}hash({{ exprs | join(', ') }}){% endmacro %}
{% macro spark__row_hash(exprs) %}xxhash64({{ exprs | join(', ') }}){% endmacro %}

{# A JSON object as text from {name: expression}; nulls are written. #}
{% macro json_object(pairs) %}{{ return(adapter.dispatch('json_object', 'kpi_warehouse')(pairs)) }}{% endmacro %}
{% macro default__json_object(pairs) -%}
    cast(json_object(
        {%- for name, expr in pairs.items() -%}{{ kpi_warehouse.text_literal(name) }}, {{ expr }}{{ ', ' if not loop.last }}{%- endfor -%}
    ) as varchar)
{%- endmacro %}
{% macro spark__json_object(pairs) -%}
    to_json(named_struct(
        {%- for name, expr in pairs.items() -%}{{ kpi_warehouse.text_literal(name) }}, {{ expr }}{{ ', ' if not loop.last }}{%- endfor -%}
    ), map('ignoreNullFields', 'false'))
{%- endmacro %}

{# A row as a JSON object of texts; columns is a list of names, alias the relation's. #}
{% macro row_to_json(columns, alias=none) -%}
    {%- set pairs = {} -%}
    {%- for column in columns -%}
        {%- do pairs.update({column: kpi_warehouse.as_text((alias ~ '.' if alias else '') ~ kpi_warehouse.quote_name(column))}) -%}
    {%- endfor -%}
    {{ kpi_warehouse.json_object(pairs) }}
{%- endmacro %}

{# A field of a JSON object (text) as text. #}
{% macro json_field(expr, name) %}{{ return(adapter.dispatch('json_field', 'kpi_warehouse')(expr, name)) }}{% endmacro %}
{% macro default__json_field(expr, name) %}json_extract_string({{ expr }}, '$.{{ name }}'){% endmacro %}
{% macro spark__json_field(expr, name) %}get_json_object({{ expr }}, '$.{{ name }}'){% endmacro %}
