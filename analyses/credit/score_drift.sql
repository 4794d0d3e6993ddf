{#
    Question    Has the population drifted away from the one that the model was built on, and in which bands?
    How to read One row per model, month of scoring and band, safest first in the order of the lower bounds, with the model's PSI beside each part. Parts are never
                negative; `psi_share` names the bands that make the PSI, `share_change` the direction. Under 0.10 calm, up to 0.25 watch, from
                0.25 on (the alert) the threshold review starts. `is_empty` bands enter with the stand-in share of the dictionary.
    What to do  PSI at 0.25 or more: threshold review, stability of the features, a canary of a new model; read score_calibration before
                anything is moved.
#}
{%- set watch = 0.1 %}
with

monitoring as (

    select * from {{ ref('fct_score_monitoring') }}

),

score_bands as (

    select * from {{ ref('stg_credit__score_bands') }}

),

limits as (

    select max(target_value) as limit_value
    from {{ ref('kpi_targets') }}
    where kpi_id = 'cr_psi'

),

bands as (

    select
        model_version,
        month_start,
        score_band,
        scores,
        development_scores,
        share,
        development_share,
        psi,
        sum(psi) over (partition by model_version, month_start) as model_psi
    from monitoring
    where score_band <> 'all'

)

select
    bands.model_version,
    bands.month_start,
    bands.score_band,
    score_bands.lower_bound,
    bands.scores,
    bands.development_scores,
    bands.development_share,
    bands.share,
    bands.share - bands.development_share as share_change,
    bands.scores = 0 or bands.development_scores = 0 as is_empty,
    bands.psi as psi_part,
    {{ safe_divide('bands.psi', 'bands.model_psi') }} as psi_share,
    bands.model_psi,
    case
        when bands.model_psi >= limits.limit_value then 'review'
        when bands.model_psi >= {{ watch }} then 'watch'
        when bands.model_psi is not null then 'calm'
    end as verdict
from bands
cross join limits
left join score_bands
    on bands.model_version = score_bands.model_version and bands.score_band = score_bands.band
order by bands.model_version, bands.month_start, score_bands.lower_bound desc nulls last, bands.score_band
