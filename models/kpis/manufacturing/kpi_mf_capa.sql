with

capa_actions as (

    select * from {{ ref('stg_manufacturing__capa_actions') }}

),

failed_inspections as (

    select * from {{ ref('int_manufacturing__failed_inspections') }}

),

horizon as (

    select * from {{ ref('int_manufacturing__as_of') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where
        kpi_id = 'mf_capa_on_time_rate'
        and {{ manufacturing_has(['inspections', 'capa_actions']) }}
        and {{ manufacturing_has(['capa_actions.closed_at', 'capa_actions.effectiveness_verified']) }}

),

failures as (

    select
        {{ start_of('month', 'cast(production_date as ' ~ type_ts() ~ ')') }} as month_start,
        defect_category,
        count(*) as failed_inspections
    from failed_inspections
    where defect_category is not null
    group by {{ start_of('month', 'cast(production_date as ' ~ type_ts() ~ ')') }}, defect_category

),

ranked as (

    select
        month_start,
        defect_category,
        row_number() over (partition by month_start order by failed_inspections desc, defect_category) as category_rank
    from failures

),

top_categories as (

    select
        month_start,
        defect_category
    from ranked
    where category_rank <= {{ manufacturing_parameter('mf_capa_on_time_rate', 'top_categories') }}

),

due_actions as (

    select
        capa_actions.defect_category,
        {{ start_of('month', to_local('capa_actions.due_at', "'" ~ var('business_timezone') ~ "'")) }} as month_start,
        coalesce(capa_actions.closed_at <= capa_actions.due_at and capa_actions.effectiveness_verified, false) as is_on_time
    from capa_actions
    cross join horizon
    where capa_actions.due_at <= horizon.as_of_utc

),

measured as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        due_actions.month_start as period_start,
        slices.dimension,
        case slices.dimension when 'all' then 'all' when 'defect_category' then due_actions.defect_category end as dimension_value,
        {{ count_where('due_actions.is_on_time') }} as numerator,
        count(*) as denominator,
        {{ safe_divide(count_where('due_actions.is_on_time'), 'count(*)') }} as value,
        count(*) as sample_size,
        true as is_matured
    from due_actions
    inner join top_categories
        on due_actions.month_start = top_categories.month_start and due_actions.defect_category = top_categories.defect_category
    cross join slices
    group by
        slices.kpi_id, slices.version, slices.period_grain, due_actions.month_start, slices.dimension,
        case slices.dimension when 'all' then 'all' when 'defect_category' then due_actions.defect_category end

)

{{ kpi_rows('measured', 'manufacturing', ref('int_manufacturing__as_of')) }}
