{%- set domains = ['ecommerce', 'manufacturing', 'credit'] -%}
with

reconciliation as (

    select * from {{ ref('dq_reconciliation') }}

),

irregularities as (

    {% for domain in domains -%}
    select domain, table_name, column_name, kind, affected_rows from {{ ref('stg_' ~ domain ~ '__irregularities') }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

refused_events as (

    select * from {{ ref('int_ecommerce__refused_events') }}

),

unread_files as (

    select * from {{ ref('dq_landing_files') }}

),

rules as (

    select * from {{ ref('stg_dictionary__dq_checks') }}
    where rule_id = 'landing_unread'

),

shared_ids as (

    select
        'ecommerce' as domain,
        'events' as table_name,
        id_type as column_name,
        users
    from {{ ref('int_ecommerce__shared_ids') }}
    union all
    select
        'credit' as domain,
        'applications' as table_name,
        'device_fingerprint' as column_name,
        customers as users
    from {{ ref('int_credit__shared_ids') }}

),

refused_rows as (

    {% for domain in domains -%}
    select domain, table_name, reason, column_name from {{ ref('stg_' ~ domain ~ '__quarantine') }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

horizons as (

    {% for domain in domains -%}
    select '{{ domain }}' as domain, as_of from {{ ref('int_' ~ domain ~ '__as_of') }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

presence as (

    select
        'landing.' || domain || '.' || table_name || '.present' as check_id,
        domain,
        table_name,
        'presence' as kind,
        'rows, or nothing depends on the table' as expected,
        case when rows_read = 0 then 'absent or empty' else {{ as_text('rows_read') }} || ' rows' end as observed,
        'warn' as severity,
        -- what is not there cannot be judged: nothing of it is wrong, and nothing of it is known to be right
        case when rows_read > 0 then true end as is_met,
        case when rows_read = 0 then 'absent or empty: what counts it is left out' end as reason,
        cast(0 as {{ type_bigint() }}) as failed_rows,
        rows_read as checked_rows
    from reconciliation

),

accounting as (

    select
        'landing.' || domain || '.' || table_name || '.accounted' as check_id,
        domain,
        table_name,
        'reconciliation' as kind,
        {{ as_text('rows_read') }} || ' rows accounted for' as expected,
        {{ as_text('rows_accepted + rows_deduplicated + rows_quarantined') }} || ' rows accounted for' as observed,
        'error' as severity,
        rows_read = rows_accepted + rows_deduplicated + rows_quarantined as is_met,
        {{ typed_null('text') }} as reason,
        abs(rows_read - rows_accepted - rows_deduplicated - rows_quarantined) as failed_rows,
        rows_read as checked_rows
    from reconciliation

),

quarantined as (

    select
        'landing.' || domain || '.' || table_name || '.quarantined' as check_id,
        domain,
        table_name,
        'quarantine' as kind,
        'counted, kept in dq_quarantine' as expected,
        {{ as_text('rows_quarantined') }} || ' rows' as observed,
        'warn' as severity,
        true as is_met,
        {{ typed_null('text') }} as reason,
        rows_quarantined as failed_rows,
        rows_read as checked_rows
    from reconciliation
    where rows_quarantined > 0

),

irregular as (

    select
        'landing.' || domain || '.' || table_name || '.' || kind || '.' || column_name as check_id,
        domain,
        table_name,
        kind,
        case kind
            when 'unparsed' then 'readable values'
            when 'unknown_member' then 'values of the enumeration'
            when 'implausible_time' then 'times from 1971 to 2199, or none'
            when 'negative_value' then 'no value below the least of the contract'
            when 'beyond_maximum' then 'no value above the greatest of the contract'
            else 'ids that stand for somebody'
        end as expected,
        {{ as_text('affected_rows') }} || ' rows differ in ' || table_name || '.' || column_name as observed,
        'warn' as severity,
        true as is_met,
        {{ typed_null('text') }} as reason,
        affected_rows as failed_rows,
        cast(null as {{ type_bigint() }}) as checked_rows
    from irregularities

),

refused as (

    select
        'landing.' || domain || '.' || table_name || '.refused.' || reason || '.' || column_name as check_id,
        domain,
        table_name,
        'quarantine' as kind,
        'counted, kept in dq_quarantine' as expected,
        {{ as_text('count(*)') }} || ' rows refused for ' || table_name || '.' || column_name as observed,
        'warn' as severity,
        true as is_met,
        {{ typed_null('text') }} as reason,
        count(*) as failed_rows,
        cast(null as {{ type_bigint() }}) as checked_rows
    from refused_rows
    group by domain, table_name, reason, column_name

),

shared as (

    select
        'landing.' || domain || '.' || table_name || '.shared_id.' || column_name as check_id,
        domain,
        table_name,
        'shared_id' as kind,
        'ids of few users each' as expected,
        {{ as_text('count(*)') }} || ' ids (' || column_name || ') of up to ' || {{ as_text('max(users)') }} || ' users' as observed,
        'warn' as severity,
        true as is_met,
        {{ typed_null('text') }} as reason,
        sum(users) as failed_rows,
        cast(null as {{ type_bigint() }}) as checked_rows
    from shared_ids
    group by domain, table_name, column_name

),

refused_traffic as (

    select
        'landing.ecommerce.events.refused.' || refused_because as check_id,
        'ecommerce' as domain,
        'events' as table_name,
        'traffic_filter' as kind,
        'counted, left out of every KPI' as expected,
        {{ as_text('count(*)') }} || ' rows' as observed,
        'warn' as severity,
        true as is_met,
        {{ typed_null('text') }} as reason,
        count(*) as failed_rows,
        cast(null as {{ type_bigint() }}) as checked_rows
    from refused_events
    group by refused_because

),

blank as (

    select
        'landing.' || domain || '.' || table_name || '.blank' as check_id,
        domain,
        table_name,
        'blank' as kind,
        'rows of empty cells are left out' as expected,
        {{ as_text('rows_blank') }} || ' rows of empty cells' as observed,
        'warn' as severity,
        true as is_met,
        {{ typed_null('text') }} as reason,
        rows_blank as failed_rows,
        cast(null as {{ type_bigint() }}) as checked_rows
    from reconciliation
    where rows_blank > 0

),

named_files as (

    select
        domain,
        table_name,
        file_name || ': ' || reason as finding,
        row_number() over (partition by domain, table_name order by file_name) as place,
        count(*) over (partition by domain, table_name) as files
    from unread_files

),

unread as (

    select
        'landing.' || named_files.domain || '.' || named_files.table_name || '.unread' as check_id,
        named_files.domain,
        named_files.table_name,
        'unread_files' as kind,
        'every file is read' as expected,
        {{ as_text('max(named_files.files)') }} || ' not read: '
            || {{ string_agg('named_files.finding', '; ', 'named_files.finding') }}
            || case when max(named_files.files) > 20 then '; … (dq_landing_files)' else '' end as observed,
        max(rules.severity) as severity,
        false as is_met,
        {{ typed_null('text') }} as reason,
        max(named_files.files) as failed_rows,
        cast(null as {{ type_bigint() }}) as checked_rows
    from named_files
    cross join rules
    where named_files.place <= 20
    group by named_files.domain, named_files.table_name

),

checks as (

    {% for part in ['presence', 'accounting', 'quarantined', 'refused', 'irregular', 'blank', 'unread', 'shared', 'refused_traffic'] -%}
    select check_id, domain, table_name, kind, expected, observed, severity, is_met, reason, failed_rows, checked_rows from {{ part }}
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select
    checks.check_id,
    checks.domain,
    checks.table_name,
    checks.kind,
    checks.expected,
    checks.observed,
    {{ check_status('checks.is_met', 'checks.severity') }} as status,
    checks.reason,
    coalesce(checks.is_met, false) as passed,
    cast(checks.failed_rows as {{ type_bigint() }}) as failed_rows,
    cast(checks.checked_rows as {{ type_bigint() }}) as checked_rows,
    checks.severity,
    horizons.as_of
from checks
left join horizons on checks.domain = horizons.domain
