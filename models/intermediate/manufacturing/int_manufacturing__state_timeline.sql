{#
    An event-boundary sweep: the covering rows are cut at UTC midnights, every start and end is a boundary, and
    between two boundaries the strongest covering row wins. Nothing is spread over seconds.
#}
with

machine_states as (

    select * from {{ ref('stg_manufacturing__machine_states') }}

),

changeovers as (

    select * from {{ ref('int_manufacturing__changeovers') }}

),

reasons as (

    select * from {{ ref('stg_manufacturing__downtime_reasons') }}

),

horizon as (

    select * from {{ ref('int_manufacturing__as_of') }}

),

observed as (

    select
        machine_states.machine_id,
        min(machine_states.started_at) as observed_from_at
    from machine_states
    where machine_states.state <> 'unknown'
    group by machine_states.machine_id

),

covering as (

    select
        machine_states.machine_id,
        case when machine_states.state = 'changeover' then 'stopped' else machine_states.state end as state,
        case machine_states.state when 'running' then 1 when 'planned_stop' then 3 else 2 end as strength,
        machine_states.reason_code,
        {{ bool_to_int('machine_states.reason_code is not null') }} as is_coded,
        machine_states.started_at,
        coalesce(machine_states.ended_at, horizon.as_of_utc) as ended_at,
        machine_states.state_id as record_id
    from machine_states
    cross join horizon
    where machine_states.state <> 'unknown'
    union all
    select
        machine_id,
        'changeover' as state,
        4 as strength,
        {{ typed_null('text') }} as reason_code,
        0 as is_coded,
        starts_at as started_at,
        until_at as ended_at,
        changeover_id as record_id
    from changeovers

),

clipped as (

    select
        covering.machine_id,
        covering.state,
        covering.strength,
        covering.reason_code,
        covering.is_coded,
        covering.started_at,
        covering.record_id,
        {{ greatest_of(['covering.started_at', 'observed.observed_from_at']) }} as covers_from_at,
        covering.ended_at as covers_until_at
    from covering
    inner join observed on covering.machine_id = observed.machine_id
    where covering.started_at < covering.ended_at and covering.ended_at > observed.observed_from_at

),

pieces as (

    select
        clipped.machine_id,
        clipped.state,
        clipped.strength,
        clipped.reason_code,
        clipped.is_coded,
        clipped.started_at,
        clipped.record_id,
        dates.utc_date,
        {{ greatest_of(['clipped.covers_from_at', 'cast(dates.utc_date as ' ~ type_ts() ~ ')']) }} as starts_at,
        {{ least_of(['clipped.covers_until_at', 'cast(' ~ add_days('dates.utc_date', 1) ~ ' as ' ~ type_ts() ~ ')']) }} as ends_at
    from clipped
    cross join lateral {{ date_series(date_of('clipped.covers_from_at'), date_of('clipped.covers_until_at'), 'utc_date') }} as dates

),

midnights as (

    select
        observed.machine_id,
        cast(dates.utc_date as {{ type_ts() }}) as boundary_at
    from observed
    cross join horizon
    cross join lateral {{ date_series(add_days(date_of('observed.observed_from_at'), 1), date_of('horizon.as_of_utc'), 'utc_date') }} as dates

),

boundaries as (

    select machine_id, starts_at as boundary_at from pieces
    union
    select machine_id, ends_at as boundary_at from pieces
    union
    select machine_id, boundary_at from midnights
    union
    select machine_id, observed_from_at as boundary_at from observed
    union
    select observed.machine_id, horizon.as_of_utc as boundary_at from observed cross join horizon

),

segments as (

    select
        machine_id,
        boundary_at as starts_at,
        lead(boundary_at) over (partition by machine_id order by boundary_at) as ends_at
    from boundaries

),

won as (

    select
        segments.machine_id,
        segments.starts_at,
        segments.ends_at,
        {{ arg_max('pieces.state', ['pieces.strength', 'pieces.is_coded', 'pieces.started_at', 'pieces.record_id'], where='pieces.strength is not null') }} as state,
        {{ arg_max('pieces.reason_code', ['pieces.strength', 'pieces.is_coded', 'pieces.started_at', 'pieces.record_id'], where='pieces.strength is not null') }} as reason_code
    from segments
    left join pieces
        on
            segments.machine_id = pieces.machine_id
            and {{ date_of('segments.starts_at') }} = pieces.utc_date
            and segments.starts_at >= pieces.starts_at
            and segments.starts_at < pieces.ends_at
    where segments.ends_at is not null
    group by segments.machine_id, segments.starts_at, segments.ends_at

)

select
    won.machine_id,
    won.starts_at,
    won.ends_at,
    coalesce(won.state, 'unrecorded') as state,
    coalesce(won.state, 'unrecorded') in ('stopped', 'planned_stop', 'unrecorded') as is_stop,
    won.reason_code,
    coalesce(reasons.level1, 'unknown') as reason_level1,
    reasons.reason_code is not null as has_standard_code
from won
left join reasons on won.reason_code = reasons.reason_code
