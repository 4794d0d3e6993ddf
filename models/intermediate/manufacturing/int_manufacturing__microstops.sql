-- Micro-stops with some time inside PPT, whole, in the shift in which they start.
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
    where is_microstop
    group by machine_id, stop_starts_at

)

select
    stops.machine_id,
    stops.line_id,
    stops.station_id,
    stops.starts_at,
    stops.ends_at,
    stops.production_date,
    stops.shift_name,
    stops.shift_starts_local_at,
    inside_ppt.seconds_in_ppt
from stops
inner join inside_ppt
    on stops.machine_id = inside_ppt.machine_id and stops.starts_at = inside_ppt.stop_starts_at
