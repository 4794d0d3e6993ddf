with

official as (

    select * from {{ ref('kpi_official_values') }}

),

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}

),

target_status as (

    select * from {{ ref('kpi_target_status') }}
    where is_judged

),

suspensions as (

    select * from {{ ref('kpi_appraisal_suspensions') }}

),

scored as (

    select
        official.kpi_id,
        official.version,
        official.domain,
        official.period_grain,
        official.period_start,
        official.period_end,
        official.dimension,
        official.dimension_value,
        official.numerator,
        official.denominator,
        official.value,
        official.sample_size,
        official.is_final,
        official.as_of,
        official.previous_value,
        official.is_new_definition,
        target_status.target_id,
        target_status.needed_value as target_value,
        target_status.comparator,
        target_status.baseline_value,
        case when official.is_suspect then 'suspect' else coalesce(target_status.status, 'no_target') end as status
    from official
    left join target_status
        on official.kpi_id = target_status.kpi_id
        and official.version = target_status.version
        and official.period_grain = target_status.period_grain
        and official.period_start = target_status.period_start
        and official.dimension = target_status.dimension
        and official.dimension_value = target_status.dimension_value

)

select
    scored.kpi_id,
    scored.version,
    scored.domain,
    scored.period_grain,
    scored.period_start,
    scored.period_end,
    scored.dimension,
    scored.dimension_value,
    scored.numerator,
    scored.denominator,
    scored.value,
    scored.sample_size,
    scored.is_final,
    scored.as_of,
    definitions.kpi_name_en,
    definitions.kpi_name_zh,
    definitions.unit,
    definitions.direction,
    scored.target_value,
    scored.comparator as target_comparator,
    scored.baseline_value,
    scored.value - scored.target_value as gap_to_target,
    scored.status,
    scored.previous_value,
    scored.value - scored.previous_value as change,
    scored.is_new_definition,
    definitions.owner_role as owner,
    suspensions.domain is not null as appraisal_suspended,
    suspensions.missed_checks as suspended_because,
    scored.target_id
from scored
inner join definitions
    on scored.kpi_id = definitions.kpi_id
    and scored.version = definitions.version
left join suspensions
    on scored.domain = suspensions.domain
    and {{ month_start('scored.period_start') }} = suspensions.month_start
