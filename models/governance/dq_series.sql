{# Not in the schema that is published: what is told of it is in dq_anomalies. #}
{{ config(schema='intermediate') }}

{#
    Everything that is compared with its own history, one row per series and closed period: how many rows, of which member, in
    which hours, how large, how often twice, how often standing still, and the final values of the KPIs. `score` is the value on
    a scale on which chance has the same width everywhere, `chance` that width for this row.
    Days are bounded by the horizon and the rules, never by what was landed. Weeks and months are made of their ordinary days.
#}
{%- set domains = ['ecommerce', 'manufacturing', 'credit'] -%}
with

rules as (

    select * from {{ ref('stg_dictionary__dq_checks') }}

),

profiles as (

    {% for domain in domains -%}
    select
        domain, table_name, comes_by_plan, business_date, measure, column_name, member, hour_of_day, row_count, hit_count,
        lower_quartile, middle, upper_quartile
    from {{ ref('stg_' ~ domain ~ '__profile') }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

kpi_values as (

    select * from {{ ref('kpi_values') }}

),

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}

),

calendar as (

    select * from {{ ref('business_calendar') }}

),

horizons as (

    {% for domain in domains -%}
    select '{{ domain }}' as domain, as_of, {{ add_days(date_of('as_of'), -1) }} as last_date
    from {{ ref('int_' ~ domain ~ '__as_of') }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

limits as (

    select
        max(case when rule_id = 'anomaly_members' then threshold end) as most_members,
        {% for grain in ['day', 'week', 'month'] -%}
        max(case when rule_id = 'anomaly_{{ grain }}' then baseline_days end) as {{ grain }}_baseline,
        max(case when rule_id = 'anomaly_{{ grain }}' then tested_days + 2 * baseline_days end) as {{ grain }}_history,
        {% endfor -%}
        max(case when rule_id = 'anomaly_median' then min_rows end) as median_rows,
        max(case when rule_id = 'anomaly_value' then min_rows end) as value_rows
    from rules

),

-- a day, its weekday, and the week and month that it belongs to
spine as (

    select
        horizons.domain,
        horizons.as_of,
        horizons.last_date,
        cast(days.business_date as date) as business_date,
        {{ days_between_dates(date_literal('1969-12-29'), 'days.business_date') }} as day_number
    from horizons
    cross join limits
    cross join lateral {{ date_series(
        add_days('horizons.last_date', '-greatest(limits.day_history, limits.week_history, limits.month_history)'), 'horizons.last_date', 'business_date'
    ) }} as days

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
        {{ string_agg('calendar_days.name_en', ', ', 'calendar_days.name_en') }} as expected_because,
        {{ all_true("calendar_days.kind = 'shopping_festival'") }} as brings_more
    from calendar_days
    inner join horizons on calendar_days.kind <> 'shopping_festival' or horizons.domain = 'ecommerce'
    group by horizons.domain, calendar_days.business_date

),

dated as (

    select
        spine.domain,
        spine.as_of,
        spine.last_date,
        spine.business_date,
        spine.day_number,
        expected_days.expected_because,
        coalesce(expected_days.brings_more, false) as brings_more,
        cast({{ start_of('week', 'cast(spine.business_date as ' ~ type_ts() ~ ')') }} as date) as week_start,
        {{ month_start('spine.business_date') }} as month_start
    from spine
    left join expected_days
        on spine.domain = expected_days.domain
        and spine.business_date = expected_days.business_date

),

-- which days make a period; the rows of a week or a month are counted on its ordinary days, what they are like on all
periods as (

    select
        dated.domain,
        dated.as_of,
        'day' as period_grain,
        1 as grain_number,
        dated.business_date as period_start,
        dated.business_date,
        dated.day_number as period_number,
        cast({{ day_of_week('dated.business_date') }} as int) as phase,
        dated.expected_because,
        dated.brings_more,
        true as is_counted
    from dated
    cross join limits
    where dated.day_number > {{ days_between_dates(date_literal('1969-12-29'), 'dated.last_date') }} - limits.day_history
    union all
    select
        dated.domain,
        dated.as_of,
        'week',
        2,
        dated.week_start,
        dated.business_date,
        cast(floor(dated.day_number / 7) as int),
        0,
        {{ typed_null('text') }},
        false,
        dated.expected_because is null
    from dated
    cross join limits
    where
        {{ add_days('dated.week_start', 6) }} <= dated.last_date
        and dated.week_start > {{ add_days('dated.last_date', '-limits.week_history') }}
    union all
    select
        dated.domain,
        dated.as_of,
        'month',
        3,
        dated.month_start,
        dated.business_date,
        {{ months_between_dates(date_literal('1970-01-01'), 'dated.business_date') }},
        0,
        {{ typed_null('text') }},
        false,
        dated.expected_because is null
    from dated
    cross join limits
    where
        {{ month_end('dated.business_date') }} <= dated.last_date
        and dated.month_start > {{ add_days('dated.last_date', '-limits.month_history') }}

),

days_of_periods as (

    select
        domain, as_of, period_grain, grain_number, period_start, period_number, phase, expected_because, brings_more,
        {{ count_where('is_counted') }} as ordinary_days
    from periods
    group by domain, as_of, period_grain, grain_number, period_start, period_number, phase, expected_because, brings_more
    having 2 * {{ count_where('is_counted') }} >= count(*)

),

-- the largest members of a slice; the others are one
member_sizes as (

    select
        profiles.domain,
        profiles.table_name,
        profiles.column_name,
        profiles.member,
        row_number() over (
            partition by profiles.domain, profiles.table_name, profiles.column_name
            order by sum(profiles.row_count) desc, profiles.member
        ) as place
    from profiles
    where profiles.measure = 'rows'
    group by profiles.domain, profiles.table_name, profiles.column_name, profiles.member

),

cells as (

    select
        profiles.domain,
        profiles.table_name,
        profiles.column_name,
        case when member_sizes.place <= limits.most_members then profiles.member else 'others' end as member,
        profiles.business_date,
        profiles.hour_of_day,
        {{ any_true('profiles.comes_by_plan') }} as comes_by_plan,
        sum(profiles.row_count) as row_count
    from profiles
    inner join member_sizes
        on profiles.domain = member_sizes.domain
        and profiles.table_name = member_sizes.table_name
        and profiles.column_name = member_sizes.column_name
        and profiles.member = member_sizes.member
    cross join limits
    where profiles.measure = 'rows'
    group by
        profiles.domain, profiles.table_name, profiles.column_name,
        case when member_sizes.place <= limits.most_members then profiles.member else 'others' end,
        profiles.business_date, profiles.hour_of_day

),

-- a table begins with its first row; a member that comes later was zero before
table_starts as (

    select domain, table_name, {{ any_true('comes_by_plan') }} as comes_by_plan, min(business_date) as first_date, min(hour_of_day) >= 0 as has_hours
    from cells
    where column_name = 'all'
    group by domain, table_name

),

members as (

    select
        cells.domain,
        cells.table_name,
        cells.column_name,
        cells.member,
        table_starts.first_date,
        table_starts.has_hours,
        row_number() over (order by cells.domain, cells.table_name, cells.column_name, cells.member) as member_number
    from cells
    inner join table_starts on cells.domain = table_starts.domain and cells.table_name = table_starts.table_name
    group by cells.domain, cells.table_name, cells.column_name, cells.member, table_starts.first_date, table_starts.has_hours

),

numbered_cells as (

    select members.member_number, cells.domain, cells.business_date, cells.hour_of_day, cells.row_count
    from cells
    inner join members
        on cells.domain = members.domain
        and cells.table_name = members.table_name
        and cells.column_name = members.column_name
        and cells.member = members.member

),

-- a number for each series: windows over numbers are many times faster than over names
period_cells as (

    select
        4 * cells.member_number + periods.grain_number as series_number,
        periods.period_number,
        cells.hour_of_day,
        sum(cells.row_count) as row_count
    from numbered_cells as cells
    inner join periods on cells.domain = periods.domain and cells.business_date = periods.business_date
    where periods.is_counted
    group by 4 * cells.member_number + periods.grain_number, periods.period_number, cells.hour_of_day

),

period_counts as (

    select series_number, period_number, sum(row_count) as row_count
    from period_cells
    group by series_number, period_number

),

-- every period since the table began, without rows too
counts as (

    select
        members.domain,
        members.table_name,
        members.column_name,
        members.member,
        members.has_hours,
        4 * members.member_number + days_of_periods.grain_number as series_number,
        days_of_periods.period_grain,
        days_of_periods.period_start,
        days_of_periods.period_number,
        days_of_periods.phase,
        days_of_periods.expected_because,
        days_of_periods.brings_more,
        days_of_periods.ordinary_days,
        days_of_periods.as_of,
        coalesce(period_counts.row_count, 0) as row_count
    from members
    inner join days_of_periods
        on members.domain = days_of_periods.domain
        and members.first_date <= days_of_periods.period_start
    left join period_counts
        on 4 * members.member_number + days_of_periods.grain_number = period_counts.series_number
        and days_of_periods.period_number = period_counts.period_number

),

volumes as (

    select
        'volume' as kind, domain, table_name as series, 0 as version, column_name, member,
        period_grain, period_start, period_number, phase, expected_because, brings_more, as_of,
        cast(row_count as {{ type_double() }}) as value,
        cast(row_count as {{ type_bigint() }}) as sample_size,
        'count' as scale,
        2 * sqrt(row_count / ordinary_days + 0.375) as score,
        1 / sqrt(ordinary_days) as chance
    from counts
    where column_name = 'all'

),

slices as (

    select
        'slice' as kind, counts.domain, counts.table_name as series, 0 as version, counts.column_name, counts.member,
        counts.period_grain, counts.period_start, counts.period_number, counts.phase, counts.expected_because, counts.brings_more, counts.as_of,
        counts.row_count / cast(whole.row_count as {{ type_double() }}) as value,
        cast(whole.row_count as {{ type_bigint() }}) as sample_size,
        'share' as scale,
        {{ arcsine_share('counts.row_count', 'whole.row_count') }} as score,
        1 / sqrt(whole.row_count + 0.5) as chance
    from counts
    inner join counts as whole
        on counts.domain = whole.domain
        and counts.table_name = whole.table_name
        and counts.period_grain = whole.period_grain
        and counts.period_start = whole.period_start
    where counts.column_name <> 'all' and whole.column_name = 'all' and whole.row_count > 0

),

-- rows of each hour, and those of the same hour in the ordinary periods before
hours_of_day as (

    select cast(hours.n as int) as hour_of_day
    from {{ int_series(0, 23) }} as hours

),

hour_cells as (

    select
        counts.series_number,
        counts.period_number,
        counts.phase,
        counts.row_count as rows_of_period,
        counts.expected_because is null as is_ordinary,
        counts.expected_because is null or counts.brings_more as may_bring_rows,
        hours_of_day.hour_of_day,
        coalesce(period_cells.row_count, 0) as row_count,
        case when counts.expected_because is null then coalesce(period_cells.row_count, 0) else 0 end as ordinary_rows,
        case when counts.expected_because is null then counts.ordinary_days else 0 end as ordinary_days,
        cast(case counts.period_grain
            when 'day' then limits.day_baseline
            when 'week' then floor(limits.week_baseline / 7)
            else floor(limits.month_baseline / 30)
        end as int) as baseline_periods
    from counts
    cross join limits
    cross join hours_of_day
    left join period_cells
        on counts.series_number = period_cells.series_number
        and counts.period_number = period_cells.period_number
        and hours_of_day.hour_of_day = period_cells.hour_of_day
    where counts.has_hours and (counts.column_name = 'all' or counts.period_grain = 'day')

),

summed_cells as (

    select
        hour_cells.*,
        {% for name in ['rows', 'days'] -%}
        sum(ordinary_{{ name }}) over (
            partition by series_number, hour_of_day order by period_number rows between unbounded preceding and current row
        ) - ordinary_{{ name }} as {{ name }}_before,
        sum(ordinary_{{ name }}) over (
            partition by series_number, hour_of_day, phase order by period_number rows between unbounded preceding and current row
        ) - ordinary_{{ name }} as {{ name }}_of_phase_before{{ "," if not loop.last }}
        {% endfor %}
    from hour_cells

),

usual_cells as (

    select
        cells.series_number,
        cells.period_number,
        cells.rows_of_period,
        cells.is_ordinary,
        cells.may_bring_rows,
        cells.hour_of_day,
        cells.row_count,
        {% for name in ['rows', 'days', 'rows_of_phase', 'days_of_phase'] -%}
        cells.{{ name }}_before - coalesce(earlier.{{ name }}_before, 0) as usual_{{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from summed_cells as cells
    left join summed_cells as earlier
        on cells.series_number = earlier.series_number
        and cells.hour_of_day = earlier.hour_of_day
        and cells.period_number - cells.baseline_periods = earlier.period_number

),

usual_periods as (

    select series_number, period_number, sum(usual_rows) as usual_rows
    from usual_cells
    group by series_number, period_number

),

usual_hours as (

    select
        cells.series_number,
        cells.period_number,
        cells.rows_of_period,
        cells.is_ordinary,
        cells.may_bring_rows,
        cells.hour_of_day,
        cells.row_count,
        {{ safe_divide('cells.usual_rows', 'usual_periods.usual_rows') }} as usual_share,
        (cells.usual_rows + 0.5) / (usual_periods.usual_rows + 12.0) as smooth_share,
        case when cells.usual_days_of_phase >= 2 then {{ safe_divide('cells.usual_rows_of_phase', 'cells.usual_days_of_phase') }}
            else {{ safe_divide('cells.usual_rows', 'cells.usual_days') }} end as usual_rows_of_hour
    from usual_cells as cells
    inner join usual_periods
        on cells.series_number = usual_periods.series_number
        and cells.period_number = usual_periods.period_number

),

-- how far the hours of a day lie from the usual ones: the share of rows that lie in other hours, and how unlikely that is (the
-- likelihood ratio of 24 hours, on a scale on which it is nearly normal)
hour_distances as (

    select
        series_number,
        period_number,
        0.5 * sum(abs(row_count / cast(rows_of_period as {{ type_double() }}) - usual_share)) as moved_share,
        2 * sum(case when row_count > 0 then row_count * ln(row_count / (rows_of_period * smooth_share)) else 0 end) as likelihood_ratio
    from usual_hours
    where rows_of_period > 0 and usual_share is not null
    group by series_number, period_number

),

hour_profiles as (

    select
        'hours' as kind, counts.domain, counts.table_name as series, 0 as version, counts.column_name, counts.member,
        counts.period_grain, counts.period_start, counts.period_number, counts.phase,
        counts.expected_because, counts.brings_more, counts.as_of,
        hour_distances.moved_share as value,
        cast(counts.row_count as {{ type_bigint() }}) as sample_size,
        'level' as scale,
        power(greatest(hour_distances.likelihood_ratio, 0) / 23, 1 / 3.0) / sqrt(2 / (9 * 23.0)) as score,
        1.0 as chance
    from hour_distances
    inner join counts
        on hour_distances.series_number = counts.series_number
        and hour_distances.period_number = counts.period_number
    where counts.column_name = 'all'

),

-- hours without a row, one after another, over midnight too: how many rows they usually bring. A day on which nothing may come
-- counts for nothing
silences as (

    select
        series_number,
        period_number,
        is_ordinary,
        hour_of_day,
        row_count,
        case when may_bring_rows then usual_rows_of_hour else 0 end as usual_rows_of_hour,
        sum(case when row_count > 0 then 1 else 0 end) over (
            partition by series_number order by period_number, hour_of_day rows between unbounded preceding and current row
        ) as rows_since
    from usual_hours
    where mod(series_number, 4) = 1 and usual_rows_of_hour is not null

),

-- rows that come in bunches leave hours empty more easily: by how much more they vary than chance, on the middle day
bunching_of_days as (

    select series_number, period_number, sum(power(row_count - usual_rows_of_hour, 2)) / sum(usual_rows_of_hour) as dispersion
    from silences
    where usual_rows_of_hour > 0 and is_ordinary
    group by series_number, period_number

),

bunching as (

    select series_number, greatest(1, {{ percentile_cont('dispersion', 0.5) }}) as dispersion
    from bunching_of_days
    group by series_number

),

silent_runs as (

    select
        series_number,
        period_number,
        rows_since,
        usual_rows_of_hour,
        case when row_count > 0 then 0 else sum(case when row_count = 0 then usual_rows_of_hour else 0 end) over (
            partition by series_number, rows_since order by period_number, hour_of_day rows between unbounded preceding and current row
        ) end as missed_rows
    from silences

),

-- the day on which a silence begins to be one: three rows missed would be chance one time in twenty
beginnings as (

    select series_number, rows_since, min(period_number) as since_number
    from silent_runs
    where missed_rows >= 3
    group by series_number, rows_since

),

longest_silences as (

    select
        silent_runs.series_number,
        silent_runs.period_number,
        max(silent_runs.missed_rows) as missed_rows,
        coalesce({{ arg_max('beginnings.since_number', 'silent_runs.missed_rows') }}, silent_runs.period_number) as since_number,
        sum(silent_runs.usual_rows_of_hour) as usual_rows
    from silent_runs
    left join beginnings
        on silent_runs.series_number = beginnings.series_number
        and silent_runs.rows_since = beginnings.rows_since
    group by silent_runs.series_number, silent_runs.period_number

),

gaps as (

    select
        'gap' as kind, counts.domain, counts.table_name as series, 0 as version, counts.column_name, counts.member,
        counts.period_grain, counts.period_start, counts.period_number, counts.phase,
        counts.expected_because, counts.brings_more, counts.as_of,
        silences.missed_rows as value,
        cast(round(silences.usual_rows) as {{ type_bigint() }}) as sample_size,
        'silence' as scale,
        sqrt(2 * silences.missed_rows / bunching.dispersion) as score,
        1.0 as chance,
        bunching.dispersion as unit,
        {{ add_days('counts.period_start', 'silences.since_number - counts.period_number') }} as since_date
    from longest_silences as silences
    inner join bunching on silences.series_number = bunching.series_number
    inner join counts
        on silences.series_number = counts.series_number
        and silences.period_number = counts.period_number

),

-- rows equal in all but their key, and counters that stand still while they must move
period_shares as (

    select
        case profiles.measure when 'twins' then 'duplicates' else 'stuck' end as kind,
        profiles.domain,
        profiles.table_name,
        profiles.column_name,
        profiles.member,
        periods.period_grain,
        periods.period_start,
        periods.period_number,
        periods.phase,
        periods.expected_because,
        periods.brings_more,
        periods.as_of,
        sum(profiles.hit_count) as hits,
        sum(profiles.row_count) as row_count
    from profiles
    inner join periods on profiles.domain = periods.domain and profiles.business_date = periods.business_date
    where profiles.measure in ('twins', 'counter')
    group by
        case profiles.measure when 'twins' then 'duplicates' else 'stuck' end, profiles.domain, profiles.table_name, profiles.column_name,
        profiles.member, periods.period_grain, periods.period_start, periods.period_number, periods.phase, periods.expected_because, periods.brings_more, periods.as_of

),

shares as (

    select
        kind, domain, table_name as series, 0 as version, column_name, member,
        period_grain, period_start, period_number, phase, expected_because, brings_more, as_of,
        hits / cast(row_count as {{ type_double() }}) as value,
        cast(row_count as {{ type_bigint() }}) as sample_size,
        'share' as scale,
        {{ arcsine_share('hits', 'row_count') }} as score,
        1 / sqrt(row_count + 0.5) as chance
    from period_shares
    where row_count > 0

),

-- sizes lie on a scale that is logarithmic but near and below zero; its unit is a tenth of what is usual
typical_sizes as (

    select
        domain,
        table_name,
        column_name,
        member,
        coalesce(nullif({{ percentile_cont('abs(middle)', 0.5) }} / 10, 0), 1) as unit
    from profiles
    where measure in ('median', 'counter') and middle is not null
    group by domain, table_name, column_name, member

),

sized as (

    select
        profiles.domain,
        profiles.table_name,
        profiles.column_name,
        profiles.member,
        profiles.business_date,
        profiles.row_count,
        typical_sizes.unit,
        asinh(profiles.middle / typical_sizes.unit) as score,
        (asinh(profiles.upper_quartile / typical_sizes.unit) - asinh(profiles.lower_quartile / typical_sizes.unit)) / 1.349 as scatter
    from profiles
    inner join typical_sizes
        on profiles.domain = typical_sizes.domain
        and profiles.table_name = typical_sizes.table_name
        and profiles.column_name = typical_sizes.column_name
        and profiles.member = typical_sizes.member
    inner join spine on profiles.domain = spine.domain and profiles.business_date = spine.business_date
    where profiles.measure in ('median', 'counter') and profiles.middle is not null

),

-- from day to day, so that a level that changed for good widens nothing
moved as (

    select
        sized.*,
        abs(score - lag(score) over (partition by domain, table_name, column_name, member order by business_date)) as movement
    from sized

),

scatters as (

    select
        moved.domain,
        moved.table_name,
        moved.column_name,
        moved.member,
        greatest(
            coalesce({{ percentile_cont('moved.scatter', 0.75, where='moved.row_count >= limits.median_rows') }}, 0),
            coalesce(1.4826 / sqrt(2) * {{ percentile_cont('moved.movement', 0.5) }}, 0)
            * sqrt({{ percentile_cont('moved.row_count', 0.5) }}) / 1.2533
        ) as scatter
    from moved
    cross join limits
    group by moved.domain, moved.table_name, moved.column_name, moved.member

),

period_sizes as (

    select
        sized.domain,
        sized.table_name,
        sized.column_name,
        sized.member,
        periods.period_grain,
        periods.period_start,
        periods.period_number,
        periods.phase,
        periods.expected_because,
        periods.brings_more,
        periods.as_of,
        sum(sized.row_count) as row_count,
        sum(sized.row_count * sized.score) / sum(sized.row_count) as score,
        max(sized.unit) as unit,
        max(scatters.scatter) as scatter
    from sized
    inner join periods on sized.domain = periods.domain and sized.business_date = periods.business_date
    inner join scatters
        on sized.domain = scatters.domain
        and sized.table_name = scatters.table_name
        and sized.column_name = scatters.column_name
        and sized.member = scatters.member
    group by
        sized.domain, sized.table_name, sized.column_name, sized.member,
        periods.period_grain, periods.period_start, periods.period_number, periods.phase, periods.expected_because, periods.brings_more, periods.as_of

),

medians as (

    select
        'median' as kind, domain, table_name as series, 0 as version, column_name, member,
        period_grain, period_start, period_number, phase, expected_because, brings_more, as_of,
        sinh(score) * unit as value,
        unit,
        cast(row_count as {{ type_bigint() }}) as sample_size,
        'size' as scale,
        score,
        1.2533 * scatter / sqrt(row_count) as chance
    from period_sizes

),

-- each version of a definition has a history of its own
judged_values as (

    select
        kpi_values.domain,
        kpi_values.kpi_id,
        kpi_values.version,
        kpi_values.dimension,
        kpi_values.dimension_value,
        kpi_values.period_grain,
        {{ date_of('kpi_values.period_start') }} as period_start,
        kpi_values.value,
        kpi_values.sample_size,
        definitions.unit = 'ratio' as is_share,
        definitions.unit = 'count' as is_count
    from kpi_values
    inner join definitions
        on kpi_values.kpi_id = definitions.kpi_id
        and kpi_values.version = definitions.version
    cross join limits
    where
        kpi_values.period_grain in ('day', 'week', 'month')
        and kpi_values.is_final
        and kpi_values.value is not null
        and kpi_values.sample_size >= limits.value_rows
        and definitions.status in ('active', 'parallel')

),

typical_values as (

    select
        kpi_id,
        version,
        dimension,
        dimension_value,
        period_grain,
        coalesce(nullif({{ percentile_cont('abs(value)', 0.5) }}, 0), 1) as unit,
        count(*) as value_count
    from judged_values
    group by kpi_id, version, dimension, dimension_value, period_grain

),

kpi_periods as (

    select distinct domain, as_of, period_grain, period_start, period_number, phase, expected_because, brings_more
    from periods

),

figures as (

    select
        'value' as kind,
        judged_values.domain,
        judged_values.kpi_id as series,
        judged_values.version,
        judged_values.dimension as column_name,
        judged_values.dimension_value as member,
        judged_values.period_grain,
        judged_values.period_start,
        kpi_periods.period_number,
        kpi_periods.phase,
        kpi_periods.expected_because,
        kpi_periods.brings_more,
        kpi_periods.as_of,
        judged_values.value,
        cast(judged_values.sample_size as {{ type_bigint() }}) as sample_size,
        typical_values.unit,
        case
            when judged_values.is_share and judged_values.value between 0 and 1 then 'share'
            when judged_values.is_count and judged_values.value >= 0 then 'count'
            else 'size'
        end as scale,
        case
            when judged_values.is_share and judged_values.value between 0 and 1
                then {{ arcsine_share('judged_values.value * judged_values.sample_size', 'judged_values.sample_size') }}
            when judged_values.is_share and judged_values.value > 1 then 3.141592653589793 + asinh(judged_values.value - 1)
            when judged_values.is_count and judged_values.value >= 0 then 2 * sqrt(judged_values.value + 0.375)
            else asinh(judged_values.value / typical_values.unit)
        end as score,
        case
            when judged_values.is_share then 1 / sqrt(judged_values.sample_size + 0.5)
            when judged_values.is_count then 1.0
            else 0
        end as chance
    from judged_values
    inner join typical_values
        on judged_values.kpi_id = typical_values.kpi_id
        and judged_values.version = typical_values.version
        and judged_values.dimension = typical_values.dimension
        and judged_values.dimension_value = typical_values.dimension_value
        and judged_values.period_grain = typical_values.period_grain
    inner join kpi_periods
        on judged_values.domain = kpi_periods.domain
        and judged_values.period_grain = kpi_periods.period_grain
        and judged_values.period_start = kpi_periods.period_start

),

-- a reference value against the one that was valid before
steps as (

    select
        'step' as kind,
        profiles.domain,
        profiles.table_name as series,
        0 as version,
        profiles.column_name,
        profiles.member,
        'day' as period_grain,
        profiles.business_date as period_start,
        {{ days_between_dates(date_literal('1969-12-29'), 'profiles.business_date') }} as period_number,
        0 as phase,
        {{ typed_null('text') }} as expected_because,
        false as brings_more,
        horizons.as_of,
        profiles.middle as value,
        cast(1 as {{ type_bigint() }}) as sample_size,
        'step' as scale,
        {{ safe_ln(safe_divide('profiles.middle', 'profiles.upper_quartile')) }} as score,
        0 as chance
    from profiles
    inner join horizons on profiles.domain = horizons.domain
    where profiles.measure = 'step' and profiles.upper_quartile is not null

),

every_series as (

    {% for part in ['volumes', 'slices', 'hour_profiles', 'gaps', 'shares', 'medians', 'figures', 'steps'] -%}
    select
        kind, domain, series, version, column_name, member, period_grain, period_start, period_number, phase,
        expected_because, brings_more, as_of, value, sample_size, scale, score, chance,
        {{ 'unit' if part in ['medians', 'figures', 'gaps'] else '1' }} as unit,
        {{ 'since_date' if part == 'gaps' else typed_null('date') }} as since_date
    from {{ part }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

planned_tables as (

    select domain, table_name, comes_by_plan
    from table_starts

)

select
    every_series.kind,
    every_series.domain,
    every_series.series,
    cast(every_series.version as int) as version,
    every_series.column_name,
    every_series.member,
    every_series.period_grain,
    every_series.period_start,
    cast(every_series.period_number as int) as period_number,
    cast(every_series.phase as int) as phase,
    cast(every_series.value as {{ type_double() }}) as value,
    every_series.sample_size,
    every_series.scale,
    cast(every_series.score as {{ type_double() }}) as score,
    cast(every_series.chance as {{ type_double() }}) as chance,
    cast(every_series.unit as {{ type_double() }}) as unit,
    every_series.since_date,
    {{ as_text('every_series.expected_because') }} as expected_because,
    every_series.brings_more,
    coalesce(planned_tables.comes_by_plan, false) as comes_by_plan,
    every_series.as_of
from every_series
left join planned_tables
    on every_series.domain = planned_tables.domain
    and every_series.series = planned_tables.table_name
    and every_series.kind <> 'value'
