with

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}

),

approvals as (

    select * from {{ ref('stg_dictionary__approvals') }}

),

required as (

    select * from {{ ref('required_approvals') }}

),

translations as (

    select * from {{ ref('metric_translations') }}

),

ranges as (

    select * from {{ ref('stg_dictionary__plausible_ranges') }}

),

parameters_json as (

    select
        metric_id,
        version,
        '{' || {{ string_agg("'\"' || parameter || '\": ' || " ~ as_text('value'), ', ', 'parameter') }} || '}' as parameters
    from parameters
    group by metric_id, version

),

approvals_listed as (

    select
        kpi_id,
        version,
        {{ string_agg("role || ' ' || " ~ as_text('approved_on'), '; ', 'role') }} as approvals
    from approvals
    group by kpi_id, version

),

required_listed as (

    select
        domain,
        {{ string_agg('role', ', ', 'role') }} as approvals_required
    from required
    group by domain

)

select
    definitions.kpi_id,
    cast(definitions.version as int) as version,
    definitions.domain,
    definitions.status,
    cast(definitions.parallel_from as date) as parallel_from,
    cast(definitions.effective_from as date) as effective_from,
    cast(definitions.effective_to as date) as effective_to,
    definitions.kpi_name_en,
    definitions.kpi_name_zh,
    definitions.definition_en,
    definitions.definition_zh,
    definitions.use_cases,
    definitions.formula,
    definitions.numerator_definition,
    definitions.denominator_definition,
    definitions.kpi_kind,
    definitions.unit,
    definitions.direction,
    definitions.rationale,
    definitions.data_sources,
    definitions.grains,
    definitions.dimensions,
    coalesce(parameters_json.parameters, '{}') as parameters,
    definitions.edge_cases,
    definitions.owner_role,
    definitions.data_owner_role,
    required_listed.approvals_required,
    approvals_listed.approvals,
    definitions.change_reason,
    cast(definitions.supersedes_version as int) as supersedes_version,
    definitions.refresh_cadence,
    definitions.seed_code,
    definitions.seed_reference,
    translations.rationale_zh,
    translations.formula_zh,
    translations.numerator_definition_zh,
    translations.denominator_definition_zh,
    ranges.least as least_plausible,
    ranges.greatest as greatest_plausible,
    ranges.min_sample as plausible_from_sample,
    ranges.reason_en as plausible_because,
    ranges.reason_zh as plausible_because_zh
from definitions
left join ranges
    on definitions.kpi_id = ranges.kpi_id
    and definitions.version = ranges.version
left join translations
    on definitions.kpi_id = translations.kpi_id
    and definitions.version = translations.version
left join parameters_json
    on definitions.kpi_id = parameters_json.metric_id
    and definitions.version = parameters_json.version
left join approvals_listed
    on definitions.kpi_id = approvals_listed.kpi_id
    and definitions.version = approvals_listed.version
left join required_listed
    on definitions.domain = required_listed.domain
