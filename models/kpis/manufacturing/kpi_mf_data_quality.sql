with

record_quality as (

    select * from {{ ref('int_manufacturing__record_quality') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id in ('mf_data_completeness_rate', 'mf_data_latency_rate')

),

facts as (

    select
        'mf_data_completeness_rate' as kpi_id,
        line_id, source, production_date, shift_starts_local_at,
        records,
        complete_records as good_records
    from record_quality
    union all
    select
        'mf_data_latency_rate' as kpi_id,
        line_id, source, production_date, shift_starts_local_at,
        records - irregular_records as records,
        records - irregular_records - late_records as good_records
    from record_quality
    where records > irregular_records

),

per_slice as (

    {{ sum_by_slice(
        'facts', 'slices',
        {'numerator': 'facts.good_records', 'denominator': 'facts.records', 'sample_size': 'facts.records'},
        dimensions=['source'],
        where='facts.kpi_id = slices.kpi_id'
    ) }}

),

measured as (

    {{ ratio_of_sums('per_slice') }}

)

{{ kpi_rows('measured', 'manufacturing', ref('int_manufacturing__as_of'), own_period=true) }}
