{#
    Question    How much of the turnaround is waiting outside our control, and for whom?
    How to read One row per month of the decision, channel (and `all`) and cause: `supplement` (the customer), `third_party <node>` (who is asked from
                there) and `any`, the union: causes may overlap, so they add up to `any` or more. `share_of_turnaround` of `any` is one minus the
                controllable share; the target is at least 70 % controllable, at most 30 % external. `unanswered` requests ran to the decision.
    What to do  supplement: guidance, OCR, forms. third_party with a high P90 or unanswered requests: a second supplier, a timeout with a
                degraded path, an SLA with the partner.
#}
with

events as (

    select * from {{ ref('int_credit__events') }}
    where event_name in ('third_party_request', 'third_party_response')

),

cycles as (

    select * from {{ ref('int_credit__supplement_cycles') }}

),

unions as (

    select * from {{ ref('int_credit__waits') }}

),

applications as (

    select * from {{ ref('fct_applications') }}
    where decided_at is not null and not is_duplicate

),

targets as (

    select 1 - max(target_value) as most_external
    from {{ ref('kpi_targets') }}
    where kpi_id = 'cr_controllable_time_ratio' and comparator = '>='

),

third_party_pairs as (

    select
        application_id,
        event_name,
        coalesce(node, 'unknown') as node,
        event_at as started_at,
        min(case when event_name = 'third_party_response' then event_at end) over (
            partition by application_id, node
            order by event_at
            range between current row and unbounded following
        ) as ended_at
    from events

),

waits as (

    select application_id, 'supplement' as cause, requested_at as started_at, completed_at as ended_at
    from cycles
    union all
    select application_id, 'third_party ' || node as cause, started_at, ended_at
    from third_party_pairs
    where event_name = 'third_party_request'
    union all
    select application_id, 'any' as cause, started_at, ended_at
    from unions

),

clipped as (

    select
        waits.application_id,
        waits.cause,
        waits.ended_at is null or waits.ended_at > applications.decided_at as is_unanswered,
        {{ greatest_of(['waits.started_at', 'applications.submitted_at']) }} as started_at,
        {{ least_of(['waits.ended_at', 'applications.decided_at']) }} as ended_at
    from waits
    inner join applications on waits.application_id = applications.application_id

),

marked as (           -- waits for one cause that overlap count once

    select
        application_id,
        cause,
        is_unanswered,
        started_at,
        ended_at,
        max(ended_at) over (
            partition by application_id, cause
            order by started_at, ended_at
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from clipped
    where started_at < ended_at

),

waited as (

    select
        application_id,
        cause,
        is_unanswered,
        {{ minutes_between('started_at', 'ended_at') }} as wait_minutes,
        case
            when covered_until is null or covered_until <= started_at then {{ minutes_between('started_at', 'ended_at') }}
            when covered_until < ended_at then {{ minutes_between('covered_until', 'ended_at') }}
            else 0
        end as added_minutes
    from marked

),

members as (

    select
        application_id,
        {{ month_start('decided_local_at') }} as month_start,
        'all' as channel,
        turnaround_minutes
    from applications
    union all
    select
        application_id,
        {{ month_start('decided_local_at') }} as month_start,
        coalesce(channel, 'unknown') as channel,
        turnaround_minutes
    from applications

),

totals as (

    select month_start, channel, count(*) as decisions, sum(turnaround_minutes) as turnaround_minutes
    from members
    group by month_start, channel

),

measured as (

    select
        members.month_start,
        members.channel,
        waited.cause,
        count(distinct waited.application_id) as applications,
        count(*) as waits,
        {{ count_where('waited.is_unanswered') }} as unanswered,
        sum(waited.added_minutes) as waiting_minutes,
        {{ percentile_cont('waited.wait_minutes', 0.9) }} as p90_minutes
    from waited
    inner join members on waited.application_id = members.application_id
    group by members.month_start, members.channel, waited.cause

)

select
    measured.month_start,
    measured.channel,
    measured.cause,
    totals.decisions,
    {{ safe_divide('measured.applications', 'totals.decisions') }} as share_of_applications,
    measured.waits,
    measured.unanswered,
    measured.waiting_minutes,
    measured.p90_minutes,
    {{ safe_divide('measured.waiting_minutes', 'totals.turnaround_minutes') }} as share_of_turnaround,
    case
        when measured.cause = 'any'
            then {{ safe_divide('measured.waiting_minutes', 'totals.turnaround_minutes') }} > targets.most_external
    end as is_over_target
from measured
inner join totals on measured.month_start = totals.month_start and measured.channel = totals.channel
cross join targets
order by measured.month_start, measured.channel, measured.waiting_minutes desc, measured.cause
