{#
    Question    Is a new channel or product ready: are its data complete and its definitions in place?
    How to read One row per channel or product line and check, members seen first most recently on top; `is_new` marks those within the days of the dictionary
                (cr_rule_readiness, new_member_days). `observed` is a share of `cases` (a count for targets); null: no case yet. `is_ready` is
                null while there is no case; a member is ready when no row of it reads false and none null.
    What to do  Before the start: clear every false and null, set targets (with stricter temporary limits) and a board of its own. After it: a row that turns
                false stops the roll-out.
#}
with

applications as (

    select * from {{ ref('fct_applications') }}
    where not is_duplicate

),

raw_applications as (

    select * from {{ ref('stg_credit__applications') }}

),

visits as (

    select * from {{ ref('fct_node_visits') }}

),

events as (

    select * from {{ ref('stg_credit__application_events') }}

),

scores as (

    select * from {{ ref('int_credit__banded_scores') }}

),

accounts as (

    select * from {{ ref('int_credit__accounts') }}

),

targets as (

    select * from {{ ref('kpi_targets') }}
    where kpi_id like 'cr~_%' escape '~'

),

horizon as (

    select as_of
    from {{ ref('int_credit__as_of') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}

),

limits as (

    select
        max(case when metric_id = 'cr_rule_readiness' and parameter = 'new_member_days' then value end) as new_member_days,
        max(case when metric_id = 'cr_rule_data_quality' and parameter = 'completeness_min' then value end) as completeness_min,
        max(case when metric_id = 'cr_rule_data_quality' and parameter = 'timeliness_min' then value end) as timeliness_min,
        max(case when metric_id = 'cr_rule_data_quality' and parameter = 'timeliness_max_seconds' then value end)
            as timeliness_max_seconds
    from parameters

),

event_facts as (

    select
        events.application_id,
        count(*) as events,
        {{ count_where(seconds_between('events.event_at', 'events._loaded_at') ~ ' <= limits.timeliness_max_seconds') }}
            as timely_events,
        {{ count_where("events.event_name = 'submit'") }} > 0 as has_submit,
        {{ count_where("events.event_name in ('enter_node', 'leave_node')") }} > 0 as has_nodes,
        {{ count_where("events.event_name = 'final_decision'") }} as decisions,
        {{ count_where("events.event_name = 'final_decision' and events.rule_version is not null") }} as versioned_decisions
    from events
    cross join limits
    group by events.application_id

),

visit_facts as (

    select
        application_id,
        count(*) as visits,
        count(sla_ms) as visits_with_sla
    from visits
    group by application_id

),

development_models as (

    select distinct model_version
    from scores
    where is_development_sample and score_band is not null

),

score_facts as (

    select
        scores.application_id,
        {{ count_where('scores.score_band is not null') }} > 0 as has_band,
        {{ count_where('scores.expected_pd is not null') }} > 0 as has_expected_pd,
        {{ count_where('development_models.model_version is not null') }} > 0 as has_development_sample
    from scores
    left join development_models on scores.model_version = development_models.model_version
    where not scores.is_development_sample
    group by scores.application_id

),

application_facts as (

    select
        applications.application_id,
        applications.channel,
        applications.product_line,
        applications.submitted_local_at,
        applications.decided_at is not null as is_decided,
        raw_applications.device_fingerprint is not null as has_fingerprint,
        raw_applications.requested_amount is not null as has_amount,
        coalesce(event_facts.has_submit, false) as has_submit,
        coalesce(event_facts.has_nodes, false) as has_nodes,
        coalesce(event_facts.events, 0) as events,
        coalesce(event_facts.timely_events, 0) as timely_events,
        coalesce(event_facts.decisions, 0) as decisions,
        coalesce(event_facts.versioned_decisions, 0) as versioned_decisions,
        coalesce(visit_facts.visits, 0) as visits,
        coalesce(visit_facts.visits_with_sla, 0) as visits_with_sla,
        coalesce(score_facts.has_band, false) as has_band,
        coalesce(score_facts.has_expected_pd, false) as has_expected_pd,
        coalesce(score_facts.has_development_sample, false) as has_development_sample
    from applications
    inner join raw_applications on applications.application_id = raw_applications.application_id
    left join event_facts on applications.application_id = event_facts.application_id
    left join visit_facts on applications.application_id = visit_facts.application_id
    left join score_facts on applications.application_id = score_facts.application_id

),

{% set dimensions = ['channel', 'product_line'] -%}
application_members as (

    {% for dimension in dimensions -%}
    select
        '{{ dimension }}' as dimension,
        coalesce({{ dimension }}, 'unknown') as dimension_value,
        min({{ date_of('submitted_local_at') }}) as first_date,
        count(*) as applications,
        {{ count_where('is_decided') }} as decided,
        {{ count_where('has_submit') }} as with_submit,
        {{ count_where('is_decided and has_nodes') }} as decided_with_nodes,
        {{ count_where('has_fingerprint') }} as with_fingerprint,
        {{ count_where('has_amount') }} as with_amount,
        sum(events) as events,
        sum(timely_events) as timely_events,
        sum(decisions) as decisions,
        sum(versioned_decisions) as versioned_decisions,
        sum(visits) as visits,
        sum(visits_with_sla) as visits_with_sla,
        {{ count_where('is_decided and has_band') }} as decided_in_band,
        {{ count_where('is_decided and has_expected_pd') }} as decided_with_pd,
        {{ count_where('is_decided and has_development_sample') }} as decided_with_development
    from application_facts
    group by coalesce({{ dimension }}, 'unknown')
    {{ "union all" if not loop.last }}
    {% endfor %}
),

account_members as (

    {% for dimension in dimensions -%}
    select
        '{{ dimension }}' as dimension,
        coalesce({{ dimension }}, 'unknown') as dimension_value,
        min(booked_date) as first_date,
        count(*) as accounts,
        count(application_id) as accounts_with_application,
        {{ count_where('has_instalments') }} as accounts_with_instalments
    from accounts
    group by coalesce({{ dimension }}, 'unknown')
    {{ "union all" if not loop.last }}
    {% endfor %}
),

target_members as (

    select dimension, dimension_value, count(distinct kpi_id) as kpis_with_target
    from targets
    where dimension in ('channel', 'product_line')
    group by dimension, dimension_value

),

members as (

    select
        coalesce(application_members.dimension, account_members.dimension) as dimension,
        coalesce(application_members.dimension_value, account_members.dimension_value) as dimension_value,
        {{ least_of(['application_members.first_date', 'account_members.first_date']) }} as first_date,
        application_members.applications,
        application_members.decided,
        application_members.with_submit,
        application_members.decided_with_nodes,
        application_members.with_fingerprint,
        application_members.with_amount,
        application_members.events,
        application_members.timely_events,
        application_members.decisions,
        application_members.versioned_decisions,
        application_members.visits,
        application_members.visits_with_sla,
        application_members.decided_in_band,
        application_members.decided_with_pd,
        application_members.decided_with_development,
        account_members.accounts,
        account_members.accounts_with_application,
        account_members.accounts_with_instalments
    from application_members
    full outer join account_members
        on application_members.dimension = account_members.dimension
        and application_members.dimension_value = account_members.dimension_value

),

{% set checks = [
    ('01 member is a known value', 'applications', "case when dimension_value <> 'unknown' then applications else 0 end"),
    ('02 submit event landed', 'applications', 'with_submit'),
    ('03 node events of decided applications', 'decided', 'decided_with_nodes'),
    ('04 process events in time', 'events', 'timely_events'),
    ('05 rule version on decisions', 'decisions', 'versioned_decisions'),
    ('06 SLA for node visits', 'visits', 'visits_with_sla'),
    ('07 device fingerprint', 'applications', 'with_fingerprint'),
    ('08 requested amount', 'applications', 'with_amount'),
    ('09 score inside a band', 'decided', 'decided_in_band'),
    ('10 expected PD', 'decided', 'decided_with_pd'),
    ('11 development sample of the model', 'decided', 'decided_with_development'),
    ('12 account linked to an application', 'accounts', 'accounts_with_application'),
    ('13 instalments of accounts', 'accounts', 'accounts_with_instalments'),
] -%}
shares as (

    {% for name, cases, fulfilled in checks -%}
    select
        dimension,
        dimension_value,
        first_date,
        '{{ name }}' as check_name,
        cast({{ cases }} as {{ type_bigint() }}) as cases,
        {{ safe_divide(fulfilled, cases) }} as observed
    from members
    {{ "union all" if not loop.last }}
    {% endfor %}
),

judged as (

    select
        shares.dimension,
        shares.dimension_value,
        shares.first_date,
        shares.check_name,
        shares.cases,
        shares.observed,
        case when shares.check_name like '04%' then limits.timeliness_min else limits.completeness_min end as expected
    from shares
    cross join limits
    union all
    select
        members.dimension,
        members.dimension_value,
        members.first_date,
        '14 targets of its own in the dictionary' as check_name,
        {{ typed_null('int') }} as cases,
        cast(coalesce(target_members.kpis_with_target, 0) as {{ type_double() }}) as observed,
        1 as expected
    from members
    left join target_members
        on members.dimension = target_members.dimension and members.dimension_value = target_members.dimension_value

)

select
    judged.dimension,
    judged.dimension_value,
    judged.first_date,
    {{ days_between_dates('judged.first_date', date_of('horizon.as_of')) }} <= limits.new_member_days as is_new,
    judged.check_name,
    judged.cases,
    judged.observed,
    judged.expected,
    judged.observed >= judged.expected as is_ready
from judged
cross join horizon
cross join limits
order by judged.first_date desc, judged.dimension, judged.dimension_value, judged.check_name
