with

units as (

    select * from {{ ref('int_manufacturing__units') }}

),

rework as (

    select * from {{ ref('int_manufacturing__rework') }}

),

scrap as (

    select * from {{ ref('int_manufacturing__scrap') }}

),

rate_slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where
        (kpi_id = 'mf_rework_rate' and {{ manufacturing_has(['rework_orders', 'unit_operations', 'routings', 'work_orders']) }})
        or (kpi_id = 'mf_scrap_rate' and {{ manufacturing_has(['scrap_reports', 'unit_operations', 'routings', 'work_orders']) }})

),

-- without scrap reports or standard costs there is no cost to sum, hence no row
cost_slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'mf_scrap_cost'

),

faults as (

    select
        'mf_rework_rate' as kpi_id,
        line_id, station_id, defect_category, production_date, shift_starts_local_at,
        count(*) as quantity
    from rework
    group by line_id, station_id, defect_category, production_date, shift_starts_local_at
    union all
    select
        'mf_scrap_rate' as kpi_id,
        line_id, station_id, defect_category, production_date, shift_starts_local_at,
        sum(quantity) as quantity
    from scrap
    group by line_id, station_id, defect_category, production_date, shift_starts_local_at

),

output as (

    select
        line_id, production_date, shift_starts_local_at,
        count(*) as units
    from units
    group by line_id, production_date, shift_starts_local_at

),

faults_per_slice as (

    {{ sum_by_slice(
        'faults', 'rate_slices',
        {'numerator': 'facts.quantity'},
        dimensions=['line', 'station', 'defect_category'],
        where='facts.kpi_id = slices.kpi_id'
    ) }}

),

output_per_slice as (

    {{ sum_by_slice(
        'output', 'rate_slices',
        {'denominator': 'facts.units', 'sample_size': 'facts.units'},
        dimensions=['line'],
        whole=['station', 'defect_category']
    ) }}

),

rates as (

    {{ ratio_by_slice('faults_per_slice', 'output_per_slice', whole=['station', 'defect_category']) }}

),

cost_per_slice as (

    {{ sum_by_slice(
        'scrap', 'cost_slices',
        {'value': 'facts.scrap_cost', 'sample_size': '1'},
        dimensions=['line', 'station', 'defect_category'],
        where='facts.scrap_cost is not null'
    ) }}

),

measured as (

    select
        kpi_id, version, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final
    from rates
    union all
    {{ amount_of_sums('cost_per_slice') }}

)

{{ kpi_rows('measured', 'manufacturing', ref('int_manufacturing__as_of'), own_period=true) }}
