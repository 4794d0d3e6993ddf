with

applications as (

    select * from {{ ref('stg_credit__applications') }}

),

events as (

    select * from {{ ref('int_credit__events') }}

),

repeated_nodes as (

    -- an entry that does not name its node repeats none
    select distinct application_id
    from (
        select application_id, node
        from events
        where event_name = 'enter_node' and node is not null
        group by application_id, node
        having count(*) > 1
    ) as entered_again

),

histories as (

    select
        application_id,
        {{ count_where("event_name = 'final_decision'") }} as decision_count,
        min(event_at) filter (where event_name = 'final_decision') as first_decided_at,
        max(event_at) filter (where event_name = 'final_decision') as decided_at,
        {{ arg_max('outcome', ['event_at', 'event_id'], where="event_name = 'final_decision'") }} as outcome,
        min(event_at) filter (where event_name = 'withdraw') as first_withdrawn_at,
        {{ count_where("actor = 'human'") }} > 0 as has_human_actor,
        {{ count_where("event_name = 'request_supplement'") }} > 0 as has_supplement_request,
        {{ count_where("event_name = 'enter_node' and node = 'manual_review'") }} > 0 as has_manual_review,
        {{ count_where("event_name = 'return_to_node'") }} > 0 as has_return
    from events
    group by application_id

)

select
    applications.application_id,
    applications.customer_id,
    applications.channel,
    applications.customer_type,
    applications.product_line,
    applications.requested_amount,
    coalesce(applications.is_duplicate, false) as is_duplicate,
    applications.submitted_at,
    {{ business_local('applications.submitted_at') }} as submitted_local_at,
    histories.first_decided_at,
    histories.decided_at,
    {{ business_local('histories.decided_at') }} as decided_local_at,
    {{ minutes_between('applications.submitted_at', 'histories.decided_at') }} as turnaround_minutes,
    histories.outcome,
    coalesce(histories.decision_count, 0) as decision_count,
    histories.first_withdrawn_at,
    coalesce(histories.has_human_actor, false) as has_human_actor,
    coalesce(histories.has_supplement_request, false) as has_supplement_request,
    coalesce(histories.has_manual_review, false) as has_manual_review,
    coalesce(histories.has_return, false) as has_return,
    repeated_nodes.application_id is not null as has_repeated_node
from applications
left join histories on applications.application_id = histories.application_id
left join repeated_nodes on applications.application_id = repeated_nodes.application_id
