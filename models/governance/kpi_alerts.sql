with

scorecard as (

    select * from {{ ref('kpi_scorecard') }}

),

rules as (

    select * from {{ ref('stg_dictionary__alert_rules') }}

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
        scorecard.as_of
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
    where scorecard.is_final or rules.is_live

),

numbered as (

    select
        observed.*,
        row_number() over (
            partition by rule_id, dimension, dimension_value
            order by period_start nulls last
        ) as place
    from observed

),

-- the point that is judged is never in its own baseline
baselines as (

    select
        numbered.rule_id,
        numbered.dimension,
        numbered.dimension_value,
        numbered.place,
        avg(earlier.value) as window_mean,
        stddev_samp(earlier.value) as window_sigma,
        count(earlier.value) as window_points
    from numbered
    inner join numbered as earlier
        on numbered.rule_id = earlier.rule_id
        and numbered.dimension = earlier.dimension
        and numbered.dimension_value = earlier.dimension_value
        and earlier.place between numbered.place - numbered.baseline_window and numbered.place - 1
    where numbered.kind in ('vs_baseline', 'sigma3', 'western_electric')
    group by numbered.rule_id, numbered.dimension, numbered.dimension_value, numbered.place

),

standardised as (

    select
        numbered.*,
        baselines.window_mean,
        baselines.window_sigma,
        case
            when baselines.window_points >= numbered.baseline_window
                then {{ safe_divide('numbered.value - baselines.window_mean', 'baselines.window_sigma') }}
        end as z_score,
        case
            when numbered.baseline_value is not null then numbered.baseline_value
            when baselines.window_points >= numbered.baseline_window then baselines.window_mean
        end as reference_value
    from numbered
    left join baselines
        on numbered.rule_id = baselines.rule_id
        and numbered.dimension = baselines.dimension
        and numbered.dimension_value = baselines.dimension_value
        and numbered.place = baselines.place

),

runs as (

    select
        standardised.*,
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
        runs.*,
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
        end as threshold_value
    from runs

),

fired as (

    select compared.*
    from compared
    where
        case
            when kind = 'sigma3' then abs(z_score) > rule_threshold
            when kind = 'western_electric' then
                (z_score > two_of_three_sigma and of_three_above >= 2)
                or (z_score < -two_of_three_sigma and of_three_below >= 2)
                or (z_score > four_of_five_sigma and of_five_above >= 4)
                or (z_score < -four_of_five_sigma and of_five_below >= 4)
                or (z_score is not null and place - last_not_above >= run_length)
                or (z_score is not null and place - last_not_below >= run_length)
            when comparison = '>' then observed_value > threshold_value
            when comparison = '>=' then observed_value >= threshold_value
            when comparison = '<' then observed_value < threshold_value
            when comparison = '<=' then observed_value <= threshold_value
            else false
        end

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
from fired
