{#- how many steps a chain of components may have -#}
{%- set steps = 3 -%}
with

components as (

    select * from {{ ref('kpi_components') }}

),

-- step by step: Spark knows no recursive queries
step_1 as (

    select
        kpi_id,
        cast(version as int) as version,
        component_kpi_id,
        cast(component_version as int) as component_version
    from components

),
{% for step in range(2, steps + 1) %}
step_{{ step }} as (

    select
        step_1.kpi_id,
        step_1.version,
        further.component_kpi_id,
        further.component_version
    from step_1
    inner join step_{{ step - 1 }} as further
        on step_1.component_kpi_id = further.kpi_id
        and step_1.component_version = further.version

),
{% endfor %}
every_step as (

    {% for step in range(1, steps + 1) -%}
    select kpi_id, version, component_kpi_id, component_version from step_{{ step }}
    {{ "union" if not loop.last }}
    {% endfor %}

)

select kpi_id, version, component_kpi_id, component_version
from every_step
