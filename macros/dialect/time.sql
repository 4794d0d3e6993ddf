{#
  Time. All timestamps are without zone: either UTC or a local wall clock, and the name of the column says which.
  On Spark they are TIMESTAMP in a session whose zone is UTC.
#}

{# Times outside these days are sentinels (1900-01-01, 9999-12-31): the landing takes none, no series runs beyond. #}
{% macro first_plausible_day() %}{{ return('1971-01-01') }}{% endmacro %}
{% macro first_implausible_day() %}{{ return('2200-01-01') }}{% endmacro %}

{% macro now_utc() %}{{ return(adapter.dispatch('now_utc', 'kpi_warehouse')()) }}{% endmacro %}
{% macro default__now_utc() %}timezone('UTC', now()){% endmacro %}
{% macro spark__now_utc() %}current_timestamp(){% endmacro %}

{# UTC to the wall clock of a zone (an SQL expression: a column or a quoted name). #}
{% macro to_local(ts_utc, tz) %}
    {%- if tz | trim | upper == "'UTC'" -%}{{ return(ts_utc) }}{%- endif -%}
    {{ return(adapter.dispatch('to_local', 'kpi_warehouse')(ts_utc, tz)) }}
{% endmacro %}
{% macro default__to_local(ts_utc, tz) %}timezone({{ tz }}, timezone('UTC', {{ ts_utc }})){% endmacro %}
{% macro spark__to_local(ts_utc, tz) %}from_utc_timestamp({{ ts_utc }}, {{ tz }}){% endmacro %}

{# Wall clock to UTC: a repeated time is its first occurrence, a skipped one has the offset before the jump. #}
{% macro to_utc(ts_local, tz) %}
    {%- if tz | trim | upper == "'UTC'" -%}{{ return(ts_local) }}{%- endif -%}
    {{ return(adapter.dispatch('to_utc', 'kpi_warehouse')(ts_local, tz)) }}
{% endmacro %}
{# DuckDB takes the last occurrence: where the offset is not that of the day before, the older one is tried. #}
{% macro default__to_utc(ts_local, tz) -%}
    {%- set last = "timezone('UTC', timezone(" ~ tz ~ ", " ~ ts_local ~ "))" -%}
    {%- set day_before = "(" ~ last ~ " - interval 1 day)" -%}
    {%- set local_day_before = kpi_warehouse.to_local(day_before, tz) -%}
    {%- set first = "(" ~ ts_local ~ " - (" ~ local_day_before ~ " - " ~ day_before ~ "))" -%}
    case
        when {{ local_day_before }} = {{ ts_local }} - interval 1 day then {{ last }}
        when {{ kpi_warehouse.to_local(first, tz) }} = {{ ts_local }} then least({{ first }}, {{ last }})
        else {{ last }}
    end
{%- endmacro %}
{% macro spark__to_utc(ts_local, tz) %}to_utc_timestamp({{ ts_local }}, {{ tz }}){% endmacro %}

{# Elapsed seconds from start_ts to end_ts, a double with microseconds. #}
{% macro seconds_between(start_ts, end_ts) %}(({{ kpi_warehouse.epoch_micros(end_ts) }} - {{ kpi_warehouse.epoch_micros(start_ts) }}) / 1E6){% endmacro %}

{% macro minutes_between(start_ts, end_ts) %}(({{ kpi_warehouse.epoch_micros(end_ts) }} - {{ kpi_warehouse.epoch_micros(start_ts) }}) / 6E7){% endmacro %}

{# Microseconds since 1970 as a bigint. #}
{% macro epoch_micros(ts) %}{{ return(adapter.dispatch('epoch_micros', 'kpi_warehouse')(ts)) }}{% endmacro %}
{% macro default__epoch_micros(ts) %}epoch_us({{ ts }}){% endmacro %}
{% macro spark__epoch_micros(ts) %}unix_micros(cast({{ ts }} as timestamp)){% endmacro %}

{% macro ts_from_micros(micros) %}{{ return(adapter.dispatch('ts_from_micros', 'kpi_warehouse')(micros)) }}{% endmacro %}
{% macro default__ts_from_micros(micros) %}make_timestamp({{ micros }}){% endmacro %}
{% macro spark__ts_from_micros(micros) %}timestamp_micros({{ micros }}){% endmacro %}

{# Whole days from start_date to end_date. #}
{% macro days_between_dates(start_date, end_date) %}{{ return(adapter.dispatch('days_between_dates', 'kpi_warehouse')(start_date, end_date)) }}{% endmacro %}
{% macro default__days_between_dates(start_date, end_date) %}cast(date_diff('day', {{ start_date }}, {{ end_date }}) as int){% endmacro %}
{% macro spark__days_between_dates(start_date, end_date) %}datediff({{ end_date }}, {{ start_date }}){% endmacro %}

{# Whole calendar months from start_date's month to end_date's (days are ignored). #}
{% macro months_between_dates(start_date, end_date) %}((year({{ end_date }}) - year({{ start_date }})) * 12 + month({{ end_date }}) - month({{ start_date }})){% endmacro %}

{% macro add_seconds(ts, n) %}{{ return(adapter.dispatch('add_seconds', 'kpi_warehouse')(ts, n)) }}{% endmacro %}
{% macro default__add_seconds(ts, n) %}({{ ts }} + to_microseconds(cast(round(({{ n }}) * 1E6) as bigint))){% endmacro %}
{% macro spark__add_seconds(ts, n) %}timestamp_micros(unix_micros(cast({{ ts }} as timestamp)) + cast(round(({{ n }}) * 1E6) as bigint)){% endmacro %}

{# n days later: of a date (a date), or with kind='ts' of a timestamp (24 hours each, a timestamp). #}
{% macro add_days(expr, n, kind='date') %}
    {%- if kind == 'ts' -%}{{ return(adapter.dispatch('add_days_ts', 'kpi_warehouse')(expr, n)) }}{%- endif -%}
    {{ return(adapter.dispatch('add_days_date', 'kpi_warehouse')(expr, n)) }}
{% endmacro %}
{% macro default__add_days_date(expr, n) %}({{ expr }} + cast({{ n }} as int)){% endmacro %}
{% macro spark__add_days_date(expr, n) %}date_add({{ expr }}, cast({{ n }} as int)){% endmacro %}
{% macro default__add_days_ts(expr, n) %}({{ expr }} + to_days(cast({{ n }} as int))){% endmacro %}
{% macro spark__add_days_ts(expr, n) %}({{ expr }} + make_dt_interval(cast({{ n }} as int))){% endmacro %}

{# The date n months later; the day is cut to the length of the month. #}
{% macro add_months(expr, n) %}{{ return(adapter.dispatch('add_months', 'kpi_warehouse')(expr, n)) }}{% endmacro %}
{% macro default__add_months(expr, n) %}cast({{ expr }} + to_months(cast({{ n }} as int)) as date){% endmacro %}
{% macro spark__add_months(expr, n) %}add_months({{ expr }}, cast({{ n }} as int)){% endmacro %}

{% macro date_of(ts) %}cast({{ ts }} as date){% endmacro %}

{% macro month_start(expr) %}cast(date_trunc('month', {{ expr }}) as date){% endmacro %}

{% macro month_end(expr) %}last_day(cast({{ expr }} as date)){% endmacro %}

{# 1 = Monday to 7 = Sunday. #}
{% macro day_of_week(expr) %}{{ return(adapter.dispatch('day_of_week', 'kpi_warehouse')(expr)) }}{% endmacro %}
{% macro default__day_of_week(expr) %}cast(isodow({{ expr }}) as int){% endmacro %}
{% macro spark__day_of_week(expr) %}(weekday({{ expr }}) + 1){% endmacro %}

{# Start of the period of a literal grain (no quotes): quarter_hour, hour, day, week (Monday), month, quarter. #}
{% macro start_of(grain, ts) -%}
    {%- if grain == 'quarter_hour' -%}
        {{ kpi_warehouse.add_seconds("date_trunc('hour', " ~ ts ~ ")", "900 * floor(minute(" ~ ts ~ ") / 15)") }}
    {%- elif grain in ('hour', 'day', 'week', 'month', 'quarter', 'year') -%}
        date_trunc('{{ grain }}', {{ ts }})
    {%- elif grain in ('cohort_week', 'cohort_month') -%}
        date_trunc('{{ grain | replace("cohort_", "") }}', {{ ts }})
    {%- else -%}
        {{ exceptions.raise_compiler_error("Unknown grain: " ~ grain) }}
    {%- endif -%}
{%- endmacro %}

{# The start of the following period, given the start of one of a literal grain. #}
{% macro end_of(grain, period_start) -%}
    {%- set days = {'day': 1, 'week': 7, 'cohort_week': 7} -%}
    {%- set months = {'month': 1, 'cohort_month': 1, 'quarter': 3, 'year': 12} -%}
    {%- if grain == 'quarter_hour' -%}{{ kpi_warehouse.add_seconds(period_start, 900) }}
    {%- elif grain == 'hour' -%}{{ kpi_warehouse.add_seconds(period_start, 3600) }}
    {%- elif grain in days -%}{{ kpi_warehouse.add_days(period_start, days[grain], 'ts') }}
    {%- elif grain in months -%}cast({{ kpi_warehouse.add_months('cast(' ~ period_start ~ ' as date)', months[grain]) }} as {{ kpi_warehouse.type_ts() }})
    {%- else -%}{{ exceptions.raise_compiler_error("Unknown grain: " ~ grain) }}
    {%- endif -%}
{%- endmacro %}

{% macro period_grains() %}{{ return(['quarter_hour', 'hour', 'day', 'week', 'month', 'quarter', 'cohort_week', 'cohort_month']) }}{% endmacro %}

{# Start of the period that holds ts, by the grain in a column; null for another grain (shift). #}
{% macro period_start(grain, ts) -%}
    case {{ grain }}
        {%- for name in kpi_warehouse.period_grains() %}
        when '{{ name }}' then {{ kpi_warehouse.start_of(name, ts) }}
        {%- endfor %}
    end
{%- endmacro %}

{# End (exclusive) of the period that begins at period_start, by the grain in a column. #}
{% macro period_end(grain, period_start) -%}
    case {{ grain }}
        {%- for name in kpi_warehouse.period_grains() %}
        when '{{ name }}' then {{ kpi_warehouse.end_of(name, period_start) }}
        {%- endfor %}
    end
{%- endmacro %}

{# Whole calendar months from the month of one date to that of another. #}
{% macro months_between(first, last) -%}
    ((extract(year from {{ last }}) - extract(year from {{ first }})) * 12 + extract(month from {{ last }}) - extract(month from {{ first }}))
{%- endmacro %}
