/*
Question      Is each station on its curve of + 0.5 to + 1 point of first pass yield a month?
How to read   From the station's value in the month before the programme, the lower and the upper curve rise each month by the gains of
              the dictionary (mf_rule_station_curve), at most to 1. `place` is under the lower curve, between, or above the upper one;
              months still open carry is_final = false. A station without a value in the month before has no curve. `has_reached_goal`
              says that it is where the last stage of the programme wants it already (kpi_targets: 98 %).
What to do    Two months under the lower curve: a Kaizen of its own for the station. Above the upper curve: copy what it does. Under the
              curve with the goal reached: hold it, the effort belongs elsewhere.
*/
with

station_fpy as (

    select * from {{ ref('kpi_values') }}
    where kpi_id = 'mf_station_fpy' and period_grain = 'month' and dimension = 'line+station'

),

programme as (

    select
        {{ date_literal(var('programme_start')) }} as starts_on,
        {{ manufacturing_parameter('mf_rule_station_curve', 'monthly_gain_low') }} as gain_low,
        {{ manufacturing_parameter('mf_rule_station_curve', 'monthly_gain_high') }} as gain_high

),

goal as (

    select max(target_value) as goal_fpy
    from {{ ref('kpi_targets') }}
    where kpi_id = 'mf_station_fpy' and period_grain = 'month' and dimension = 'station'

),

baselines as (

    select
        station_fpy.version,
        station_fpy.dimension_value,
        station_fpy.value as baseline_fpy
    from station_fpy
    cross join programme
    where cast(station_fpy.period_end as date) = programme.starts_on

),

curved as (

    select
        station_fpy.dimension_value as line_and_station,
        station_fpy.period_start as month_start,
        1 + {{ months_between_dates('programme.starts_on', 'cast(station_fpy.period_start as date)') }} as programme_month,
        station_fpy.denominator as entered_units,
        baselines.baseline_fpy,
        station_fpy.value as station_fpy,
        station_fpy.is_final,
        programme.gain_low,
        programme.gain_high
    from station_fpy
    cross join programme
    left join baselines
        on station_fpy.version = baselines.version and station_fpy.dimension_value = baselines.dimension_value
    where cast(station_fpy.period_start as date) >= programme.starts_on

),

bounded as (

    select
        line_and_station,
        month_start,
        programme_month,
        entered_units,
        baseline_fpy,
        station_fpy,
        is_final,
        case when baseline_fpy is not null then {{ least_of(['1.0', 'baseline_fpy + programme_month * gain_low']) }} end as lower_curve,
        case when baseline_fpy is not null then {{ least_of(['1.0', 'baseline_fpy + programme_month * gain_high']) }} end as upper_curve
    from curved

)

select
    bounded.*,
    case
        when station_fpy is null or baseline_fpy is null then 'unknown'
        when station_fpy < lower_curve then 'under'
        when station_fpy > upper_curve then 'above'
        else 'between'
    end as place,
    bounded.station_fpy >= goal.goal_fpy as has_reached_goal
from bounded
cross join goal
order by line_and_station, month_start
