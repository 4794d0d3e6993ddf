{#
    One row per run of firing periods of a rule and slice, with what takes it in: the whole, the line, another rule of
    the same cause, or a feed that failed. The state that people give it lives in the ledger.
#}
{%- set key = ['rule_id', 'dimension', 'dimension_value'] -%}
with

readings as (

    select * from {{ ref('kpi_rule_readings') }}

),

rules as (

    select * from {{ ref('stg_dictionary__alert_rules') }}

),

terms as (

    select * from {{ ref('alert_terms') }}

),

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}

),

owners as (

    select * from {{ ref('owners') }}

),

-- what fires below a slice that takes it in fires there as well
points as (

    select
        rule_id,
        kpi_id,
        version,
        period_grain,
        period_start,
        period_end,
        dimension,
        dimension_value,
        parent_dimension,
        parent_value,
        is_detail,
        false as is_taken_in,
        observed_value,
        threshold_value,
        verdict,
        impact,
        is_final,
        as_of
    from readings
    union all
    select
        readings.rule_id,
        readings.kpi_id,
        readings.version,
        readings.period_grain,
        readings.period_start,
        readings.period_end,
        readings.parent_dimension as dimension,
        readings.parent_value as dimension_value,
        'all' as parent_dimension,
        'all' as parent_value,
        false as is_detail,
        true as is_taken_in,
        readings.observed_value,
        readings.threshold_value,
        readings.verdict,
        {{ typed_null('num') }} as impact,
        readings.is_final,
        readings.as_of
    from readings
    inner join rules on readings.rule_id = rules.rule_id
    where rules.rolls_up_to = readings.parent_dimension and readings.verdict in ('firing', 'in_bounds')

),

periods as (

    select
        rule_id,
        period_start,
        dimension,
        dimension_value,
        max(kpi_id) as kpi_id,
        max(version) as version,
        max(period_grain) as period_grain,
        max(period_end) as period_end,
        max(parent_dimension) as parent_dimension,
        max(parent_value) as parent_value,
        {{ all_true('is_detail') }} as is_detail,
        {{ any_true("verdict = 'firing'") }} as is_firing,
        {{ any_true("verdict = 'in_bounds'") }} and {{ all_true('is_final') }} as is_over,
        {{ any_true("verdict = 'firing' and not is_taken_in") }} as fires_itself,
        max(case when not is_taken_in then observed_value end) as own_value,
        max(case when not is_taken_in then threshold_value end) as own_threshold,
        {{ arg_max('observed_value', 'abs(observed_value - threshold_value)', "verdict = 'firing'") }} as worst_value,
        {{ arg_max('threshold_value', 'abs(observed_value - threshold_value)', "verdict = 'firing'") }} as worst_threshold,
        sum(impact) filter (where verdict = 'firing') as impact,
        {{ all_true('is_final') }} as is_final,
        max(as_of) as as_of
    from points
    group by rule_id, period_start, dimension, dimension_value

),

valued as (

    select
        rule_id,
        period_start,
        dimension,
        dimension_value,
        kpi_id,
        version,
        period_grain,
        period_end,
        parent_dimension,
        parent_value,
        is_detail,
        is_firing,
        is_over and not is_firing as is_over,
        case when is_firing and not fires_itself then worst_value else own_value end as observed_value,
        case when is_firing and not fires_itself then worst_threshold else own_threshold end as threshold_value,
        impact,
        is_final,
        as_of
    from periods

),

-- only a final period in bounds ends a run; an absent, open, small or undecided one does not
numbered as (

    select
        {{ key | join(', ') }},
        period_start,
        kpi_id,
        version,
        period_grain,
        period_end,
        parent_dimension,
        parent_value,
        is_detail,
        is_firing,
        is_over,
        observed_value,
        threshold_value,
        abs(observed_value - threshold_value) as distance,
        impact,
        is_final,
        as_of,
        sum(case when is_over then 1 else 0 end) over (
            partition by {{ key | join(', ') }}
            order by period_start nulls last rows between unbounded preceding and current row
        ) as run
    from valued

),

runs as (

    select
        {{ key | join(', ') }},
        run,
        max(kpi_id) as kpi_id,
        max(version) as version,
        max(period_grain) as period_grain,
        max(parent_dimension) as parent_dimension,
        max(parent_value) as parent_value,
        {{ all_true('is_detail') }} as is_detail,
        min(period_start) as opened_at,
        min(period_end) as known_at,
        max(period_start) as last_seen,
        max(period_end) as last_seen_end,
        count(*) as periods,
        {{ arg_max('observed_value', 'distance') }} as worst_value,
        {{ arg_max('period_start', 'distance') }} as worst_at,
        {{ arg_max('threshold_value', 'period_start') }} as threshold_value,
        sum(impact) as impact,
        {{ all_true('is_final') }} as is_final,
        max(as_of) as as_of
    from numbered
    where is_firing
    group by {{ key | join(', ') }}, run

),

-- the newest reading of the run, a firing one or not
latest as (

    select
        {{ key | join(', ') }},
        run,
        {{ arg_max('observed_value', 'period_start') }} as latest_value,
        max(period_start) as latest_at
    from numbered
    where observed_value is not null
    group by {{ key | join(', ') }}, run

),

endings as (

    select
        {{ key | join(', ') }},
        run - 1 as run,
        period_start as closing_period,
        period_end as closed_at,
        observed_value as closing_value
    from numbered
    where is_over

),

-- the newest period that a rule has judged anywhere
newest as (

    select
        rule_id,
        max(period_start) as newest_period
    from valued
    where is_firing or is_over
    group by rule_id

),

spans as (

    select
        {{ hash_key(['runs.rule_id', 'runs.dimension', 'runs.dimension_value', 'runs.opened_at']) }} as incident_id,
        runs.rule_id,
        rules.domain,
        rules.severity,
        runs.kpi_id,
        runs.version,
        runs.period_grain,
        runs.dimension,
        runs.dimension_value,
        runs.parent_dimension,
        runs.parent_value,
        runs.is_detail,
        rules.kind,
        rules.kind = 'feed' as is_feed,
        rules.rolls_up_to,
        rules.detail_of_rule,
        runs.opened_at,
        runs.known_at,
        runs.last_seen,
        runs.last_seen_end,
        runs.periods,
        runs.worst_value,
        runs.worst_at,
        case when endings.closed_at is null then latest.latest_value else endings.closing_value end as latest_value,
        runs.threshold_value,
        rules.comparison,
        runs.impact,
        rules.impact_unit,
        rules.owner_role as owner,
        {{ add_seconds('runs.known_at', '60 * terms.minutes') }} as due_at,
        endings.closed_at,
        endings.closed_at is null as is_open,
        runs.last_seen_end >= newest.newest_period
        or {{ minutes_between('runs.last_seen_end', 'runs.as_of') }} <= 1440.0 * terms.look_back_days as is_newest,
        runs.is_final,
        runs.as_of
    from runs
    inner join rules on runs.rule_id = rules.rule_id
    inner join terms on rules.term = terms.term
    inner join newest on runs.rule_id = newest.rule_id
    inner join latest
        on runs.rule_id = latest.rule_id
        and runs.dimension = latest.dimension
        and runs.dimension_value = latest.dimension_value
        and runs.run = latest.run
    left join endings
        on runs.rule_id = endings.rule_id
        and runs.dimension = endings.dimension
        and runs.dimension_value = endings.dimension_value
        and runs.run = endings.run

),

kpi_tables as (

    select
        definitions.kpi_id,
        definitions.version,
        parts.part as table_name
    from definitions
    cross join lateral {{ split_rows('definitions.data_sources', '|') }} as parts

),

-- the tables that an incident rests on: those of its KPI; a feed, those that failed
tables_behind as (

    select
        spans.incident_id,
        spans.domain || '.' || spans.dimension_value as table_name
    from spans
    where spans.is_feed and spans.dimension = 'table'
    union all
    select
        spans.incident_id,
        kpi_tables.table_name
    from spans
    inner join kpi_tables on spans.kpi_id = kpi_tables.kpi_id and spans.version = kpi_tables.version

),

shared_tables as (

    select distinct
        below.incident_id,
        above.incident_id as feed_incident_id
    from tables_behind as below
    inner join tables_behind as above on below.table_name = above.table_name and below.incident_id <> above.incident_id

),

-- what takes an incident in, from the widest; never while it would outlive the other, unless it ends with it
taken_in as (

    select
        below.incident_id,
        above.incident_id as parent_incident_id,
        case
            when below.rule_id = above.rule_id then 'detail'
            when above.is_feed then 'data_quality'
            else 'same_cause'
        end as parent_kind,
        row_number() over (
            partition by below.incident_id
            order by
                case
                    when below.rule_id = above.rule_id and above.dimension = 'all' then 1
                    when below.rule_id = above.rule_id then 2
                    when above.is_feed then 3
                    else 4
                end,
                -- with the one in which it was worst
                case when below.worst_at >= above.opened_at and below.worst_at < above.last_seen_end then 0 else 1 end,
                above.opened_at nulls last,
                above.incident_id
        ) as place
    from spans as below
    inner join spans as above
        on below.domain = above.domain
        and below.incident_id <> above.incident_id
        and (
            above.is_open
            or not below.is_open
            or below.is_detail
            or (below.rule_id = above.rule_id and below.rolls_up_to = above.dimension)
        )
        and below.opened_at < above.last_seen_end
        and above.opened_at < below.last_seen_end
    left join shared_tables
        on below.incident_id = shared_tables.incident_id
        and above.incident_id = shared_tables.feed_incident_id
    where
        not above.is_detail
        and (
            (
                below.rule_id = above.rule_id
                and (below.dimension <> above.dimension or below.dimension_value <> above.dimension_value)
                and (
                    (above.dimension = 'all' and below.dimension <> 'all')
                    or (above.dimension = below.parent_dimension and above.dimension_value = below.parent_value)
                )
            )
            or (
                below.detail_of_rule = above.rule_id
                and (
                    above.dimension = 'all'
                    or (above.dimension = below.dimension and above.dimension_value = below.dimension_value)
                    or (above.dimension = below.parent_dimension and above.dimension_value = below.parent_value)
                )
            )
            or (
                above.is_feed
                and not below.is_feed
                and shared_tables.incident_id is not null
                and below.period_grain in ('day', 'shift', 'hour', 'quarter_hour')
                and below.opened_at >= above.opened_at
                and below.last_seen < above.last_seen_end
            )
        )

),

parents as (

    select incident_id, parent_incident_id, parent_kind
    from taken_in
    where place = 1

),

-- everything points to the one at the top
tops as (

    select
        parents.incident_id,
        coalesce(third.parent_incident_id, second.parent_incident_id, parents.parent_incident_id) as parent_incident_id,
        case
            when 'data_quality' in (parents.parent_kind, coalesce(second.parent_kind, ''), coalesce(third.parent_kind, '')) then 'data_quality'
            when 'same_cause' in (parents.parent_kind, coalesce(second.parent_kind, ''), coalesce(third.parent_kind, '')) then 'same_cause'
            else 'detail'
        end as parent_kind
    from parents
    left join parents as second on parents.parent_incident_id = second.incident_id
    left join parents as third on second.parent_incident_id = third.incident_id

),

slices_below as (

    select
        tops.parent_incident_id as incident_id,
        spans.dimension || '=' || spans.dimension_value as slice,
        sum(spans.periods) as periods
    from tops
    inner join spans on tops.incident_id = spans.incident_id
    inner join spans as top on tops.parent_incident_id = top.incident_id
    where spans.dimension <> 'all' and (spans.dimension <> top.dimension or spans.dimension_value <> top.dimension_value)
    group by tops.parent_incident_id, spans.dimension, spans.dimension_value

),

ranked_slices as (

    select
        incident_id,
        slice,
        row_number() over (partition by incident_id order by periods desc nulls last, slice) as place
    from slices_below

),

details as (

    select
        incident_id,
        {{ string_agg('slice', ', ', 'place') }} as details,
        count(*) as slices
    from ranked_slices
    group by incident_id

)

select
    spans.incident_id,
    spans.rule_id,
    case when spans.kind in ('feed', 'suspect') then 'data_quality' else 'performance' end as kind,
    spans.severity,
    spans.kpi_id,
    cast(spans.version as int) as version,
    spans.domain,
    spans.period_grain,
    spans.dimension,
    spans.dimension_value,
    spans.opened_at,
    spans.known_at,
    spans.last_seen,
    spans.last_seen_end,
    cast(spans.periods as int) as periods,
    spans.worst_value,
    spans.worst_at,
    spans.latest_value,
    spans.threshold_value,
    spans.comparison,
    spans.impact,
    spans.impact_unit,
    spans.owner,
    spans.due_at,
    coalesce(spans.closed_at, top.closed_at) as closed_at,
    case when coalesce(spans.closed_at, top.closed_at) is null then 'open' else 'closed' end as state,
    spans.is_newest,
    tops.parent_incident_id,
    {{ as_text('tops.parent_kind') }} as parent_kind,
    {{ as_text('details.details') }} as details,
    cast(coalesce(details.slices, 0) as int) as detail_count,
    rules.description_en as rule_en,
    rules.description_zh as rule_zh,
    rules.response_en as action_en,
    rules.response_zh as action_zh,
    rules.cause_en,
    rules.cause_zh,
    rules.effect_en,
    rules.effect_zh,
    rules.title_en,
    rules.title_zh,
    definitions.kpi_name_en,
    definitions.kpi_name_zh,
    case
        when spans.kind = 'uncoded_stop' then 'minutes'
        when spans.kpi_id is null then 'count'
        else definitions.unit
    end as unit,
    spans.kind in ('change_on_previous', 'guardrail_change', 'deviation_from_target') as is_difference,
    owners.name_en as owner_en,
    owners.name_zh as owner_zh,
    owners.language as owner_language,
    rules.term,
    terms.name_en as term_en,
    terms.name_zh as term_zh,
    spans.is_final,
    spans.as_of
from spans
inner join rules on spans.rule_id = rules.rule_id
inner join terms on rules.term = terms.term
inner join owners on spans.owner = owners.role
left join definitions on spans.kpi_id = definitions.kpi_id and spans.version = definitions.version
left join tops on spans.incident_id = tops.incident_id
left join spans as top on tops.parent_incident_id = top.incident_id
left join details on spans.incident_id = details.incident_id
where not spans.is_detail or tops.incident_id is not null
