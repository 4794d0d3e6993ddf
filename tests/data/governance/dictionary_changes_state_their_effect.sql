-- A version that replaced another states in the changelog what it did to the numbers of the last 12 months.
with

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}
    where status in ('active', 'retired') and supersedes_version is not null

),

changes as (

    select * from {{ ref('metric_changelog') }}

)

select
    definitions.kpi_id,
    definitions.version,
    changes.effect_periods,
    changes.effect_mean_abs
from definitions
left join changes
    on definitions.kpi_id = changes.kpi_id
    and definitions.version = changes.version
where
    changes.effect_mean_abs is null
    or changes.effect_periods is null
    or changes.effect_periods < 1
