with

official as (

    select * from {{ ref('kpi_official_values') }}

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

key_categories as (

    select * from {{ ref('stg_ecommerce__key_categories') }}

),

campaigns as (

    select * from {{ ref('stg_ecommerce__campaigns') }}

),

bottlenecks as (

    select * from {{ ref('bottleneck_stations') }}

),

baselines as (

    select * from {{ ref('kpi_target_baselines') }}

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

-- every target that speaks of a row, in force or not, with the baseline that it is held against
matched as (

    select
        official.kpi_id,
        official.version,
        official.domain,
        official.period_grain,
        official.period_start,
        official.period_end,
        official.dimension,
        official.dimension_value,
        official.value,
        official.previous_value,
        official.is_final,
        official.is_suspect,
        targets.target_id,
        targets.comparator,
        targets.tolerance,
        targets.target_value,
        targets.target_value_upper,
        targets.relative_to_baseline,
        targets.points_to_baseline,
        targets.monthly_step,
        targets.end_value,
        targets.change_on_previous,
        targets.is_change_relative,
        targets.condition is not null as is_conditional,
        targets.dimension_value <> '*' as is_specific,
        (targets.valid_from is null or official.period_start >= cast(targets.valid_from as {{ type_ts() }}))
        and (targets.valid_to is null or official.period_start < cast(targets.valid_to as {{ type_ts() }})) as is_in_force,
        case
            when targets.target_value is not null then 'absolute'
            when targets.relative_to_baseline is not null then 'relative_to_baseline'
            when targets.points_to_baseline is not null then 'points_to_baseline'
            when targets.monthly_step is not null then 'monthly_step'
            else 'change_on_previous'
        end as kind,
        {{ months_between(date_literal(var('programme_start')), date_of('official.period_start')) }} + 1 as programme_month,
        case targets.condition
            when 'margin_budget' then cast(margin_budgets.gross_margin_rate as {{ type_double() }})
            when 'same_month_last_year' then year_before.value
            else coalesce(targets.baseline_value, singled_out.baseline_value, baselines.baseline_value)
        end as baseline_value
    from official
    inner join targets
        on official.kpi_id = targets.kpi_id
        and official.period_grain = targets.period_grain
        and official.dimension = targets.dimension
        and (targets.dimension_value = '*' or official.dimension_value = targets.dimension_value)
        and (targets.version is null or official.version = targets.version)
    left join baselines
        on targets.target_id = baselines.target_id
        and official.version = baselines.version
        and official.dimension = baselines.dimension
        and official.dimension_value = baselines.dimension_value
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
        and official.version = year_before.version
        and not coalesce(year_before.is_suspect, false)
        and {{ add_months(date_of('official.period_start'), -12) }} = {{ date_of('year_before.period_start') }}
    where
        targets.condition is null
        or (targets.condition = 'campaign_day' and campaign_days.campaign_date is not null)
        or (targets.condition = 'margin_budget' and margin_budgets.month is not null)
        or (targets.condition in ('key_category', 'bottleneck_station') and singled_out.condition is not null)
        or (targets.condition = 'same_month_last_year')

),

aimed as (

    select
        kpi_id,
        version,
        domain,
        period_grain,
        period_start,
        period_end,
        dimension,
        dimension_value,
        value,
        is_final,
        is_suspect,
        target_id,
        kind,
        comparator,
        tolerance,
        target_value_upper,
        is_conditional,
        is_specific,
        is_in_force,
        baseline_value,
        case kind
            when 'absolute' then target_value
            when 'relative_to_baseline' then baseline_value * (1 + relative_to_baseline)
            when 'points_to_baseline' then baseline_value + points_to_baseline
            -- a curve starts from the baseline and stays at its end
            when 'monthly_step' then
                case
                    when baseline_value + monthly_step * programme_month > end_value and monthly_step > 0 then end_value
                    when baseline_value + monthly_step * programme_month < end_value and monthly_step < 0 then end_value
                    else baseline_value + monthly_step * programme_month
                end
            else case when is_change_relative then previous_value * (1 + change_on_previous) else previous_value + change_on_previous end
        end as needed_value
    from matched

),

judged as (

    select
        kpi_id,
        version,
        domain,
        period_grain,
        period_start,
        period_end,
        dimension,
        dimension_value,
        value,
        target_id,
        kind,
        comparator,
        tolerance,
        baseline_value,
        needed_value,
        target_value_upper,
        is_conditional,
        is_specific,
        is_in_force,
        case
            when not is_in_force then 'not_in_force'
            when is_suspect then 'suspect'
            when needed_value is null and kind = 'change_on_previous' then 'no_previous'
            when needed_value is null then 'awaiting_baseline'
            when not is_final then 'not_final'
            when comparator in ('>=', '>', 'between') and value < needed_value - tolerance then 'red'
            when comparator in ('<=', '<') and value > needed_value + tolerance then 'red'
            when comparator = 'between' and value > target_value_upper + tolerance then 'red'
            when comparator = '>=' and value < needed_value then 'amber'
            when comparator = '>' and value <= needed_value then case when tolerance > 0 then 'amber' else 'red' end
            when comparator = '<=' and value > needed_value then 'amber'
            when comparator = '<' and value >= needed_value then case when tolerance > 0 then 'amber' else 'red' end
            when comparator = 'between' and (value < needed_value or value > target_value_upper) then 'amber'
            else 'green'
        end as status
    from aimed

),

-- the target of the occasion before the general one, then the strictest; what waits for its baseline cannot be called met by a laxer one
ranked as (

    select
        kpi_id,
        version,
        domain,
        period_grain,
        period_start,
        period_end,
        dimension,
        dimension_value,
        value,
        target_id,
        kind,
        comparator,
        tolerance,
        baseline_value,
        needed_value,
        target_value_upper,
        is_in_force,
        status,
        row_number() over (
            partition by kpi_id, version, period_grain, period_start, dimension, dimension_value
            order by
                is_in_force desc,
                -- a year before that was not measured makes no occasion
                case when status = 'no_previous' or (status = 'awaiting_baseline' and is_conditional) then 1 else 0 end,
                is_conditional desc,
                is_specific desc,
                case status when 'red' then 0 when 'awaiting_baseline' then 1 else 2 end,
                case when comparator in ('<=', '<') then needed_value else -needed_value end nulls last,
                target_id
        ) as place
    from judged

)

select
    kpi_id,
    cast(version as int) as version,
    domain,
    period_grain,
    period_start,
    period_end,
    dimension,
    dimension_value,
    target_id,
    kind,
    comparator,
    cast(tolerance as {{ type_double() }}) as tolerance,
    cast(baseline_value as {{ type_double() }}) as baseline_value,
    cast(needed_value as {{ type_double() }}) as needed_value,
    cast(target_value_upper as {{ type_double() }}) as needed_value_upper,
    cast(value as {{ type_double() }}) as value,
    cast(value - needed_value as {{ type_double() }}) as gap,
    status,
    is_in_force,
    is_in_force and place = 1 and status <> 'no_previous' as is_judged
from ranked
