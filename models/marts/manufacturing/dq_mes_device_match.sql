{#
    Time-window match of MES and device events: was the machine running around the completion that the MES reports?
    Passes and runs are put on one time axis per machine, so that no pass is joined with every run.
#}
with

passes as (

    select * from {{ ref('int_manufacturing__passes') }}

),

timeline as (

    select * from {{ ref('int_manufacturing__state_timeline') }}

),

rule as (

    select {{ manufacturing_parameter('mf_rule_event_match', 'match_window_seconds') }} as window_seconds

),

completions as (

    select
        operation_id,
        unit_id,
        line_id,
        station_id,
        machine_id,
        completed_at,
        {{ add_seconds('completed_at', 'rule.window_seconds') }} as window_ends_at,
        {{ add_seconds('completed_at', '-rule.window_seconds') }} as window_starts_at
    from passes
    cross join rule
    where completed_at is not null and machine_id is not null

),

observed as (

    select
        machine_id,
        min(starts_at) as observed_from_at
    from timeline
    group by machine_id

),

-- at one instant the start of a run comes before the window that ends there: both ends of a window are included
axis as (

    select
        machine_id,
        starts_at as axis_at,
        0 as turn,
        {{ typed_null('id') }} as operation_id,
        starts_at as run_starts_at,
        ends_at as run_ends_at
    from timeline
    where state = 'running'
    union all
    select
        machine_id,
        window_ends_at as axis_at,
        1 as turn,
        operation_id,
        {{ typed_null('ts') }} as run_starts_at,
        {{ typed_null('ts') }} as run_ends_at
    from completions

),

-- runs of a machine do not overlap: the last one begun is also the last to end
nearest as (

    select
        operation_id,
        {% for column in ['run_starts_at', 'run_ends_at'] -%}
        {{ last_value_ignore_nulls(column) }} over (
            partition by machine_id
            order by axis_at, turn, operation_id
            rows between unbounded preceding and current row
        ) as {{ column }}{{ "," if not loop.last }}
        {% endfor %}
    from axis

),

matched as (

    select
        completions.operation_id,
        completions.unit_id,
        completions.line_id,
        completions.station_id,
        completions.machine_id,
        completions.completed_at,
        nearest.run_starts_at,
        nearest.run_ends_at,
        case
            when observed.observed_from_at is null or completions.window_ends_at < observed.observed_from_at then 'not_observed'
            when nearest.run_ends_at >= completions.window_starts_at then 'matched'
            else 'not_running'
        end as outcome
    from completions
    left join nearest on completions.operation_id = nearest.operation_id
    left join observed on completions.machine_id = observed.machine_id

)

select
    {{ as_text('matched.operation_id') }} as operation_id,
    {{ as_text('matched.unit_id') }} as unit_id,
    {{ as_text('matched.line_id') }} as line_id,
    {{ as_text('matched.station_id') }} as station_id,
    {{ as_text('matched.machine_id') }} as machine_id,
    matched.completed_at,
    {{ place_columns('matched.completed_at') }},
    {{ as_text('matched.outcome') }} as outcome,
    matched.run_starts_at,
    matched.run_ends_at,
    cast(
        case when matched.outcome = 'not_running' then {{ seconds_between('matched.run_ends_at', 'matched.completed_at') }} end
        as {{ type_double() }}
    ) as seconds_since_run
from matched
{{ place_joins('matched.line_id', 'matched.completed_at') }}
