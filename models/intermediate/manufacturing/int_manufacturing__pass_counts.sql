with

passes as (

    select * from {{ ref('int_manufacturing__passes') }}

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

shifts as (

    select * from {{ ref('int_manufacturing__shifts') }}

),

station_faults as (

    select * from {{ ref('int_manufacturing__station_faults') }}

),

completed as (

    select
        passes.operation_id,
        passes.machine_id,
        machines.line_id,
        machines.station_id,
        passes.product_family,
        passes.completed_at,
        passes.is_first_at_machine and not passes.is_rework and station_faults.unit_id is null as is_good
    from passes
    inner join machines on passes.machine_id = machines.machine_id
    left join station_faults
        on passes.unit_id = station_faults.unit_id and passes.station_id = station_faults.station_id
    where passes.completed_at is not null

),

placed as (

    select
        completed.machine_id,
        completed.line_id,
        completed.station_id,
        completed.product_family,
        completed.is_good,
        {{ place_columns('completed.completed_at') }}
    from completed
    {{ place_joins('completed.line_id', 'completed.completed_at') }}

)

select
    placed.machine_id,
    placed.line_id,
    placed.station_id,
    placed.production_date,
    placed.shift_name,
    placed.shift_starts_local_at,
    placed.product_family,
    count(*) as completed_passes,
    {{ count_where('placed.is_good') }} as good_passes
from placed
inner join shifts
    on
        placed.line_id = shifts.line_id
        and placed.production_date = shifts.production_date
        and placed.shift_name = shifts.shift_name
where placed.shift_starts_local_at is not null and shifts.has_started
group by
    placed.machine_id, placed.line_id, placed.station_id, placed.production_date, placed.shift_name,
    placed.shift_starts_local_at, placed.product_family
