with

events as (

    select * from {{ ref('int_credit__events') }}

),

supplement_cycles as (

    select * from {{ ref('int_credit__supplement_cycles') }}

),

applications as (

    select * from {{ ref('int_credit__applications') }}
    where decided_at is not null

),

third_party_pairs as (

    select
        application_id,
        event_name,
        event_at,
        min(case when event_name = 'third_party_response' then event_at end) over (
            partition by application_id, node
            order by event_at
            range between current row and unbounded following
        ) as answered_at
    from events
    where event_name in ('third_party_request', 'third_party_response')

),

waits as (

    select application_id, requested_at as started_at, completed_at as ended_at
    from supplement_cycles
    union all
    select application_id, event_at as started_at, answered_at as ended_at
    from third_party_pairs
    where event_name = 'third_party_request'

),

clipped as (

    select
        waits.application_id,
        {{ greatest_of(['waits.started_at', 'applications.submitted_at']) }} as started_at,
        {{ least_of(['waits.ended_at', 'applications.decided_at']) }} as ended_at
    from waits
    inner join applications on waits.application_id = applications.application_id

),

marked as (

    select
        application_id,
        started_at,
        ended_at,
        max(ended_at) over (
            partition by application_id
            order by started_at, ended_at
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from clipped
    where started_at < ended_at

),

numbered as (

    select
        application_id,
        started_at,
        ended_at,
        sum(case when started_at <= covered_until then 0 else 1 end) over (
            partition by application_id
            order by started_at, ended_at
            rows between unbounded preceding and current row
        ) as wait_no
    from marked

)

select
    application_id,
    cast(wait_no as int) as wait_no,
    min(started_at) as started_at,
    max(ended_at) as ended_at,
    {{ minutes_between('min(started_at)', 'max(ended_at)') }} as wait_minutes
from numbered
group by application_id, wait_no
