with

readings as (

    select * from {{ ref('kpi_rule_readings') }}

),

rules as (

    select * from {{ ref('stg_dictionary__alert_rules') }}

)

-- the log of what fired; slices that are only details stand with their incident
select
    {{ hash_key([
        'readings.rule_id', 'readings.kpi_id', 'readings.period_grain', 'readings.period_start', 'readings.dimension', 'readings.dimension_value'
    ]) }} as alert_id,
    readings.rule_id,
    readings.severity,
    readings.kpi_id,
    readings.version,
    readings.domain,
    readings.period_grain,
    readings.period_start,
    readings.period_end,
    readings.dimension,
    readings.dimension_value,
    readings.observed_value,
    readings.threshold_value,
    readings.comparison,
    rules.response_en as response,
    rules.response_zh,
    rules.owner_role as owner,
    'open' as state,
    {{ typed_null('ts') }} as first_fired_at_run,
    {{ typed_null('ts') }} as resolved_at_run,
    readings.is_final,
    readings.as_of
from readings
inner join rules on readings.rule_id = rules.rule_id
where readings.verdict = 'firing' and not readings.is_detail
