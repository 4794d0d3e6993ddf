{#
    Days that do not fit their own history: the middle of the same weekday in the baseline, and the distance from it
    measured by the median distance of the judged days before. A day is never in its own baseline. Smaller spreads than
    chance (of a count, of a share) or than a share of the middle are not taken. A day of the calendar is expected to be
    unlike its weekday: it is no anomaly, and what other days are compared with leaves it out.
#}
{%- set domains = ['ecommerce', 'manufacturing', 'credit'] -%}
with

rules as (

    select * from {{ ref('stg_dictionary__dq_checks') }}

),

kpi_values as (

    select * from {{ ref('kpi_values') }}

),

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}

),

table_days as (

    {% for domain in domains -%}
    select domain, table_name, business_date, rows_accepted from {{ ref('stg_' ~ domain ~ '__days') }}
    where has_own_time and business_date is not null
    {{ "union all" if not loop.last }}
    {% endfor %}

),

horizons as (

    {% for domain in domains -%}
    select '{{ domain }}' as domain, as_of from {{ ref('int_' ~ domain ~ '__as_of') }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

limits as (

    select
        max(case when rule_id = 'anomaly_spread' then threshold end) as min_judged,
        {% for kind in ['volume', 'value'] -%}
        max(case when rule_id = 'anomaly_{{ kind }}' then threshold end) as {{ kind }}_z,
        max(case when rule_id = 'anomaly_{{ kind }}' then baseline_days end) as {{ kind }}_days,
        max(case when rule_id = 'anomaly_{{ kind }}' then min_points end) as {{ kind }}_points,
        max(case when rule_id = 'anomaly_{{ kind }}' then min_rows end) as {{ kind }}_rows,
        max(case when rule_id = 'anomaly_{{ kind }}' then floor_share end) as {{ kind }}_floor{{ "," if not loop.last }}
        {% endfor %}
    from rules

),

calendar as (

    select * from {{ ref('business_calendar') }}

),

calendar_days as (

    select
        calendar.kind,
        calendar.name_en,
        cast(days.business_date as date) as business_date
    from calendar
    cross join lateral {{ date_series('calendar.first_date', 'calendar.last_date', 'business_date') }} as days

),

-- a shopping festival excuses the shop only
expected_days as (

    select
        horizons.domain,
        calendar_days.business_date,
        {{ string_agg('calendar_days.name_en', ', ', 'calendar_days.name_en') }} as expected_because
    from calendar_days
    inner join horizons on calendar_days.kind <> 'shopping_festival' or horizons.domain = 'ecommerce'
    group by horizons.domain, calendar_days.business_date

),

-- a day without rows between the first and the last closed day counts as zero
table_spans as (

    select
        table_days.domain,
        table_days.table_name,
        min(table_days.business_date) as first_date,
        {{ add_days(date_of('horizons.as_of'), -1) }} as last_date,
        horizons.as_of
    from table_days
    inner join horizons on table_days.domain = horizons.domain
    where table_days.rows_accepted > 0
    group by table_days.domain, table_days.table_name, horizons.as_of

),

every_day as (

    select table_spans.domain, table_spans.table_name, days.business_date, table_spans.as_of
    from table_spans
    cross join lateral {{ date_series('table_spans.first_date', 'table_spans.last_date', 'business_date') }} as days
    where table_spans.first_date <= table_spans.last_date

),

volumes as (

    select
        'volume' as kind,
        every_day.domain,
        every_day.table_name as series,
        0 as version,
        cast(every_day.business_date as date) as business_date,
        cast(coalesce(table_days.rows_accepted, 0) as {{ type_double() }}) as value,
        cast(coalesce(table_days.rows_accepted, 0) as {{ type_bigint() }}) as sample_size,
        false as is_share,
        every_day.as_of
    from every_day
    left join table_days
        on every_day.domain = table_days.domain
        and every_day.table_name = table_days.table_name
        and every_day.business_date = table_days.business_date

),

-- each version of a definition has a history of its own
daily_values as (

    select
        'value' as kind,
        kpi_values.domain,
        kpi_values.kpi_id as series,
        kpi_values.version,
        {{ date_of('kpi_values.period_start') }} as business_date,
        kpi_values.value,
        kpi_values.sample_size,
        definitions.unit = 'ratio' as is_share,
        kpi_values.as_of
    from kpi_values
    inner join definitions
        on kpi_values.kpi_id = definitions.kpi_id
        and kpi_values.version = definitions.version
    cross join limits
    where
        kpi_values.period_grain = 'day'
        and kpi_values.dimension = 'all'
        and kpi_values.is_final
        and kpi_values.value is not null
        and kpi_values.sample_size >= limits.value_rows
        and definitions.status in ('active', 'parallel')

),

points as (

    {% for part in ['volumes', 'daily_values'] -%}
    select
        {{ part }}.kind,
        {{ part }}.domain,
        {{ part }}.series,
        {{ part }}.version,
        {{ part }}.business_date,
        {{ days_between_dates(date_literal('1970-01-01'), part ~ '.business_date') }} as day_number,
        {{ part }}.value,
        {{ part }}.sample_size,
        {{ part }}.is_share,
        {{ part }}.as_of,
        expected_days.expected_because,
        {%- set kind = 'volume' if part == 'volumes' else 'value' %}
        limits.{{ kind }}_z as limit_z,
        limits.{{ kind }}_days as baseline_days,
        limits.{{ kind }}_points as min_points,
        limits.{{ kind }}_rows as min_rows,
        limits.{{ kind }}_floor as floor_share,
        limits.min_judged
    from {{ part }}
    cross join limits
    left join expected_days
        on {{ part }}.domain = expected_days.domain
        and {{ part }}.business_date = expected_days.business_date
    {{ "union all" if not loop.last }}
    {% endfor %}

),

middles as (

    select
        points.kind,
        points.domain,
        points.series,
        points.version,
        points.business_date,
        count(*) as baseline_points,
        {{ percentile_cont('earlier.value', 0.5) }} as baseline_value
    from points
    inner join points as earlier
        on points.kind = earlier.kind
        and points.domain = earlier.domain
        and points.series = earlier.series
        and points.version = earlier.version
        and earlier.day_number < points.day_number
        and earlier.day_number >= points.day_number - points.baseline_days
        and mod(points.day_number - earlier.day_number, 7) = 0
        and earlier.expected_because is null
    group by points.kind, points.domain, points.series, points.version, points.business_date

),

-- of a count the distance is told in its own chance, so that a weekend is compared like a weekday
distances as (

    select
        points.kind,
        points.domain,
        points.series,
        points.version,
        points.business_date,
        points.day_number,
        points.value,
        points.sample_size,
        points.is_share,
        points.as_of,
        points.expected_because,
        points.limit_z,
        points.baseline_days,
        points.min_judged,
        middles.baseline_points,
        middles.baseline_value,
        case
            when points.kind = 'volume' then (points.value - middles.baseline_value) / sqrt(middles.baseline_value)
            else points.value - middles.baseline_value
        end as distance,
        case
            when points.kind = 'volume' then 1 + points.floor_share * sqrt(middles.baseline_value)
            else greatest(
                points.floor_share * abs(middles.baseline_value),
                case
                    when points.is_share and middles.baseline_value between 0 and 1 then sqrt(
                        (middles.baseline_value * points.sample_size + 1) / (points.sample_size + 2)
                        * (1 - (middles.baseline_value * points.sample_size + 1) / (points.sample_size + 2))
                        / points.sample_size
                    )
                    else 0
                end
            )
        end as least_spread
    from points
    inner join middles
        on points.kind = middles.kind
        and points.domain = middles.domain
        and points.series = middles.series
        and points.version = middles.version
        and points.business_date = middles.business_date
    where
        middles.baseline_points >= points.min_points
        and (points.kind <> 'volume' or middles.baseline_value >= points.min_rows)

),

spreads as (

    select
        distances.kind,
        distances.domain,
        distances.series,
        distances.version,
        distances.business_date,
        count(*) as judged_days,
        1.4826 * {{ percentile_cont('abs(earlier.distance)', 0.5) }} as spread
    from distances
    inner join distances as earlier
        on distances.kind = earlier.kind
        and distances.domain = earlier.domain
        and distances.series = earlier.series
        and distances.version = earlier.version
        and earlier.day_number < distances.day_number
        and earlier.day_number >= distances.day_number - distances.baseline_days
        and earlier.expected_because is null
    group by distances.kind, distances.domain, distances.series, distances.version, distances.business_date

),

judged as (

    select
        distances.kind,
        distances.domain,
        distances.series,
        distances.version,
        distances.business_date,
        distances.value,
        distances.sample_size,
        distances.baseline_value,
        distances.baseline_points,
        distances.limit_z,
        distances.as_of,
        distances.expected_because,
        {{ safe_divide('distances.distance', 'greatest(spreads.spread, distances.least_spread)') }} as robust_z
    from distances
    inner join spreads
        on distances.kind = spreads.kind
        and distances.domain = spreads.domain
        and distances.series = spreads.series
        and distances.version = spreads.version
        and distances.business_date = spreads.business_date
    where spreads.judged_days >= distances.min_judged

)

select
    kind,
    domain,
    series,
    cast(version as int) as version,
    business_date,
    value,
    sample_size,
    cast(baseline_value as {{ type_double() }}) as baseline_value,
    cast(baseline_points as int) as baseline_points,
    cast(robust_z as {{ type_double() }}) as robust_z,
    cast(limit_z as {{ type_double() }}) as limit_z,
    {{ as_text('expected_because') }} as expected_because,
    coalesce(abs(robust_z) > limit_z, false) and expected_because is null as is_anomaly,
    as_of
from judged
