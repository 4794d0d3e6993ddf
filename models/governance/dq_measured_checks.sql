{# Checks whose finding is a figure: what the build itself measured, in the form of dq_results. #}
{%- set domains = ['ecommerce', 'manufacturing', 'credit'] -%}
with

periodic as (

    select * from {{ ref('dq_periodic_checks') }}
    where dimension = 'all'

),

anomalies as (

    select * from {{ ref('dq_anomalies') }}

),

rules as (

    select * from {{ ref('stg_dictionary__dq_checks') }}

),

dependencies as (

    select * from {{ ref('kpi_dq_dependencies') }}

),

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}

),

device_matches as (

    select * from {{ ref('dq_mes_device_match') }}
    where outcome <> 'not_observed'

),

alarms as (

    select * from {{ ref('dq_device_alarms') }}

),

rework as (

    select * from {{ ref('dq_rework_reinspection') }}
    where outcome <> 'open'

),

off_routing as (

    select * from {{ ref('dq_off_routing_passes') }}

),

passes as (

    select * from {{ ref('int_manufacturing__passes') }}

),

price_stock as (

    select * from {{ ref('dq_price_stock_consistency') }}

),

horizons as (

    {% for domain in domains -%}
    select '{{ domain }}' as domain, as_of from {{ ref('int_' ~ domain ~ '__as_of') }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

-- the last final month of a KPI, the last due day of a readiness check
latest as (

    select
        periodic.check_id,
        periodic.domain,
        periodic.period_grain,
        periodic.period_start,
        periodic.numerator,
        periodic.denominator,
        periodic.value,
        periodic.comparator,
        periodic.expected,
        periodic.sample_size,
        periodic.passed,
        row_number() over (partition by check_id order by period_start desc) as place
    from periodic
    where period_grain = case when check_id like 'cr_ready%' then 'day' else 'month' end

),

kpi_checks as (

    select
        case when check_id like 'cr_ready%' then 'measured.ready.' else 'measured.kpi.' end || check_id as check_id,
        domain,
        check_id as table_name,
        case when check_id like 'cr_ready%' then 'freshness' else 'kpi' end as kind,
        'warn' as severity,
        comparator || ' ' || {{ as_text('expected') }} || ' (' || period_grain || ' of ' || {{ as_text(date_of('period_start')) }} || ')' as expected,
        {{ as_text('round(value, 4)') }} as observed,
        passed as is_met,
        {{ typed_null('text') }} as reason,
        -- a share of seconds tells no rows
        case when comparator in ('>=', '>') and denominator = sample_size then denominator - numerator end as failed_rows,
        cast(sample_size as {{ type_double() }}) as checked_rows
    from latest
    where place = 1

),

-- figures that appraisal waits for and that have no period to be judged by
wanted as (

    select
        dependencies.depends_on_kpi_id as check_id,
        min(definitions.domain) as domain
    from dependencies
    inner join definitions
        on left(definitions.kpi_id, length(dependencies.kpi_prefix)) = dependencies.kpi_prefix
    group by dependencies.depends_on_kpi_id

),

unjudged_kpi_checks as (

    select
        case when wanted.check_id like 'cr_ready%' then 'measured.ready.' else 'measured.kpi.' end || wanted.check_id as check_id,
        wanted.domain,
        wanted.check_id as table_name,
        case when wanted.check_id like 'cr_ready%' then 'freshness' else 'kpi' end as kind,
        'warn' as severity,
        'its target' as expected,
        {{ typed_null('text') }} as observed,
        cast(null as {{ type_bool() }}) as is_met,
        'no closed period with a target: its tables are absent, or hold too little yet' as reason,
        {{ typed_null('num') }} as failed_rows,
        {{ typed_null('num') }} as checked_rows
    from wanted
    left join latest
        on wanted.check_id = latest.check_id and latest.place = 1
    where latest.check_id is null

),

floors as (

    select
        'measured.floor.' || latest.check_id as check_id,
        latest.domain,
        latest.check_id as table_name,
        'kpi' as kind,
        rules.severity,
        'at least ' || {{ as_text('rules.threshold') }} || ' (month of ' || {{ as_text(date_of('latest.period_start')) }} || ')' as expected,
        {{ as_text('round(latest.value, 4)') }} as observed,
        case when latest.sample_size >= rules.min_rows then latest.value >= rules.threshold end as is_met,
        case
            when latest.sample_size < rules.min_rows
                then 'too few rows: ' || {{ as_text('latest.sample_size') }} || ' of ' || {{ as_text('rules.min_rows') }}
        end as reason,
        latest.denominator - latest.numerator as failed_rows,
        latest.denominator as checked_rows
    from latest
    inner join rules
        on 'floor_' || latest.check_id = rules.rule_id and latest.domain = rules.domain
    where latest.place = 1

),

shares as (

    select 'device_match' as rule_id, completed_at as happened_at, outcome = 'matched' as holds
    from device_matches
    union all
    select 'alarm_follow_up' as rule_id, started_at as happened_at, not is_uncoded_stop and not is_failure_without_order as holds
    from alarms
    union all
    select 'reinspection' as rule_id, closed_at as happened_at, outcome = 'reinspected' as holds
    from rework
    union all
    select 'in_routing' as rule_id, passes.entered_at as happened_at, off_routing.operation_id is null as holds
    from passes
    left join off_routing on passes.operation_id = off_routing.operation_id

),

counted_shares as (

    select
        shares.rule_id,
        count(*) as checked,
        {{ count_where('shares.holds') }} as held
    from shares
    inner join rules on shares.rule_id = rules.rule_id
    cross join {{ ref('int_manufacturing__as_of') }} as horizon
    where shares.happened_at >= {{ add_days('horizon.as_of_utc', '-rules.tested_days', 'ts') }}
    group by shares.rule_id

),

share_checks as (

    select
        'measured.' || rules.rule_id as check_id,
        rules.domain,
        {{ as_text("case rules.rule_id when 'alarm_follow_up' then 'machine_states' "
            ~ "when 'reinspection' then 'rework_orders' else 'unit_operations' end") }} as table_name,
        rules.kind,
        rules.severity,
        'at least ' || {{ as_text('rules.threshold') }} || ' of the last ' || {{ as_text('rules.tested_days') }} || ' days' as expected,
        {{ as_text('round(' ~ safe_divide('counted_shares.held', 'counted_shares.checked') ~ ', 4)') }} as observed,
        case
            when counted_shares.checked >= rules.min_rows
                then {{ safe_divide('counted_shares.held', 'counted_shares.checked') }} >= rules.threshold
        end as is_met,
        case
            when coalesce(counted_shares.checked, 0) < rules.min_rows
                then 'too few rows: ' || {{ as_text('coalesce(counted_shares.checked, 0)') }} || ' of ' || {{ as_text('rules.min_rows') }}
        end as reason,
        cast(counted_shares.checked - counted_shares.held as {{ type_double() }}) as failed_rows,
        cast(counted_shares.checked as {{ type_double() }}) as checked_rows
    from rules
    left join counted_shares on rules.rule_id = counted_shares.rule_id
    where rules.rule_id in ('device_match', 'alarm_follow_up', 'reinspection', 'in_routing')

),

-- the mart lists contradictions alone: without any, the sum is empty
price_stock_checks as (

    select
        'measured.' || rules.rule_id as check_id,
        rules.domain,
        'events' as table_name,
        rules.kind,
        rules.severity,
        'at most ' || {{ as_text('rules.threshold') }} || ' contradicting views in the last '
        || {{ as_text('rules.tested_days') }} || ' days' as expected,
        {{ as_text('coalesce(sum(price_stock.contradicting_views), 0)') }} as observed,
        coalesce(sum(price_stock.contradicting_views), 0) <= rules.threshold as is_met,
        {{ typed_null('text') }} as reason,
        cast(sum(price_stock.contradicting_views) as {{ type_double() }}) as failed_rows,
        {{ typed_null('num') }} as checked_rows
    from rules
    inner join horizons on rules.domain = horizons.domain
    left join price_stock
        on price_stock.event_date >= {{ add_days(date_of('horizons.as_of'), '-rules.tested_days') }}
    where rules.rule_id = 'price_stock_consistency'
    group by rules.rule_id, rules.domain, rules.kind, rules.severity, rules.threshold, rules.tested_days

),

-- a check of each kind, table and column, or KPI; the furthest off are named first
judged_series as (

    select
        'measured.anomaly.' || anomalies.kind || '.' || anomalies.domain || '.' || anomalies.series
        || case when anomalies.kind = 'value' or anomalies.column_name = 'all' then '' else '.' || anomalies.column_name end
        || case when anomalies.version > 1 then '.v' || {{ as_text('anomalies.version') }} else '' end as check_id,
        anomalies.domain,
        anomalies.series as table_name,
        anomalies.kind,
        anomalies.business_date,
        anomalies.verdict,
        anomalies.reason,
        anomalies.is_anomaly,
        anomalies.told_en,
        rules.severity,
        abs({{ safe_divide('anomalies.robust_z', 'anomalies.limit_z') }}) as distance
    from anomalies
    inner join rules on 'anomaly_' || anomalies.kind = rules.rule_id

),

ranked_series as (

    select
        judged_series.*,
        row_number() over (partition by check_id, is_anomaly order by distance desc nulls last, business_date, told_en) as place
    from judged_series

),

unjudged_reasons as (

    select check_id, reason, count(*) as periods
    from judged_series
    where verdict = 'not_judged'
    group by check_id, reason

),

reasons as (

    select
        check_id,
        {{ string_agg("reason || ' ' || " ~ as_text('periods'), ', ', 'reason') }} as reasons
    from unjudged_reasons
    group by check_id

),

anomaly_checks as (

    select
        ranked_series.check_id,
        ranked_series.domain,
        ranked_series.table_name,
        ranked_series.kind,
        max(ranked_series.severity) as severity,
        'periods like those before' as expected,
        case
            when {{ any_true('ranked_series.is_anomaly') }} then
                {{ string_agg('ranked_series.told_en', '; ', 'ranked_series.place', where='ranked_series.is_anomaly and ranked_series.place <= 5') }}
                || case
                    when {{ count_where('ranked_series.is_anomaly') }} > 5
                        then '; and ' || {{ as_text(count_where('ranked_series.is_anomaly') ~ ' - 5') }} || ' more' else ''
                end
            else 'all usual'
        end
        || ' (' || {{ as_text(count_where("ranked_series.verdict <> 'not_judged'")) }} || ' of ' || {{ as_text('count(*)') }} || ' judged'
        || coalesce('; not judged: ' || max(reasons.reasons), '') || ')' as observed,
        case when {{ count_where("ranked_series.verdict <> 'not_judged'") }} > 0 then not {{ any_true('ranked_series.is_anomaly') }} end as is_met,
        max(reasons.reasons) as reason,
        cast({{ count_where('ranked_series.is_anomaly') }} as {{ type_double() }}) as failed_rows,
        cast({{ count_where("ranked_series.verdict <> 'not_judged'") }} as {{ type_double() }}) as checked_rows
    from ranked_series
    left join reasons on ranked_series.check_id = reasons.check_id
    group by ranked_series.check_id, ranked_series.domain, ranked_series.table_name, ranked_series.kind

),

every_check as (

    {% for part in ['kpi_checks', 'unjudged_kpi_checks', 'floors', 'share_checks', 'price_stock_checks', 'anomaly_checks'] -%}
    select
        check_id, domain, table_name, kind, severity, expected, observed, is_met, reason, failed_rows, checked_rows
    from {{ part }}
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select
    every_check.check_id,
    every_check.domain,
    every_check.table_name,
    every_check.kind,
    every_check.expected,
    case
        when every_check.is_met is null then 'not judged, ' || every_check.reason
        when every_check.is_met then every_check.observed
        else every_check.severity || ', ' || every_check.observed
    end as observed,
    {{ check_status('every_check.is_met', 'every_check.severity') }} as status,
    case when every_check.is_met is null then every_check.reason end as reason,
    coalesce(every_check.is_met, false) as passed,
    cast(
        case when every_check.is_met or every_check.is_met is null then 0 else every_check.failed_rows end
        as {{ type_bigint() }}
    ) as failed_rows,
    cast(every_check.checked_rows as {{ type_bigint() }}) as checked_rows,
    every_check.severity,
    horizons.as_of
from every_check
inner join horizons on every_check.domain = horizons.domain
