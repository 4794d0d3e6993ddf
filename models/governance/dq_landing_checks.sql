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
        true as passed,
        cast(0 as {{ type_bigint() }}) as failed_rows
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
        rows_read = rows_accepted + rows_deduplicated + rows_quarantined as passed,
        abs(rows_read - rows_accepted - rows_deduplicated - rows_quarantined) as failed_rows
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
        true as passed,
        rows_quarantined as failed_rows
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
        true as passed,
        affected_rows as failed_rows
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
        true as passed,
        count(*) as failed_rows
    from refused_events
    group by refused_because

),

checks as (

    {% for part in ['presence', 'accounting', 'quarantined', 'irregular', 'refused_traffic'] -%}
    select check_id, domain, table_name, kind, expected, observed, passed, failed_rows from {{ part }}
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
    checks.passed,
    cast(checks.failed_rows as {{ type_bigint() }}) as failed_rows,
    horizons.as_of
from checks
inner join horizons on checks.domain = horizons.domain
