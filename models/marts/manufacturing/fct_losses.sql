-- The loss matrix in time and money (version 1 of run time). The parts with money add up to mf_loss_cost.
with

machine_losses as (

    select * from {{ ref('int_manufacturing__machine_losses') }}

),

machine_shifts as (

    select * from {{ ref('int_manufacturing__machine_shifts') }}

),

downtime as (

    select * from {{ ref('int_manufacturing__downtime_by_reason') }}

),

performance as (

    select * from {{ ref('int_manufacturing__performance') }}

),

pass_counts as (

    select * from {{ ref('int_manufacturing__pass_counts') }}

),

scrap as (

    select * from {{ ref('int_manufacturing__scrap') }}

),

shift_losses as (

    select
        machine_losses.line_id,
        machine_losses.station_id,
        machine_losses.machine_id,
        machine_losses.production_date,
        machine_losses.shift_name,
        machine_losses.speed_loss_seconds,
        machine_losses.cost_per_hour,
        machine_shifts.microstop_seconds,
        machine_shifts.overrun_seconds
    from machine_losses
    inner join machine_shifts
        on
            machine_losses.machine_id = machine_shifts.machine_id
            and machine_losses.production_date = machine_shifts.production_date
            and machine_losses.shift_name = machine_shifts.shift_name

),

ideal_time as (

    select
        machine_id,
        production_date,
        shift_name,
        sum(ideal_seconds) as ideal_seconds
    from performance
    group by machine_id, production_date, shift_name

),

pass_quality as (

    select
        machine_id,
        line_id,
        station_id,
        production_date,
        shift_name,
        sum(completed_passes) as completed_passes,
        sum(completed_passes) - sum(good_passes) as bad_passes
    from pass_counts
    group by machine_id, line_id, station_id, production_date, shift_name

),

losses as (

    select
        downtime.line_id, downtime.station_id, downtime.machine_id, downtime.production_date, downtime.shift_name,
        'availability' as loss_category,
        downtime.reason_level1 as loss_type,
        downtime.stops as occurrences,
        downtime.downtime_seconds as loss_seconds,
        downtime.downtime_seconds / 3600.0 * shift_losses.cost_per_hour as loss_cost
    from downtime
    inner join shift_losses
        on
            downtime.machine_id = shift_losses.machine_id
            and downtime.production_date = shift_losses.production_date
            and downtime.shift_name = shift_losses.shift_name
    union all
    select
        line_id, station_id, machine_id, production_date, shift_name,
        'performance' as loss_category,
        'microstop' as loss_type,
        0 as occurrences,
        microstop_seconds as loss_seconds,
        microstop_seconds / 3600.0 * cost_per_hour as loss_cost
    from shift_losses
    where speed_loss_seconds is not null
    union all
    select
        line_id, station_id, machine_id, production_date, shift_name,
        'performance' as loss_category,
        'changeover_overrun' as loss_type,
        0 as occurrences,
        overrun_seconds as loss_seconds,
        overrun_seconds / 3600.0 * cost_per_hour as loss_cost
    from shift_losses
    where speed_loss_seconds is not null
    union all
    -- what micro-stops and overrun do not explain; below 0 where the machine beat its ideal cycle
    select
        line_id, station_id, machine_id, production_date, shift_name,
        'performance' as loss_category,
        'reduced_speed' as loss_type,
        0 as occurrences,
        speed_loss_seconds - microstop_seconds - overrun_seconds as loss_seconds,
        (speed_loss_seconds - microstop_seconds - overrun_seconds) / 3600.0 * cost_per_hour as loss_cost
    from shift_losses
    where speed_loss_seconds is not null
    union all
    -- time only: the money of bad pieces is the scrap
    select
        pass_quality.line_id, pass_quality.station_id, pass_quality.machine_id, pass_quality.production_date, pass_quality.shift_name,
        'quality' as loss_category,
        'bad_passes' as loss_type,
        pass_quality.bad_passes as occurrences,
        ideal_time.ideal_seconds * pass_quality.bad_passes / pass_quality.completed_passes as loss_seconds,
        {{ typed_null('num') }} as loss_cost
    from pass_quality
    left join ideal_time
        on
            pass_quality.machine_id = ideal_time.machine_id
            and pass_quality.production_date = ideal_time.production_date
            and pass_quality.shift_name = ideal_time.shift_name
    where pass_quality.bad_passes > 0
    union all
    select
        line_id, station_id,
        'unknown' as machine_id,
        production_date, shift_name,
        'quality' as loss_category,
        'scrap' as loss_type,
        quantity as occurrences,
        {{ typed_null('num') }} as loss_seconds,
        scrap_cost as loss_cost
    from scrap

)

select
    {{ as_text('line_id') }} as line_id,
    {{ as_text('station_id') }} as station_id,
    {{ as_text('machine_id') }} as machine_id,
    production_date,
    {{ as_text('shift_name') }} as shift_name,
    {{ as_text('loss_category') }} as loss_category,
    {{ as_text('loss_type') }} as loss_type,
    cast(sum(occurrences) as {{ type_bigint() }}) as occurrences,
    cast(sum(loss_seconds) as {{ type_double() }}) as loss_seconds,
    cast(sum(loss_cost) as {{ type_double() }}) as loss_cost
from losses
group by line_id, station_id, machine_id, production_date, shift_name, loss_category, loss_type
