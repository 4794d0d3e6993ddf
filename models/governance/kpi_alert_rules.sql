-- The alert rules in words, what they watch, and how often the control charts among them fire though nothing has changed.
with

rules as (

    select * from {{ ref('stg_dictionary__alert_rules') }}

),

terms as (

    select * from {{ ref('alert_terms') }}

),

readings as (

    select * from {{ ref('kpi_rule_readings') }}

),

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}

),

-- the newest definition names the KPI
names as (

    select
        kpi_id,
        {{ arg_max('kpi_name_en', 'version') }} as kpi_name_en,
        {{ arg_max('kpi_name_zh', 'version') }} as kpi_name_zh,
        {{ arg_max('unit', 'version') }} as unit
    from definitions
    group by kpi_id

),

points as (

    select
        rule_id,
        dimension,
        dimension_value,
        period_start,
        period_end,
        verdict
    from readings
    where not is_detail and verdict in ('firing', 'in_bounds', 'undecided')

),

charts as (

    select distinct rule_id, dimension, dimension_value
    from points

),

watched as (

    select
        rule_id,
        count(*) as charts
    from charts
    group by rule_id

),

counted as (

    select
        rule_id,
        count(*) as points,
        count(*) filter (where verdict = 'firing') as firings,
        {{ minutes_between('min(period_start)', 'max(period_end)') }} / 10080.0 as weeks
    from points
    group by rule_id

)

select
    rules.rule_id,
    rules.domain,
    rules.kpi_id,
    names.kpi_name_en,
    names.kpi_name_zh,
    names.unit,
    rules.dimension,
    rules.period_grain,
    rules.kind,
    rules.comparison,
    cast(rules.threshold_value as {{ type_double() }}) as threshold_value,
    rules.severity,
    rules.owner_role as owner,
    rules.description_en as rule_en,
    rules.description_zh as rule_zh,
    rules.response_en as action_en,
    rules.response_zh as action_zh,
    rules.starts_on,
    cast(rules.min_sample as int) as min_sample,
    cast(rules.interval_z as {{ type_double() }}) as interval_z,
    rules.term,
    terms.name_en as term_en,
    terms.name_zh as term_zh,
    cast(coalesce(watched.charts, 0) as int) as charts,
    cast({{ safe_divide('counted.points', 'counted.weeks') }} as {{ type_double() }}) as points_per_week,
    cast({{ safe_divide('counted.firings', 'counted.weeks') }} as {{ type_double() }}) as firings_per_week,
    cast(
        rules.false_alarm_rate * {{ safe_divide('counted.points', 'counted.weeks') }} as {{ type_double() }}
    ) as false_alarms_per_week
from rules
inner join terms on rules.term = terms.term
left join names on rules.kpi_id = names.kpi_id
left join watched on rules.rule_id = watched.rule_id
left join counted on rules.rule_id = counted.rule_id
