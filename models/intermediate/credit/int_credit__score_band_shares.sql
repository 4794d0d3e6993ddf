with

scores as (

    select * from {{ ref('int_credit__banded_scores') }}
    where score_band is not null

),

score_bands as (

    select * from {{ ref('stg_credit__score_bands') }}

),

parameters as (

    select max(value) as empty_band_share
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'cr_psi' and parameter = 'empty_band_share'

),

observed as (

    select model_version, scored_month, score_band, count(*) as scores
    from scores
    where not is_development_sample
    group by model_version, scored_month, score_band

),

expected as (

    select model_version, score_band, count(*) as scores
    from scores
    where is_development_sample
    group by model_version, score_band

),

observed_months as (

    select model_version, scored_month, sum(scores) as scores
    from observed
    group by model_version, scored_month

),

expected_totals as (

    select model_version, sum(scores) as scores
    from expected
    group by model_version

),

shares as (           -- every band of the model in every month with scores, empty ones too

    select
        observed_months.model_version,
        observed_months.scored_month,
        score_bands.band as score_band,
        coalesce(observed.scores, 0) as scores,
        coalesce(expected.scores, 0) as development_scores,
        {{ safe_divide('coalesce(observed.scores, 0)', 'observed_months.scores') }} as share,
        {{ safe_divide('coalesce(expected.scores, 0)', 'expected_totals.scores') }} as development_share
    from observed_months
    inner join expected_totals on observed_months.model_version = expected_totals.model_version
    inner join score_bands on observed_months.model_version = score_bands.model_version
    left join observed
        on
            observed_months.model_version = observed.model_version
            and observed_months.scored_month = observed.scored_month
            and score_bands.band = observed.score_band
    left join expected
        on observed_months.model_version = expected.model_version and score_bands.band = expected.score_band

),

floored as (

    select
        shares.model_version,
        shares.scored_month,
        shares.score_band,
        shares.scores,
        shares.development_scores,
        shares.share,
        shares.development_share,
        case when shares.share = 0 then parameters.empty_band_share else shares.share end as psi_share,
        case
            when shares.development_share = 0 then parameters.empty_band_share
            else shares.development_share
        end as psi_development_share
    from shares
    cross join parameters

)

select
    model_version,
    scored_month,
    score_band,
    scores,
    development_scores,
    share,
    development_share,
    (psi_share - psi_development_share) * ln(psi_share / psi_development_share) as psi_part
from floored
