with

applications as (

    select * from {{ ref('int_credit__applications') }}

),

waits as (

    select * from {{ ref('int_credit__waits') }}

),

withdrawals as (

    select * from {{ ref('int_credit__withdrawals') }}

),

waiting as (

    select application_id, sum(wait_minutes) as waiting_minutes
    from waits
    group by application_id

)

select
    applications.application_id,
    applications.customer_id,
    applications.channel,
    applications.customer_type,
    applications.product_line,
    cast(applications.requested_amount as {{ type_double() }}) as requested_amount,
    applications.is_duplicate,
    applications.submitted_at,
    applications.submitted_local_at,
    applications.decided_at,
    applications.decided_local_at,
    applications.first_withdrawn_at as withdrawn_at,
    {{ business_local('applications.first_withdrawn_at') }} as withdrawn_local_at,
    case
        when applications.decided_at is not null then 'decided'
        when applications.first_withdrawn_at is not null then 'withdrawn'
        else 'in_process'
    end as status,
    applications.outcome,
    cast(applications.decision_count as bigint) as decision_count,
    applications.turnaround_minutes,
    case
        when applications.decided_at is not null then coalesce(waiting.waiting_minutes, 0)
    end as waiting_minutes,
    applications.turnaround_minutes - coalesce(waiting.waiting_minutes, 0) as controllable_minutes,
    applications.has_human_actor,
    applications.has_supplement_request,
    applications.has_manual_review,
    applications.has_return,
    applications.has_repeated_node,
    not applications.has_return and not applications.has_repeated_node as is_first_time_pass,
    withdrawals.idle_minutes as idle_minutes_at_withdrawal,
    withdrawals.has_open_supplement as has_open_supplement_at_withdrawal
from applications
left join waiting on applications.application_id = waiting.application_id
left join withdrawals on applications.application_id = withdrawals.application_id
