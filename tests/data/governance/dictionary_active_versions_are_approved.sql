-- Every role that the domain requires approved an active version before the day on which it took effect.
with

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}
    where status = 'active'

),

approvals as (

    select * from {{ ref('stg_dictionary__approvals') }}

),

required as (

    select * from {{ ref('required_approvals') }}

)

select
    definitions.kpi_id,
    definitions.version,
    definitions.effective_from,
    required.role,
    approvals.approved_on
from definitions
inner join required on definitions.domain = required.domain
left join approvals
    on definitions.kpi_id = approvals.kpi_id
    and definitions.version = approvals.version
    and required.role = approvals.role
where approvals.approved_on is null or approvals.approved_on >= definitions.effective_from
