with

stops as (

    select * from {{ ref('int_manufacturing__stops') }}

),

timeline as (

    select * from {{ ref('int_manufacturing__state_timeline') }}

),

working_windows as (

    select * from {{ ref('int_manufacturing__working_windows') }}

),

-- timeline and stops run in the same order: the latest stop begun by then is the one that holds the segment
beginnings as (

    select
        machine_id,
        starts_at,
        ends_at,
        line_id,
        station_id,
        is_microstop
    from stops

),

segments as (

    select
        timeline.machine_id,
        timeline.starts_at,
        timeline.ends_at,
        timeline.reason_level1,
        timeline.reason_code,
        timeline.has_standard_code,
        max(beginnings.starts_at) over (
            partition by timeline.machine_id
            order by timeline.starts_at
            rows between unbounded preceding and current row
        ) as stop_starts_at
    from timeline
    left join beginnings
        on timeline.machine_id = beginnings.machine_id and timeline.starts_at = beginnings.starts_at
    where timeline.is_stop

)

select
    segments.machine_id,
    stops.line_id,
    stops.station_id,
    segments.stop_starts_at,
    stops.is_microstop,
    working_windows.production_date,
    working_windows.shift_name,
    {{ greatest_of(['segments.starts_at', 'working_windows.starts_at']) }} as starts_at,
    {{ least_of(['segments.ends_at', 'working_windows.ends_at']) }} as ends_at,
    segments.reason_code,
    segments.reason_level1,
    segments.has_standard_code,
    {{ seconds_between(
        greatest_of(['segments.starts_at', 'working_windows.starts_at']),
        least_of(['segments.ends_at', 'working_windows.ends_at'])
    ) }} as seconds_in_ppt
from segments
inner join stops
    on segments.machine_id = stops.machine_id and segments.stop_starts_at = stops.starts_at
inner join working_windows
    on
        stops.line_id = working_windows.line_id
        and {{ date_of('segments.starts_at') }} = working_windows.utc_date
        and segments.starts_at < working_windows.ends_at
        and segments.ends_at > working_windows.starts_at
