with

kpi_values as (

    select * from {{ ref('kpi_values') }}

),

pairs as (

    select
        earlier.kpi_id,
        earlier.domain,
        earlier.period_grain,
        earlier.period_start,
        earlier.period_end,
        earlier.dimension,
        earlier.dimension_value,
        earlier.version as version_a,
        later.version as version_b,
        earlier.value as value_a,
        later.value as value_b,
        earlier.is_final and later.is_final as is_final
    from kpi_values as earlier
    inner join kpi_values as later
        on earlier.kpi_id = later.kpi_id
        and earlier.period_grain = later.period_grain
        and earlier.period_start = later.period_start
        and earlier.dimension = later.dimension
        and earlier.dimension_value = later.dimension_value
        and earlier.version < later.version

)

select
    kpi_id,
    domain,
    period_grain,
    period_start,
    period_end,
    dimension,
    dimension_value,
    version_a,
    version_b,
    value_a,
    value_b,
    value_b - value_a as difference,
    {{ safe_divide('value_b - value_a', 'abs(value_a)') }} as relative_difference,
    is_final
from pairs
