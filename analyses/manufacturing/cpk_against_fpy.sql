/*
Question      Does the capability of a critical characteristic explain first pass yield?
How to read   Cpk of each week (sigma from the ranges of that week's chart points) beside the station FPY of the same week and line.
              `correlation` is that of the series (machine and characteristic) over all its weeks: near 1, FPY follows capability; near 0,
              the failures come from elsewhere. It is null for fewer than two weeks or where either side never moves.
What to do    High correlation and Cpk under 1.33: centre the process (cpk far below cp) or reduce its spread (cp itself low). No
              correlation: look for another characteristic, or for assembly and handling defects.
*/
with

capability as (

    select * from {{ ref('int_manufacturing__capability') }}
    where period_grain = 'week' and machine_id <> 'all' and cpk is not null

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

station_fpy as (

    select * from {{ ref('kpi_values') }}
    where kpi_id = 'mf_station_fpy' and period_grain = 'week' and dimension = 'line+station'

),

paired as (

    select
        capability.characteristic,
        capability.machine_id,
        machines.line_id,
        machines.station_id,
        capability.period_start as week_start,
        capability.measured_pieces,
        capability.mean_value,
        capability.sigma_within,
        capability.cp,
        capability.cpk,
        station_fpy.value as station_fpy
    from capability
    inner join machines on capability.machine_id = machines.machine_id
    inner join station_fpy
        on
            {{ slice_member(['machines.line_id', 'machines.station_id']) }} = station_fpy.dimension_value
            and capability.period_start = station_fpy.period_start
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
