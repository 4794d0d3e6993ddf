{%- set columns = [
    'rule_id', 'kpi_id', 'dimension', 'period_grain', 'kind', 'comparison', 'threshold_value', 'baseline_window',
    'is_live', 'severity', 'guardrail_of', 'response_en', 'response_zh', 'owner_role', 'seed_reference',
    'description_en', 'version', 'title_en', 'title_zh', 'description_zh', 'in_force', 'min_sample', 'interval_z', 'term', 'detail_dimensions',
    'rolls_up_to', 'detail_of_rule', 'false_alarm_rate', 'impact_unit', 'impact_factor', 'cause_en', 'cause_zh',
    'effect_en', 'effect_zh'
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

select
    domain,
    {{ columns | join(', ') }},
    case
        when in_force = 'programme' then {{ date_literal(var('programme_start')) }}
        else cast(nullif(nullif(in_force, 'programme'), 'always') as date)
    end as starts_on
from every_domain
