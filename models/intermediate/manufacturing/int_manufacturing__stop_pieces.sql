-- Stop segments inside PPT: a stop never overlaps a changeover, so PPT is the working windows here.
with

stops as (

    select * from {{ ref('int_manufacturing__stops') }}

),

stop_segments as (

    select * from {{ ref('int_manufacturing__stop_segments') }}

),

working_windows as (

    select * from {{ ref('int_manufacturing__working_windows') }}

),

pieces as (

    select
        stop_segments.machine_id,
        stops.line_id,
        stops.station_id,
        stop_segments.stop_starts_at,
        stops.is_microstop,
        working_windows.production_date,
        working_windows.shift_name,
        {{ greatest_of(['stop_segments.starts_at', 'working_windows.starts_at']) }} as starts_at,
        {{ least_of(['stop_segments.ends_at', 'working_windows.ends_at']) }} as ends_at,
        stop_segments.reason_code,
        stop_segments.reason_level1,
        stop_segments.has_standard_code
    from stop_segments
    inner join stops
        on stop_segments.machine_id = stops.machine_id and stop_segments.stop_starts_at = stops.starts_at
    inner join working_windows
        on
            stops.line_id = working_windows.line_id
            and {{ date_of('stop_segments.starts_at') }} = working_windows.utc_date
            and stop_segments.starts_at < working_windows.ends_at
            and stop_segments.ends_at > working_windows.starts_at

)

select
    machine_id,
    line_id,
    station_id,
    stop_starts_at,
    is_microstop,
    production_date,
    shift_name,
    starts_at,
    ends_at,
    reason_code,
    reason_level1,
    has_standard_code,
    {{ seconds_between('starts_at', 'ends_at') }} as seconds_in_ppt
from pieces
