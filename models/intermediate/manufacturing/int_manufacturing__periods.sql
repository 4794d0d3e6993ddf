{%- set grains = ['day', 'week', 'month'] -%}
with

horizon as (

    select * from {{ ref('int_manufacturing__as_of') }}

),

lines as (

    select * from {{ ref('int_manufacturing__lines') }}

),

shifts as (

    select * from {{ ref('int_manufacturing__shifts') }}

),

happenings as (

    select * from {{ ref('stg_manufacturing__happenings') }}

),

happening_dates as (

    select distinct {{ date_of('happened_at') }} as utc_date
    from happenings

),

line_dates as (

    -- the local date of a moment is its UTC date or a neighbour
    select
        lines.line_id,
        {{ add_days('happening_dates.utc_date', 'shifted.n') }} as production_date
    from happening_dates
    cross join lines
    cross join {{ int_series(-1, 1) }} as shifted
    union
    select
        line_id,
        production_date
    from shifts

),

calendar_periods as (

    {% for grain in grains -%}
    select distinct
        line_id,
        '{{ grain }}' as period_grain,
        {{ start_of(grain, 'cast(production_date as ' ~ type_ts() ~ ')') }} as period_start
    from line_dates
    {{ "union all" if not loop.last }}
    {% endfor %}

),

last_shifts as (

    {% for grain in grains -%}
    select
        line_id,
        '{{ grain }}' as period_grain,
        {{ start_of(grain, 'cast(production_date as ' ~ type_ts() ~ ')') }} as period_start,
        max(ends_at) as last_shift_ends_at
    from shifts
    group by line_id, {{ start_of(grain, 'cast(production_date as ' ~ type_ts() ~ ')') }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

calendar_ends as (

    select
        calendar_periods.line_id,
        calendar_periods.period_grain,
        calendar_periods.period_start,
        {{ period_end('calendar_periods.period_grain', 'calendar_periods.period_start') }} as period_end,
        lines.time_zone,
        last_shifts.last_shift_ends_at
    from calendar_periods
    inner join lines on calendar_periods.line_id = lines.line_id
    left join last_shifts
        on
            calendar_periods.line_id = last_shifts.line_id
            and calendar_periods.period_grain = last_shifts.period_grain
            and calendar_periods.period_start = last_shifts.period_start

),

every_period as (

    select
        line_id,
        period_grain,
        period_start,
        period_end,
        {{ greatest_of([to_utc('period_end', 'time_zone'), 'coalesce(last_shift_ends_at, ' ~ to_utc('period_end', 'time_zone') ~ ')']) }} as closes_at
    from calendar_ends
    union all
    select
        line_id,
        'shift' as period_grain,
        starts_local_at as period_start,
        max(ends_local_at) as period_end,
        max(ends_at) as closes_at
    from shifts
    where has_started
    group by line_id, starts_local_at

)

select
    every_period.line_id,
    every_period.period_grain,
    every_period.period_start,
    every_period.period_end,
    every_period.closes_at,
    coalesce(every_period.closes_at <= horizon.as_of_utc, false) as is_closed
from every_period
cross join horizon
