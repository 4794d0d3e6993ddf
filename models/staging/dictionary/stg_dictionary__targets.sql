{%- set columns = [
    'target_id', 'kpi_id', 'dimension', 'dimension_value', 'period_grain', 'valid_from', 'valid_to', 'comparator',
    'target_value', 'relative_to_baseline', 'points_to_baseline', 'change_on_previous', 'baseline_value', 'tolerance',
    'condition', 'stage', 'stage_from_month', 'stage_to_month', 'seed_reference', 'target_value_upper',
    'change_is_relative', 'version', 'baseline_from', 'baseline_to', 'monthly_step', 'end_value'
] -%}
with

ecommerce as (

    select * from {{ ref('kpi_targets_ecommerce') }}

),

manufacturing as (

    select * from {{ ref('kpi_targets_manufacturing') }}

),

credit as (

    select * from {{ ref('kpi_targets_credit') }}

),

every_domain as (

    {% for domain in ['ecommerce', 'manufacturing', 'credit'] -%}
    select '{{ domain }}' as domain, {{ columns | join(', ') }} from {{ domain }}
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select domain, {{ columns | join(', ') }}
from every_domain
