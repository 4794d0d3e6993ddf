/*
Question      How good is production in the first hour after a changeover, against the time after it?
How to read   Completed passes per line and station by the time since the last changeover of their machine ended (first good piece): the
              quarters of the watched hour (dictionary: mf_first_article_pass_rate), `later`, or no changeover so far.
              `good_rate` counts as the Q of OEE does; `gap_to_later` is the difference to the passes after the watched hour.
What to do    A first quarter of an hour far under the rest: parameters and tools are not right when the line is handed over: release by
              first article only. A gap over the whole hour: warm-up, or material of the new model.
*/
with

passes as (

    select * from {{ ref('int_manufacturing__passes') }}
    where completed_at is not null and machine_id is not null

),

changeovers as (

    select * from {{ ref('int_manufacturing__changeovers') }}
    where first_good_at is not null

),

station_faults as (

    select * from {{ ref('int_manufacturing__station_faults') }}

),

-- completions and ends of changeovers of a machine on one time axis
axis as (

    select machine_id, first_good_at as axis_at, 0 as turn, first_good_at, {{ typed_null('id') }} as operation_id
    from changeovers
    union all
    select machine_id, completed_at as axis_at, 1 as turn, {{ typed_null('ts') }} as first_good_at, operation_id
    from passes

),

since as (

    select
        operation_id,
        {{ last_value_ignore_nulls('first_good_at') }} over (
            partition by machine_id
            order by axis_at, turn, operation_id
            rows between unbounded preceding and current row
        ) as changed_at
    from axis

),

rule as (

    select {{ manufacturing_parameter('mf_first_article_pass_rate', 'watch_minutes_after_changeover') }} as watched_minutes

),

judged as (

    select
        passes.line_id,
        passes.station_id,
        case
            when since.changed_at is null then 'no_changeover'
            when {{ minutes_between('since.changed_at', 'passes.completed_at') }} >= rule.watched_minutes then 'later'
            else 'quarter_' || {{ as_text("cast(1 + floor(4 * " ~ minutes_between('since.changed_at', 'passes.completed_at') ~ " / rule.watched_minutes) as int)") }}
        end as time_since_changeover,
        passes.is_first_at_machine and not coalesce(passes.is_rework, false) and station_faults.unit_id is null as is_good
    from passes
    cross join rule
    inner join since on passes.operation_id = since.operation_id
    left join station_faults on passes.unit_id = station_faults.unit_id and passes.station_id = station_faults.station_id

),

counted as (

    select
        line_id,
        station_id,
        time_since_changeover,
        count(*) as completed_passes,
        {{ count_where('is_good') }} as good_passes
    from judged
    group by line_id, station_id, time_since_changeover

)

select
    line_id,
    station_id,
    time_since_changeover,
    completed_passes,
    good_passes,
    {{ safe_divide('good_passes', 'completed_passes') }} as good_rate,
    {{ safe_divide('good_passes', 'completed_passes') }} - {{ safe_divide(
        "max(case when time_since_changeover = 'later' then good_passes end) over (partition by line_id, station_id)",
        "max(case when time_since_changeover = 'later' then completed_passes end) over (partition by line_id, station_id)"
    ) }} as gap_to_later
from counted
order by line_id, station_id, time_since_changeover
