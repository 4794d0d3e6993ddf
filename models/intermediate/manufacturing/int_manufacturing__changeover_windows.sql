with

changeovers as (

    select * from {{ ref('int_manufacturing__changeovers') }}

),

working_windows as (

    select * from {{ ref('int_manufacturing__working_windows') }}

),

pieces as (

    select
        changeovers.changeover_id,
        changeovers.machine_id,
        changeovers.line_id,
        working_windows.production_date,
        working_windows.shift_name,
        coalesce(changeovers.standard_seconds, 0) as standard_seconds,
        {{ greatest_of(['changeovers.starts_at', 'working_windows.starts_at']) }} as starts_at,
        {{ least_of(['changeovers.until_at', 'working_windows.ends_at']) }} as ends_at
    from changeovers
    inner join working_windows
        on
            changeovers.line_id = working_windows.line_id
            and changeovers.starts_at < working_windows.ends_at
            and changeovers.until_at > working_windows.starts_at

),

measured as (

    select
        changeover_id,
        machine_id,
        line_id,
        production_date,
        shift_name,
        standard_seconds,
        starts_at,
        ends_at,
        {{ seconds_between('starts_at', 'ends_at') }} as piece_seconds,
        coalesce(sum({{ seconds_between('starts_at', 'ends_at') }}) over (
            partition by changeover_id
            order by starts_at
            rows between unbounded preceding and 1 preceding
        ), 0) as seconds_before
    from pieces

),

split as (

    select
        changeover_id,
        machine_id,
        line_id,
        production_date,
        shift_name,
        starts_at,
        ends_at,
        piece_seconds,
        {{ greatest_of(['0', least_of(['piece_seconds', 'standard_seconds - seconds_before'])]) }} as planned_seconds
    from measured

)

select
    changeover_id,
    machine_id,
    line_id,
    production_date,
    shift_name,
    starts_at,
    {{ add_seconds('starts_at', 'planned_seconds') }} as planned_until_at,
    ends_at,
    planned_seconds,
    piece_seconds - planned_seconds as overrun_seconds
from split
