{#
    Values that can be read and stand for none, or cannot be. In a required column the row is refused and the kind is the
    reason, in an optional one the value reads as null; dq_results tells each by table, column and kind.
      word_for_nothing    an id that reads null, None, undefined, N/A, - and the like
      digest_of_nothing   an id that is the MD5, SHA-1 or SHA-256 of nothing, or of such a word
      zero_id             an id of zeros alone in the form of a UUID
      spreadsheet_number  an id like 2.02604E+14, which a spreadsheet has cut
      lost_digits         an id stored as a double from 2^53 on: its last digits are lost (told, kept as it reads)
      implausible_time    a time before 1971 or from 2200 on: 1900-01-01, 9999-12-31 …
      negative_value      a number below the `minimum` of the contract (a negative amount, a counter that rolled over)
      beyond_maximum      a number above its `maximum`
      unknown_time_zone   a name of a time zone that is none
#}

{# An SQL expression over the CTE with read_<column>: the kind of doubt or null; nothing where there is none to have. #}
{% macro doubt_about(column, raw_type) -%}
    {%- set value = 'read_' ~ column.name -%}
    {%- set kind = kpi_warehouse.raw_kind(raw_type) -%}
    {%- if column.type == 'id' and kind == 'text' -%}
        {{ kpi_warehouse.doubt_about_id(value) }}
    {%- elif column.type == 'id' and kind == 'double' -%}
        case when abs(raw_{{ column.name }}) >= 9007199254740992 then 'lost_digits' end
    {%- elif column.type in ('ts', 'timestamp', 'date') -%}
        {%- set literal = kpi_warehouse.date_literal if column.type == 'date' else kpi_warehouse.ts_literal -%}
        case when {{ value }} < {{ literal(kpi_warehouse.first_plausible_day()) }} or {{ value }} >= {{ literal(kpi_warehouse.first_implausible_day()) }} then 'implausible_time' end
    {%- elif column.is_time_zone -%}
        case when {{ value }} is null and bare_{{ column.name }} <> '' then 'unknown_time_zone' end
    {%- elif column.minimum is not none or column.maximum is not none -%}
        case
            {%- if column.minimum is not none %} when {{ value }} < {{ column.minimum }} then 'negative_value'{% endif %}
            {%- if column.maximum is not none %} when {{ value }} > {{ column.maximum }} then 'beyond_maximum'{% endif %}
        end
    {%- endif -%}
{%- endmacro %}

{# The value where nothing is in doubt (lost digits are told only). #}
{% macro undoubted(name, doubts) -%}
    {%- if name not in doubts -%}
        read_{{ name }}
    {%- else -%}
        case when doubt_{{ name }} is null or doubt_{{ name }} = 'lost_digits' then read_{{ name }} end
    {%- endif -%}
{%- endmacro %}

{% macro doubt_about_id(id) -%}
    case
        when length({{ id }}) <= 17 and lower({{ id }}) in ('{{ kpi_warehouse.words_for_nothing() | join("', '") }}') then 'word_for_nothing'
        when length({{ id }}) in (32, 40, 64) and lower({{ id }}) in ('{{ kpi_warehouse.digests_of_nothing() | join("', '") }}') then 'digest_of_nothing'
        when {{ id }} like '00000000%' and {{ kpi_warehouse.regexp_match(id, '^[0]{8}-?[0]{4}-?[0]{4}-?[0]{4}-?[0]{12}$') }} then 'zero_id'
        when {{ id }} like '%+%' and {{ kpi_warehouse.regexp_match(id, '^[+-]?[0-9]([.][0-9]+)?[eE][+][0-9]{2,3}$') }} then 'spreadsheet_number'
    end
{%- endmacro %}

{# In lower case. `na` and `0` are not among them: they can be ids. #}
{% macro words_for_nothing() %}
    {{ return([
        'null', '<null>', '(null)', '[null]', 'nil', 'none', '(none)', 'nan', 'undefined', '(undefined)', 'n/a', '#n/a', '<na>', 'nat',
        '#null!', '#ref!', '#value!', '#name?', '#num!', '#div/0!', '-', '--', '---', '—', '–', '?', '.', '[object object]'
    ]) }}
{% endmacro %}

{# MD5, SHA-1 and SHA-256 of nothing, a blank, null, NULL, None, undefined, nan, NaN, N/A and 0. #}
{% macro digests_of_nothing() %}
    {{ return([
        'd41d8cd98f00b204e9800998ecf8427e',
        'da39a3ee5e6b4b0d3255bfef95601890afd80709',
        'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
        '7215ee9c7d9dc229d2921a40e899ec5f',
        'b858cb282617fb0956d960215c8e84d1ccf909c6',
        '36a9e7f1c95b82ffb99743e0c5c4ce95d83c9a430aac59f84ef3cbfab6145068',
        '37a6259cc0c1dae299a7866489dff0bd',
        '2be88ca4242c76e8253ac62474851065032d6833',
        '74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b',
        '6c3e226b4d4795d518ab341b0824ec29',
        'eef19c54306daa69eda49c0272623bdb5e2b341f',
        'fb329000228cc5a24c264c57139de8bf854fc86fc18bf1c04ab61a2b5cb4b921',
        '6adf97f83acf6453d4a6a4b1070f3754',
        '6eef6648406c333a4035cd5e60d0bf2ecf2606d7',
        'dc937b59892604f5a86ac96936cd7ff09e25f18ae6b758e8014a24c7fa039e91',
        '5e543256c480ac577d30f76f9120eb74',
        'd5d4cd07616a542891b7ec2d0257b3a24b69856e',
        'eb045d78d273107348b0300c01d29b7552d622abbc6faf81b3ec55359aa9950c',
        'a3d2de7675556553a5f08e4c88d2c228',
        '11e623a37e87cf7995c466723ec99688d55cae8c',
        '9b2d5b4678781e53038e91ea5324530a03f27dc1d0e5f6c9bc9d493a23be9de0',
        '7ecfb3bf076a6a9635f975fe96ac97fd',
        'f7fd9c68f804acda665d2ab082217bb1583318f2',
        'd5b592c05dc25b5032553f1b27f4139be95e881f73db33b02b05ab20c3f9981e',
        '382b0f5185773fa0f67a8ed8056c7759',
        '08d2e98e6754af941484848930ccbaddfefe13d6',
        'e2f79e5b60330bba4c289962231b6ba2957d0b14e7deb3110417003c79dea635',
        'cfcd208495d565ef66e7dff9f98764da',
        'b6589fc6ab0dc82cf12099d1c2d40ab994e8410c',
        '5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9'
    ]) }}
{% endmacro %}
