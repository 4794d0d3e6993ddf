with

scores as (

    select * from {{ ref('stg_credit__scores') }}

),

score_bands as (

    select * from {{ ref('stg_credit__score_bands') }}

),

bands as (            -- one band a score, whatever the reference says

    select
        scores.application_id,
        scores.model_version,
        min(score_bands.band) as score_band
    from scores
    inner join score_bands
        on
            scores.model_version = score_bands.model_version
            and (score_bands.lower_bound is null or scores.score >= score_bands.lower_bound)
            and (score_bands.upper_bound is null or scores.score < score_bands.upper_bound)
    group by scores.application_id, scores.model_version

)

select
    scores.application_id,
    scores.model_version,
    scores.scored_at,
    {{ month_start(business_local('scores.scored_at')) }} as scored_month,
    scores.score,
    scores.expected_pd,
    coalesce(scores.is_development_sample, false) as is_development_sample,
    bands.score_band
from scores
left join bands
    on scores.application_id = bands.application_id and scores.model_version = bands.model_version
