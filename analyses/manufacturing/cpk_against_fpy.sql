/*
Question      Does the capability of a critical characteristic explain first pass yield?
How to read   Cpk of each week (sigma from the ranges of that week's chart points) beside the station FPY of the same week and line.
              `correlation` is that of the series (machine and characteristic) over all its weeks: near 1, FPY follows capability; near 0,
              the failures come from elsewhere. It is null for fewer than two weeks or where either side never moves.
What to do    High correlation and Cpk under 1.33: centre the process (cpk far below cp) or reduce its spread (cp itself low). No
              correlation: look for another characteristic, or for assembly and handling defects.
*/
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

station_fpy as (

    select * from {{ ref('kpi_values') }}
    where kpi_id = 'mf_station_fpy' and period_grain = 'week' and dimension = 'line+station'

),

weekly_means as (

    select
        measurements.characteristic,
        measurements.machine_id,
        machines.line_id,
        machines.station_id,
        {{ start_of('week', to_local('measurements.measured_at', 'lines.time_zone')) }} as week_start,
        count(*) as measured_pieces,
        avg(measurements.measured_value) as mean_value
    from measurements
    inner join machines on measurements.machine_id = machines.machine_id
    inner join lines on machines.line_id = lines.line_id
    group by
        measurements.characteristic, measurements.machine_id, machines.line_id, machines.station_id,
        {{ start_of('week', to_local('measurements.measured_at', 'lines.time_zone')) }}

),

weekly_sigmas as (

    select
        chart_points.characteristic,
        chart_points.machine_id,
        {{ start_of('week', to_local('chart_points.point_at', 'lines.time_zone')) }} as week_start,
        avg(chart_points.spread / constants.d2) as sigma_within
    from chart_points
    inner join constants on chart_points.spread_size = constants.subgroup_size
    inner join lines on chart_points.line_id = lines.line_id
    group by
        chart_points.characteristic, chart_points.machine_id,
        {{ start_of('week', to_local('chart_points.point_at', 'lines.time_zone')) }}

),

capability as (

    select
        weekly_means.*,
        weekly_sigmas.sigma_within,
        {{ safe_divide('specs.upper_limit - specs.lower_limit', '6 * weekly_sigmas.sigma_within') }} as cp,
        {{ safe_divide('specs.upper_limit - weekly_means.mean_value', '3 * weekly_sigmas.sigma_within') }} as upper_index,
        {{ safe_divide('weekly_means.mean_value - specs.lower_limit', '3 * weekly_sigmas.sigma_within') }} as lower_index
    from weekly_means
    inner join weekly_sigmas
        on
            weekly_means.characteristic = weekly_sigmas.characteristic
            and weekly_means.machine_id = weekly_sigmas.machine_id
            and weekly_means.week_start = weekly_sigmas.week_start
    inner join specs on weekly_means.characteristic = specs.characteristic

),

paired as (

    select
        capability.characteristic,
        capability.machine_id,
        capability.line_id,
        capability.station_id,
        capability.week_start,
        capability.measured_pieces,
        capability.mean_value,
        capability.sigma_within,
        capability.cp,
        case
            when coalesce(capability.upper_index, capability.lower_index) <= coalesce(capability.lower_index, capability.upper_index)
                then coalesce(capability.upper_index, capability.lower_index)
            else coalesce(capability.lower_index, capability.upper_index)
        end as cpk,
        station_fpy.value as station_fpy
    from capability
    inner join station_fpy
        on
            capability.line_id || '+' || capability.station_id = station_fpy.dimension_value
            and capability.week_start = station_fpy.period_start
    where station_fpy.value is not null

),

correlations as (

    select
        characteristic,
        machine_id,
        count(*) as weeks,
        case when stddev_samp(cpk) > 0 and stddev_samp(station_fpy) > 0 then corr(cpk, station_fpy) end as correlation
    from paired
    group by characteristic, machine_id

)

select
    paired.*,
    correlations.weeks,
    correlations.correlation
from paired
inner join correlations on paired.characteristic = correlations.characteristic and paired.machine_id = correlations.machine_id
order by paired.characteristic, paired.machine_id, paired.week_start
