with

targets as (

    select * from {{ ref('stg_dictionary__targets') }}

),

-- stages M1, M2 ... count from the first month of the programme
dated as (

    select
        target_id,
        kpi_id,
        version,
        dimension,
        dimension_value,
        period_grain,
        comparator,
        target_value,
        target_value_upper,
        relative_to_baseline,
        points_to_baseline,
        change_on_previous,
        change_is_relative,
        baseline_value,
        tolerance,
        condition,
        stage,
        seed_reference,
        cast(baseline_from as date) as baseline_from,
        cast(baseline_to as date) as baseline_to,
        monthly_step,
        end_value,
        coalesce(
            cast(valid_from as date),
            {{ add_months(date_literal(var('programme_start')), 'cast(stage_from_month as int) - 1') }},
            -- what is held against a measured past holds from the programme on
            case when baseline_from is not null then {{ date_literal(var('programme_start')) }} end
        ) as starts_on,
        coalesce(
            cast(valid_to as date),
            {{ add_months(date_literal(var('programme_start')), 'cast(stage_to_month as int)') }}
        ) as ends_on
    from targets

)

select
    target_id,
    kpi_id,
    cast(version as int) as version,
    dimension,
    dimension_value,
    period_grain,
    starts_on as valid_from,
    ends_on as valid_to,
    comparator,
    cast(target_value as {{ type_double() }}) as target_value,
    cast(target_value_upper as {{ type_double() }}) as target_value_upper,
    cast(relative_to_baseline as {{ type_double() }}) as relative_to_baseline,
    cast(points_to_baseline as {{ type_double() }}) as points_to_baseline,
    cast(change_on_previous as {{ type_double() }}) as change_on_previous,
    coalesce(cast(change_is_relative as boolean), false) as is_change_relative,
    cast(baseline_value as {{ type_double() }}) as baseline_value,
    coalesce(cast(tolerance as {{ type_double() }}), 0) as tolerance,
    condition,
    stage,
    seed_reference,
    baseline_from,
    baseline_to,
    cast(monthly_step as {{ type_double() }}) as monthly_step,
    cast(end_value as {{ type_double() }}) as end_value
from dated
