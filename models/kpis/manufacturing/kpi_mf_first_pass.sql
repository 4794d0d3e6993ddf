with

units as (

    select * from {{ ref('int_manufacturing__units') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'mf_fpy' and {{ manufacturing_has(['inspections']) }}

),

-- few rows before they are spread over the slices
facts as (

    select
        line_id, product_family, work_order_id, production_date, shift_name, shift_starts_local_at,
        count(*) as units,
        {{ count_where('is_first_pass') }} as first_pass_units
    from units
    group by line_id, product_family, work_order_id, production_date, shift_name, shift_starts_local_at

),

per_slice as (

    {{ sum_by_slice(
        'facts', 'slices',
        {'numerator': 'facts.first_pass_units', 'denominator': 'facts.units', 'sample_size': 'facts.units'},
        dimensions=['line', 'product_family', 'shift_name', 'line+shift_name', 'work_order']
    ) }}

),

measured as (

    {{ ratio_of_sums('per_slice') }}

)

{{ kpi_rows('measured', 'manufacturing', ref('int_manufacturing__as_of'), own_period=true) }}
