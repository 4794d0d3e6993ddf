-- Floating-point addition of up to a few dozen parts: 1e-9 is far above its error and far below a published digit.
with

drivers as (

    select * from {{ ref('kpi_drivers') }}

),

sums as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        split_by,
        max(change) as change,
        sum(contribution) as parts
    from drivers
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value, split_by

)

select *
from sums
where abs(change - parts) > 1e-9
