/*
Question      FPY fell (or lags): at which station are the first passes lost?
How to read   The newest closed month beside the month before, per line and station. `lost_units` failed their first pass there;
              `share_of_lost` is the part of all of them (1 over all rows); `change` is in fractions (0.01 = one point).
What to do    Take the rows from the top until half of the loss is covered, then ask fpy_2_which_defect for these stations.
*/
with

kpi_values as (

    select * from {{ ref('kpi_values') }}
    where kpi_id = 'mf_station_fpy' and period_grain = 'month'

),

newest_month as (

    select coalesce(max(period_start) filter (where is_final), max(period_start)) as month_start
    from kpi_values

),

stations as (

    select
        kpi_values.version,
        kpi_values.period_start,
        kpi_values.dimension_value as line_and_station,
        kpi_values.denominator as entered_units,
        kpi_values.denominator - kpi_values.numerator as lost_units,
        kpi_values.value as station_fpy,
        lag(kpi_values.value) over (partition by kpi_values.version, kpi_values.dimension_value order by kpi_values.period_start) as fpy_of_month_before,
        lag(kpi_values.period_start) over (partition by kpi_values.version, kpi_values.dimension_value order by kpi_values.period_start) as month_before
    from kpi_values
    where kpi_values.dimension = 'line+station'

)

select
    stations.period_start as month_start,
    stations.line_and_station,
    stations.entered_units,
    stations.lost_units,
    {{ safe_divide('stations.lost_units', 'sum(stations.lost_units) over ()') }} as share_of_lost,
    stations.station_fpy,
    stations.month_before,
    stations.fpy_of_month_before,
    stations.station_fpy - stations.fpy_of_month_before as change
from stations
inner join newest_month on stations.period_start = newest_month.month_start
order by lost_units desc, line_and_station
