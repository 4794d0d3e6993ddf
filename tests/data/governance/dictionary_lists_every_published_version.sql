-- Every KPI version in kpi_values has its row in the dictionary, is released and lies in its domain.
with

kpi_values as (

    select * from {{ ref('kpi_values') }}

),

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}

),

published as (

    select kpi_id, version, domain, count(*) as published_rows
    from kpi_values
    group by kpi_id, version, domain

)

select
    published.kpi_id,
    published.version,
    published.domain,
    published.published_rows,
    definitions.status
from published
left join definitions
    on published.kpi_id = definitions.kpi_id
    and published.version = definitions.version
    and published.domain = definitions.domain
where definitions.kpi_id is null or definitions.status = 'draft'
