{#
    Capability of characteristics, over everything and by week and month of the line's clock. Sigma within comes from the ranges of
    the chart points (d2), so that a drifting mean does not widen it.
#}
with

measurements as (

    select * from {{ ref('stg_manufacturing__measurements') }}

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

chart_points as (

    select * from {{ ref('int_manufacturing__chart_points') }}
    where series_kind = 'measurement' and spread is not null

),

constants as (

    select * from {{ ref('control_chart_constants') }}

),

specs as (

    select * from {{ ref('stg_manufacturing__characteristic_specs') }}

),

lines as (

    select * from {{ ref('int_manufacturing__lines') }}

),

periods as (

    select * from {{ ref('int_manufacturing__periods') }}

),

grains as (

    select 'whole' as period_grain
    union all
    select 'week' as period_grain
    union all
    select 'month' as period_grain

),

observations as (        -- a measured value, or what one range says of sigma

    select
        measurements.characteristic,
        coalesce(measurements.machine_id, 'unknown') as machine_id,
        coalesce(machines.line_id, 'unknown') as line_id,
        measurements.measured_at as observed_at,
        measurements.measured_value,
        {{ typed_null('num') }} as sigma_estimate
    from measurements
    left join machines on measurements.machine_id = machines.machine_id
    union all
    select
        chart_points.characteristic,
        chart_points.machine_id,
        chart_points.line_id,
        chart_points.point_at as observed_at,
        {{ typed_null('num') }} as measured_value,
        chart_points.spread / constants.d2 as sigma_estimate
    from chart_points
    inner join constants on chart_points.spread_size = constants.subgroup_size

),

placed as (

    select
        observations.characteristic,
        observations.machine_id,
        observations.line_id,
        grains.period_grain,
        case
            when grains.period_grain <> 'whole'
                then {{ period_start('grains.period_grain', to_local('observations.observed_at', 'lines.time_zone')) }}
        end as period_start,
        observations.measured_value,
        observations.sigma_estimate
    from observations
    inner join lines on observations.line_id = lines.line_id
    cross join grains

),

sliced as (        -- every machine by itself, and all machines of the characteristic together

    {% for machine_id in ['placed.machine_id', "'all'"] -%}
    select
        placed.characteristic,
        {{ machine_id }} as machine_id,
        placed.period_grain,
        placed.period_start,
        periods.is_closed,
        placed.measured_value,
        placed.sigma_estimate
    from placed
    left join periods
        on
            placed.line_id = periods.line_id
            and placed.period_grain = periods.period_grain
            and placed.period_start = periods.period_start
    {{ "union all" if not loop.last }}
    {% endfor %}

),

described as (

    select
        characteristic,
        machine_id,
        period_grain,
        period_start,
        count(measured_value) as measured_pieces,
        count(sigma_estimate) as ranges,
        avg(measured_value) as mean_value,
        avg(sigma_estimate) as sigma_within,
        stddev_samp(measured_value) as sigma_overall,
        {{ all_true('is_closed') }} as is_final
    from sliced
    group by characteristic, machine_id, period_grain, period_start

),

-- with one limit only, the index of that side stands alone and Cp and Pp are unknown
indexed as (

    select
        described.characteristic,
        described.machine_id,
        described.period_grain,
        described.period_start,
        described.measured_pieces,
        described.ranges,
        described.mean_value,
        described.sigma_within,
        described.sigma_overall,
        described.is_final,
        specs.lower_limit,
        specs.target,
        specs.upper_limit,
        {{ safe_divide('specs.upper_limit - specs.lower_limit', '6 * described.sigma_within') }} as cp,
        {{ safe_divide('specs.upper_limit - described.mean_value', '3 * described.sigma_within') }} as cpu,
        {{ safe_divide('described.mean_value - specs.lower_limit', '3 * described.sigma_within') }} as cpl,
        {{ safe_divide('specs.upper_limit - specs.lower_limit', '6 * described.sigma_overall') }} as pp,
        {{ safe_divide('specs.upper_limit - described.mean_value', '3 * described.sigma_overall') }} as ppu,
        {{ safe_divide('described.mean_value - specs.lower_limit', '3 * described.sigma_overall') }} as ppl
    from described
    left join specs on described.characteristic = specs.characteristic

)

select
    characteristic,
    machine_id,
    period_grain,
    period_start,
    measured_pieces,
    ranges,
    mean_value,
    sigma_within,
    sigma_overall,
    lower_limit,
    target,
    upper_limit,
    cp,
    case when coalesce(cpu, cpl) <= coalesce(cpl, cpu) then coalesce(cpu, cpl) else coalesce(cpl, cpu) end as cpk,
    pp,
    case when coalesce(ppu, ppl) <= coalesce(ppl, ppu) then coalesce(ppu, ppl) else coalesce(ppl, ppu) end as ppk,
    is_final
from indexed
where measured_pieces > 0
