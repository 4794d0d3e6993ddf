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

key_categories as (

    select * from {{ ref('stg_ecommerce__key_categories') }}

),

campaigns as (

    select * from {{ ref('stg_ecommerce__campaigns') }}

),

bottlenecks as (

    select * from {{ ref('bottleneck_stations') }}

),

-- slices that a condition singles out, for as long as it does; a campaign is key while its category is
singled_out as (

    select
        'key_category' as condition,
        {{ typed_null('text') }} as kpi_id,
        'category' as dimension,
        category_id as dimension_value,
        valid_from,
        valid_to,
        {{ typed_null('num') }} as baseline_value
    from key_categories
    union all
    select
        'key_category' as condition,
        {{ typed_null('text') }} as kpi_id,
        'campaign' as dimension,
        campaigns.campaign_id as dimension_value,
        key_categories.valid_from,
        key_categories.valid_to,
        {{ typed_null('num') }} as baseline_value
    from campaigns
    inner join key_categories on campaigns.category_id = key_categories.category_id
    union all
    select
        'bottleneck_station' as condition,
        kpi_id,
        'station' as dimension,
        station_id as dimension_value,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to,
        cast(baseline_value as {{ type_double() }}) as baseline_value
    from bottlenecks

),

-- every target that speaks of a row, with the baseline that it is held against
matched as (

    select
        official.kpi_id,
        official.version,
        official.period_grain,
        official.period_start,
        official.dimension,
        official.dimension_value,
        official.previous_value,
        targets.target_id,
        targets.comparator,
        targets.tolerance,
        targets.target_value,
        targets.target_value_upper,
        targets.relative_to_baseline,
        targets.points_to_baseline,
        targets.change_on_previous,
        targets.is_change_relative,
        targets.condition is not null as is_conditional,
        targets.dimension_value <> '*' as is_specific,
        case targets.condition
            when 'margin_budget' then cast(margin_budgets.gross_margin_rate as {{ type_double() }})
            when 'same_month_last_year' then year_before.value
            else coalesce(targets.baseline_value, singled_out.baseline_value)
        end as baseline_value
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
    left join singled_out
        on targets.condition = singled_out.condition
        and (singled_out.kpi_id is null or official.kpi_id = singled_out.kpi_id)
        and official.dimension = singled_out.dimension
        and official.dimension_value = singled_out.dimension_value
        and official.period_start >= cast(singled_out.valid_from as {{ type_ts() }})
        and (singled_out.valid_to is null or official.period_start < cast(singled_out.valid_to as {{ type_ts() }}))
    left join official as year_before
        on targets.condition = 'same_month_last_year'
        and official.kpi_id = year_before.kpi_id
        and official.period_grain = year_before.period_grain
        and official.dimension = year_before.dimension
        and official.dimension_value = year_before.dimension_value
        and {{ add_months(date_of('official.period_start'), -12) }} = {{ date_of('year_before.period_start') }}
    where
        targets.condition is null
        or (targets.condition = 'campaign_day' and campaign_days.campaign_date is not null)
        or (targets.condition = 'margin_budget' and margin_budgets.month is not null)
        or (targets.condition in ('key_category', 'bottleneck_station') and singled_out.condition is not null)
        or (targets.condition = 'same_month_last_year' and year_before.value is not null)

),

aimed as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        target_id,
        comparator,
        tolerance,
        target_value_upper,
        is_conditional,
        is_specific,
        baseline_value,
        case
            when target_value is not null then target_value
            when relative_to_baseline is not null then baseline_value * (1 + relative_to_baseline)
            when points_to_baseline is not null then baseline_value + points_to_baseline
            when is_change_relative then previous_value * (1 + change_on_previous)
            else previous_value + change_on_previous
        end as target_value
    from matched

),

-- one target a row: the one for the occasion before the general one, then the strictest
ranked as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        target_id,
        comparator,
        tolerance,
        target_value,
        target_value_upper,
        baseline_value,
        row_number() over (
            partition by kpi_id, version, period_grain, period_start, dimension, dimension_value
            order by
                is_conditional desc,
                is_specific desc,
                case when comparator in ('<=', '<') then target_value else -target_value end nulls last,
                target_id
        ) as place
    from aimed
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
            when official.is_suspect then 'suspect'
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
