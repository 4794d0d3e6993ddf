with

rules as (

    select * from {{ ref('stg_dictionary__alert_rules') }}
    where kind = 'uncoded_stop'

),

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}

),

stops as (

    select * from {{ ref('fct_stops') }}

),

shifts as (

    select * from {{ ref('int_manufacturing__shifts') }}

),

horizon as (

    select * from {{ ref('int_manufacturing__as_of') }}

),

-- a stop that cost planned time, in the shift in which it begins (off shift: on the day), for as long as it has no code
uncoded as (

    select
        rules.rule_id,
        rules.kpi_id,
        stops.production_date,
        stops.line_id,
        case when shifts.line_id is not null then 'shift' else 'day' end as period_grain,
        coalesce(shifts.starts_local_at, cast(stops.production_date as {{ type_ts() }})) as period_start,
        coalesce(shifts.ends_local_at, cast({{ add_days('stops.production_date', 1) }} as {{ type_ts() }})) as period_end,
        {{ slice_member(['stops.machine_id', as_text('stops.stop_starts_at')]) }} as dimension_value,
        stops.uncoded_seconds / 60.0 as observed_value,
        not stops.is_open as is_final
    from rules
    cross join stops
    left join shifts
        on stops.line_id = shifts.line_id
        and stops.production_date = shifts.production_date
        and stops.shift_name = shifts.shift_name
    where
        not stops.is_microstop
        and stops.seconds_in_ppt > 0
        and stops.uncoded_seconds >= 60 * rules.threshold_value

),

-- a closed shift in which every stop has its code ends what was open on the line
coded_shifts as (

    select
        rules.rule_id,
        rules.kpi_id,
        shifts.production_date,
        shifts.line_id,
        'shift' as period_grain,
        shifts.starts_local_at as period_start,
        shifts.ends_local_at as period_end
    from rules
    cross join shifts
    where
        shifts.is_closed
        and not exists (
            select 1 from uncoded
            where
                uncoded.rule_id = rules.rule_id
                and uncoded.line_id = shifts.line_id
                and uncoded.period_start = shifts.starts_local_at
        )

),

candidates as (

    select
        rule_id,
        kpi_id,
        production_date,
        period_grain,
        period_start,
        period_end,
        'machine+stop' as dimension,
        dimension_value,
        'line' as parent_dimension,
        line_id as parent_value,
        observed_value,
        is_final
    from uncoded
    union all
    select
        rule_id,
        kpi_id,
        production_date,
        period_grain,
        period_start,
        period_end,
        'line' as dimension,
        line_id as dimension_value,
        'all' as parent_dimension,
        'all' as parent_value,
        0.0 as observed_value,
        true as is_final
    from coded_shifts

)

select
    {{ as_text('candidates.rule_id') }} as rule_id,
    {{ as_text('candidates.kpi_id') }} as kpi_id,
    cast(definitions.version as int) as version,
    candidates.period_grain,
    candidates.period_start,
    candidates.period_end,
    candidates.dimension,
    {{ as_text('candidates.dimension_value') }} as dimension_value,
    candidates.parent_dimension,
    {{ as_text('candidates.parent_value') }} as parent_value,
    cast(candidates.observed_value as {{ type_double() }}) as observed_value,
    candidates.is_final,
    horizon.as_of
from candidates
cross join horizon
inner join definitions
    on candidates.kpi_id = definitions.kpi_id
    and definitions.status in ('active', 'retired')
    and (definitions.effective_from is null or candidates.production_date >= cast(definitions.effective_from as date))
    and (definitions.effective_to is null or candidates.production_date < cast(definitions.effective_to as date))
