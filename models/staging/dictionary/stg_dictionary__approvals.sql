{%- set columns = [
    'kpi_id', 'version', 'role', 'approver', 'approved_on', 'note'
] -%}
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

    {% for domain in ['ecommerce', 'manufacturing', 'credit'] -%}
    select '{{ domain }}' as domain, {{ columns | join(', ') }} from {{ domain }}
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select domain, {{ columns | join(', ') }}
from every_domain
