/*
Question      Which defects make the failed inspections of a station?
How to read   A Pareto per line and station over the newest closed month: `share` adds up to 1 per station, `cumulative_share` runs
              to 1 from the largest defect down. `unknown` is a failure without a defect code of the dictionary.
What to do    Open a CAPA for what lies below a cumulative share of 0.8; code the unknown before anything else if it leads.
*/
with

failed_inspections as (

    select * from {{ ref('int_manufacturing__failed_inspections') }}

),

newest_month as (

    select coalesce(max(period_start) filter (where is_final), max(period_start)) as month_start
    from {{ ref('kpi_values') }}
    where kpi_id = 'mf_station_fpy' and period_grain = 'month'

),

counted as (

    select
        newest_month.month_start,
        failed_inspections.line_id,
        failed_inspections.station_id,
        coalesce(failed_inspections.defect_category, 'unknown') as defect_category,
        coalesce(failed_inspections.defect_code, 'unknown') as defect_code,
        count(*) as failures,
        count(distinct failed_inspections.unit_id) as units
    from failed_inspections
    inner join newest_month
        on {{ start_of('month', 'cast(failed_inspections.production_date as ' ~ type_ts() ~ ')') }} = newest_month.month_start
    group by
        newest_month.month_start, failed_inspections.line_id, failed_inspections.station_id,
        coalesce(failed_inspections.defect_category, 'unknown'), coalesce(failed_inspections.defect_code, 'unknown')

)

select
    month_start,
    line_id,
    station_id,
    row_number() over (partition by line_id, station_id order by failures desc, defect_category, defect_code) as defect_rank,
    defect_category,
    defect_code,
    failures,
    units,
    {{ safe_divide('failures', 'sum(failures) over (partition by line_id, station_id)') }} as share,
    {{ safe_divide(
        'sum(failures) over (partition by line_id, station_id order by failures desc, defect_category, defect_code rows between unbounded preceding and current row)',
        'sum(failures) over (partition by line_id, station_id)'
    ) }} as cumulative_share
from counted
order by line_id, station_id, defect_rank
