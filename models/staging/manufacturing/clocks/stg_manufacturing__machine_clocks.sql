with

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

shift_calendar as (

    select * from {{ ref('stg_manufacturing__shift_calendar') }}

),

line_zones as (

    select
        line_id,
        {{ arg_max('time_zone', ['starts_at', 'shift_name']) }} as time_zone
    from shift_calendar
    group by line_id

)

select
    machines.machine_id,
    line_zones.time_zone
from machines
inner join line_zones on machines.line_id = line_zones.line_id
