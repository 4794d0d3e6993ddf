{{ config(materialized='view') }}

with

events as (

    select * from {{ ref('stg_credit__application_events') }}

)

select
    event_id,
    application_id,
    event_name,
    event_at,
    node,
    actor,
    outcome,
    reason
from events
where event_name in (
    'submit', 'enter_node', 'leave_node', 'request_supplement', 'supplement_completed', 'third_party_request',
    'third_party_response', 'return_to_node', 'withdraw', 'final_decision', 'loan_booked'
)
