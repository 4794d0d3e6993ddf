{#
    Question    Are the stricter cutoffs and lower limits applied where the risk is, tier by tier?
    How to read One row per month, policy, required action and risk tier (band of the application's newest score; `unscored` without one). The target is 98 %.
                `expected_pd` shows that the tiers are in order; `approved_when_missed` are the approvals among the decisions that should
                have been stricter and were not, `dpd30_when_missed` what became of their accounts so far (30+ or charged off at the newest reading).
    What to do  A tier below 98 %: find the decisions (same joins, applied = false), the rule release or the override that let them pass; freeze that
                path until it is repaired. Misses in the riskiest tiers weigh most.
#}
with

policy_decisions as (

    select * from {{ ref('stg_credit__policy_decisions') }}

),

scores as (

    select * from {{ ref('int_credit__banded_scores') }}
    where not is_development_sample

),

applications as (

    select * from {{ ref('fct_applications') }}

),

outcomes as (

    select * from {{ ref('int_credit__score_outcomes') }}
    where kpi_id = 'cr_calibration_deviation' and is_newest

),

accounts as (

    select * from {{ ref('int_credit__accounts') }}

),

targets as (

    select max(target_value) as least_rate
    from {{ ref('kpi_targets') }}
    where kpi_id = 'cr_strict_policy_rate'

),

newest_scores as (

    select
        application_id,
        {{ arg_max('score_band', ['scored_at', 'model_version']) }} as score_band,
        {{ arg_max('expected_pd', ['scored_at', 'model_version']) }} as expected_pd
    from scores
    group by application_id

),

bad_applications as (

    select distinct accounts.application_id
    from outcomes
    inner join accounts on outcomes.account_id = accounts.account_id
    where outcomes.is_bad

),

judged as (

    select
        {{ month_start(business_local('policy_decisions.decided_at')) }} as month_start,
        policy_decisions.policy_id,
        policy_decisions.required_action,
        coalesce(newest_scores.score_band, 'unscored') as risk_tier,
        newest_scores.expected_pd,
        policy_decisions.applied,
        not policy_decisions.applied and coalesce(applications.outcome = 'approved', false) as is_approved_miss,
        not policy_decisions.applied and bad_applications.application_id is not null as is_bad_miss
    from policy_decisions
    left join newest_scores on policy_decisions.application_id = newest_scores.application_id
    left join applications on policy_decisions.application_id = applications.application_id
    left join bad_applications on policy_decisions.application_id = bad_applications.application_id

),

measured as (

    select
        month_start,
        policy_id,
        required_action,
        risk_tier,
        avg(expected_pd) as expected_pd,
        count(*) as required,
        {{ count_where('applied') }} as applied,
        {{ safe_divide(count_where('applied'), 'count(*)') }} as rate,
        {{ count_where('is_approved_miss') }} as approved_when_missed,
        {{ count_where('is_bad_miss') }} as dpd30_when_missed
    from judged
    group by month_start, policy_id, required_action, risk_tier

)

select
    measured.month_start,
    measured.policy_id,
    measured.required_action,
    measured.risk_tier,
    measured.expected_pd,
    measured.required,
    measured.applied,
    measured.rate,
    measured.rate >= targets.least_rate as is_on_target,
    measured.approved_when_missed,
    measured.dpd30_when_missed
from measured
cross join targets
order by measured.month_start, measured.policy_id, measured.required_action, measured.expected_pd desc nulls last, measured.risk_tier
