with

shift_calendar as (

    select * from {{ ref('stg_manufacturing__shift_calendar') }}

),

horizon as (

    select * from {{ ref('int_manufacturing__as_of') }}

),

in_utc as (

    select
        line_id,
        production_date,
        shift_name,
        time_zone,
        starts_at as starts_local_at,
        ends_at as ends_local_at,
        {{ to_utc('starts_at', 'time_zone') }} as starts_at,
        {{ to_utc('ends_at', 'time_zone') }} as ends_at
    from shift_calendar

)

select
    in_utc.line_id,
    in_utc.production_date,
    in_utc.shift_name,
    in_utc.time_zone,
    in_utc.starts_local_at,
    in_utc.ends_local_at,
    in_utc.starts_at,
    in_utc.ends_at,
    {{ least_of(['in_utc.ends_at', 'horizon.as_of_utc']) }} as observed_until_at,
    in_utc.starts_at < horizon.as_of_utc as has_started,
    in_utc.ends_at <= horizon.as_of_utc as is_closed
from in_utc
cross join horizon
