with

timeline as (

    select * from {{ ref('int_manufacturing__state_timeline') }}

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

horizon as (

    select * from {{ ref('int_manufacturing__as_of') }}

),

-- a run of stop time has the number of the running or changeover segments before it
numbered as (

    select
        timeline.*,
        sum(case when is_stop then 0 else 1 end) over (
            partition by machine_id
            order by starts_at
            rows between unbounded preceding and current row
        ) as run_number
    from timeline

),

runs as (

    select
        machine_id,
        min(starts_at) as starts_at,
        max(ends_at) as ends_at,
        {{ any_true("reason_level1 = 'equipment_failure'") }} as is_equipment_failure
    from numbered
    where is_stop
    group by machine_id, run_number

),

described as (

    select
        runs.machine_id,
        coalesce(machines.line_id, 'unknown') as line_id,
        coalesce(machines.station_id, 'unknown') as station_id,
        runs.starts_at,
        runs.ends_at,
        runs.is_equipment_failure,
        {{ seconds_between('runs.starts_at', 'runs.ends_at') }} as stop_seconds,
        runs.ends_at >= horizon.as_of_utc as is_open
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
    described.stop_seconds < {{ manufacturing_parameter('mf_rule_stops', 'micro_stop_seconds') }} as is_microstop,
    described.is_open,
    described.is_equipment_failure,
    {{ place_columns('described.starts_at') }}
from described
{{ place_joins('described.line_id', 'described.starts_at') }}
