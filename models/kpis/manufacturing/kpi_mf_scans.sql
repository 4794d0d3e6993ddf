with

units as (

    select * from {{ ref('int_manufacturing__units') }}

),

required_scans as (

    select * from {{ ref('int_manufacturing__required_scans') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where
        kpi_id = 'mf_scan_compliance_rate'
        and {{ manufacturing_has(['scans']) }}
        and {{ manufacturing_has(['routings.scan_node', 'routings.scan_required']) }}

),

units_missing_scans as (

    select distinct unit_id from required_scans where not is_scanned

),

unit_facts as (

    select
        units.line_id, units.production_date, units.shift_starts_local_at,
        count(*) as units,
        {{ count_where('units_missing_scans.unit_id is null') }} as compliant_units
    from units
    left join units_missing_scans on units.unit_id = units_missing_scans.unit_id
    group by units.line_id, units.production_date, units.shift_starts_local_at

),

node_facts as (

    select
        units.line_id, units.production_date, units.shift_starts_local_at,
        required_scans.scan_node,
        count(*) as units,
        {{ count_where('required_scans.is_scanned') }} as compliant_units
    from units
    inner join required_scans on units.unit_id = required_scans.unit_id
    group by units.line_id, units.production_date, units.shift_starts_local_at, required_scans.scan_node

),

per_slice as (

    {{ sum_by_slice(
        'unit_facts', 'slices',
        {'numerator': 'facts.compliant_units', 'denominator': 'facts.units', 'sample_size': 'facts.units'},
        dimensions=['line']
    ) }}

),

per_node as (

    {{ sum_by_slice(
        'node_facts', 'slices',
        {'numerator': 'facts.compliant_units', 'denominator': 'facts.units', 'sample_size': 'facts.units'},
        dimensions=['scan_node'],
        where="slices.dimension = 'scan_node'"
    ) }}

),

measured as (

    {{ ratio_of_sums('per_slice') }}
    union all
    {{ ratio_of_sums('per_node') }}

)

{{ kpi_rows('measured', 'manufacturing', ref('int_manufacturing__as_of'), own_period=true) }}
