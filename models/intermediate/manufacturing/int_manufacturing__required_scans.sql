-- One row per completed unit and scan node that its routing requires.
with

units as (

    select * from {{ ref('int_manufacturing__units') }}

),

routings as (

    select * from {{ ref('stg_manufacturing__routings') }}

),

scans as (

    select * from {{ ref('stg_manufacturing__scans') }}

),

required_nodes as (

    select distinct
        product_family,
        scan_node
    from routings
    where scan_required and scan_node is not null

),

scanned as (

    select distinct
        unit_id,
        scan_node
    from scans

)

select
    units.unit_id,
    required_nodes.scan_node,
    scanned.unit_id is not null as is_scanned
from units
inner join required_nodes on units.product_family = required_nodes.product_family
left join scanned on units.unit_id = scanned.unit_id and required_nodes.scan_node = scanned.scan_node
