-- Waits of an application neither overlap nor touch, and lie between its submission and its decision.
with

ordered as (

    select
        application_id,
        wait_no,
        started_at,
        ended_at,
        lag(ended_at) over (partition by application_id order by wait_no) as previous_ended_at
    from {{ ref('int_credit__waits') }}

)

select ordered.*
from ordered
inner join {{ ref('int_credit__applications') }} as applications on ordered.application_id = applications.application_id
where
    ordered.started_at <= ordered.previous_ended_at
    or ordered.started_at < applications.submitted_at
    or ordered.ended_at > applications.decided_at
