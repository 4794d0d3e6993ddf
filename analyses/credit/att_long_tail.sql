{#
    Question    Does the average turnaround fall while the P90 stays high, and where does the long tail sit?
    How to read One row per month, dimension and member. `is_long_tail`: the average fell on the month before (or meets its target) while the P90
                misses its target of the month. `tail_ratio` is P90 over P50. The columns `tail_…` describe the decisions above the P90: the share of
                their time in waiting for the customer and for third parties, in the queues before the nodes and in the nodes. `main_place` is
                the single place that took most of it, `main_place_share` how much.
    What to do  supplement: check documents before submission. third_party: call in parallel, degrade after a timeout. A queue or a node:
                priorities and rosters there. Read it with supplement_reasons, external_waits and bottleneck_nodes.
#}
with

kpi_values as (

    select * from {{ ref('kpi_values') }}
    where period_grain = 'month' and kpi_id in ('cr_att_avg_minutes', 'cr_att_p50_minutes', 'cr_att_p90_minutes')

),

scorecard as (

    select * from {{ ref('kpi_scorecard') }}
    where period_grain = 'month' and kpi_id in ('cr_att_avg_minutes', 'cr_att_p90_minutes') and dimension = 'all'

),

applications as (

    select * from {{ ref('fct_applications') }}
    where decided_at is not null and not is_duplicate

),

visits as (

    select * from {{ ref('fct_node_visits') }}

),

queues as (

    select * from {{ ref('fct_node_queues') }}

),

cycles as (

    select * from {{ ref('int_credit__supplement_cycles') }}

),

measured as (

    select
        cast(period_start as date) as month_start,
        dimension,
        dimension_value,
        max(case when kpi_id = 'cr_att_avg_minutes' then value end) as average_minutes,
        max(case when kpi_id = 'cr_att_p50_minutes' then value end) as p50_minutes,
        max(case when kpi_id = 'cr_att_p90_minutes' then value end) as p90_minutes,
        max(case when kpi_id = 'cr_att_p90_minutes' then sample_size end) as decisions
    from kpi_values
    where dimension in ('all', 'channel', 'customer_type', 'product_line')
    group by cast(period_start as date), dimension, dimension_value

),

targets as (

    select
        cast(period_start as date) as month_start,
        max(case when kpi_id = 'cr_att_avg_minutes' then target_value end) as average_target,
        max(case when kpi_id = 'cr_att_p90_minutes' then target_value end) as p90_target
    from scorecard
    group by cast(period_start as date)

),

compared as (

    select
        measured.month_start,
        measured.dimension,
        measured.dimension_value,
        measured.decisions,
        measured.average_minutes,
        measured.p50_minutes,
        measured.p90_minutes,
        measured.average_minutes - lag(measured.average_minutes) over (
            partition by measured.dimension, measured.dimension_value
            order by measured.month_start
        ) as average_change,
        measured.p90_minutes - lag(measured.p90_minutes) over (
            partition by measured.dimension, measured.dimension_value
            order by measured.month_start
        ) as p90_change,
        targets.average_target,
        targets.p90_target
    from measured
    left join targets on measured.month_start = targets.month_start

),

members as (

    {% for dimension in ['all', 'channel', 'customer_type', 'product_line'] -%}
    select
        application_id,
        {{ month_start('decided_local_at') }} as month_start,
        '{{ dimension }}' as dimension,
        {% if dimension == 'all' %}'all'{% else %}coalesce({{ dimension }}, 'unknown'){% endif %} as dimension_value,
        turnaround_minutes,
        waiting_minutes
    from applications
    {{ "union all" if not loop.last }}
    {% endfor %}
),

tail as (

    select
        members.application_id,
        members.month_start,
        members.dimension,
        members.dimension_value,
        members.turnaround_minutes,
        members.waiting_minutes
    from members
    inner join compared
        on members.month_start = compared.month_start
        and members.dimension = compared.dimension
        and members.dimension_value = compared.dimension_value
        and members.turnaround_minutes > compared.p90_minutes

),

supplement_minutes as (

    select cycles.application_id, sum({{ minutes_between(
        'cycles.requested_at', least_of(['cycles.completed_at', 'applications.decided_at'])
    ) }}) as minutes
    from cycles
    inner join applications
        on cycles.application_id = applications.application_id and cycles.requested_at < applications.decided_at
    group by cycles.application_id

),

supplements as (      -- never more than all waiting, as requests may overlap

    select
        tail.application_id,
        tail.month_start,
        tail.dimension,
        tail.dimension_value,
        least(coalesce(supplement_minutes.minutes, 0), tail.waiting_minutes) as supplement_minutes,
        supplement_minutes.application_id is not null as has_supplement
    from tail
    left join supplement_minutes on tail.application_id = supplement_minutes.application_id

),

tail_totals as (

    select
        tail.month_start,
        tail.dimension,
        tail.dimension_value,
        count(*) as decisions,
        {{ count_where('supplements.has_supplement') }} as with_supplement,
        sum(tail.turnaround_minutes) as turnaround_minutes,
        sum(supplements.supplement_minutes) as supplement_minutes,
        sum(tail.waiting_minutes) - sum(supplements.supplement_minutes) as third_party_minutes
    from tail
    inner join supplements
        on tail.application_id = supplements.application_id
        and tail.month_start = supplements.month_start
        and tail.dimension = supplements.dimension
        and tail.dimension_value = supplements.dimension_value
    group by tail.month_start, tail.dimension, tail.dimension_value

),

own_places as (

    select application_id, 'queue before ' || node as place, 'queue' as kind, controllable_minutes as minutes
    from queues
    union all
    select application_id, 'in ' || node as place, 'node' as kind, controllable_minutes as minutes
    from visits

),

places as (

    select
        tail.month_start,
        tail.dimension,
        tail.dimension_value,
        own_places.place,
        own_places.kind,
        sum(own_places.minutes) as minutes
    from tail
    inner join own_places on tail.application_id = own_places.application_id
    where own_places.minutes is not null
    group by tail.month_start, tail.dimension, tail.dimension_value, own_places.place, own_places.kind
    union all
    select month_start, dimension, dimension_value, 'supplement' as place, 'external' as kind, supplement_minutes as minutes
    from tail_totals
    union all
    select month_start, dimension, dimension_value, 'third_party' as place, 'external' as kind, third_party_minutes as minutes
    from tail_totals

),

main_places as (

    select
        month_start,
        dimension,
        dimension_value,
        {{ arg_max('place', ['minutes', 'place']) }} as place,
        max(minutes) as minutes,
        sum(case when kind = 'queue' then minutes end) as queue_minutes,
        sum(case when kind = 'node' then minutes end) as node_minutes
    from places
    group by month_start, dimension, dimension_value

)

select
    compared.month_start,
    compared.dimension,
    compared.dimension_value,
    compared.decisions,
    compared.average_minutes,
    compared.average_change,
    compared.p50_minutes,
    compared.p90_minutes,
    compared.p90_change,
    compared.p90_target,
    {{ safe_divide('compared.p90_minutes', 'compared.p50_minutes') }} as tail_ratio,
    (compared.average_change < 0 or compared.average_minutes <= compared.average_target)
    and compared.p90_minutes > compared.p90_target as is_long_tail,
    tail_totals.decisions as tail_decisions,
    {{ safe_divide('tail_totals.with_supplement', 'tail_totals.decisions') }} as tail_with_supplement,
    {{ safe_divide('tail_totals.supplement_minutes', 'tail_totals.turnaround_minutes') }} as tail_supplement_share,
    {{ safe_divide('tail_totals.third_party_minutes', 'tail_totals.turnaround_minutes') }} as tail_third_party_share,
    {{ safe_divide('main_places.queue_minutes', 'tail_totals.turnaround_minutes') }} as tail_queue_share,
    {{ safe_divide('main_places.node_minutes', 'tail_totals.turnaround_minutes') }} as tail_node_share,
    main_places.place as main_place,
    {{ safe_divide('main_places.minutes', 'tail_totals.turnaround_minutes') }} as main_place_share
from compared
left join tail_totals
    on compared.month_start = tail_totals.month_start
    and compared.dimension = tail_totals.dimension
    and compared.dimension_value = tail_totals.dimension_value
left join main_places
    on compared.month_start = main_places.month_start
    and compared.dimension = main_places.dimension
    and compared.dimension_value = main_places.dimension_value
order by compared.month_start, compared.dimension, compared.dimension_value
