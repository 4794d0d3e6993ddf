with

machine_shifts as (

    select * from {{ ref('int_manufacturing__machine_shifts') }}

),

downtime as (

    select * from {{ ref('int_manufacturing__downtime_by_reason') }}

),

rate_slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'mf_unplanned_downtime_rate'

),

coding_slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'mf_downtime_coding_rate' and {{ manufacturing_has(['downtime_reasons']) }}

),

downtime_per_slice as (

    {{ sum_by_slice(
        'downtime', 'rate_slices',
        {'numerator': 'facts.downtime_seconds'},
        dimensions=['line', 'station', 'machine', 'reason_level1']
    ) }}

),

ppt_per_slice as (

    {{ sum_by_slice(
        'machine_shifts', 'rate_slices',
        {'denominator': 'facts.ppt_seconds', 'sample_size': '1'},
        dimensions=['line', 'station', 'machine'],
        whole=['reason_level1']
    ) }}

),

coded_per_slice as (

    {{ sum_by_slice(
        'downtime', 'coding_slices',
        {
            'numerator': 'case when facts.has_standard_code then facts.downtime_seconds else 0 end',
            'denominator': 'facts.downtime_seconds',
            'sample_size': '1'
        },
        dimensions=['line', 'machine', 'shift_name']
    ) }}

),

downtime_rate as (

    {{ ratio_by_slice('downtime_per_slice', 'ppt_per_slice', whole=['reason_level1']) }}

),

measured as (

    select
        kpi_id, version, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final
    from downtime_rate
    union all
    {{ ratio_of_sums('coded_per_slice') }}

)

{{ kpi_rows('measured', 'manufacturing', ref('int_manufacturing__as_of'), own_period=true) }}
