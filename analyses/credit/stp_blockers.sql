{#
    Question    What keeps applications from going straight through, and what would the rate be without each obstacle?
    How to read One row per month of the decision, channel (and `all`) and obstacle. `blocked` counts every application that met the obstacle, `blocked_only`
                those that met no other one; `rate_without` is the straight-through rate if these went through. `approved_share` says how
                many of these were approved in the end, `low_risk_share` how many had an expected PD no higher than the median of the applications
                approved straight through. `first_node` is where a person most often came in first.
    What to do  A human obstacle with a high share approved: thresholds too tight, good customers are stopped; try low-risk direct approval with
                documents after. A supplement: completeness at submission. Several decisions: find who reopens.
#}
with

applications as (

    select * from {{ ref('fct_applications') }}
    where decided_at is not null and not is_duplicate

),

events as (

    select * from {{ ref('int_credit__events') }}

),

scores as (

    select * from {{ ref('int_credit__banded_scores') }}
    where not is_development_sample

),

parameters as (

    select cast(max(value) as int) as final_decisions
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'cr_stp_rate' and parameter = 'final_decisions'

),

newest_scores as (

    select application_id, {{ arg_max('expected_pd', ['scored_at', 'model_version']) }} as expected_pd
    from scores
    group by application_id

),

first_humans as (

    select application_id, {{ arg_min('node', ['event_at', 'event_id']) }} as node
    from events
    where actor = 'human' and node is not null
    group by application_id

),

obstacles as (

    select
        applications.application_id,
        {{ month_start('applications.decided_local_at') }} as month_start,
        coalesce(applications.channel, 'unknown') as channel,
        applications.outcome = 'approved' as is_approved,
        newest_scores.expected_pd,
        first_humans.node as first_node,
        {{ bool_to_int('applications.has_human_actor') }} as human_actor,
        {{ bool_to_int('applications.has_supplement_request') }} as supplement_request,
        {{ bool_to_int('applications.decision_count <> parameters.final_decisions') }} as several_decisions
    from applications
    cross join parameters
    left join newest_scores on applications.application_id = newest_scores.application_id
    left join first_humans on applications.application_id = first_humans.application_id

),

safe_pd as (

    select {{ percentile_cont('expected_pd', 0.5) }} as expected_pd
    from obstacles
    where human_actor + supplement_request + several_decisions = 0 and is_approved

),

members as (

    select
        'all' as channel_member,
        application_id, month_start, is_approved, expected_pd, first_node,
        human_actor, supplement_request, several_decisions
    from obstacles
    union all
    select
        channel as channel_member,
        application_id, month_start, is_approved, expected_pd, first_node,
        human_actor, supplement_request, several_decisions
    from obstacles

),

totals as (

    select
        month_start,
        channel_member,
        count(*) as decisions,
        {{ count_where('human_actor + supplement_request + several_decisions = 0') }} as straight_through
    from members
    group by month_start, channel_member

),

blocked as (

    {% for obstacle in ['human_actor', 'supplement_request', 'several_decisions'] -%}
    select
        month_start,
        channel_member,
        '{{ obstacle }}' as obstacle,
        human_actor + supplement_request + several_decisions = 1 as is_only,
        is_approved,
        expected_pd,
        first_node
    from members
    where {{ obstacle }} = 1
    {{ "union all" if not loop.last }}
    {% endfor %}
),

nodes as (

    select month_start, channel_member, obstacle, first_node, count(*) as applications
    from blocked
    where first_node is not null and obstacle = 'human_actor'
    group by month_start, channel_member, obstacle, first_node

),

main_nodes as (

    select
        month_start, channel_member, obstacle, {{ arg_max('first_node', ['applications', 'first_node']) }} as first_node
    from nodes
    group by month_start, channel_member, obstacle

),

measured as (

    select
        blocked.month_start,
        blocked.channel_member,
        blocked.obstacle,
        count(*) as blocked,
        {{ count_where('blocked.is_only') }} as blocked_only,
        {{ count_where('blocked.is_only and blocked.is_approved') }} as approved_only,
        {{ count_where('blocked.is_only and blocked.expected_pd <= safe_pd.expected_pd') }} as low_risk_only
    from blocked
    cross join safe_pd
    group by blocked.month_start, blocked.channel_member, blocked.obstacle

)

select
    measured.month_start,
    measured.channel_member as channel,
    measured.obstacle,
    totals.decisions,
    {{ safe_divide('totals.straight_through', 'totals.decisions') }} as stp_rate,
    measured.blocked,
    measured.blocked_only,
    {{ safe_divide('totals.straight_through + measured.blocked_only', 'totals.decisions') }} as rate_without,
    {{ safe_divide('measured.approved_only', 'measured.blocked_only') }} as approved_share,
    {{ safe_divide('measured.low_risk_only', 'measured.blocked_only') }} as low_risk_share,
    main_nodes.first_node
from measured
inner join totals
    on measured.month_start = totals.month_start and measured.channel_member = totals.channel_member
left join main_nodes
    on measured.month_start = main_nodes.month_start
    and measured.channel_member = main_nodes.channel_member
    and measured.obstacle = main_nodes.obstacle
order by measured.month_start, measured.channel_member, measured.blocked_only desc, measured.obstacle
