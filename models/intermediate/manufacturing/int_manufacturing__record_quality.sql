-- Key records counted as mf_data_completeness_rate and mf_data_latency_rate judge them, in the shift in which they occurred.
with

sensor_records as (

    select * from {{ ref('stg_manufacturing__sensor_records') }}

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

judged as (

    select
        coalesce(machines.line_id, 'unknown') as line_id,
        sensor_records.source,
        sensor_records.occurred_at,
        sensor_records.key_fields_present >= sensor_records.key_fields_expected as is_complete,
        sensor_records.received_at < sensor_records.occurred_at as is_irregular,
        {{ seconds_between('sensor_records.occurred_at', 'sensor_records.received_at') }}
        > {{ manufacturing_parameter('mf_data_latency_rate', 'latency_max_seconds') }} as is_late
    from sensor_records
    left join machines on sensor_records.machine_id = machines.machine_id

),

placed as (

    select
        judged.line_id,
        judged.source,
        judged.is_complete,
        judged.is_irregular,
        judged.is_late,
        {{ place_columns('judged.occurred_at') }}
    from judged
    {{ place_joins('judged.line_id', 'judged.occurred_at') }}

)

select
    line_id,
    source,
    production_date,
    shift_name,
    shift_starts_local_at,
    count(*) as records,
    {{ count_where('is_complete') }} as complete_records,
    {{ count_where('is_irregular') }} as irregular_records,
    {{ count_where('is_late') }} as late_records
from placed
group by line_id, source, production_date, shift_name, shift_starts_local_at
