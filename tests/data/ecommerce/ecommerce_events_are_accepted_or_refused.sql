-- Every landed event is either accepted or refused with a reason, and never both.
with

landed as (

    select * from {{ ref('stg_ecommerce__events') }}

),

accepted as (

    select * from {{ ref('int_ecommerce__events') }}

),

refused as (

    select * from {{ ref('int_ecommerce__refused_events') }}

)

select landed.event_id
from landed
left join accepted on landed.event_id = accepted.event_id
left join refused on landed.event_id = refused.event_id
where (accepted.event_id is null) = (refused.event_id is null)
