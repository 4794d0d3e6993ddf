with

stop_segments as (

    select * from {{ ref('int_manufacturing__stop_segments') }}

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

horizon as (

    select * from {{ ref('int_manufacturing__as_of') }}

),

runs as (

    select
        machine_id,
        stop_starts_at as starts_at,
        max(ends_at) as ends_at,
        sum(segment_seconds) as stop_seconds,
        coalesce(sum(segment_seconds) filter (where not has_standard_code), 0) as uncoded_seconds,
        {{ any_true("reason_level1 = 'equipment_failure'") }} as is_equipment_failure,
        {{ arg_max('reason_code', ['segment_seconds', 'starts_at'], where='has_standard_code') }} as main_reason_code,
        {{ arg_max('reason_level1', ['segment_seconds', 'starts_at'], where='has_standard_code') }} as main_reason_level1
    from stop_segments
    group by machine_id, stop_starts_at

),

described as (

    select
        runs.machine_id,
        coalesce(machines.line_id, 'unknown') as line_id,
        coalesce(machines.station_id, 'unknown') as station_id,
        runs.starts_at,
        runs.ends_at,
        runs.stop_seconds,
        runs.uncoded_seconds,
        runs.stop_seconds < {{ manufacturing_parameter('mf_rule_stops', 'micro_stop_seconds') }} as is_microstop,
        runs.ends_at >= horizon.as_of_utc as is_open,
        runs.is_equipment_failure,
        runs.main_reason_code,
        coalesce(runs.main_reason_level1, 'unknown') as main_reason_level1
    from runs
    cross join horizon
    left join machines on runs.machine_id = machines.machine_id

)

select
    described.machine_id,
    described.line_id,
    described.station_id,
    described.starts_at,
    described.ends_at,
    described.stop_seconds,
    described.uncoded_seconds,
    described.is_microstop,
    described.is_open,
    described.is_equipment_failure,
    described.main_reason_code,
    described.main_reason_level1,
    {{ place_columns('described.starts_at') }}
from described
{{ place_joins('described.line_id', 'described.starts_at') }}
