-- On the day of each window the curve of a cohort is the published repurchase rate.
with

windows as (

    select metric_id as kpi_id, version, cast(value as int) as day_no
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id in ('ec_repurchase_rate_30d', 'ec_repurchase_rate_60d', 'ec_repurchase_rate_90d') and parameter = 'window_days'

),

published as (

    select repurchase.*, windows.day_no
    from {{ ref('kpi_ec_repurchase') }} as repurchase
    inner join windows on repurchase.kpi_id = windows.kpi_id and repurchase.version = windows.version

)

select
    published.kpi_id,
    published.period_grain,
    published.period_start,
    published.dimension,
    published.dimension_value,
    published.numerator,
    curve.retained_persons,
    published.denominator,
    curve.cohort_persons
from published
inner join {{ ref('fct_cohort_retention') }} as curve
    on
        published.period_grain = curve.cohort_grain
        and cast(published.period_start as date) = curve.cohort_date
        and published.dimension = curve.dimension
        and published.dimension_value = curve.dimension_value
        and published.day_no = curve.day_no
where
    published.numerator <> curve.retained_persons
    or published.denominator <> curve.cohort_persons
    or published.is_final <> curve.is_final
