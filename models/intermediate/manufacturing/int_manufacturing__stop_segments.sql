-- Stop segments of the timeline with the start of the stop (the maximal run) that holds them.
with

timeline as (

    select * from {{ ref('int_manufacturing__state_timeline') }}

),

-- all segments of a run of stop time have the same number of running and changeover segments before them
numbered as (

    select
        machine_id,
        starts_at,
        ends_at,
        is_stop,
        reason_code,
        reason_level1,
        has_standard_code,
        sum(case when is_stop then 0 else 1 end) over (
            partition by machine_id
            order by starts_at
            rows between unbounded preceding and current row
        ) as run_number
    from timeline

)

select
    machine_id,
    min(starts_at) over (partition by machine_id, run_number) as stop_starts_at,
    starts_at,
    ends_at,
    reason_code,
    reason_level1,
    has_standard_code,
    {{ seconds_between('starts_at', 'ends_at') }} as segment_seconds
from numbered
where is_stop
