{#
    Checks that are not met. The build lists here what it measured itself; `kpi build` then adds what the tests and the
    expectations found, and the state that the ledger keeps over runs, in the same columns.
#}
with

measured as (

    select * from {{ ref('dq_measured_checks') }}
    where status in ('warn', 'fail')

),

landing as (

    select * from {{ ref('dq_landing_checks') }}
    where status in ('warn', 'fail')

),

unmet as (

    {% for part in ['measured', 'landing'] -%}
    select check_id, domain, table_name, kind, expected, observed, status, failed_rows, as_of from {{ part }}
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select
    {{ hash_key(['check_id', 'domain', 'table_name']) }} as issue_id,
    check_id,
    domain,
    table_name,
    kind,
    case when status = 'warn' then 'warn' else 'error' end as severity,
    {{ typed_null('text') }} as owner,
    expected,
    observed,
    failed_rows,
    'open' as state,
    {{ typed_null('ts') }} as first_seen_at_run,
    {{ typed_null('ts') }} as last_seen_at_run,
    {{ typed_null('ts') }} as resolved_at_run,
    {{ typed_null('ts') }} as repair_due_at_run,
    cast(null as boolean) as is_overdue_at_run,
    as_of
from unmet
