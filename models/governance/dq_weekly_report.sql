{%- set domains = ['ecommerce', 'manufacturing', 'credit'] -%}
{%- set counts = ['rows_read', 'rows_accepted', 'rows_deduplicated', 'rows_quarantined', 'rows_irregular', 'rows_late'] -%}
with

table_days as (

    {% for domain in domains -%}
    select domain, business_date, {{ counts | join(', ') }} from {{ ref('stg_' ~ domain ~ '__days') }}
    where has_own_time and business_date is not null
    {{ "union all" if not loop.last }}
    {% endfor %}

),

periodic as (

    select * from {{ ref('dq_periodic_checks') }}
    where period_grain = 'week' and dimension = 'all'

),

anomalies as (

    select * from {{ ref('dq_anomalies') }}

),

horizons as (

    {% for domain in domains -%}
    select '{{ domain }}' as domain, as_of from {{ ref('int_' ~ domain ~ '__as_of') }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

weekly_rows as (

    select
        domain,
        {{ date_of(start_of('week', 'cast(business_date as ' ~ type_ts() ~ ')')) }} as week_start,
        {% for name in counts -%}
        sum({{ name }}) as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from table_days
    group by domain, {{ date_of(start_of('week', 'cast(business_date as ' ~ type_ts() ~ ')')) }}

),

findings as (

    select
        domain,
        {{ date_of('period_start') }} as week_start,
        check_id as finding,
        passed as is_met,
        false as is_anomaly
    from periodic
    union all
    select
        domain,
        {{ date_of(start_of('week', 'cast(business_date as ' ~ type_ts() ~ ')')) }} as week_start,
        kind || ' ' || series as finding,
        not {{ any_true('is_anomaly') }} as is_met,
        {{ any_true('is_anomaly') }} as is_anomaly
    from anomalies
    where verdict <> 'not_judged' and period_grain in ('day', 'week')
    group by domain, {{ date_of(start_of('week', 'cast(business_date as ' ~ type_ts() ~ ')')) }}, kind || ' ' || series

),

weekly_findings as (

    select
        domain,
        week_start,
        count(*) as checks,
        {{ count_where('not is_met') }} as checks_failed,
        {{ count_where('is_anomaly') }} as anomalous_series,
        {{ string_agg('finding', ', ', 'finding', where='not is_met') }} as failed_checks
    from findings
    group by domain, week_start

)

select
    weekly_rows.domain,
    weekly_rows.week_start,
    {% for name in counts -%}
    cast(weekly_rows.{{ name }} as {{ type_bigint() }}) as {{ name }},
    {% endfor -%}
    {{ safe_divide('weekly_rows.rows_deduplicated', 'weekly_rows.rows_read') }} as duplicate_rate,
    {{ safe_divide('weekly_rows.rows_quarantined', 'weekly_rows.rows_read') }} as quarantine_rate,
    {{ safe_divide('weekly_rows.rows_irregular', 'weekly_rows.rows_accepted') }} as irregular_rate,
    {{ safe_divide('weekly_rows.rows_late', 'weekly_rows.rows_accepted') }} as late_rate,
    cast(coalesce(weekly_findings.checks, 0) as {{ type_bigint() }}) as checks,
    cast(coalesce(weekly_findings.checks_failed, 0) as {{ type_bigint() }}) as checks_failed,
    cast(coalesce(weekly_findings.anomalous_series, 0) as {{ type_bigint() }}) as anomalous_series,
    weekly_findings.failed_checks,
    cast({{ add_days('weekly_rows.week_start', 7) }} as {{ type_ts() }}) <= horizons.as_of as is_closed,
    horizons.as_of
from weekly_rows
inner join horizons on weekly_rows.domain = horizons.domain
left join weekly_findings
    on weekly_rows.domain = weekly_findings.domain and weekly_rows.week_start = weekly_findings.week_start
