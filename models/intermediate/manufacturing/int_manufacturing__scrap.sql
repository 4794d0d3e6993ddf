with

scrap_reports as (

    select * from {{ ref('stg_manufacturing__scrap_reports') }}

),

unit_origins as (

    select * from {{ ref('int_manufacturing__unit_origins') }}

),

defect_codes as (

    select * from {{ ref('stg_manufacturing__defect_codes') }}

),

standard_costs as (

    select * from {{ ref('stg_manufacturing__standard_costs') }}

),

described as (

    select
        scrap_reports.scrap_id,
        scrap_reports.unit_id,
        coalesce(unit_origins.line_id, 'unknown') as line_id,
        scrap_reports.station_id,
        unit_origins.product_id,
        coalesce(defect_codes.category, 'unknown') as defect_category,
        scrap_reports.defect_code,
        coalesce(scrap_reports.quantity, {{ manufacturing_parameter('mf_scrap_rate', 'default_quantity') }}) as quantity,
        scrap_reports.scrapped_at
    from scrap_reports
    left join unit_origins on scrap_reports.unit_id = unit_origins.unit_id
    left join defect_codes on scrap_reports.defect_code = defect_codes.defect_code

),

placed as (

    select
        described.scrap_id,
        described.unit_id,
        described.line_id,
        described.station_id,
        described.product_id,
        described.defect_category,
        described.defect_code,
        described.quantity,
        described.scrapped_at,
        {{ place_columns('described.scrapped_at') }}
    from described
    {{ place_joins('described.line_id', 'described.scrapped_at') }}

),

unit_costs as (

    select
        placed.scrap_id,
        {{ arg_max('standard_costs.material_cost + standard_costs.labour_cost', 'standard_costs.valid_from') }} as unit_cost
    from placed
    inner join standard_costs
        on
            placed.product_id = standard_costs.product_id
            and placed.production_date >= standard_costs.valid_from
            and (placed.production_date < standard_costs.valid_to or standard_costs.valid_to is null)
    group by placed.scrap_id

)

select
    placed.scrap_id,
    placed.unit_id,
    placed.line_id,
    placed.station_id,
    placed.product_id,
    placed.defect_category,
    placed.defect_code,
    placed.quantity,
    placed.scrapped_at,
    placed.production_date,
    placed.shift_name,
    placed.shift_starts_local_at,
    {{ times_money('placed.quantity', 'unit_costs.unit_cost') }} as scrap_cost
from placed
left join unit_costs on placed.scrap_id = unit_costs.scrap_id
