{%- set grains = ['week', 'month'] -%}
with

stop_pieces as (

    select * from {{ ref('int_manufacturing__stop_pieces') }}
    where not is_microstop

),

failed_inspections as (

    select * from {{ ref('int_manufacturing__failed_inspections') }}

),

rework as (

    select * from {{ ref('int_manufacturing__rework') }}

),

scrap as (

    select * from {{ ref('int_manufacturing__scrap') }}

),

-- a stop occurs once per cause, in the shift where the cause first shows
downtime as (

    select
        line_id,
        production_date,
        reason_level1,
        coalesce(reason_code, 'unknown') as reason_code,
        seconds_in_ppt,
        row_number() over (partition by machine_id, stop_starts_at, reason_level1 order by starts_at) as place_in_level1,
        row_number() over (partition by machine_id, stop_starts_at, reason_code order by starts_at) as place_in_reason
    from stop_pieces

),

causes as (

    select
        'stop_level1' as pareto,
        line_id,
        production_date,
        reason_level1 as cause,
        case when place_in_level1 = 1 then 1 else 0 end as occurrences,
        seconds_in_ppt as amount
    from downtime
    union all
    select
        'stop_reason' as pareto,
        line_id,
        production_date,
        reason_code as cause,
        case when place_in_reason = 1 then 1 else 0 end as occurrences,
        seconds_in_ppt as amount
    from downtime
    union all
    select 'inspection_failure' as pareto, line_id, production_date, coalesce(defect_category, 'unknown') as cause, 1 as occurrences, 1 as amount
    from failed_inspections
    union all
    select 'inspection_defect' as pareto, line_id, production_date, coalesce(defect_code, 'unknown') as cause, 1 as occurrences, 1 as amount
    from failed_inspections
    union all
    select 'rework' as pareto, line_id, production_date, defect_category as cause, 1 as occurrences, 1 as amount
    from rework
    union all
    select 'scrap' as pareto, line_id, production_date, defect_category as cause, 1 as occurrences, quantity as amount
    from scrap

),

dated as (

    {% for grain in grains -%}
    select
        pareto,
        '{{ grain }}' as period_grain,
        {{ start_of(grain, 'cast(production_date as ' ~ type_ts() ~ ')') }} as period_start,
        line_id,
        cause,
        sum(occurrences) as occurrences,
        sum(amount) as amount
    from causes
    group by pareto, {{ start_of(grain, 'cast(production_date as ' ~ type_ts() ~ ')') }}, line_id, cause
    {{ "union all" if not loop.last }}
    {% endfor %}

),

sliced as (

    select pareto, period_grain, period_start, 'line' as dimension, line_id as dimension_value, cause, occurrences, amount
    from dated
    union all
    select pareto, period_grain, period_start, 'all' as dimension, 'all' as dimension_value, cause, sum(occurrences) as occurrences, sum(amount) as amount
    from dated
    group by pareto, period_grain, period_start, cause

),

ranked as (

    select
        pareto, period_grain, period_start, dimension, dimension_value, cause,
        occurrences,
        amount,
        row_number() over (
            partition by pareto, period_grain, period_start, dimension, dimension_value
            order by amount desc, cause
        ) as cause_rank,
        sum(amount) over (partition by pareto, period_grain, period_start, dimension, dimension_value) as total_amount,
        sum(amount) over (
            partition by pareto, period_grain, period_start, dimension, dimension_value
            order by amount desc, cause
            rows between unbounded preceding and current row
        ) as amount_so_far
    from sliced

)

select
    {{ as_text('pareto') }} as pareto,
    {{ as_text('period_grain') }} as period_grain,
    cast(period_start as {{ type_ts() }}) as period_start,
    {{ as_text('dimension') }} as dimension,
    {{ as_text('dimension_value') }} as dimension_value,
    {{ as_text('cause') }} as cause,
    cast(cause_rank as {{ type_bigint() }}) as cause_rank,
    cast(occurrences as {{ type_bigint() }}) as occurrences,
    cast(amount as {{ type_double() }}) as amount,
    {{ as_text("case when pareto in ('stop_level1', 'stop_reason') then 'seconds' else 'pieces' end") }} as amount_unit,
    {{ safe_divide('amount', 'total_amount') }} as share,
    {{ safe_divide('amount_so_far', 'total_amount') }} as cumulative_share
from ranked
