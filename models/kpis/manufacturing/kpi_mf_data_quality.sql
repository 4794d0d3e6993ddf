with

sensor_records as (

    select * from {{ ref('stg_manufacturing__sensor_records') }}

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id in ('mf_data_completeness_rate', 'mf_data_latency_rate')

),

records as (

    select
        coalesce(machines.line_id, 'unknown') as line_id,
        sensor_records.source,
        sensor_records.occurred_at,
        sensor_records.key_fields_present >= sensor_records.key_fields_expected as is_complete,
        sensor_records.received_at >= sensor_records.occurred_at as is_timed,
        {{ seconds_between('sensor_records.occurred_at', 'sensor_records.received_at') }}
        <= {{ manufacturing_parameter('mf_data_latency_rate', 'latency_max_seconds') }} as is_fast
    from sensor_records
    left join machines on sensor_records.machine_id = machines.machine_id

),

placed as (

    select
        records.line_id,
        records.source,
        records.is_complete,
        records.is_timed,
        records.is_fast,
        {{ place_columns('records.occurred_at') }}
    from records
    {{ place_joins('records.line_id', 'records.occurred_at') }}

),

facts as (

    select
        'mf_data_completeness_rate' as kpi_id,
        line_id, source, production_date, shift_starts_local_at,
        count(*) as records,
        {{ count_where('is_complete') }} as good_records
    from placed
    group by line_id, source, production_date, shift_starts_local_at
    union all
    select
        'mf_data_latency_rate' as kpi_id,
        line_id, source, production_date, shift_starts_local_at,
        count(*) as records,
        {{ count_where('is_fast') }} as good_records
    from placed
    where is_timed
    group by line_id, source, production_date, shift_starts_local_at

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
