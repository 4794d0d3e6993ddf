with

unit_operations as (

    select * from {{ ref('stg_manufacturing__unit_operations') }}

),

work_orders as (

    select * from {{ ref('stg_manufacturing__work_orders') }}

)

select
    unit_operations.operation_id,
    unit_operations.unit_id,
    unit_operations.work_order_id,
    coalesce(work_orders.line_id, 'unknown') as line_id,
    work_orders.product_id,
    coalesce(work_orders.product_family, 'unknown') as product_family,
    unit_operations.station_id,
    unit_operations.machine_id,
    unit_operations.entered_at,
    unit_operations.completed_at,
    coalesce(unit_operations.is_rework, false) as is_rework,
    row_number() over (
        partition by unit_operations.unit_id
        order by unit_operations.entered_at, unit_operations.operation_id
    ) = 1 as is_first_of_unit,
    row_number() over (
        partition by unit_operations.unit_id, unit_operations.station_id
        order by unit_operations.entered_at, unit_operations.operation_id
    ) = 1 as is_first_at_station,
    unit_operations.machine_id is not null
    and row_number() over (
        partition by unit_operations.unit_id, unit_operations.machine_id
        order by unit_operations.entered_at, unit_operations.operation_id
    ) = 1 as is_first_at_machine
from unit_operations
left join work_orders on unit_operations.work_order_id = work_orders.work_order_id
