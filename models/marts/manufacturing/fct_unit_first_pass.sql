with

units as (

    select * from {{ ref('int_manufacturing__units') }}

),

required_scans as (

    select * from {{ ref('int_manufacturing__required_scans') }}

),

scan_gaps as (

    select
        unit_id,
        {{ count_where('not is_scanned') }} as missing_scans
    from required_scans
    group by unit_id

)

select
    {{ as_text('units.unit_id') }} as unit_id,
    {{ as_text('units.work_order_id') }} as work_order_id,
    {{ as_text('units.line_id') }} as line_id,
    {{ as_text('units.product_id') }} as product_id,
    {{ as_text('units.product_family') }} as product_family,
    {{ as_text('units.station_id') }} as final_station_id,
    units.completed_at as first_completed_at,
    units.production_date,
    {{ as_text('units.shift_name') }} as shift_name,
    units.has_passed_inspections,
    units.is_free_of_faults,
    units.is_free_of_rework_passes,
    units.is_first_pass,
    case
        when {{ manufacturing_has(['scans']) }} then cast(coalesce(scan_gaps.missing_scans, 0) as {{ type_bigint() }})
    end as missing_scans
from units
left join scan_gaps on units.unit_id = scan_gaps.unit_id
