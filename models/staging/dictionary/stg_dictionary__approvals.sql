with

ecommerce as (

    select * from {{ ref('metric_approvals_ecommerce') }}

),

manufacturing as (

    select * from {{ ref('metric_approvals_manufacturing') }}

),

credit as (

    select * from {{ ref('metric_approvals_credit') }}

),

every_domain as (

    select
        'ecommerce' as domain,
        kpi_id,
        version,
        role,
        approver,
        approved_on
    from ecommerce
    union all
    select
        'manufacturing' as domain,
        kpi_id,
        version,
        role,
        approver,
        approved_on
    from manufacturing
    union all
    select
        'credit' as domain,
        kpi_id,
        version,
        role,
        approver,
        approved_on
    from credit

)

select
    domain,
    kpi_id,
    version,
    role,
    approver,
    approved_on
from every_domain
