-- At any day one version of a KPI is official at most: effective_from (included) to effective_to (excluded).
with

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}
    where status = 'active'

)

select
    earlier.kpi_id,
    earlier.version,
    earlier.effective_from,
    earlier.effective_to,
    later.version as other_version,
    later.effective_from as other_effective_from,
    later.effective_to as other_effective_to
from definitions as earlier
inner join definitions as later
    on earlier.kpi_id = later.kpi_id
    and earlier.version < later.version
where
    (earlier.effective_to is null or later.effective_from is null or later.effective_from < earlier.effective_to)
    and (later.effective_to is null or earlier.effective_from is null or earlier.effective_from < later.effective_to)
