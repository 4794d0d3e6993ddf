with

official as (

    select * from {{ ref('kpi_official_values') }}

),

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}

),

targets as (

    select * from {{ ref('kpi_targets') }}

),

campaign_days as (

    select * from {{ ref('int_ecommerce__campaign_days') }}

),

margin_budgets as (

    select * from {{ ref('stg_ecommerce__margin_budgets') }}

),

suspensions as (

    select * from {{ ref('kpi_appraisal_suspensions') }}

),

-- every target that speaks of a row; conditions that no mart can tell apply to nothing
matched as (

    select
        official.kpi_id,
        official.version,
        official.period_grain,
        official.period_start,
        official.dimension,
        official.dimension_value,
        targets.target_id,
        targets.comparator,
        targets.baseline_value,
        targets.tolerance,
        targets.target_value_upper,
        targets.condition is not null as is_conditional,
        targets.dimension_value <> '*' as is_specific,
        case
            when targets.condition = 'margin_budget'
                then cast(margin_budgets.gross_margin_rate as {{ type_double() }}) + coalesce(targets.points_to_baseline, 0)
            when targets.target_value is not null then targets.target_value
            when targets.relative_to_baseline is not null
                then targets.baseline_value * (1 + targets.relative_to_baseline)
            when targets.points_to_baseline is not null then targets.baseline_value + targets.points_to_baseline
            when targets.is_change_relative then official.previous_value * (1 + targets.change_on_previous)
            else official.previous_value + targets.change_on_previous
        end as target_value
    from official
    inner join targets
        on official.kpi_id = targets.kpi_id
        and official.period_grain = targets.period_grain
        and official.dimension = targets.dimension
        and (targets.dimension_value = '*' or official.dimension_value = targets.dimension_value)
        and (targets.version is null or official.version = targets.version)
        and (targets.valid_from is null or official.period_start >= cast(targets.valid_from as {{ type_ts() }}))
        and (targets.valid_to is null or official.period_start < cast(targets.valid_to as {{ type_ts() }}))
    left join campaign_days
        on {{ date_of('official.period_start') }} = campaign_days.campaign_date
        and official.period_grain = 'day'
    left join margin_budgets
        on {{ date_of('official.period_start') }} = margin_budgets.month
        and official.period_grain = 'month'
    where
        targets.condition is null
        or (targets.condition = 'campaign_day' and campaign_days.campaign_date is not null)
        or (targets.condition = 'margin_budget' and margin_budgets.month is not null)

),

-- one target a row: the one for the occasion before the general one, then the strictest
ranked as (

    select
        matched.*,
        row_number() over (
            partition by kpi_id, version, period_grain, period_start, dimension, dimension_value
            order by
                is_conditional desc,
                is_specific desc,
                case when comparator in ('<=', '<') then target_value else -target_value end nulls last,
                target_id
        ) as place
    from matched
    where target_value is not null

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
        ranked.target_id,
        ranked.target_value,
        ranked.comparator,
        ranked.baseline_value,
        case
            when ranked.target_value is null then 'no_target'
            when not official.is_final then 'not_final'
            when ranked.comparator in ('>=', '>', 'between') and official.value < ranked.target_value - ranked.tolerance then 'red'
            when ranked.comparator in ('<=', '<') and official.value > ranked.target_value + ranked.tolerance then 'red'
            when ranked.comparator = 'between' and official.value > ranked.target_value_upper + ranked.tolerance then 'red'
            when ranked.comparator = '>=' and official.value < ranked.target_value then 'amber'
            when ranked.comparator = '>' and official.value <= ranked.target_value
                then case when ranked.tolerance > 0 then 'amber' else 'red' end
            when ranked.comparator = '<=' and official.value > ranked.target_value then 'amber'
            when ranked.comparator = '<' and official.value >= ranked.target_value
                then case when ranked.tolerance > 0 then 'amber' else 'red' end
            when ranked.comparator = 'between'
                and (official.value < ranked.target_value or official.value > ranked.target_value_upper) then 'amber'
            else 'green'
        end as status
    from official
    left join ranked
        on official.kpi_id = ranked.kpi_id
        and official.version = ranked.version
        and official.period_grain = ranked.period_grain
        and official.period_start = ranked.period_start
        and official.dimension = ranked.dimension
        and official.dimension_value = ranked.dimension_value
        and ranked.place = 1

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
    definitions.owner_role as owner,
    suspensions.domain is not null as appraisal_suspended,
    scored.target_id
from scored
inner join definitions
    on scored.kpi_id = definitions.kpi_id
    and scored.version = definitions.version
left join suspensions
    on scored.domain = suspensions.domain
    and {{ month_start('scored.period_start') }} = suspensions.month_start
