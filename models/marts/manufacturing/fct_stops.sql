with

stops as (

    select * from {{ ref('int_manufacturing__stops') }}

),

stop_pieces as (

    select * from {{ ref('int_manufacturing__stop_pieces') }}

),

inside_ppt as (

    select
        machine_id,
        stop_starts_at,
        sum(seconds_in_ppt) as seconds_in_ppt
    from stop_pieces
    group by machine_id, stop_starts_at

)

select
    {{ as_text('stops.machine_id') }} as machine_id,
    {{ as_text('stops.line_id') }} as line_id,
    {{ as_text('stops.station_id') }} as station_id,
    stops.starts_at as stop_starts_at,
    stops.ends_at as stop_ends_at,
    stops.is_open,
    stops.production_date,
    {{ as_text('stops.shift_name') }} as shift_name,
    cast(stops.stop_seconds as {{ type_double() }}) as stop_seconds,
    cast(coalesce(inside_ppt.seconds_in_ppt, 0) as {{ type_double() }}) as seconds_in_ppt,
    stops.is_microstop,
    stops.is_equipment_failure,
    {{ as_text('stops.main_reason_code') }} as main_reason_code,
    {{ as_text('stops.main_reason_level1') }} as main_reason_level1,
    cast(stops.uncoded_seconds as {{ type_double() }}) as uncoded_seconds,
    not stops.is_microstop
    and stops.uncoded_seconds >= 60 * {{ manufacturing_parameter('mf_downtime_coding_rate', 'uncoded_reminder_minutes') }} as needs_code_reminder
from stops
left join inside_ppt on stops.machine_id = inside_ppt.machine_id and stops.starts_at = inside_ppt.stop_starts_at
