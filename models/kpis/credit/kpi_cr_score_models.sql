with

statistics as (

    select * from {{ ref('int_credit__score_statistics') }}

),

band_shares as (

    select * from {{ ref('int_credit__score_band_shares') }}

),

landed as (

    select * from {{ ref('stg_credit__landed') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where
        (
            kpi_id in ('cr_ks', 'cr_auc')
            and {{ credit_dpd_is_landed() }}
            and {{ credit_is_landed([['scores', 'score']]) }}
        )
        or (
            kpi_id = 'cr_calibration_deviation'
            and {{ credit_dpd_is_landed() }}
            and {{ credit_is_landed([['scores', 'expected_pd']]) }}
        )
        or (
            kpi_id = 'cr_psi'
            and {{ credit_is_landed([['scores', 'is_development_sample'], ['score_bands', 'band']]) }}
        )

),

stability as (

    select
        scored_month,
        model_version,
        sum(psi_part) as psi,
        sum(scores) as scores
    from band_shares
    group by scored_month, model_version

),

measured as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'cast(statistics.cohort_month as ' ~ type_ts() ~ ')') }} as period_start,
        slices.dimension,
        statistics.dimension_value,
        statistics.value,
        statistics.sample_size,
        statistics.is_matured
    from statistics
    inner join slices
        on
            statistics.kpi_id = slices.kpi_id
            and statistics.version = slices.version
            and statistics.dimension = slices.dimension
    union all
    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'cast(stability.scored_month as ' ~ type_ts() ~ ')') }} as period_start,
        slices.dimension,
        stability.model_version as dimension_value,
        stability.psi as value,
        stability.scores as sample_size,
        true as is_matured
    from stability
    inner join slices on slices.kpi_id = 'cr_psi' and slices.dimension = 'model_version'

),

published as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        {{ typed_null('num') }} as numerator,
        {{ typed_null('num') }} as denominator,
        value,
        sample_size,
        is_matured
    from measured

)

{{ kpi_rows('published', 'credit', ref('int_credit__as_of')) }}
