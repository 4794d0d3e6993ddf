{#
    Question    Which nodes hold the applications up? (The weekly round takes the three worst.)
    How to read One row per week in which visits ended, and node, ranked by the minutes under our own control: in the node and in the queue before it.
                `share_of_minutes` says how much of all such time the node takes, `minutes_over_sla` what would be gained if each visit kept
                its SLA, `visits_per_application` above 1 means rework. `is_bottleneck`: among the first three of the week, and below the
                target within SLA or with more than an even share of the minutes.
    What to do  Queued for: capacity, rosters, queue priorities. Over the SLA: the work itself. Within the SLA and still first: the SLA or the
                number of visits.
#}
{%- set top = 3 %}
with

visits as (

    select * from {{ ref('fct_node_visits') }}
    where left_at is not null and not is_duplicate

),

queues as (

    select * from {{ ref('fct_node_queues') }}

),

targets as (

    select max(target_value) as least_rate
    from {{ ref('kpi_targets') }}
    where kpi_id = 'cr_node_sla_rate' and dimension = 'node' and comparator = '>='

),

weeks as (

    select
        cast({{ start_of('week', 'visits.left_local_at') }} as date) as week_start,
        visits.node,
        visits.application_id,
        visits.visit_minutes,
        coalesce(visits.controllable_minutes, visits.visit_minutes) as node_minutes,
        coalesce(queues.controllable_minutes, queues.queue_minutes, 0) as queue_minutes,
        visits.sla_ms / 60000 as sla_minutes,
        visits.is_within_sla
    from visits
    left join queues on visits.event_id = queues.event_id

),

measured as (

    select
        week_start,
        node,
        count(*) as visits,
        count(distinct application_id) as applications,
        sum(node_minutes) as node_minutes,
        sum(queue_minutes) as queue_minutes,
        sum(node_minutes) + sum(queue_minutes) as own_minutes,
        avg(visit_minutes) as average_minutes,
        {{ percentile_cont('visit_minutes', 0.9) }} as p90_minutes,
        {{ safe_divide(count_where('is_within_sla'), 'count(is_within_sla)') }} as sla_rate,
        sum(greatest(visit_minutes - sla_minutes, 0)) as minutes_over_sla
    from weeks
    group by week_start, node

),

ranked as (

    select
        week_start,
        node,
        visits,
        applications,
        node_minutes,
        queue_minutes,
        own_minutes,
        average_minutes,
        p90_minutes,
        sla_rate,
        minutes_over_sla,
        {{ safe_divide('own_minutes', 'sum(own_minutes) over (partition by week_start)') }} as share_of_minutes,
        row_number() over (partition by week_start order by own_minutes desc, node) as place
    from measured

)

select
    ranked.week_start,
    ranked.place,
    lag(ranked.place) over (partition by ranked.node order by ranked.week_start) as previous_place,
    ranked.node,
    ranked.visits,
    {{ safe_divide('ranked.visits', 'ranked.applications') }} as visits_per_application,
    ranked.node_minutes,
    ranked.queue_minutes,
    ranked.own_minutes,
    ranked.share_of_minutes,
    ranked.average_minutes,
    ranked.p90_minutes,
    ranked.sla_rate,
    ranked.minutes_over_sla,
    ranked.place <= {{ top }}
    and (
        coalesce(ranked.sla_rate < targets.least_rate, false)
        or ranked.share_of_minutes * count(*) over (partition by ranked.week_start) > 1
    ) as is_bottleneck
from ranked
cross join targets
order by ranked.week_start, ranked.place
