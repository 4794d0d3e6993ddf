{%- set columns = [
    'rule_id', 'kpi_id', 'dimension', 'period_grain', 'kind', 'comparison', 'threshold_value', 'baseline_window',
    'is_live', 'severity', 'guardrail_of', 'response_en', 'response_zh', 'owner_role', 'seed_reference',
    'description_en', 'version'
] -%}
with

ecommerce as (

    select * from {{ ref('alert_rules_ecommerce') }}

),

manufacturing as (

    select * from {{ ref('alert_rules_manufacturing') }}

),

credit as (

    select * from {{ ref('alert_rules_credit') }}

),

every_domain as (

    {% for domain in ['ecommerce', 'manufacturing', 'credit'] -%}
    select '{{ domain }}' as domain, {{ columns | join(', ') }} from {{ domain }}
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select domain, {{ columns | join(', ') }}
from every_domain
