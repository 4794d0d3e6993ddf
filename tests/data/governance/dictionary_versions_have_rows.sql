{{ config(severity='warn') }}
-- An active or parallel version without any row, although every table that it counts was landed with rows.
-- Not always wrong (no campaign of the kind, nothing due yet), so it is told and does not shut the gate.
with

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}
    where status in ('active', 'parallel')

),

kpi_values as (

    select * from {{ ref('kpi_values') }}

),

landed as (

    {% for domain in ['ecommerce', 'manufacturing', 'credit'] -%}
    select distinct domain || '.' || table_name as source_name
    from {{ ref('stg_' ~ domain ~ '__landed') }}
    where has_rows
    {{ "union all" if not loop.last }}
    {% endfor %}

),

sources as (

    select definitions.kpi_id, definitions.version, parts.part as source_name
    from definitions
    cross join lateral {{ split_rows('definitions.data_sources', '|') }} as parts

),

ready as (

    select sources.kpi_id, sources.version
    from sources
    left join landed on sources.source_name = landed.source_name
    group by sources.kpi_id, sources.version
    having count(*) = count(landed.source_name)

),

published as (

    select distinct kpi_id, version from kpi_values

)

select ready.kpi_id, ready.version
from ready
left join published
    on ready.kpi_id = published.kpi_id
    and ready.version = published.version
where published.kpi_id is null
