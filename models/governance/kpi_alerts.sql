{%- set slice = ['rule_id', 'kpi_id', 'version', 'domain', 'period_grain', 'period_start', 'period_end', 'dimension', 'dimension_value'] -%}
{%- set rule = ['kind', 'comparison', 'severity', 'rule_threshold', 'baseline_window', 'response_en', 'response_zh', 'owner_role'] -%}
{%- set value = ['value', 'previous_value', 'target_value', 'baseline_value', 'is_final', 'as_of'] -%}
{%- set alert = [
    'rule_id', 'severity', 'kpi_id', 'version', 'domain', 'period_grain', 'period_start', 'period_end', 'dimension', 'dimension_value',
    'observed_value', 'threshold_value', 'comparison', 'response_en', 'response_zh', 'owner_role', 'is_final', 'as_of'
] -%}
with

scorecard as (

    select * from {{ ref('kpi_scorecard') }}

),

rules as (

    select * from {{ ref('stg_dictionary__alert_rules') }}

),

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}

),

stops as (

    select * from {{ ref('fct_stops') }}

),

shifts as (

    select * from {{ ref('int_manufacturing__shifts') }}

),

manufacturing_horizon as (

    select * from {{ ref('int_manufacturing__as_of') }}

),

spc_parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'mf_rule_spc'

),

spc as (

    select
        max(case when parameter = 'we_two_of_three_sigma' then value end) as two_of_three_sigma,
        max(case when parameter = 'we_four_of_five_sigma' then value end) as four_of_five_sigma,
        max(case when parameter = 'we_run_length' then value end) as run_length
    from spc_parameters

),

-- a rule reads final values, a live one open periods too
observed as (

    select
        rules.rule_id,
        rules.kind,
        rules.comparison,
        rules.severity,
        cast(rules.threshold_value as {{ type_double() }}) as rule_threshold,
        cast(rules.baseline_window as int) as baseline_window,
        rules.response_en,
        rules.response_zh,
        rules.owner_role,
        scorecard.kpi_id,
        scorecard.version,
        scorecard.domain,
        scorecard.period_grain,
        scorecard.period_start,
        scorecard.period_end,
        scorecard.dimension,
        scorecard.dimension_value,
        scorecard.value,
        scorecard.previous_value,
        scorecard.target_value,
        scorecard.baseline_value,
        scorecard.is_final,
        scorecard.as_of,
        row_number() over (
            partition by rules.rule_id, scorecard.dimension, scorecard.dimension_value
            order by scorecard.period_start nulls last
        ) as place
    from rules
    inner join scorecard
        on rules.kpi_id = scorecard.kpi_id
        and rules.period_grain = scorecard.period_grain
        and (
            rules.dimension is null
            or rules.dimension = scorecard.dimension
            or rules.dimension = scorecard.dimension || '=' || scorecard.dimension_value
        )
        and (rules.version is null or rules.version = scorecard.version)
    where rules.kind <> 'uncoded_stop' and (scorecard.is_final or rules.is_live)

),

-- the point that is judged is never in its own baseline
baselines as (

    select
        observed.rule_id,
        observed.dimension,
        observed.dimension_value,
        observed.place,
        avg(earlier.value) as window_mean,
        stddev_samp(earlier.value) as window_sigma,
        count(earlier.value) as window_points
    from observed
    inner join observed as earlier
        on observed.rule_id = earlier.rule_id
        and observed.dimension = earlier.dimension
        and observed.dimension_value = earlier.dimension_value
        and earlier.place between observed.place - observed.baseline_window and observed.place - 1
    where observed.kind in ('vs_baseline', 'sigma3', 'western_electric')
    group by observed.rule_id, observed.dimension, observed.dimension_value, observed.place

),

standardised as (

    select
        {% for column in slice + rule + value + ['place'] -%}
        observed.{{ column }},
        {% endfor -%}
        baselines.window_mean,
        baselines.window_sigma,
        case
            when baselines.window_points >= observed.baseline_window
                then {{ safe_divide('observed.value - baselines.window_mean', 'baselines.window_sigma') }}
        end as z_score,
        case
            when observed.baseline_value is not null then observed.baseline_value
            when baselines.window_points >= observed.baseline_window then baselines.window_mean
        end as reference_value
    from observed
    left join baselines
        on observed.rule_id = baselines.rule_id
        and observed.dimension = baselines.dimension
        and observed.dimension_value = baselines.dimension_value
        and observed.place = baselines.place

),

runs as (

    select
        {% for column in slice + rule + value + ['place', 'window_mean', 'window_sigma', 'z_score', 'reference_value'] -%}
        standardised.{{ column }},
        {% endfor -%}
        {% for side, sign in [('above', ''), ('below', '-')] -%}
        count(*) filter (where {{ sign }}z_score > spc.two_of_three_sigma) over (
            partition by rule_id, dimension, dimension_value
            order by place nulls last rows between 2 preceding and current row
        ) as of_three_{{ side }},
        count(*) filter (where {{ sign }}z_score > spc.four_of_five_sigma) over (
            partition by rule_id, dimension, dimension_value
            order by place nulls last rows between 4 preceding and current row
        ) as of_five_{{ side }},
        max(case when {{ sign }}z_score > 0 then 0 else place end) over (
            partition by rule_id, dimension, dimension_value
            order by place nulls last rows between unbounded preceding and current row
        ) as last_not_{{ side }},
        {% endfor -%}
        spc.two_of_three_sigma,
        spc.four_of_five_sigma,
        spc.run_length
    from standardised
    cross join spc

),

compared as (

    select
        {{ (slice + rule) | join(', ') }},
        is_final,
        as_of,
        case kind
            when 'change_on_previous' then value - previous_value
            when 'guardrail_change' then value - previous_value
            when 'deviation_from_target' then abs(value - target_value)
            else value
        end as observed_value,
        case kind
            when 'vs_target' then target_value + rule_threshold
            when 'vs_baseline' then reference_value * (1 + rule_threshold)
            when 'sigma3' then window_mean + rule_threshold * window_sigma * (case when z_score < 0 then -1 else 1 end)
            when 'western_electric' then window_mean
            else rule_threshold
        end as threshold_value,
        case kind
            when 'sigma3' then abs(z_score) > rule_threshold
            when 'western_electric' then
                (z_score > two_of_three_sigma and of_three_above >= 2)
                or (z_score < -two_of_three_sigma and of_three_below >= 2)
                or (z_score > four_of_five_sigma and of_five_above >= 4)
                or (z_score < -four_of_five_sigma and of_five_below >= 4)
                or (z_score is not null and place - last_not_above >= run_length)
                or (z_score is not null and place - last_not_below >= run_length)
        end as is_out_of_control
    from runs

),

fired as (

    select {{ alert | join(', ') }}
    from compared
    where
        case
            when kind in ('sigma3', 'western_electric') then is_out_of_control
            when comparison = '>' then observed_value > threshold_value
            when comparison = '>=' then observed_value >= threshold_value
            when comparison = '<' then observed_value < threshold_value
            when comparison = '<=' then observed_value <= threshold_value
            else false
        end

),

-- one alert a stop that cost planned time, in the shift in which it begins (off shift: on the day), for as long as it has no code
uncoded_stops as (

    select
        rules.rule_id,
        rules.severity,
        rules.kpi_id,
        definitions.version,
        rules.domain,
        case when shifts.line_id is not null then 'shift' else 'day' end as period_grain,
        coalesce(shifts.starts_local_at, cast(stops.production_date as {{ type_ts() }})) as period_start,
        coalesce(shifts.ends_local_at, cast({{ add_days('stops.production_date', 1) }} as {{ type_ts() }})) as period_end,
        'machine+stop' as dimension,
        {{ slice_member(['stops.machine_id', as_text('stops.stop_starts_at')]) }} as dimension_value,
        stops.uncoded_seconds / 60.0 as observed_value,
        cast(rules.threshold_value as {{ type_double() }}) as threshold_value,
        rules.comparison,
        rules.response_en,
        rules.response_zh,
        rules.owner_role,
        not stops.is_open as is_final,
        manufacturing_horizon.as_of
    from rules
    cross join stops
    cross join manufacturing_horizon
    left join shifts
        on stops.line_id = shifts.line_id
        and stops.production_date = shifts.production_date
        and stops.shift_name = shifts.shift_name
    inner join definitions
        on rules.kpi_id = definitions.kpi_id
        and definitions.status in ('active', 'retired')
        and (definitions.effective_from is null or stops.production_date >= cast(definitions.effective_from as date))
        and (definitions.effective_to is null or stops.production_date < cast(definitions.effective_to as date))
    where
        rules.kind = 'uncoded_stop'
        and not stops.is_microstop
        and stops.seconds_in_ppt > 0
        and stops.uncoded_seconds >= 60 * rules.threshold_value

),

every_alert as (

    select {{ alert | join(', ') }}
    from fired
    union all
    select {{ alert | join(', ') }}
    from uncoded_stops

)

select
    {{ hash_key(['rule_id', 'kpi_id', 'period_grain', 'period_start', 'dimension', 'dimension_value']) }} as alert_id,
    rule_id,
    severity,
    kpi_id,
    version,
    domain,
    period_grain,
    period_start,
    period_end,
    dimension,
    dimension_value,
    observed_value,
    threshold_value,
    comparison,
    response_en as response,
    response_zh,
    owner_role as owner,
    'open' as state,
    {{ typed_null('ts') }} as first_fired_at_run,
    {{ typed_null('ts') }} as resolved_at_run,
    is_final,
    as_of
from every_alert
