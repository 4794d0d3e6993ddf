with

ranges as (

    select * from {{ ref('plausible_ranges') }}

)

select
    kpi_id,
    cast(version as int) as version,
    cast(least as {{ type_double() }}) as least,
    cast(greatest as {{ type_double() }}) as greatest,
    cast(min_sample as {{ type_bigint() }}) as min_sample,
    basis,
    reason_en,
    reason_zh
from ranges
