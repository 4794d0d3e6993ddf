-- "Rework must be inspected again, and the record kept": each rework order against the inspections that followed it.
with

rework_orders as (

    select * from {{ ref('stg_manufacturing__rework_orders') }}

),

rework as (

    select * from {{ ref('int_manufacturing__rework') }}

),

inspections as (

    select * from {{ ref('stg_manufacturing__inspections') }}

),

passes as (

    select * from {{ ref('int_manufacturing__passes') }}

),

next_inspections as (

    select
        rework_orders.rework_id,
        min(inspections.inspected_at) as reinspected_at,
        {{ arg_min('inspections.station_id', ['inspections.inspected_at', 'inspections.inspection_id']) }} as station_id,
        {{ arg_min('inspections.passed', ['inspections.inspected_at', 'inspections.inspection_id']) }} as is_passed
    from rework_orders
    inner join inspections
        on rework_orders.unit_id = inspections.unit_id and inspections.inspected_at >= rework_orders.closed_at
    group by rework_orders.rework_id

),

next_passes as (

    select
        rework_orders.rework_id,
        min(passes.entered_at) as passed_on_at
    from rework_orders
    inner join passes
        on
            rework_orders.unit_id = passes.unit_id
            and passes.entered_at >= rework_orders.closed_at
            and passes.station_id <> rework_orders.station_id
    where not coalesce(passes.is_rework, false)
    group by rework_orders.rework_id

),

judged as (

    select
        rework_orders.rework_id,
        rework_orders.closed_at,
        rework_orders.reinspected,
        next_inspections.reinspected_at,
        next_inspections.station_id as reinspection_station_id,
        next_inspections.is_passed,
        next_passes.passed_on_at,
        case
            when rework_orders.closed_at is null then 'open'
            when next_inspections.reinspected_at is not null then 'reinspected'
            when rework_orders.reinspected then 'claimed_without_record'
            else 'not_reinspected'
        end as outcome
    from rework_orders
    left join next_inspections on rework_orders.rework_id = next_inspections.rework_id
    left join next_passes on rework_orders.rework_id = next_passes.rework_id

)

select
    {{ as_text('rework.rework_id') }} as rework_id,
    {{ as_text('rework.unit_id') }} as unit_id,
    {{ as_text('rework.line_id') }} as line_id,
    {{ as_text('rework.station_id') }} as station_id,
    {{ as_text('rework.defect_category') }} as defect_category,
    rework.production_date,
    {{ as_text('rework.shift_name') }} as shift_name,
    rework.opened_at,
    judged.closed_at,
    judged.reinspected as is_claimed,
    {{ as_text('judged.outcome') }} as outcome,
    judged.reinspected_at,
    {{ as_text('judged.reinspection_station_id') }} as reinspection_station_id,
    judged.is_passed as is_reinspection_passed,
    judged.passed_on_at,
    coalesce(judged.passed_on_at < judged.reinspected_at, judged.passed_on_at is not null) as is_passed_on_uninspected
from rework
inner join judged on rework.rework_id = judged.rework_id
