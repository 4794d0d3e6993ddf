{{ config(materialized='table') }}

with

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}

),

published as (

    select kpi_id, version, domain, grains, dimensions
    from definitions
    where status in ('parallel', 'active', 'retired')

),

grains as (

    select
        published.kpi_id,
        published.version,
        published.domain,
        published.dimensions,
        parts.part as period_grain
    from published
    cross join lateral {{ split_rows('published.grains', '|') }} as parts

),

slices as (

    select
        grains.kpi_id,
        grains.version,
        grains.domain,
        grains.period_grain,
        parts.part as dimension
    from grains
    cross join lateral {{ split_rows('grains.dimensions', '|') }} as parts

)

select kpi_id, version, domain, period_grain, dimension
from slices
