with

ecommerce as (

    select * from {{ ref('alert_rules_ecommerce') }}

),

manufacturing as (

    select * from {{ ref('alert_rules_manufacturing') }}

),

credit as (

    select * from {{ ref('alert_rules_credit') }}

),

every_domain as (

    select
        'ecommerce' as domain,
        rule_id,
        kpi_id,
        dimension,
        period_grain,
        kind,
        comparison,
        threshold_value,
        baseline_window,
        is_live,
        severity,
        guardrail_of,
        response_en,
        response_zh,
        owner_role,
        seed_reference,
        description_en,
        version
    from ecommerce
    union all
    select
        'manufacturing' as domain,
        rule_id,
        kpi_id,
        dimension,
        period_grain,
        kind,
        comparison,
        threshold_value,
        baseline_window,
        is_live,
        severity,
        guardrail_of,
        response_en,
        response_zh,
        owner_role,
        seed_reference,
        description_en,
        version
    from manufacturing
    union all
    select
        'credit' as domain,
        rule_id,
        kpi_id,
        dimension,
        period_grain,
        kind,
        comparison,
        threshold_value,
        baseline_window,
        is_live,
        severity,
        guardrail_of,
        response_en,
        response_zh,
        owner_role,
        seed_reference,
        description_en,
        version
    from credit

)

select
    domain,
    rule_id,
    kpi_id,
    dimension,
    period_grain,
    kind,
    comparison,
    threshold_value,
    baseline_window,
    is_live,
    severity,
    guardrail_of,
    response_en,
    response_zh,
    owner_role,
    seed_reference,
    description_en,
    version
from every_domain
