-- A version that supersedes another ran beside it for the required months before it alone became official.
with

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}
    where status in ('active', 'retired')

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}
    where parameter = 'min_parallel_months'

),

rules as (

    {% for domain, prefix in [('ecommerce', 'ec'), ('manufacturing', 'mf'), ('credit', 'cr')] -%}
    select '{{ domain }}' as domain, value as min_parallel_months
    from parameters
    where metric_id = '{{ prefix }}_rule_governance'
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select
    definitions.kpi_id,
    definitions.version,
    definitions.supersedes_version,
    definitions.parallel_from,
    definitions.effective_from,
    rules.min_parallel_months
from definitions
left join definitions as superseded
    on definitions.kpi_id = superseded.kpi_id
    and definitions.supersedes_version = superseded.version
left join rules on definitions.domain = rules.domain
where
    (definitions.version > 1 or definitions.supersedes_version is not null)
    and not coalesce(
        superseded.effective_to = definitions.effective_from
        and {{ add_months('definitions.parallel_from', 'rules.min_parallel_months') }} <= definitions.effective_from,
        false
    )
