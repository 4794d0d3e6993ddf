-- What enters P: machine-shifts with an ideal cycle for all they made, by family; run time is shared by ideal seconds.
with

machine_shifts as (

    select * from {{ ref('int_manufacturing__machine_shifts') }}

),

pieces as (

    select * from {{ ref('int_manufacturing__pieces') }}

),

ideal_cycle_times as (

    select * from {{ ref('stg_manufacturing__ideal_cycle_times') }}

),

made as (

    select
        machine_id,
        production_date,
        shift_name,
        sum(pieces) as pieces,
        sum(pieces * ideal_seconds_per_piece) as ideal_seconds,
        {{ all_true('ideal_seconds_per_piece is not null') }} as has_every_ideal_cycle
    from pieces
    group by machine_id, production_date, shift_name

),

idle as (

    select distinct
        machine_shifts.machine_id,
        machine_shifts.production_date,
        machine_shifts.shift_name
    from machine_shifts
    inner join ideal_cycle_times
        on
            machine_shifts.machine_id = ideal_cycle_times.machine_id
            and machine_shifts.production_date >= ideal_cycle_times.valid_from
            and (machine_shifts.production_date < ideal_cycle_times.valid_to or ideal_cycle_times.valid_to is null)
    left join made
        on
            machine_shifts.machine_id = made.machine_id
            and machine_shifts.production_date = made.production_date
            and machine_shifts.shift_name = made.shift_name
    where made.machine_id is null

),

shared as (

    select
        pieces.machine_id,
        pieces.production_date,
        pieces.shift_name,
        pieces.product_family,
        pieces.pieces,
        pieces.pieces * pieces.ideal_seconds_per_piece as ideal_seconds,
        case
            when made.ideal_seconds > 0 then pieces.pieces * pieces.ideal_seconds_per_piece / made.ideal_seconds
            else {{ safe_divide('pieces.pieces', 'made.pieces') }}
        end as run_share
    from pieces
    inner join made
        on
            pieces.machine_id = made.machine_id
            and pieces.production_date = made.production_date
            and pieces.shift_name = made.shift_name
    where made.has_every_ideal_cycle
    union all
    select
        machine_id,
        production_date,
        shift_name,
        'unknown' as product_family,
        0 as pieces,
        0 as ideal_seconds,
        1 as run_share
    from idle

)

select
    machine_shifts.machine_id,
    machine_shifts.line_id,
    machine_shifts.station_id,
    machine_shifts.production_date,
    machine_shifts.shift_name,
    machine_shifts.shift_starts_local_at,
    shared.product_family,
    shared.pieces,
    shared.ideal_seconds,
    machine_shifts.run_seconds_v1 * shared.run_share as run_seconds_v1,
    machine_shifts.run_seconds_v2 * shared.run_share as run_seconds_v2
from machine_shifts
inner join shared
    on
        machine_shifts.machine_id = shared.machine_id
        and machine_shifts.production_date = shared.production_date
        and machine_shifts.shift_name = shared.shift_name
