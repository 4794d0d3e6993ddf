with

inspections as (

    select * from {{ ref('stg_manufacturing__inspections') }}

),

unit_origins as (

    select * from {{ ref('int_manufacturing__unit_origins') }}

),

defect_codes as (

    select * from {{ ref('stg_manufacturing__defect_codes') }}

),

described as (

    select
        inspections.inspection_id,
        inspections.unit_id,
        coalesce(unit_origins.line_id, 'unknown') as line_id,
        inspections.station_id,
        defect_codes.category as defect_category,
        inspections.defect_code,
        inspections.inspected_at
    from inspections
    left join unit_origins on inspections.unit_id = unit_origins.unit_id
    left join defect_codes on inspections.defect_code = defect_codes.defect_code
    where not inspections.passed

)

select
    described.inspection_id,
    described.unit_id,
    described.line_id,
    described.station_id,
    described.defect_category,
    described.defect_code,
    described.inspected_at,
    {{ place_columns('described.inspected_at') }}
from described
{{ place_joins('described.line_id', 'described.inspected_at') }}
