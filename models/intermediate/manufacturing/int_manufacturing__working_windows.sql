-- Shifts without their breaks, up to as_of; cut at UTC midnights so that joins can run on equal dates.
with

shifts as (

    select * from {{ ref('int_manufacturing__shifts') }}

),

breaks as (

    select * from {{ ref('int_manufacturing__breaks') }}

),

-- work begins with the shift and after each break; it lasts to the next break
beginnings as (

    select
        line_id,
        production_date,
        shift_name,
        observed_until_at,
        starts_at,
        {{ typed_null('ts') }} as break_starts_at
    from shifts
    where has_started
    union all
    select
        shifts.line_id,
        shifts.production_date,
        shifts.shift_name,
        shifts.observed_until_at,
        breaks.ends_at as starts_at,
        breaks.starts_at as break_starts_at
    from shifts
    inner join breaks
        on
            shifts.line_id = breaks.line_id
            and breaks.starts_at < shifts.ends_at
            and breaks.ends_at > shifts.starts_at
    where shifts.has_started

),

windows as (

    select
        line_id,
        production_date,
        shift_name,
        starts_at,
        {{ least_of([
            'observed_until_at',
            'coalesce(lead(break_starts_at) over (partition by line_id, production_date, shift_name order by break_starts_at nulls first), observed_until_at)'
        ]) }} as ends_at
    from beginnings

),

dated as (

    select
        windows.line_id,
        windows.production_date,
        windows.shift_name,
        dates.utc_date,
        {{ greatest_of(['windows.starts_at', 'cast(dates.utc_date as ' ~ type_ts() ~ ')']) }} as starts_at,
        {{ least_of(['windows.ends_at', 'cast(' ~ add_days('dates.utc_date', 1) ~ ' as ' ~ type_ts() ~ ')']) }} as ends_at
    from windows
    cross join lateral {{ date_series(date_of('windows.starts_at'), date_of('windows.ends_at'), 'utc_date') }} as dates
    where windows.starts_at < windows.ends_at

)

select
    line_id,
    production_date,
    shift_name,
    utc_date,
    starts_at,
    ends_at
from dated
where starts_at < ends_at
