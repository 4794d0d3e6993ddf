{#
    Question    Which reasons make customers send documents again (top N), and what does each cost in waiting?
    How to read One row per month of the request and reason, the most frequent first; reasons beyond the top N are added up as `(others)`.
                `share` and `cumulative_share` are a Pareto chart of the requests; `open_requests` have no completion yet and are in no
                percentile. `rate` is per application that was decided in the month.
    What to do  Move the check of the first reasons before submission (OCR, examples, forms that fill themselves); look at a reason whose
                P90 is over the target of the cycle even if it is rare.
#}
{%- set top = 5 %}
with

cycles as (

    select * from {{ ref('int_credit__supplement_cycles') }}

),

applications as (

    select * from {{ ref('fct_applications') }}

),

targets as (

    select max(target_value) as most_minutes
    from {{ ref('kpi_targets') }}
    where kpi_id = 'cr_supplement_cycle_p90_minutes' and comparator = '<='

),

requests as (

    select
        {{ month_start(business_local('cycles.requested_at')) }} as month_start,
        coalesce(cycles.reason, 'unknown') as reason,
        cycles.application_id,
        cycles.completed_at,
        cycles.cycle_minutes
    from cycles
    left join applications on cycles.application_id = applications.application_id
    where not coalesce(applications.is_duplicate, false)

),

decided as (

    select {{ month_start('decided_local_at') }} as month_start, count(*) as decisions
    from applications
    where decided_at is not null and not is_duplicate
    group by {{ month_start('decided_local_at') }}

),

counted as (

    select month_start, reason, count(*) as requests
    from requests
    group by month_start, reason

),

ranked as (

    select
        month_start,
        reason,
        row_number() over (partition by month_start order by requests desc, reason) as place
    from counted

),

grouped as (

    select
        requests.month_start,
        case when ranked.place <= {{ top }} then ranked.place else {{ top }} + 1 end as place,
        case when ranked.place <= {{ top }} then requests.reason else '(others)' end as reason,
        count(*) as requests,
        count(distinct requests.application_id) as applications,
        count(*) - count(requests.completed_at) as open_requests,
        sum(requests.cycle_minutes) as waiting_minutes,
        {{ percentile_cont('requests.cycle_minutes', 0.5) }} as p50_minutes,
        {{ percentile_cont('requests.cycle_minutes', 0.9) }} as p90_minutes
    from requests
    inner join ranked on requests.month_start = ranked.month_start and requests.reason = ranked.reason
    group by
        requests.month_start,
        case when ranked.place <= {{ top }} then ranked.place else {{ top }} + 1 end,
        case when ranked.place <= {{ top }} then requests.reason else '(others)' end

)

select
    grouped.month_start,
    grouped.place,
    grouped.reason,
    grouped.requests,
    {{ safe_divide('grouped.requests', 'sum(grouped.requests) over (partition by grouped.month_start)') }} as share,
    {{ safe_divide(
        'sum(grouped.requests) over (partition by grouped.month_start order by grouped.place'
        ~ ' rows between unbounded preceding and current row)',
        'sum(grouped.requests) over (partition by grouped.month_start)'
    ) }} as cumulative_share,
    grouped.applications,
    {{ safe_divide('grouped.applications', 'decided.decisions') }} as rate,
    grouped.open_requests,
    grouped.waiting_minutes,
    grouped.p50_minutes,
    grouped.p90_minutes,
    grouped.p90_minutes > targets.most_minutes as is_over_target
from grouped
left join decided on grouped.month_start = decided.month_start
cross join targets
order by grouped.month_start, grouped.place
