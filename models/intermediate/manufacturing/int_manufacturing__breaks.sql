with

calendar_breaks as (

    select * from {{ ref('stg_manufacturing__calendar_breaks') }}

),

lines as (

    select * from {{ ref('int_manufacturing__lines') }}

),

in_utc as (

    select
        calendar_breaks.line_id,
        {{ to_utc('calendar_breaks.starts_at', 'lines.time_zone') }} as starts_at,
        {{ to_utc('calendar_breaks.ends_at', 'lines.time_zone') }} as ends_at
    from calendar_breaks
    inner join lines on calendar_breaks.line_id = lines.line_id

)

{{ merged_spans('in_utc', ['line_id']) }}
