{#
    Question    What did a new rule version do, as a canary or an A/B test beside the one before it, and in all?
    How to read Rows by version (of the final decision) and comparison. `all decisions`: everything that the version decided, beside the version before it
                (by first decision). `shared days`: two rows, new and old, over the days on which both decided, so that the season cancels; none where
                the switch was made at once. `traffic_share` is the version's share of the decisions of both (a canary starts small).
                `…_gap` is new less old and stands in the row of the new one; `approval_gap_z` is the gap in standard errors (beyond 2:
                more than chance). Risk: first instalment unpaid after 7 days and 30+ at MOB3 of the accounts booked from these applications, among those
                that are old enough (`fpd7_accounts`, `mob3_accounts`), with the mean expected PD, as a version may approve other people.
    What to do  Widen a canary only if turnaround and straight-through processing gain, approval stays within 2 pp and outcomes of the same age are not
                worse; put these numbers into the change record of the policy.
#}
with

events as (

    select * from {{ ref('stg_credit__application_events') }}
    where event_name = 'final_decision'

),

applications as (

    select * from {{ ref('fct_applications') }}
    where decided_at is not null and not is_duplicate

),

accounts as (

    select * from {{ ref('int_credit__accounts') }}
    where application_id is not null

),

outcomes as (

    select * from {{ ref('int_credit__score_outcomes') }}
    where kpi_id = 'cr_calibration_deviation' and is_newest

),

first_instalments as (

    select * from {{ ref('int_credit__due_instalments') }}
    where is_first

),

parameters as (

    select cast(max(value) as int) as final_decisions
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'cr_stp_rate' and parameter = 'final_decisions'

),

deciding_rules as (

    select application_id, coalesce({{ arg_max('rule_version', ['event_at', 'event_id']) }}, 'unknown') as rule_version
    from events
    group by application_id

),

newest_outcomes as (

    select account_id, max(version) as version
    from outcomes
    group by account_id

),

booked as (           -- what became of the accounts of an application

    select
        accounts.application_id,
        count(*) as accounts,
        {{ count_where('first_instalments.is_over_fpd7_rate') }} as fpd7_accounts,
        {{ count_where('first_instalments.is_unpaid_fpd7_rate') }} as fpd7_bads,
        {{ count_where('outcomes.is_matured') }} as mob3_accounts,
        {{ count_where('outcomes.is_matured and outcomes.is_bad') }} as mob3_bads,
        sum(case when outcomes.is_matured then outcomes.expected_pd end) as expected_bads
    from accounts
    left join first_instalments on accounts.account_id = first_instalments.account_id
    left join newest_outcomes on accounts.account_id = newest_outcomes.account_id
    left join outcomes
        on newest_outcomes.account_id = outcomes.account_id and newest_outcomes.version = outcomes.version
    group by accounts.application_id

),

decisions as (

    select
        deciding_rules.rule_version,
        {{ date_of('applications.decided_local_at') }} as decided_date,
        applications.turnaround_minutes,
        applications.outcome = 'approved' as is_approved,
        not applications.has_human_actor
        and not applications.has_supplement_request
        and applications.decision_count = parameters.final_decisions as is_straight_through,
        applications.has_manual_review,
        coalesce(booked.accounts, 0) as accounts,
        coalesce(booked.fpd7_accounts, 0) as fpd7_accounts,
        coalesce(booked.fpd7_bads, 0) as fpd7_bads,
        coalesce(booked.mob3_accounts, 0) as mob3_accounts,
        coalesce(booked.mob3_bads, 0) as mob3_bads,
        booked.expected_bads
    from applications
    cross join parameters
    inner join deciding_rules on applications.application_id = deciding_rules.application_id
    left join booked on applications.application_id = booked.application_id

),

version_days as (

    select rule_version, decided_date
    from decisions
    group by rule_version, decided_date

),

lives as (

    select
        rule_version,
        min(decided_date) as first_date,
        lag(rule_version) over (order by min(decided_date), rule_version) as previous_version
    from version_days
    group by rule_version

),

shared_days as (

    select lives.rule_version, lives.previous_version, version_days.decided_date
    from lives
    inner join version_days on lives.rule_version = version_days.rule_version
    inner join version_days as previous_days
        on lives.previous_version = previous_days.rule_version
        and version_days.decided_date = previous_days.decided_date

),

compared as (

    select
        'all decisions' as comparison,
        lives.rule_version as new_version,
        lives.previous_version as old_version,
        decisions.rule_version,
        decisions.decided_date,
        decisions.turnaround_minutes, decisions.is_approved, decisions.is_straight_through, decisions.has_manual_review,
        decisions.accounts, decisions.fpd7_accounts, decisions.fpd7_bads,
        decisions.mob3_accounts, decisions.mob3_bads, decisions.expected_bads
    from lives
    inner join decisions
        on lives.rule_version = decisions.rule_version or lives.previous_version = decisions.rule_version
    union all
    select
        'shared days' as comparison,
        shared_days.rule_version as new_version,
        shared_days.previous_version as old_version,
        decisions.rule_version,
        decisions.decided_date,
        decisions.turnaround_minutes, decisions.is_approved, decisions.is_straight_through, decisions.has_manual_review,
        decisions.accounts, decisions.fpd7_accounts, decisions.fpd7_bads,
        decisions.mob3_accounts, decisions.mob3_bads, decisions.expected_bads
    from shared_days
    inner join decisions
        on shared_days.decided_date = decisions.decided_date
        and (
            shared_days.rule_version = decisions.rule_version
            or shared_days.previous_version = decisions.rule_version
        )

),

measured as (

    select
        comparison,
        new_version,
        old_version,
        rule_version,
        rule_version = new_version as is_new,
        min(decided_date) as first_date,
        max(decided_date) as last_date,
        count(*) as decisions,
        {{ safe_divide(count_where('is_approved'), 'count(*)') }} as approval_rate,
        avg(turnaround_minutes) as average_minutes,
        {{ percentile_cont('turnaround_minutes', 0.5) }} as p50_minutes,
        {{ percentile_cont('turnaround_minutes', 0.9) }} as p90_minutes,
        {{ safe_divide(count_where('is_straight_through'), 'count(*)') }} as stp_rate,
        {{ safe_divide(count_where('has_manual_review'), 'count(*)') }} as manual_review_rate,
        sum(accounts) as accounts,
        sum(fpd7_accounts) as fpd7_accounts,
        {{ safe_divide('sum(fpd7_bads)', 'sum(fpd7_accounts)') }} as fpd7_rate,
        sum(mob3_accounts) as mob3_accounts,
        {{ safe_divide('sum(mob3_bads)', 'sum(mob3_accounts)') }} as mob3_dpd30_rate,
        {{ safe_divide('sum(expected_bads)', 'sum(mob3_accounts)') }} as expected_pd
    from compared
    group by comparison, new_version, old_version, rule_version

),

paired as (

    select
        new_side.comparison,
        new_side.new_version,
        new_side.old_version,
        new_side.rule_version,
        new_side.is_new,
        new_side.first_date,
        new_side.last_date,
        new_side.decisions,
        {{ safe_divide(
            'new_side.decisions',
            'sum(new_side.decisions) over (partition by new_side.comparison, new_side.new_version)'
        ) }} as traffic_share,
        new_side.approval_rate,
        new_side.average_minutes,
        new_side.p50_minutes,
        new_side.p90_minutes,
        new_side.stp_rate,
        new_side.manual_review_rate,
        new_side.accounts,
        new_side.fpd7_accounts,
        new_side.fpd7_rate,
        new_side.mob3_accounts,
        new_side.mob3_dpd30_rate,
        new_side.expected_pd,
        new_side.approval_rate - old_side.approval_rate as approval_gap,
        {{ safe_divide(
            'new_side.approval_rate * new_side.decisions + old_side.approval_rate * old_side.decisions',
            'new_side.decisions + old_side.decisions'
        ) }} as pooled_approval_rate,
        {{ safe_divide('1', 'new_side.decisions') }} + {{ safe_divide('1', 'old_side.decisions') }} as inverse_sizes,
        new_side.average_minutes - old_side.average_minutes as average_gap,
        new_side.p90_minutes - old_side.p90_minutes as p90_gap,
        new_side.stp_rate - old_side.stp_rate as stp_gap,
        new_side.fpd7_rate - old_side.fpd7_rate as fpd7_gap,
        new_side.mob3_dpd30_rate - old_side.mob3_dpd30_rate as mob3_dpd30_gap
    from measured as new_side
    left join measured as old_side
        on new_side.is_new
        and new_side.comparison = old_side.comparison
        and new_side.new_version = old_side.new_version
        and not old_side.is_new

)

select
    comparison,
    new_version,
    old_version,
    rule_version,
    is_new,
    first_date,
    last_date,
    decisions,
    traffic_share,
    approval_rate,
    approval_gap,
    {{ safe_divide(
        'approval_gap', 'sqrt(pooled_approval_rate * (1 - pooled_approval_rate) * inverse_sizes)'
    ) }} as approval_gap_z,
    average_minutes,
    average_gap,
    p50_minutes,
    p90_minutes,
    p90_gap,
    stp_rate,
    stp_gap,
    manual_review_rate,
    accounts,
    fpd7_accounts,
    fpd7_rate,
    fpd7_gap,
    mob3_accounts,
    mob3_dpd30_rate,
    mob3_dpd30_gap,
    expected_pd
from paired
order by comparison, new_version, is_new
