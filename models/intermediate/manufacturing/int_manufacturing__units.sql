with

passes as (

    select * from {{ ref('int_manufacturing__passes') }}

),

routings as (

    select * from {{ ref('stg_manufacturing__routings') }}

),

inspections as (

    select * from {{ ref('stg_manufacturing__inspections') }}

),

station_faults as (

    select * from {{ ref('int_manufacturing__station_faults') }}

),

final_stations as (

    select distinct
        product_family,
        station_id
    from routings
    where is_final_station

),

completions as (

    select
        passes.unit_id,
        passes.operation_id,
        passes.work_order_id,
        passes.line_id,
        passes.station_id,
        passes.product_id,
        passes.product_family,
        passes.completed_at,
        row_number() over (partition by passes.unit_id order by passes.completed_at, passes.operation_id) as place_in_unit
    from passes
    inner join final_stations
        on passes.product_family = final_stations.product_family and passes.station_id = final_stations.station_id
    where passes.completed_at is not null

),

first_completions as (

    select
        unit_id,
        operation_id,
        work_order_id,
        line_id,
        station_id,
        product_id,
        product_family,
        completed_at
    from completions
    where place_in_unit = 1

),

required_steps as (

    select distinct
        product_family,
        station_id
    from routings
    where inspection_required

),

first_inspections as (

    select
        unit_id,
        station_id,
        {{ arg_min('passed', ['inspected_at', 'inspection_id']) }} as is_passed
    from inspections
    where is_required
    group by unit_id, station_id

),

units_short_of_inspection as (

    select distinct first_completions.unit_id
    from first_completions
    inner join required_steps on first_completions.product_family = required_steps.product_family
    left join first_inspections
        on first_completions.unit_id = first_inspections.unit_id and required_steps.station_id = first_inspections.station_id
    where not coalesce(first_inspections.is_passed, false)

),

faulty_units as (

    select distinct unit_id from station_faults

),

reworked_units as (

    select distinct unit_id from passes where is_rework

),

judged as (

    select
        first_completions.unit_id,
        first_completions.operation_id,
        first_completions.work_order_id,
        first_completions.line_id,
        first_completions.station_id,
        first_completions.product_id,
        first_completions.product_family,
        first_completions.completed_at,
        units_short_of_inspection.unit_id is null as has_passed_inspections,
        faulty_units.unit_id is null as is_free_of_faults,
        reworked_units.unit_id is null as is_free_of_rework_passes
    from first_completions
    left join units_short_of_inspection on first_completions.unit_id = units_short_of_inspection.unit_id
    left join faulty_units on first_completions.unit_id = faulty_units.unit_id
    left join reworked_units on first_completions.unit_id = reworked_units.unit_id

)

select
    judged.unit_id,
    judged.operation_id,
    judged.work_order_id,
    judged.line_id,
    judged.station_id,
    judged.product_id,
    judged.product_family,
    judged.completed_at,
    judged.has_passed_inspections,
    judged.is_free_of_faults,
    judged.is_free_of_rework_passes,
    judged.has_passed_inspections and judged.is_free_of_faults and judged.is_free_of_rework_passes as is_first_pass,
    {{ place_columns('judged.completed_at') }}
from judged
{{ place_joins('judged.line_id', 'judged.completed_at') }}
