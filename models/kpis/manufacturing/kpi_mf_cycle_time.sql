with

performance as (

    select * from {{ ref('int_manufacturing__performance') }}
    where {{ manufacturing_has(['counter_readings']) }} or {{ manufacturing_has(['unit_operations']) }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'mf_cycle_time_attainment'

),

per_slice as (

    {{ sum_by_slice(
        'performance', 'slices',
        {'numerator': 'facts.ideal_seconds', 'denominator': 'facts.run_seconds_v1', 'sample_size': '1'},
        dimensions=['line', 'station', 'machine']
    ) }}

),

measured as (

    {{ ratio_of_sums('per_slice') }}

)

{{ kpi_rows('measured', 'manufacturing', ref('int_manufacturing__as_of'), own_period=true) }}
