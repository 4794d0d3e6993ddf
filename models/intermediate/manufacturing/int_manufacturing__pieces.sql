-- Pieces of observed machine-shifts by family: from the counter where the machine has a reading in the shift, else its completed passes.
with

machine_shifts as (

    select * from {{ ref('int_manufacturing__machine_shifts') }}

),

counter_pieces as (

    select * from {{ ref('int_manufacturing__counter_pieces') }}

),

pass_counts as (

    select * from {{ ref('int_manufacturing__pass_counts') }}

),

ideal_cycle_times as (

    select * from {{ ref('stg_manufacturing__ideal_cycle_times') }}

),

metered as (

    select distinct
        machine_id,
        production_date,
        shift_name
    from counter_pieces

),

counted as (

    select
        machine_id,
        production_date,
        shift_name,
        product_family,
        pieces,
        'counter' as counted_by
    from counter_pieces
    union all
    select
        pass_counts.machine_id,
        pass_counts.production_date,
        pass_counts.shift_name,
        pass_counts.product_family,
        pass_counts.completed_passes as pieces,
        'passes' as counted_by
    from pass_counts
    left join metered
        on
            pass_counts.machine_id = metered.machine_id
            and pass_counts.production_date = metered.production_date
            and pass_counts.shift_name = metered.shift_name
    where metered.machine_id is null

)

select
    machine_shifts.machine_id,
    machine_shifts.production_date,
    machine_shifts.shift_name,
    counted.product_family,
    counted.counted_by,
    max(counted.pieces) as pieces,
    {{ arg_max('ideal_cycle_times.seconds_per_piece', 'ideal_cycle_times.valid_from') }} as ideal_seconds_per_piece
from machine_shifts
inner join counted
    on
        machine_shifts.machine_id = counted.machine_id
        and machine_shifts.production_date = counted.production_date
        and machine_shifts.shift_name = counted.shift_name
left join ideal_cycle_times
    on
        counted.machine_id = ideal_cycle_times.machine_id
        and counted.product_family = ideal_cycle_times.product_family
        and counted.production_date >= ideal_cycle_times.valid_from
        and (counted.production_date < ideal_cycle_times.valid_to or ideal_cycle_times.valid_to is null)
where counted.pieces > 0
group by
    machine_shifts.machine_id, machine_shifts.production_date, machine_shifts.shift_name,
    counted.product_family, counted.counted_by
