{#
    Every closed period of every series that is told of, against its own history, with a verdict: usual, anomaly, or not judged
    and why. The middle is the median of the same weekday (of the weeks, of the months) before; where too few of them are there,
    that of the neighbouring weekdays. The distance is told in what chance and the least effect of the rule allow, and divided by
    how far the periods before lay off: the wider of their middle half and their middle four fifths, around where they lay.
    The limit grows with the number of series judged and with how little history is behind the spread.
    A period is in no baseline of its own, a day of the calendar in none at all.
#}
{%- set effect = "(least_effect * case when scale = 'count' then middle / 2 else 1 end)" -%}
with

series as (

    select * from {{ ref('dq_series') }}

),

rules as (

    select * from {{ ref('stg_dictionary__dq_checks') }}

),

horizons as (

    select domain, {{ add_days('max(' ~ date_of('as_of') ~ ')', -1) }} as last_date
    from series
    group by domain

),

limits as (

    select
        {% for grain in ['day', 'week', 'month'] -%}
        max(case when rule_id = 'anomaly_{{ grain }}' then baseline_days end) as {{ grain }}_baseline,
        max(case when rule_id = 'anomaly_{{ grain }}' then tested_days end) as {{ grain }}_tested,
        max(case when rule_id = 'anomaly_{{ grain }}' then min_points end) as {{ grain }}_points,
        {% endfor -%}
        max(case when rule_id = 'anomaly_spread' then threshold end) as day_judged,
        max(case when rule_id = 'anomaly_spread' then min_points end) as least_judged,
        max(case when rule_id = 'anomaly_chance' then threshold end) as chance_of_alarm,
        max(case when rule_id = 'anomaly_occasion' then threshold end) as occasion_factor
    from rules

),

points as (

    select
        series.kind,
        series.domain,
        series.series,
        series.version,
        series.column_name,
        series.member,
        series.period_grain,
        series.period_start,
        series.period_number,
        series.phase,
        case when series.phase between 1 and 5 then 1 when series.phase > 5 then 2 else 0 end as phase_group,
        series.value,
        series.sample_size,
        series.scale,
        series.score,
        series.chance,
        series.unit as scale_unit,
        series.since_date,
        series.expected_because,
        series.brings_more,
        series.comes_by_plan and series.kind in ('volume', 'slice', 'hours', 'gap') as comes_by_plan,
        series.as_of,
        rules.threshold as least_limit,
        coalesce(rules.min_rows, 0) as min_rows,
        -- the least effect: a share of the middle, on the scale of the score
        rules.floor_share as least_effect,
        case series.period_grain
            when 'day' then limits.day_baseline
            when 'week' then floor(limits.week_baseline / 7)
            else floor(limits.month_baseline / 30)
        end as baseline_periods,
        case series.period_grain
            when 'day' then limits.day_points when 'week' then limits.week_points else limits.month_points
        end as min_points,
        case series.period_grain when 'day' then limits.day_judged else limits.least_judged end as min_judged,
        series.period_start > {{ add_days('horizons.last_date', '-case series.period_grain when \'day\' then limits.day_tested '
            ~ 'when \'week\' then limits.week_tested else limits.month_tested end') }} as is_tested,
        limits.chance_of_alarm,
        limits.occasion_factor
    from series
    inner join rules on 'anomaly_' || series.kind = rules.rule_id
    inner join horizons on series.domain = horizons.domain
    cross join limits

),

same_phase as (

    select
        points.kind, points.domain, points.series, points.version, points.column_name, points.member,
        points.period_grain, points.period_start,
        count(*) as baseline_points,
        {{ percentile_cont('earlier.score', 0.5) }} as middle,
        {{ percentile_cont('earlier.value', 0.5) }} as baseline_value,
        (sum(earlier.value * earlier.sample_size) + 0.5) / (sum(earlier.sample_size) + 1) as pooled_rate
    from points
    inner join points as earlier
        on points.kind = earlier.kind
        and points.domain = earlier.domain
        and points.series = earlier.series
        and points.version = earlier.version
        and points.column_name = earlier.column_name
        and points.member = earlier.member
        and points.period_grain = earlier.period_grain
        and points.phase = earlier.phase
        and earlier.period_number < points.period_number
        and earlier.period_number >= points.period_number - points.baseline_periods
        and earlier.expected_because is null
    where points.kind <> 'step'
    group by
        points.kind, points.domain, points.series, points.version, points.column_name, points.member, points.period_grain, points.period_start

),

with_same_phase as (

    select
        points.*,
        coalesce(same_phase.baseline_points, 0) as same_points,
        same_phase.middle as same_middle,
        same_phase.baseline_value as same_value,
        same_phase.pooled_rate as same_rate
    from points
    left join same_phase
        on points.kind = same_phase.kind
        and points.domain = same_phase.domain
        and points.series = same_phase.series
        and points.version = same_phase.version
        and points.column_name = same_phase.column_name
        and points.member = same_phase.member
        and points.period_grain = same_phase.period_grain
        and points.period_start = same_phase.period_start

),

-- too few of the same weekday: the working days with each other, the days of the weekend with each other
neighbours as (

    select
        points.kind, points.domain, points.series, points.version, points.column_name, points.member,
        points.period_grain, points.period_start,
        count(*) as baseline_points,
        {{ percentile_cont('earlier.score', 0.5) }} as middle,
        {{ percentile_cont('earlier.value', 0.5) }} as baseline_value,
        (sum(earlier.value * earlier.sample_size) + 0.5) / (sum(earlier.sample_size) + 1) as pooled_rate,
        ({{ percentile_cont('earlier.score', 0.9) }} - {{ percentile_cont('earlier.score', 0.1) }}) / 2.563 as scatter
    from with_same_phase as points
    inner join points as earlier
        on points.kind = earlier.kind
        and points.domain = earlier.domain
        and points.series = earlier.series
        and points.version = earlier.version
        and points.column_name = earlier.column_name
        and points.member = earlier.member
        and points.period_grain = earlier.period_grain
        and points.phase_group = earlier.phase_group
        and earlier.period_number < points.period_number
        and earlier.period_number >= points.period_number - points.baseline_periods
        and earlier.expected_because is null
    where points.kind <> 'step' and points.period_grain = 'day' and points.same_points < points.min_points
    group by
        points.kind, points.domain, points.series, points.version, points.column_name, points.member, points.period_grain, points.period_start

),

compared as (

    select
        points.*,
        case when points.same_points >= points.min_points then points.same_points
            else greatest(points.same_points, coalesce(neighbours.baseline_points, 0)) end as baseline_points,
        case when points.same_points >= points.min_points then points.same_middle else neighbours.middle end as middle,
        case when points.same_points >= points.min_points then points.same_value else neighbours.baseline_value end as baseline_value,
        case when points.same_points >= points.min_points then points.same_rate else neighbours.pooled_rate end as pooled_rate,
        case when points.same_points >= points.min_points then 'same' else 'neighbours' end as baseline_kind,
        case when points.same_points >= points.min_points then 0 else coalesce(neighbours.scatter, 0) end as scatter
    from with_same_phase as points
    left join neighbours
        on points.kind = neighbours.kind
        and points.domain = neighbours.domain
        and points.series = neighbours.series
        and points.version = neighbours.version
        and points.column_name = neighbours.column_name
        and points.member = neighbours.member
        and points.period_grain = neighbours.period_grain
        and points.period_start = neighbours.period_start

),

-- what is rare has no spread to speak of: hits against those expected at the rate of all rows before (or the least effect), by
-- the likelihood ratio of their number
expected_hits as (

    select
        compared.*,
        value * sample_size as hits,
        sample_size * greatest(pooled_rate, least_effect) as usual_hits
    from compared
    where baseline_points >= min_points and middle is not null

),

distances as (

    select
        expected_hits.*,
        case when kind = 'gap' then 1 else sqrt(chance * chance + scatter * scatter + {{ effect }} * {{ effect }}) end as unit,
        case
            when kind in ('duplicates', 'stuck') then case when hits <= usual_hits then 0 else
                sqrt(2 * (hits * ln(hits / usual_hits) - (hits - usual_hits))) end
            when kind = 'gap' then score
            else (score - middle) / nullif(sqrt(chance * chance + scatter * scatter + {{ effect }} * {{ effect }}), 0)
        end as distance
    from expected_hits

),

spreads as (

    select
        distances.kind, distances.domain, distances.series, distances.version, distances.column_name, distances.member,
        distances.period_grain, distances.period_start,
        count(*) as judged_points,
        {{ safe_divide(count_where('earlier.value > 0'), 'count(*)') }} as active_share,
        case when distances.kind = 'gap' then 0 else {{ percentile_cont('earlier.distance', 0.5) }} end as usual_distance,
        -- nine in ten longest silences of a day, of ten silences each, are shorter than 2 ln 10 times the mean silence
        case when distances.kind = 'gap' then greatest(1, {{ percentile_cont('earlier.score', 0.9) }} / sqrt(4 * ln(10)))
        else greatest(
            1,
            ({{ percentile_cont('earlier.distance', 0.75) }} - {{ percentile_cont('earlier.distance', 0.25) }}) / 1.349,
            ({{ percentile_cont('earlier.distance', 0.9) }} - {{ percentile_cont('earlier.distance', 0.1) }}) / 2.563
        ) end as spread
    from distances
    inner join distances as earlier
        on distances.kind = earlier.kind
        and distances.domain = earlier.domain
        and distances.series = earlier.series
        and distances.version = earlier.version
        and distances.column_name = earlier.column_name
        and distances.member = earlier.member
        and distances.period_grain = earlier.period_grain
        and earlier.period_number < distances.period_number
        and earlier.period_number >= distances.period_number - distances.baseline_periods
        and earlier.expected_because is null
    where distances.is_tested
    group by
        distances.kind, distances.domain, distances.series, distances.version, distances.column_name, distances.member,
        distances.period_grain, distances.period_start

),

measured as (

    select
        points.kind, points.domain, points.series, points.version, points.column_name, points.member,
        points.period_grain, points.period_start, points.value, points.sample_size, points.scale, points.score, points.chance,
        points.scale_unit, points.since_date, points.expected_because, points.brings_more, points.comes_by_plan, points.as_of, points.least_limit, points.min_rows,
        points.chance_of_alarm, points.occasion_factor, points.min_points, points.min_judged,
        points.baseline_points, points.baseline_value, points.baseline_kind,
        distances.middle, distances.unit, distances.usual_hits, distances.pooled_rate,
        spreads.active_share,
        coalesce(spreads.judged_points, 0) as judged_points,
        spreads.usual_distance,
        spreads.spread,
        (distances.distance - spreads.usual_distance) / spreads.spread as robust_z,
        -- what the loss of all rows, or a size twice as large, would be
        (case
            when points.kind in ('duplicates', 'stuck') then distances.unit * sqrt(greatest(
                2 * (points.sample_size * ln(points.sample_size / distances.usual_hits) - (points.sample_size - distances.usual_hits)), 0
            ))
            when points.kind = 'gap' then sqrt(2 * points.sample_size / points.scale_unit)
            when points.scale = 'count' then distances.middle - 2 * sqrt(0.375)
            when points.kind = 'slice' then distances.middle - {{ arcsine_share('0', 'points.sample_size') }}
            when points.kind = 'hours' then sqrt(points.sample_size)
            when points.scale = 'size' then ln(2)
        end / distances.unit) / spreads.spread as reach
    from compared as points
    left join distances
        on points.kind = distances.kind
        and points.domain = distances.domain
        and points.series = distances.series
        and points.version = distances.version
        and points.column_name = distances.column_name
        and points.member = distances.member
        and points.period_grain = distances.period_grain
        and points.period_start = distances.period_start
    left join spreads
        on points.kind = spreads.kind
        and points.domain = spreads.domain
        and points.series = spreads.series
        and points.version = spreads.version
        and points.column_name = spreads.column_name
        and points.member = spreads.member
        and points.period_grain = spreads.period_grain
        and points.period_start = spreads.period_start
    where points.is_tested

),

-- chance among so many, in a distribution with tails as thick as so little history makes them (a spread that is never below
-- chance is known better than its number of points says: they count twice); on a day of the calendar
-- only what no occasion explains, and that with a wider limit
limited as (

    select
        measured.*,
        case when kind in ('gap', 'duplicates', 'stuck', 'hours') then robust_z else abs(robust_z) end as distance,
        (case
            when judged_points > 0 then greatest(
                least_limit,
                sqrt((2 * judged_points - 1) * (exp(least(greatest(
                    2 * ln(greatest({{ count_where('judged_points >= min_judged') }} over (partition by kind, period_grain), 1) / chance_of_alarm)
                    / (2 * judged_points - 1), 0
                ), 700)) - 1))
            )
        end)
        * case
            when expected_because is null or kind in ('gap', 'volume') then 1
            else occasion_factor
        end as limit_z
    from measured

),

judged as (

    select
        limited.*,
        case
            when comes_by_plan then 'planned'
            when kind <> 'step' and expected_because is not null and (
                (kind in ('volume', 'gap') and not brings_more)
                or kind in ('value', 'hours', 'slice')
                or (kind = 'volume' and robust_z > limit_z)
            ) then 'occasion'
            when kind = 'median' and sample_size < min_rows then 'too_few_rows'
            when kind <> 'step' and (robust_z is null or limit_z is null or judged_points < min_judged) then 'no_history'
            when kind = 'volume' and active_share > 0 and active_share < 0.5 and 2 * sqrt(0.375) >= middle - 0.0001 then 'irregular'
            when kind <> 'step' and distance <= limit_z and reach <= limit_z then 'too_few_rows'
        end as reason
    from limited

),

told as (

    select
        judged.*,
        case
            when reason is not null then 'not_judged'
            when kind = 'step' then case when abs(score) > ln(least_limit) then 'anomaly' else 'usual' end
            when distance > limit_z then 'anomaly'
            else 'usual'
        end as verdict,
        case when kind = 'gap' then 0 else middle + usual_distance * unit end as usual_score,
        limit_z * spread * unit as half_width
    from judged

),

-- of a week or month: the day that lies furthest off on its side
worst_days as (

    select
        told.kind, told.domain, told.series, told.version, told.column_name, told.member, told.period_grain, told.period_start,
        {{ arg_max('days.period_start', ['abs(days.robust_z)', 'days.period_start']) }} as worst_date
    from told
    inner join told as days
        on told.kind = days.kind
        and told.domain = days.domain
        and told.series = days.series
        and told.version = days.version
        and told.column_name = days.column_name
        and told.member = days.member
        and told.period_start <= days.period_start
        and days.period_start < {{ add_days('told.period_start', "case told.period_grain when 'week' then 7 else 31 end") }}
        and days.robust_z * told.robust_z > 0
    where told.verdict = 'anomaly' and told.period_grain in ('week', 'month') and days.period_grain = 'day'
    group by told.kind, told.domain, told.series, told.version, told.column_name, told.member, told.period_grain, told.period_start

),

bounds as (

    select
        told.*,
        coalesce(worst_days.worst_date, told.since_date, told.period_start) as worst_date,
        {% for name, score in [('baseline', 'middle'), ('expected_low', '(usual_score - half_width)'), ('expected_high', '(usual_score + half_width)')] -%}
        {{ unscored(score) }} as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from told
    left join worst_days
        on told.kind = worst_days.kind
        and told.domain = worst_days.domain
        and told.series = worst_days.series
        and told.version = worst_days.version
        and told.column_name = worst_days.column_name
        and told.member = worst_days.member
        and told.period_grain = worst_days.period_grain
        and told.period_start = worst_days.period_start

),

stated as (

    select
        kind,
        domain,
        series,
        cast(version as int) as version,
        column_name,
        member,
        period_grain,
        period_start as business_date,
        cast(worst_date as date) as worst_date,
        value,
        sample_size,
        cast(case
            when kind = 'step' then value / exp(score) when kind in ('duplicates', 'stuck') then pooled_rate else baseline
        end as {{ type_double() }}) as baseline_value,
        cast(baseline_points as int) as baseline_points,
        case when baseline_points > 0 and kind <> 'step' then baseline_kind end as baseline_kind,
        cast(case
            when kind in ('hours', 'duplicates', 'stuck') or (kind <> 'step' and expected_low is null) then null
            when kind = 'gap' then 0
            when kind = 'step' then value / exp(score) / least_limit
            else expected_low
        end as {{ type_double() }}) as expected_low,
        cast(case
            when kind = 'step' then value / exp(score) * least_limit when kind not in ('hours', 'duplicates', 'stuck') then expected_high
        end as {{ type_double() }}) as expected_high,
        cast(case when kind = 'step' then score else robust_z end as {{ type_double() }}) as robust_z,
        cast(case when kind = 'step' then ln(least_limit) else limit_z end as {{ type_double() }}) as limit_z,
        {{ as_text('expected_because') }} as expected_because,
        verdict,
        {{ as_text('reason') }} as reason,
        verdict = 'anomaly' as is_anomaly,
        as_of
    from bounds

)

select
    kind,
    domain,
    series,
    version,
    column_name,
    member,
    period_grain,
    business_date,
    worst_date,
    value,
    sample_size,
    baseline_value,
    baseline_points,
    baseline_kind,
    expected_low,
    expected_high,
    robust_z,
    limit_z,
    expected_because,
    verdict,
    reason,
    is_anomaly,
    case when is_anomaly then {{ anomaly_sentence(words_en()) }} end as told_en,
    case when is_anomaly then {{ anomaly_sentence(words_zh()) }} end as told_zh,
    as_of
from stated
