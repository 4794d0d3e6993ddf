{#
    Question    How long does each node take, and in which node do customers give up?
    How to read One row per month and node. Turnaround: the visits that ended in the month (their own length, waiting outside our control apart). Abandonment: the
                withdrawals of the month by the node in which the application stood (the newest node entered and not left, else the newest one
                left; `(before the first node)` if none); `timeouts` are those later than the limit after the last event with no supplement open, the
                numerator of the KPI. `abandon_rate` is per visit begun in the month in that node. Withdrawals count in the month in which they happen (the KPI
                counts them by submission).
    What to do  Long and abandoned: the first place for capacity and for a message to the customer; short and abandoned: read what the customer sees there.
#}
with

visits as (

    select * from {{ ref('fct_node_visits') }}
    where not is_duplicate

),

applications as (

    select * from {{ ref('fct_applications') }}
    where not is_duplicate

),

parameters as (

    select max(value) as timeout_minutes
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'cr_timeout_abandon_rate' and parameter = 'timeout_minutes'

),

withdrawn as (

    select
        application_id,
        {{ month_start('withdrawn_local_at') }} as month_start,
        withdrawn_at,
        idle_minutes_at_withdrawal,
        has_open_supplement_at_withdrawal
    from applications
    where withdrawn_at is not null

),

places as (           -- an open visit goes before one that ended, then the newest

    select
        withdrawn.application_id,
        {{ arg_max('visits.node', [
            'case when visits.left_at is null or visits.left_at > withdrawn.withdrawn_at then 1 else 0 end',
            'visits.entered_at', 'visits.event_id'
        ]) }} as node
    from withdrawn
    inner join visits
        on withdrawn.application_id = visits.application_id and visits.entered_at <= withdrawn.withdrawn_at
    group by withdrawn.application_id

),

abandonment as (

    select
        withdrawn.month_start,
        coalesce(places.node, '(before the first node)') as node,
        count(*) as withdrawals,
        {{ count_where(
            'withdrawn.idle_minutes_at_withdrawal > parameters.timeout_minutes'
            ~ ' and not withdrawn.has_open_supplement_at_withdrawal'
        ) }} as timeouts,
        {{ percentile_cont('withdrawn.idle_minutes_at_withdrawal', 0.5) }} as p50_idle_minutes
    from withdrawn
    cross join parameters
    left join places on withdrawn.application_id = places.application_id
    group by withdrawn.month_start, coalesce(places.node, '(before the first node)')

),

entered as (

    select {{ month_start('entered_local_at') }} as month_start, node, count(*) as entries
    from visits
    group by {{ month_start('entered_local_at') }}, node

),

ended as (

    select
        {{ month_start('left_local_at') }} as month_start,
        node,
        count(*) as visits,
        avg(visit_minutes) as average_minutes,
        {{ percentile_cont('visit_minutes', 0.5) }} as p50_minutes,
        {{ percentile_cont('visit_minutes', 0.9) }} as p90_minutes,
        {{ safe_divide('sum(waiting_minutes)', 'sum(case when waiting_minutes is not null then visit_minutes end)') }}
            as waiting_share,
        {{ safe_divide(count_where('is_within_sla'), 'count(is_within_sla)') }} as sla_rate
    from visits
    where left_at is not null
    group by {{ month_start('left_local_at') }}, node

),

keys as (

    select month_start, node from ended
    union
    select month_start, node from abandonment

)

select
    keys.month_start,
    keys.node,
    coalesce(ended.visits, 0) as visits,
    ended.average_minutes,
    ended.p50_minutes,
    ended.p90_minutes,
    ended.waiting_share,
    ended.sla_rate,
    coalesce(abandonment.withdrawals, 0) as withdrawals,
    coalesce(abandonment.timeouts, 0) as timeouts,
    abandonment.p50_idle_minutes,
    {{ safe_divide('coalesce(abandonment.withdrawals, 0)', 'entered.entries') }} as abandon_rate,
    {{ safe_divide(
        'coalesce(abandonment.timeouts, 0)', 'sum(coalesce(abandonment.timeouts, 0)) over (partition by keys.month_start)'
    ) }} as share_of_timeouts
from keys
left join ended on keys.month_start = ended.month_start and keys.node = ended.node
left join abandonment on keys.month_start = abandonment.month_start and keys.node = abandonment.node
left join entered on keys.month_start = entered.month_start and keys.node = entered.node
order by keys.month_start, withdrawals desc, keys.node
