with

band_shares as (

    select * from {{ ref('int_credit__score_band_shares') }}

),

statistics as (

    select * from {{ ref('int_credit__score_statistics') }}
    where dimension = 'model_version'

),

horizon as (

    select as_of
    from {{ ref('int_credit__as_of') }}

),

newest_statistics as (

    select
        cohort_month as month_start,
        dimension_value as model_version,
        {{ arg_max('value', 'version', "kpi_id = 'cr_ks'") }} as ks,
        {{ arg_max('value', 'version', "kpi_id = 'cr_auc'") }} as auc,
        {{ arg_max('value', 'version', "kpi_id = 'cr_calibration_deviation'") }} as calibration_deviation,
        {{ all_true('is_matured') }} as is_matured
    from statistics
    group by cohort_month, dimension_value

),

stability as (

    select
        scored_month as month_start,
        model_version,
        sum(scores) as scores,
        sum(development_scores) as development_scores,
        sum(psi_part) as psi
    from band_shares
    group by scored_month, model_version

),

every_row as (        -- a row of each band, and one (`all`) of each model version

    select
        model_version,
        scored_month as month_start,
        score_band,
        scores,
        development_scores,
        share,
        development_share,
        psi_part as psi,
        {{ typed_null('num') }} as ks,
        {{ typed_null('num') }} as auc,
        {{ typed_null('num') }} as calibration_deviation,
        {{ typed_null('bool') }} as is_outcome_final
    from band_shares
    union all
    select
        coalesce(stability.model_version, newest_statistics.model_version) as model_version,
        coalesce(stability.month_start, newest_statistics.month_start) as month_start,
        'all' as score_band,
        coalesce(stability.scores, 0) as scores,
        coalesce(stability.development_scores, 0) as development_scores,
        case when stability.scores > 0 then 1.0E0 end as share,
        case when stability.development_scores > 0 then 1.0E0 end as development_share,
        stability.psi,
        newest_statistics.ks,
        newest_statistics.auc,
        newest_statistics.calibration_deviation,
        newest_statistics.is_matured as is_outcome_final
    from stability
    full outer join newest_statistics
        on
            stability.model_version = newest_statistics.model_version
            and stability.month_start = newest_statistics.month_start

)

select
    every_row.model_version,
    every_row.month_start,
    cast(every_row.score_band as {{ type_text() }}) as score_band,
    cast(every_row.scores as {{ type_bigint() }}) as scores,
    cast(every_row.development_scores as {{ type_bigint() }}) as development_scores,
    every_row.share,
    every_row.development_share,
    every_row.psi,
    every_row.ks,
    every_row.auc,
    every_row.calibration_deviation,
    cast({{ add_months('every_row.month_start', 1) }} as {{ type_ts() }}) <= horizon.as_of as is_month_closed,
    every_row.is_outcome_final
from every_row
cross join horizon
