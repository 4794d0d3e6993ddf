/*
Question      Are the failures of a station a matter of the batch (work order, its material) or of the tooling (machine)?
How to read   Per line and station of the newest closed month, each factor by itself. `dispersion` is Pearson's chi-square over its
              degrees of freedom of failures by member against the station's own rate: about 1 is chance, well above 1 means that the
              members differ. The worst member is the one with most failures above what its entries let expect.
What to do    work_order leads: incoming material and the supplier's batch; machine leads: tool and fixture maintenance; shift_name
              leads: training and hand-over; product_family leads: design and parameters. With small `expected` counts look at the rows
              before the number.
*/
with

passes as (

    select * from {{ ref('int_manufacturing__passes') }}
    where is_first_at_station

),

station_entries as (

    select * from {{ ref('int_manufacturing__station_entries') }}

),

newest_month as (

    select coalesce(max(period_start) filter (where is_final), max(period_start)) as month_start
    from {{ ref('kpi_values') }}
    where kpi_id = 'mf_station_fpy' and period_grain = 'month'

),

entries as (

    select
        newest_month.month_start,
        station_entries.line_id,
        station_entries.station_id,
        passes.work_order_id,
        coalesce(passes.machine_id, 'unknown') as machine_id,
        station_entries.shift_name,
        station_entries.product_family,
        case when station_entries.is_first_pass then 0 else 1 end as is_failure
    from station_entries
    inner join passes on station_entries.unit_id = passes.unit_id and station_entries.station_id = passes.station_id
    inner join newest_month
        on {{ start_of('month', 'cast(station_entries.production_date as ' ~ type_ts() ~ ')') }} = newest_month.month_start

),

members as (

    {% for factor, column in [('work_order', 'work_order_id'), ('machine', 'machine_id'), ('shift_name', 'shift_name'), ('product_family', 'product_family')] -%}
    select
        month_start, line_id, station_id,
        '{{ factor }}' as factor,
        {{ column }} as member,
        count(*) as entries,
        sum(is_failure) as failures
    from entries
    group by month_start, line_id, station_id, {{ column }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

compared as (

    select
        members.*,
        sum(failures) over (partition by line_id, station_id, factor) as station_failures,
        {{ safe_divide('sum(failures) over (partition by line_id, station_id, factor)', 'sum(entries) over (partition by line_id, station_id, factor)') }} as station_rate
    from members

),

measured as (

    select
        compared.*,
        entries * station_rate as expected,
        failures - entries * station_rate as excess,
        {{ safe_divide('(failures - entries * station_rate) * (failures - entries * station_rate)', 'entries * station_rate * (1 - station_rate)') }} as distance
    from compared

)

select
    month_start,
    line_id,
    station_id,
    factor,
    count(*) as members,
    sum(entries) as entries,
    sum(failures) as failures,
    {{ safe_divide('sum(distance)', 'count(*) - 1') }} as dispersion,
    {{ arg_max('member', ['excess', 'member']) }} as worst_member,
    {{ arg_max('failures', ['excess', 'member']) }} as worst_failures,
    {{ arg_max('expected', ['excess', 'member']) }} as worst_expected
from measured
where station_failures > 0
group by month_start, line_id, station_id, factor
order by line_id, station_id, dispersion desc nulls last, factor
