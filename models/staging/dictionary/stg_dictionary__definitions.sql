{%- set columns = [
    'kpi_id', 'version', 'domain', 'seed_code', 'kpi_kind', 'status', 'parallel_from', 'effective_from', 'effective_to',
    'kpi_name_en', 'kpi_name_zh', 'definition_en', 'definition_zh', 'use_cases', 'formula', 'numerator_definition',
    'denominator_definition', 'unit', 'direction', 'rationale', 'data_sources', 'grains', 'dimensions', 'edge_cases',
    'owner_role', 'data_owner_role', 'change_reason', 'supersedes_version', 'refresh_cadence', 'seed_reference'
] -%}
with

ecommerce as (

    select * from {{ ref('metric_definitions_ecommerce') }}

),

manufacturing as (

    select * from {{ ref('metric_definitions_manufacturing') }}

),

credit as (

    select * from {{ ref('metric_definitions_credit') }}

),

every_domain as (

    {% for domain in ['ecommerce', 'manufacturing', 'credit'] -%}
    select {{ columns | join(', ') }} from {{ domain }}
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select {{ columns | join(', ') }}
from every_domain
