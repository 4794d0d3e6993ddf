{#
    Stock intervals (a CTE of int_ecommerce__stock_intervals) cut at the midnights of the business, as a select: one row per interval and
    date, with the minutes for which it held and the moment from which it did. Intervals that hold for nothing have none.
#}
{% macro stock_by_day(intervals) -%}
{%- set zone = "'" ~ var('business_timezone') ~ "'" -%}
{%- set day_from = kpi_warehouse.to_utc('cast(days.date_day as ' ~ kpi_warehouse.type_ts() ~ ')', zone) -%}
{%- set day_to = kpi_warehouse.to_utc(kpi_warehouse.add_days('cast(days.date_day as ' ~ kpi_warehouse.type_ts() ~ ')', 1, 'ts'), zone) -%}
{%- set piece_from = kpi_warehouse.greatest_of(['held.held_from', day_from]) -%}
select
    held.sku_id,
    held.category_id,
    held.is_in_stock,
    cast(days.date_day as date) as stock_date,
    {{ piece_from }} as piece_from,
    {{ kpi_warehouse.minutes_between(piece_from, kpi_warehouse.least_of(['held.held_to', day_to])) }} as minutes
from {{ intervals }} as held
cross join lateral {{ kpi_warehouse.date_series(
    kpi_warehouse.date_of(kpi_warehouse.to_local('held.held_from', zone)), kpi_warehouse.date_of(kpi_warehouse.to_local('held.held_to', zone))
) }} as days
where held.held_from < held.held_to and held.held_to > {{ day_from }}
{%- endmacro %}
