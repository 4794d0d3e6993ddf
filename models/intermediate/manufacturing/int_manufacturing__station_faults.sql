with

inspections as (

    select * from {{ ref('stg_manufacturing__inspections') }}

),

rework_orders as (

    select * from {{ ref('stg_manufacturing__rework_orders') }}

),

scrap_reports as (

    select * from {{ ref('stg_manufacturing__scrap_reports') }}

)

select unit_id, station_id from inspections where not passed
union
select unit_id, station_id from rework_orders
union
select unit_id, station_id from scrap_reports
