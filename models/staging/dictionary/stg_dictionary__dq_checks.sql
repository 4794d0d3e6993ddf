with

rules as (

    select * from {{ ref('dq_checks') }}

)

select
    rule_id,
    domain,
    kind,
    applies_to,
    cast(threshold as {{ type_double() }}) as threshold,
    unit,
    cast(baseline_days as int) as baseline_days,
    cast(tested_days as int) as tested_days,
    cast(min_points as int) as min_points,
    cast(min_rows as int) as min_rows,
    cast(floor_share as {{ type_double() }}) as floor_share,
    severity,
    owner_role,
    cast(repair_days as int) as repair_days,
    description_en,
    description_zh,
    seed_reference
from rules
