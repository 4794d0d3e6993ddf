{#
    What every rule says of every period and slice that it reads: it fires, it is in bounds, or it cannot be told. The
    log of what fired (kpi_alerts) and the incidents (kpi_incidents) are made of it.
#}
{%- set slice = ['rule_id', 'kpi_id', 'version', 'domain', 'period_grain', 'period_start', 'period_end', 'dimension', 'dimension_value'] -%}
{%- set rule = [
    'kind', 'comparison', 'severity', 'rule_threshold', 'baseline_window', 'min_sample', 'interval_z', 'starts_on', 'has_impact', 'impact_factor',
    'is_detail'
] -%}
{%- set value = [
    'value', 'previous_value', 'target_value', 'baseline_value', 'numerator', 'denominator', 'sample_size', 'previous_sample', 'cases',
    'expected_cases', 'members', 'status', 'is_final', 'as_of'
] -%}
{%- set reading = slice + [
    'severity', 'comparison', 'observed_value', 'interval_low', 'interval_high', 'threshold_value', 'reference_value', 'sample_size', 'verdict',
    'is_detail', 'impact', 'is_final', 'as_of'
] -%}
{%- set parent_domains = ['ecommerce', 'manufacturing'] -%}
{%- set candidate_domains = ['manufacturing'] -%}
{%- set evidence_domains = ['credit'] -%}
with

scorecard as (

    select * from {{ ref('kpi_scorecard') }}

),

kpi_values as (

    select * from {{ ref('kpi_values') }}

),

rules as (

    select * from {{ ref('stg_dictionary__alert_rules') }}

),

anomalies as (

    select * from {{ ref('dq_anomalies') }}

),

suspects as (

    select * from {{ ref('kpi_suspect_values') }}
    where is_origin

),

dependencies as (

    select * from {{ ref('kpi_dq_dependencies') }}

),

{% for domain in parent_domains -%}
parents_{{ domain }} as (

    select * from {{ ref('dim_slice_parents_' ~ domain) }}

),

{% endfor -%}
{% for domain in candidate_domains -%}
candidates_{{ domain }} as (

    select * from {{ ref('fct_alert_candidates_' ~ domain) }}

),

{% endfor -%}
{% for domain in evidence_domains -%}
evidence_{{ domain }} as (

    select * from {{ ref('fct_alert_evidence_' ~ domain) }}

),

{% endfor -%}
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

slice_parents as (

    {% for domain in parent_domains -%}
    select '{{ domain }}' as domain, dimension, dimension_value, parent_dimension, parent_value
    from parents_{{ domain }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

candidates as (

    {% for domain in candidate_domains -%}
    select
        rule_id, kpi_id, version, period_grain, period_start, period_end, dimension, dimension_value, parent_dimension, parent_value,
        observed_value, is_final, as_of
    from candidates_{{ domain }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

-- the cases behind statistics that publish no numerator
evidence as (

    {% for domain in evidence_domains -%}
    select kpi_id, version, period_grain, period_start, dimension, dimension_value, cases, expected_cases, members
    from evidence_{{ domain }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

quality_kpis as (

    select distinct depends_on_kpi_id as kpi_id
    from dependencies

),

-- the target of the whole holds for a slice that is shown as a detail and has none of its own
targets_of_the_whole as (

    select kpi_id, version, period_grain, period_start, target_value
    from scorecard
    where dimension = 'all'

),

-- a rule reads final values, a live one open periods too
matched as (

    select
        rules.rule_id,
        rules.kind,
        rules.comparison,
        rules.severity,
        cast(rules.threshold_value as {{ type_double() }}) as rule_threshold,
        cast(rules.baseline_window as int) as baseline_window,
        cast(coalesce(rules.min_sample, 0) as int) as min_sample,
        cast(rules.interval_z as {{ type_double() }}) as interval_z,
        rules.starts_on,
        rules.impact_unit is not null as has_impact,
        cast(coalesce(rules.impact_factor, 1) as {{ type_double() }}) as impact_factor,
        case
            when
                rules.dimension is null
                or rules.dimension = scorecard.dimension
                or rules.dimension = scorecard.dimension || '=' || scorecard.dimension_value
                then false
            else true
        end as is_detail,
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
        scorecard.numerator,
        scorecard.denominator,
        scorecard.sample_size,
        scorecard.status,
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
            or contains('|' || rules.detail_dimensions || '|', '|' || scorecard.dimension || '|')
        )
        and (rules.version is null or rules.version = scorecard.version)
    where rules.kind not in ('uncoded_stop', 'feed', 'suspect') and (scorecard.is_final or rules.is_live)

),

observed as (

    select
        {% for column in slice + rule if column not in ('is_detail',) -%}
        matched.{{ column }},
        {% endfor -%}
        matched.is_detail,
        matched.value,
        matched.previous_value,
        case when matched.is_detail then coalesce(matched.target_value, targets_of_the_whole.target_value) else matched.target_value end as target_value,
        matched.baseline_value,
        matched.numerator,
        matched.denominator,
        matched.sample_size,
        before.sample_size as previous_sample,
        evidence.cases,
        evidence.expected_cases,
        evidence.members,
        matched.status,
        matched.is_final,
        matched.as_of,
        row_number() over (
            partition by matched.rule_id, matched.dimension, matched.dimension_value
            order by matched.period_start nulls last
        ) as place
    from matched
    left join targets_of_the_whole
        on matched.kpi_id = targets_of_the_whole.kpi_id
        and matched.version = targets_of_the_whole.version
        and matched.period_grain = targets_of_the_whole.period_grain
        and matched.period_start = targets_of_the_whole.period_start
    left join kpi_values as before
        on matched.kind in ('change_on_previous', 'guardrail_change')
        and matched.kpi_id = before.kpi_id
        and matched.version = before.version
        and matched.period_grain = before.period_grain
        and matched.dimension = before.dimension
        and matched.dimension_value = before.dimension_value
        and matched.period_start = before.period_end
        and matched.previous_value = before.value
    left join evidence
        on matched.kpi_id = evidence.kpi_id
        and matched.version = evidence.version
        and matched.period_grain = evidence.period_grain
        and matched.period_start = evidence.period_start
        and matched.dimension = evidence.dimension
        and matched.dimension_value = evidence.dimension_value

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
        end as baseline_mean
    from observed
    left join baselines
        on observed.rule_id = baselines.rule_id
        and observed.dimension = baselines.dimension
        and observed.dimension_value = baselines.dimension_value
        and observed.place = baselines.place

),

runs as (

    select
        {% for column in slice + rule + value + ['place', 'window_mean', 'window_sigma', 'z_score', 'baseline_mean'] -%}
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
        {{ slice | join(', ') }},
        kind,
        comparison,
        severity,
        rule_threshold,
        min_sample,
        interval_z,
        starts_on,
        has_impact,
        impact_factor,
        is_detail,
        value,
        previous_value,
        target_value,
        numerator,
        denominator,
        cast(sample_size as {{ type_double() }}) as sample_size,
        cast(previous_sample as {{ type_double() }}) as previous_sample,
        cases,
        expected_cases,
        members,
        status,
        is_final,
        as_of,
        z_score,
        case kind
            when 'change_on_previous' then value - previous_value
            when 'guardrail_change' then value - previous_value
            when 'deviation_from_target' then abs(value - target_value)
            else value
        end as observed_value,
        case kind
            when 'vs_target' then target_value + rule_threshold
            when 'vs_baseline' then baseline_mean * (1 + rule_threshold)
            when 'sigma3' then window_mean + rule_threshold * window_sigma * (case when z_score < 0 then -1 else 1 end)
            when 'western_electric' then window_mean
            else rule_threshold
        end as threshold_value,
        case kind
            when 'vs_target' then target_value
            when 'deviation_from_target' then target_value
            when 'change_on_previous' then previous_value
            when 'guardrail_change' then previous_value
            when 'vs_baseline' then baseline_mean
            when 'sigma3' then window_mean
            when 'western_electric' then window_mean
            else rule_threshold
        end as reference_value,
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

-- the ends of the intervals of the share, of the share before, and of a statistic by its cases
bounded as (

    select
        {{ slice | join(', ') }},
        kind,
        comparison,
        severity,
        rule_threshold,
        min_sample,
        interval_z,
        starts_on,
        has_impact,
        impact_factor,
        is_detail,
        value,
        previous_value,
        target_value,
        numerator,
        denominator,
        sample_size,
        previous_sample,
        cases,
        status,
        is_final,
        as_of,
        z_score,
        observed_value,
        threshold_value,
        reference_value,
        is_out_of_control,
        {% for side, sign in [('low', '-'), ('high', '+')] -%}
        case
            when interval_z is null or sample_size is null or sample_size <= 0 then null
            when expected_cases > 0 and members > 0 then
                {{ wilson_end('(cases / members)', 'members', 'interval_z', sign) }} * members / expected_cases - 1
            else {{ wilson_end('value', 'sample_size', 'interval_z', sign) }}
        end as value_{{ side }},
        case
            when interval_z is not null and previous_sample > 0
                then {{ wilson_end('previous_value', 'previous_sample', 'interval_z', sign) }}
        end as previous_{{ side }}{{ "," if not loop.last }}
        {% endfor %}
    from compared

),

-- Newcombe's interval for the difference of two shares
ends as (

    select
        {{ slice | join(', ') }},
        kind,
        comparison,
        severity,
        min_sample,
        starts_on,
        has_impact,
        impact_factor,
        is_detail,
        value,
        numerator,
        denominator,
        sample_size,
        status,
        is_final,
        as_of,
        z_score,
        observed_value,
        threshold_value,
        reference_value,
        is_out_of_control,
        interval_z is not null
        and kind in ('change_on_previous', 'guardrail_change')
        and (previous_sample is null or previous_sample < min_sample) as is_previous_small,
        case
            when interval_z is null then observed_value
            when kind in ('change_on_previous', 'guardrail_change') then
                observed_value - sqrt(power(value - value_low, 2) + power(previous_high - previous_value, 2))
            when kind = 'deviation_from_target' then
                greatest(case when value > target_value then value_low - target_value else target_value - value_high end, 0)
            else value_low
        end as interval_low,
        case
            when interval_z is null then observed_value
            when kind in ('change_on_previous', 'guardrail_change') then
                observed_value + sqrt(power(value_high - value, 2) + power(previous_value - previous_low, 2))
            when kind = 'deviation_from_target' then
                greatest(abs(value_low - target_value), abs(value_high - target_value))
            else value_high
        end as interval_high
    from bounded

),

judged as (

    select
        {{ slice | join(', ') }},
        severity,
        comparison,
        observed_value,
        interval_low,
        interval_high,
        threshold_value,
        reference_value,
        cast(sample_size as {{ type_bigint() }}) as sample_size,
        case
            when status = 'suspect' then 'suspect'
            when observed_value is null or threshold_value is null then 'not_judged'
            when kind in ('sigma3', 'western_electric') and z_score is null then 'not_judged'
            when coalesce(sample_size, 0) < min_sample or is_previous_small then 'small_sample'
            when kind in ('sigma3', 'western_electric') then case when is_out_of_control then 'firing' else 'in_bounds' end
            when comparison = '>' and not observed_value > threshold_value then 'in_bounds'
            when comparison = '>=' and not observed_value >= threshold_value then 'in_bounds'
            when comparison = '<' and not observed_value < threshold_value then 'in_bounds'
            when comparison = '<=' and not observed_value <= threshold_value then 'in_bounds'
            when comparison = '>' and interval_low > threshold_value then 'firing'
            when comparison = '>=' and interval_low >= threshold_value then 'firing'
            when comparison = '<' and interval_high < threshold_value then 'firing'
            when comparison = '<=' and interval_high <= threshold_value then 'firing'
            when comparison in ('>', '>=', '<', '<=') then 'undecided'
            else 'not_judged'
        end as verdict,
        is_detail,
        case
            when has_impact and numerator is not null
                then abs(value - reference_value) * coalesce(denominator, 1) * impact_factor
        end as impact,
        is_final,
        as_of
    from ends
    where starts_on is null or {{ date_of('period_start') }} >= starts_on

),

-- what a domain puts forward one by one
put_forward as (

    select
        rules.rule_id,
        candidates.kpi_id,
        candidates.version,
        rules.domain,
        candidates.period_grain,
        candidates.period_start,
        candidates.period_end,
        candidates.dimension,
        candidates.dimension_value,
        rules.severity,
        rules.comparison,
        candidates.observed_value,
        candidates.observed_value as interval_low,
        candidates.observed_value as interval_high,
        cast(rules.threshold_value as {{ type_double() }}) as threshold_value,
        cast(rules.threshold_value as {{ type_double() }}) as reference_value,
        {{ typed_null('int') }} as sample_size,
        case
            when rules.comparison = '>' and candidates.observed_value > rules.threshold_value then 'firing'
            when rules.comparison = '>=' and candidates.observed_value >= rules.threshold_value then 'firing'
            when rules.comparison = '<' and candidates.observed_value < rules.threshold_value then 'firing'
            when rules.comparison = '<=' and candidates.observed_value <= rules.threshold_value then 'firing'
            else 'in_bounds'
        end as verdict,
        false as is_detail,
        {{ typed_null('num') }} as impact,
        candidates.is_final,
        candidates.as_of
    from candidates
    inner join rules on candidates.rule_id = rules.rule_id
    where rules.starts_on is null or {{ date_of('candidates.period_start') }} >= rules.starts_on

),

-- tables, and the figures on data, whose day does not fit their history
feeds as (

    select
        rules.rule_id,
        case when anomalies.kind = 'value' then anomalies.series end as kpi_id,
        case when anomalies.kind = 'value' then anomalies.version end as version,
        rules.domain,
        'day' as period_grain,
        cast(anomalies.business_date as {{ type_ts() }}) as period_start,
        cast({{ add_days('anomalies.business_date', 1) }} as {{ type_ts() }}) as period_end,
        case when anomalies.kind = 'value' then 'kpi' else 'table' end as dimension,
        anomalies.series as dimension_value,
        rules.severity,
        rules.comparison,
        anomalies.value as observed_value,
        anomalies.value as interval_low,
        anomalies.value as interval_high,
        anomalies.baseline_value as threshold_value,
        anomalies.baseline_value as reference_value,
        anomalies.sample_size,
        case when anomalies.is_anomaly then 'firing' else 'in_bounds' end as verdict,
        false as is_detail,
        {{ typed_null('num') }} as impact,
        true as is_final,
        anomalies.as_of
    from rules
    inner join anomalies on rules.domain = anomalies.domain
    left join quality_kpis on anomalies.kind = 'value' and anomalies.series = quality_kpis.kpi_id
    where
        rules.kind = 'feed'
        and (anomalies.kind = 'volume' or quality_kpis.kpi_id is not null)
        and (rules.starts_on is null or anomalies.business_date >= rules.starts_on)

),

suspect_kpis as (

    select distinct kpi_id, version, period_grain
    from suspects

),

-- figures beyond what is plausible, by day, of the KPIs that ever had one
plausibility as (

    select
        scorecard.domain,
        scorecard.kpi_id,
        scorecard.version,
        {{ date_of('scorecard.period_start') }} as business_date,
        {{ arg_max('scorecard.value', 'abs(scorecard.value)', 'suspects.kpi_id is not null') }} as suspect_value,
        {{ arg_max('case when scorecard.value < suspects.least then suspects.least else suspects.greatest end', 'abs(scorecard.value)', 'suspects.kpi_id is not null') }} as bound,
        max(scorecard.value) as value,
        max(scorecard.sample_size) as sample_size,
        {{ any_true('suspects.kpi_id is not null') }} as is_suspect,
        {{ all_true('scorecard.is_final') }} as is_final,
        max(scorecard.as_of) as as_of
    from scorecard
    inner join suspect_kpis
        on scorecard.kpi_id = suspect_kpis.kpi_id
        and scorecard.version = suspect_kpis.version
        and scorecard.period_grain = suspect_kpis.period_grain
    left join suspects
        on scorecard.kpi_id = suspects.kpi_id
        and scorecard.version = suspects.version
        and scorecard.period_grain = suspects.period_grain
        and scorecard.period_start = suspects.period_start
        and scorecard.dimension = suspects.dimension
        and scorecard.dimension_value = suspects.dimension_value
    group by scorecard.domain, scorecard.kpi_id, scorecard.version, {{ date_of('scorecard.period_start') }}

),

implausible as (

    select
        rules.rule_id,
        plausibility.kpi_id,
        plausibility.version,
        rules.domain,
        'day' as period_grain,
        cast(plausibility.business_date as {{ type_ts() }}) as period_start,
        cast({{ add_days('plausibility.business_date', 1) }} as {{ type_ts() }}) as period_end,
        'kpi' as dimension,
        plausibility.kpi_id as dimension_value,
        rules.severity,
        rules.comparison,
        case when plausibility.is_suspect then plausibility.suspect_value else plausibility.value end as observed_value,
        {{ typed_null('num') }} as interval_low,
        {{ typed_null('num') }} as interval_high,
        plausibility.bound as threshold_value,
        plausibility.bound as reference_value,
        plausibility.sample_size,
        case when plausibility.is_suspect then 'firing' else 'in_bounds' end as verdict,
        false as is_detail,
        {{ typed_null('num') }} as impact,
        plausibility.is_final,
        plausibility.as_of
    from rules
    inner join plausibility on rules.domain = plausibility.domain
    where rules.kind = 'suspect' and (rules.starts_on is null or plausibility.business_date >= rules.starts_on)

),

every_reading as (

    {% for part in ['judged', 'put_forward', 'feeds', 'implausible'] -%}
    select {{ reading | join(', ') }}
    from {{ part }}
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select
    {% for column in reading -%}
    every_reading.{{ column }},
    {% endfor -%}
    coalesce(
        candidates.parent_dimension,
        slice_parents.parent_dimension,
        case when every_reading.dimension <> 'all' then 'all' end
    ) as parent_dimension,
    {{ as_text("coalesce(candidates.parent_value, slice_parents.parent_value, case when every_reading.dimension <> 'all' then 'all' end)") }} as parent_value
from every_reading
left join slice_parents
    on every_reading.domain = slice_parents.domain
    and every_reading.dimension = slice_parents.dimension
    and every_reading.dimension_value = slice_parents.dimension_value
left join candidates
    on every_reading.rule_id = candidates.rule_id
    and every_reading.period_grain = candidates.period_grain
    and every_reading.period_start = candidates.period_start
    and every_reading.dimension = candidates.dimension
    and every_reading.dimension_value = candidates.dimension_value
