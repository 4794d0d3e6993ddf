{{ config(severity='warn') }}
-- A version that publishes values and states no least and greatest plausible one: nothing of it is ever suspect.
select
    definitions.kpi_id,
    definitions.version
from {{ ref('stg_dictionary__definitions') }} as definitions
left join {{ ref('stg_dictionary__plausible_ranges') }} as ranges
    on definitions.kpi_id = ranges.kpi_id
    and definitions.version = ranges.version
where definitions.status in ('parallel', 'active', 'retired') and ranges.kpi_id is null
