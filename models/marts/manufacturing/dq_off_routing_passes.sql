-- Passes reported where they cannot have been: outside the family's routing, or on a machine of another place.
with

passes as (

    select * from {{ ref('int_manufacturing__passes') }}

),

routings as (

    select * from {{ ref('stg_manufacturing__routings') }}

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

routed_stations as (

    select distinct
        product_family,
        station_id
    from routings

),

routed_families as (

    select distinct product_family
    from routings

),

-- a family without a routing is judged by its machines alone
compared as (

    select
        passes.operation_id,
        passes.unit_id,
        passes.work_order_id,
        passes.product_family,
        passes.line_id,
        passes.station_id,
        passes.machine_id,
        machines.line_id as machine_line_id,
        machines.station_id as machine_station_id,
        passes.entered_at,
        routed_families.product_family is not null and routed_stations.station_id is null as is_outside_routing,
        coalesce(machines.station_id <> passes.station_id, false) as is_other_station,
        coalesce(machines.line_id <> passes.line_id and passes.line_id <> 'unknown', false) as is_other_line
    from passes
    left join routed_families on passes.product_family = routed_families.product_family
    left join routed_stations
        on passes.product_family = routed_stations.product_family and passes.station_id = routed_stations.station_id
    left join machines on passes.machine_id = machines.machine_id

)

select
    {{ as_text('compared.operation_id') }} as operation_id,
    {{ as_text('compared.unit_id') }} as unit_id,
    {{ as_text('compared.work_order_id') }} as work_order_id,
    {{ as_text('compared.product_family') }} as product_family,
    {{ as_text('compared.line_id') }} as line_id,
    {{ as_text('compared.station_id') }} as station_id,
    {{ as_text('compared.machine_id') }} as machine_id,
    {{ as_text('compared.machine_line_id') }} as machine_line_id,
    {{ as_text('compared.machine_station_id') }} as machine_station_id,
    compared.entered_at,
    {{ place_columns('compared.entered_at') }},
    compared.is_outside_routing,
    compared.is_other_station,
    compared.is_other_line
from compared
{{ place_joins('compared.line_id', 'compared.entered_at') }}
where compared.is_outside_routing or compared.is_other_station or compared.is_other_line
