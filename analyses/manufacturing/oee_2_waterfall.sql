/*
Question      Where does the time of the shifts go, from the calendar down to good pieces?
How to read   Newest closed month, version 1, per line and `all`. Levels (shift, planned production, run, net run, good) are what is
              left; losses lie between them, so that each level less its losses is the next level. `unrated` is run time of machine-shifts
              without an ideal cycle, `unjudged` net run time of machine-shifts without a completed pass. A negative reduced_speed means
              that machines beat their ideal cycle: check the standard.
What to do    The tallest loss below planned production goes first (oee_3_largest_loss names station and cause). Unrated or unjudged
              time is a gap in the standards or the MES: close it before the rest is believed.
*/
{%- set steps = [
    ('shift', 'level', 'shift_seconds'),
    ('breaks', 'loss', 'break_seconds'),
    ('planned_changeover', 'loss', 'planned_changeover_seconds'),
    ('planned_production', 'level', 'ppt_seconds'),
    ('unplanned_downtime', 'loss', 'downtime_seconds_v1'),
    ('run', 'level', 'run_seconds_v1'),
    ('unrated', 'loss', 'case when net_run_seconds is null then run_seconds_v1 else 0 end'),
    ('microstops', 'loss', 'case when net_run_seconds is null then 0 else microstop_seconds end'),
    ('changeover_overrun', 'loss', 'case when net_run_seconds is null then 0 else overrun_seconds end'),
    ('reduced_speed', 'loss', 'case when net_run_seconds is null then 0 else speed_loss_seconds_v1 - microstop_seconds - overrun_seconds end'),
    ('net_run', 'level', 'coalesce(net_run_seconds, 0)'),
    ('unjudged', 'loss', 'case when quality is null then coalesce(net_run_seconds, 0) else 0 end'),
    ('bad_pieces', 'loss', 'coalesce(quality_loss_seconds, 0)'),
    ('good', 'level', 'coalesce(good_seconds, 0)'),
] %}
with

machine_shifts as (

    select * from {{ ref('fct_oee') }}

),

newest_month as (

    select coalesce(max(period_start) filter (where is_final), max(period_start)) as month_start
    from {{ ref('kpi_values') }}
    where kpi_id = 'mf_oee' and period_grain = 'month'

),

of_month as (

    select
        machine_shifts.*,
        newest_month.month_start
    from machine_shifts
    inner join newest_month
        on {{ start_of('month', 'cast(machine_shifts.production_date as ' ~ type_ts() ~ ')') }} = newest_month.month_start

),

steps as (

    {% for step, kind, seconds in steps -%}
    select month_start, line_id, {{ loop.index }} as step_no, '{{ step }}' as step, '{{ kind }}' as kind, sum({{ seconds }}) as seconds
    from of_month
    group by month_start, line_id
    {{ "union all" if not loop.last }}
    {% endfor %}

),

sliced as (

    select month_start, line_id as line, step_no, step, kind, seconds
    from steps
    union all
    select month_start, 'all' as line, step_no, step, kind, sum(seconds) as seconds
    from steps
    group by month_start, step_no, step, kind

)

select
    month_start,
    line,
    step_no,
    step,
    kind,
    seconds,
    seconds / 3600.0 as hours,
    {{ safe_divide('seconds', "max(case when step = 'shift' then seconds end) over (partition by line)") }} as share_of_shift,
    {{ safe_divide('seconds', "max(case when step = 'planned_production' then seconds end) over (partition by line)") }} as share_of_planned_production
from sliced
order by line, step_no
