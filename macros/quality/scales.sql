{#
    A score of `dq_series` (an SQL expression) as the value that a reader knows, by the columns `scale`, `scale_unit` and `chance`; null of a
    level, which has no value of its own.
#}
{% macro unscored(score) -%}
    case scale
        when 'count' then (power(greatest({{ score }}, 2 * sqrt(0.375)) / 2, 2) - 0.375) / (chance * chance)
        when 'silence' then power(greatest({{ score }}, 0), 2) / 2 * scale_unit
        when 'share' then power(sin(least(greatest({{ score }}, 0), 3.141592653589793) / 2), 2)
        when 'size' then sinh(least({{ score }}, 700)) * scale_unit
    end
{%- endmacro %}

{# A number as short text: whole from 100 on, else two digits, or four below one. #}
{% macro shown_number(value) -%}
    case
        when abs({{ value }}) >= 100 then {{ kpi_warehouse.as_text('cast(round(' ~ value ~ ') as ' ~ kpi_warehouse.type_bigint() ~ ')') }}
        when abs({{ value }}) >= 1 then {{ kpi_warehouse.as_text('round(' ~ value ~ ', 2)') }}
        else {{ kpi_warehouse.as_text('round(' ~ value ~ ', 4)') }}
    end
{%- endmacro %}

{% macro shown_share(value) %}({{ kpi_warehouse.as_text('round(100 * (' ~ value ~ '), 1)') }} || '%'){% endmacro %}

{#
    What a manager reads of an anomaly, by the columns of `dq_anomalies`. words: {place: SQL text in that language}, the words
    around the figures.
#}
{% macro anomaly_sentence(words) -%}
    {%- set number = kpi_warehouse.shown_number -%}
    {%- set share = kpi_warehouse.shown_share -%}
    case period_grain
        when 'week' then '{{ words.week }} ' || {{ kpi_warehouse.as_text('business_date') }} || ' ({{ words.worst }} ' || {{ kpi_warehouse.as_text('worst_date') }} || ')'
        when 'month' then '{{ words.month }} ' || {{ kpi_warehouse.as_text('business_date') }} || ' ({{ words.worst }} ' || {{ kpi_warehouse.as_text('worst_date') }} || ')'
        else {{ kpi_warehouse.as_text('business_date') }}
    end
    || case when column_name = 'all' then '' when member = 'all' then ' ' || column_name else ' ' || column_name || ' ' || member end
    || '{{ words.colon }}'
    || case kind
        when 'volume' then {{ number('value') }} || ' {{ words.rows }}{{ words.usual }} ' || {{ number('expected_low') }} || ' {{ words.to }} ' || {{ number('expected_high') }}
        when 'gap' then '{{ words.silent }} ' || {{ kpi_warehouse.as_text('worst_date') }} || '{{ words.missing }} ' || {{ number('value') }} || ' {{ words.rows }}'
        when 'slice' then {{ share('value') }} || ' {{ words.of_rows }}{{ words.usual }} ' || {{ share('expected_low') }} || ' {{ words.to }} ' || {{ share('expected_high') }}
        when 'hours' then {{ share('value') }} || ' {{ words.moved }}'
        when 'duplicates' then {{ share('value') }} || ' {{ words.twins }}{{ words.usual }} ' || {{ share('baseline_value') }}
        when 'stuck' then {{ share('value') }} || ' {{ words.stuck }}{{ words.usual }} ' || {{ share('baseline_value') }}
        when 'step' then {{ number('value') }} || '{{ words.before }} ' || {{ number('baseline_value') }}
        else case when kind = 'median' then '{{ words.median }} ' else '' end
            || {{ number('value') }} || '{{ words.usual }} ' || {{ number('expected_low') }} || ' {{ words.to }} ' || {{ number('expected_high') }}
    end
{%- endmacro %}

{% macro words_en() %}{{ return({
    'week': 'week of', 'month': 'month of', 'worst': 'furthest off', 'colon': ': ', 'rows': 'rows', 'usual': ', usual', 'to': 'to',
    'silent': 'no row since', 'missing': ', missing about', 'of_rows': 'of the rows', 'moved': 'of the rows lie in other hours than usual',
    'twins': 'of the rows equal another but for their id', 'stuck': 'of the readings did not move while they must',
    'before': ', before', 'median': 'median',
}) }}{% endmacro %}

{% macro words_zh() %}{{ return({
    'week': '周', 'month': '月', 'worst': '偏离最大', 'colon': '：', 'rows': '行', 'usual': '，通常', 'to': '至',
    'silent': '自此日起无记录：', 'missing': '，约缺', 'of_rows': '的行', 'moved': '的行落在异常时段',
    'twins': '的行除编号外与他行相同', 'stuck': '的读数在应变化时未变',
    'before': '，此前', 'median': '中位数',
}) }}{% endmacro %}
