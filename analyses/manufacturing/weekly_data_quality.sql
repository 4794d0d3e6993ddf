/*
Question      How far can the figures of the week be believed? (The weekly report on data quality.)
How to read   Per week, line and check: what was checked, what failed, and the share that holds. device_match: MES completions while the
              machine ran (within the window of the dictionary); alarm_follow_up: alarms whose stop bears a reason and whose failure bears
              an order; reinspection: closed rework with a second inspection; in_routing: passes inside their routing and on a machine
              of that place.
What to do    A share that falls: clocks (NTP), bookings afterwards, or a station that reports for another. While data quality misses its
              targets KPIs steer improvement, not appraisal.
*/
with

matches as (

    select * from {{ ref('dq_mes_device_match') }}
    where outcome <> 'not_observed'

),

alarms as (

    select * from {{ ref('dq_device_alarms') }}

),

rework as (

    select * from {{ ref('dq_rework_reinspection') }}
    where outcome <> 'open'

),

off_routing as (

    select * from {{ ref('dq_off_routing_passes') }}

),

passes as (

    select * from {{ ref('int_manufacturing__passes') }}

),

placed_passes as (

    select
        passes.operation_id,
        passes.line_id,
        {{ place_columns('passes.entered_at') }}
    from passes
    {{ place_joins('passes.line_id', 'passes.entered_at') }}

),

checked as (

    select 'device_match' as check_name, line_id, production_date, outcome = 'matched' as holds
    from matches
    union all
    select 'alarm_follow_up' as check_name, line_id, production_date, not is_uncoded_stop and not is_failure_without_order as holds
    from alarms
    union all
    select 'reinspection' as check_name, line_id, production_date, outcome = 'reinspected' as holds
    from rework
    union all
    select 'in_routing' as check_name, placed_passes.line_id, placed_passes.production_date, off_routing.operation_id is null as holds
    from placed_passes
    left join off_routing on placed_passes.operation_id = off_routing.operation_id

)

select
    {{ start_of('week', 'cast(production_date as ' ~ type_ts() ~ ')') }} as week_start,
    line_id,
    check_name,
    count(*) as checked,
    {{ count_where('not holds') }} as failed,
    {{ safe_divide(count_where('holds'), 'count(*)') }} as share_that_holds
from checked
group by {{ start_of('week', 'cast(production_date as ' ~ type_ts() ~ ')') }}, line_id, check_name
order by week_start desc, check_name, line_id
