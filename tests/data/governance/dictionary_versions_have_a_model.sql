-- Every active or parallel KPI is named in a KPI model; models take the versions from the dictionary.
{% set models = [] -%}
{%- if execute -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.fqn[1] == 'kpis' -%}
        {%- do models.append(node.raw_code) -%}
    {%- endfor -%}
{%- endif -%}
with

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}
    where status in ('active', 'parallel')

),

named as (

    {% for kpi_id in modules.re.findall("'((?:ec|mf|cr)_[a-z0-9_]+)'", models | join(' ')) | unique | sort -%}
    select '{{ kpi_id }}' as kpi_id
    {{ "union all" if not loop.last }}
    {% else -%}
    select {{ typed_null('text') }} as kpi_id
    {% endfor %}

)

select
    definitions.kpi_id,
    definitions.version,
    definitions.status
from definitions
left join named on definitions.kpi_id = named.kpi_id
where named.kpi_id is null
