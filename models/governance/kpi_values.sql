with

every_kpi as (

    -- kpi models, written by `kpi sync` (start)
    select kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value, numerator, denominator, value, sample_size, is_final, as_of from {{ ref('kpi_ec_repurchase') }}
    -- kpi models, written by `kpi sync` (end)

)

select
    kpi_id,
    version,
    domain,
    period_grain,
    period_start,
    period_end,
    dimension,
    dimension_value,
    numerator,
    denominator,
    value,
    sample_size,
    is_final,
    as_of
from every_kpi
