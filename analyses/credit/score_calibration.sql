{#
    Question    Do the expected PDs come true, band by band, in absolute and in relative terms?
    How to read One row per model, vintage and band (and `all`): observed share of 30+ at MOB3, mean expected PD, their difference (`absolute_deviation`, in
                fractions: 0.01 = 1 pp) and the difference over the expected PD (`relative_deviation`; the KPI). `standard_errors` is the
                difference in standard errors of the observed share under the expected PD: a relative deviation of 40 % on twelve accounts is noise,
                one of 25 % at four standard errors is not. Rows with `is_final` false are read before MOB3 and not judged.
    What to do  Outside 20 % relative and beyond two standard errors: threshold review and recalibration; too many bads only in the low bands: cutoff; in
                all bands: the level of the model or the economy.
#}
with

outcomes as (

    select * from {{ ref('int_credit__score_outcomes') }}
    where kpi_id = 'cr_calibration_deviation' and expected_pd is not null

),

newest_versions as (

    select max(version) as version
    from outcomes

),

limits as (

    select max(target_value) as least_deviation, max(target_value_upper) as most_deviation
    from {{ ref('kpi_targets') }}
    where kpi_id = 'cr_calibration_deviation'

),

members as (

    select
        outcomes.model_version, outcomes.cohort_month, coalesce(outcomes.score_band, 'unknown') as score_band,
        outcomes.is_bad, outcomes.expected_pd, outcomes.is_matured
    from outcomes
    inner join newest_versions on outcomes.version = newest_versions.version
    union all
    select
        outcomes.model_version, outcomes.cohort_month, 'all' as score_band,
        outcomes.is_bad, outcomes.expected_pd, outcomes.is_matured
    from outcomes
    inner join newest_versions on outcomes.version = newest_versions.version

),

measured as (

    select
        model_version,
        cohort_month,
        score_band,
        count(*) as accounts,
        {{ count_where('is_bad') }} as bads,
        {{ safe_divide(count_where('is_bad'), 'count(*)') }} as observed_share,
        avg(expected_pd) as expected_pd,
        sqrt(sum(expected_pd * (1 - expected_pd))) / count(*) as standard_error,
        {{ all_true('is_matured') }} as is_final
    from members
    group by model_version, cohort_month, score_band

)

select
    measured.model_version,
    measured.cohort_month,
    measured.score_band,
    measured.accounts,
    measured.bads,
    measured.observed_share,
    measured.expected_pd,
    measured.observed_share - measured.expected_pd as absolute_deviation,
    {{ safe_divide('measured.observed_share - measured.expected_pd', 'measured.expected_pd') }} as relative_deviation,
    {{ safe_divide('measured.observed_share - measured.expected_pd', 'measured.standard_error') }} as standard_errors,
    case
        when measured.is_final
            then
                {{ safe_divide('measured.observed_share - measured.expected_pd', 'measured.expected_pd') }}
                not between limits.least_deviation and limits.most_deviation
    end as is_outside,
    measured.is_final
from measured
cross join limits
order by measured.model_version, measured.cohort_month, measured.score_band
