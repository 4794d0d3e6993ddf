with

machine_shifts as (

    select * from {{ ref('int_manufacturing__machine_shifts') }}

),

performance as (

    select * from {{ ref('int_manufacturing__performance') }}

),

pieces as (

    select * from {{ ref('int_manufacturing__pieces') }}

),

pass_counts as (

    select * from {{ ref('int_manufacturing__pass_counts') }}

),

microstops as (

    select * from {{ ref('int_manufacturing__microstops') }}

),

rated as (

    select
        machine_id,
        production_date,
        shift_name,
        sum(ideal_seconds) as ideal_seconds
    from performance
    group by machine_id, production_date, shift_name

),

made as (

    select
        machine_id,
        production_date,
        shift_name,
        max(counted_by) as counted_by,
        sum(pieces) as pieces
    from pieces
    group by machine_id, production_date, shift_name

),

passed as (

    select
        machine_id,
        production_date,
        shift_name,
        sum(completed_passes) as completed_passes,
        sum(good_passes) as good_passes
    from pass_counts
    group by machine_id, production_date, shift_name

),

short_stops as (

    select
        machine_id,
        production_date,
        shift_name,
        count(*) as microstops
    from microstops
    group by machine_id, production_date, shift_name

),

joined as (

    select
        machine_shifts.machine_id,
        machine_shifts.line_id,
        machine_shifts.station_id,
        machine_shifts.production_date,
        machine_shifts.shift_name,
        machine_shifts.shift_starts_local_at,
        machine_shifts.is_closed,
        machine_shifts.shift_seconds,
        machine_shifts.break_seconds,
        machine_shifts.planned_changeover_seconds,
        machine_shifts.ppt_seconds,
        machine_shifts.downtime_seconds_v1,
        machine_shifts.downtime_seconds_v2,
        machine_shifts.overrun_seconds,
        machine_shifts.run_seconds_v1,
        machine_shifts.run_seconds_v2,
        machine_shifts.microstop_seconds,
        coalesce(short_stops.microstops, 0) as microstops,
        made.counted_by,
        coalesce(made.pieces, 0) as pieces,
        rated.ideal_seconds,
        coalesce(passed.completed_passes, 0) as completed_passes,
        coalesce(passed.good_passes, 0) as good_passes,
        {{ safe_divide('machine_shifts.run_seconds_v1', 'machine_shifts.ppt_seconds') }} as availability_v1,
        {{ safe_divide('machine_shifts.run_seconds_v2', 'machine_shifts.ppt_seconds') }} as availability_v2,
        {{ safe_divide('rated.ideal_seconds', 'machine_shifts.run_seconds_v1') }} as performance_v1,
        {{ safe_divide('rated.ideal_seconds', 'machine_shifts.run_seconds_v2') }} as performance_v2,
        {{ safe_divide('passed.good_passes', 'passed.completed_passes') }} as quality
    from machine_shifts
    left join rated
        on
            machine_shifts.machine_id = rated.machine_id
            and machine_shifts.production_date = rated.production_date
            and machine_shifts.shift_name = rated.shift_name
    left join made
        on
            machine_shifts.machine_id = made.machine_id
            and machine_shifts.production_date = made.production_date
            and machine_shifts.shift_name = made.shift_name
    left join passed
        on
            machine_shifts.machine_id = passed.machine_id
            and machine_shifts.production_date = passed.production_date
            and machine_shifts.shift_name = passed.shift_name
    left join short_stops
        on
            machine_shifts.machine_id = short_stops.machine_id
            and machine_shifts.production_date = short_stops.production_date
            and machine_shifts.shift_name = short_stops.shift_name

)

select
    {{ as_text('machine_id') }} as machine_id,
    {{ as_text('line_id') }} as line_id,
    {{ as_text('station_id') }} as station_id,
    production_date,
    {{ as_text('shift_name') }} as shift_name,
    shift_starts_local_at,
    is_closed as is_final,
    cast(shift_seconds as {{ type_double() }}) as shift_seconds,
    cast(break_seconds as {{ type_double() }}) as break_seconds,
    cast(planned_changeover_seconds as {{ type_double() }}) as planned_changeover_seconds,
    cast(ppt_seconds as {{ type_double() }}) as ppt_seconds,
    cast(downtime_seconds_v1 as {{ type_double() }}) as downtime_seconds_v1,
    cast(downtime_seconds_v2 as {{ type_double() }}) as downtime_seconds_v2,
    cast(overrun_seconds as {{ type_double() }}) as overrun_seconds,
    cast(run_seconds_v1 as {{ type_double() }}) as run_seconds_v1,
    cast(run_seconds_v2 as {{ type_double() }}) as run_seconds_v2,
    cast(microstop_seconds as {{ type_double() }}) as microstop_seconds,
    cast(run_seconds_v1 - ideal_seconds as {{ type_double() }}) as speed_loss_seconds_v1,
    cast(run_seconds_v2 - ideal_seconds as {{ type_double() }}) as speed_loss_seconds_v2,
    cast(ideal_seconds as {{ type_double() }}) as net_run_seconds,
    cast(ideal_seconds * (1 - quality) as {{ type_double() }}) as quality_loss_seconds,
    cast(ideal_seconds * quality as {{ type_double() }}) as good_seconds,
    cast(microstops as {{ type_bigint() }}) as microstops,
    {{ as_text('counted_by') }} as counted_by,
    cast(pieces as {{ type_bigint() }}) as pieces,
    cast(completed_passes as {{ type_bigint() }}) as completed_passes,
    cast(good_passes as {{ type_bigint() }}) as good_passes,
    availability_v1,
    availability_v2,
    performance_v1,
    performance_v2,
    quality,
    availability_v1 * performance_v1 * quality as oee_v1,
    availability_v2 * performance_v2 * quality as oee_v2,
    ideal_seconds is not null as has_ideal_cycle,
    coalesce(performance_v1 > {{ manufacturing_parameter('mf_performance', 'flag_above') }}, false) as is_performance_flagged_v1,
    coalesce(performance_v2 > {{ manufacturing_parameter('mf_performance', 'flag_above', 2) }}, false) as is_performance_flagged_v2
from joined
