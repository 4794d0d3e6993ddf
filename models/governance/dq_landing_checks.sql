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
        case kind when 'unparsed' then 'readable values' else 'values of the enumeration' end as expected,
        {{ as_text('affected_rows') }} || ' rows differ' as observed,
        'warn' as severity,
        true as is_met,
        {{ typed_null('text') }} as reason,
        affected_rows as failed_rows,
        cast(null as {{ type_bigint() }}) as checked_rows
    from irregularities

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

checks as (

    {% for part in ['presence', 'accounting', 'quarantined', 'irregular', 'refused_traffic'] -%}
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
inner join horizons on checks.domain = horizons.domain
