with

ecommerce as (

    select * from {{ ref('kpi_targets_ecommerce') }}

),

manufacturing as (

    select * from {{ ref('kpi_targets_manufacturing') }}

),

credit as (

    select * from {{ ref('kpi_targets_credit') }}

),

every_domain as (

    select
        'ecommerce' as domain,
        target_id,
        kpi_id,
        dimension,
        dimension_value,
        period_grain,
        valid_from,
        valid_to,
        comparator,
        target_value,
        relative_to_baseline,
        points_to_baseline,
        change_on_previous,
        baseline_value,
        tolerance,
        condition,
        stage,
        stage_from_month,
        stage_to_month,
        seed_reference,
        target_value_upper,
        change_is_relative,
        version
    from ecommerce
    union all
    select
        'manufacturing' as domain,
        target_id,
        kpi_id,
        dimension,
        dimension_value,
        period_grain,
        valid_from,
        valid_to,
        comparator,
        target_value,
        relative_to_baseline,
        points_to_baseline,
        change_on_previous,
        baseline_value,
        tolerance,
        condition,
        stage,
        stage_from_month,
        stage_to_month,
        seed_reference,
        target_value_upper,
        change_is_relative,
        version
    from manufacturing
    union all
    select
        'credit' as domain,
        target_id,
        kpi_id,
        dimension,
        dimension_value,
        period_grain,
        valid_from,
        valid_to,
        comparator,
        target_value,
        relative_to_baseline,
        points_to_baseline,
        change_on_previous,
        baseline_value,
        tolerance,
        condition,
        stage,
        stage_from_month,
        stage_to_month,
        seed_reference,
        target_value_upper,
        change_is_relative,
        version
    from credit

)

select
    domain,
    target_id,
    kpi_id,
    dimension,
    dimension_value,
    period_grain,
    valid_from,
    valid_to,
    comparator,
    target_value,
    relative_to_baseline,
    points_to_baseline,
    change_on_previous,
    baseline_value,
    tolerance,
    condition,
    stage,
    stage_from_month,
    stage_to_month,
    seed_reference,
    target_value_upper,
    change_is_relative,
    version
from every_domain
