with

rework_orders as (

    select * from {{ ref('stg_manufacturing__rework_orders') }}

),

unit_origins as (

    select * from {{ ref('int_manufacturing__unit_origins') }}

),

defect_codes as (

    select * from {{ ref('stg_manufacturing__defect_codes') }}

),

described as (

    select
        rework_orders.rework_id,
        rework_orders.unit_id,
        coalesce(unit_origins.line_id, 'unknown') as line_id,
        rework_orders.station_id,
        coalesce(defect_codes.category, 'unknown') as defect_category,
        rework_orders.defect_code,
        rework_orders.opened_at
    from rework_orders
    left join unit_origins on rework_orders.unit_id = unit_origins.unit_id
    left join defect_codes on rework_orders.defect_code = defect_codes.defect_code

)

select
    described.rework_id,
    described.unit_id,
    described.line_id,
    described.station_id,
    described.defect_category,
    described.defect_code,
    described.opened_at,
    {{ place_columns('described.opened_at') }}
from described
{{ place_joins('described.line_id', 'described.opened_at') }}
