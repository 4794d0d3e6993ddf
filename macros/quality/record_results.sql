{#
    Writes what the tests of this run found, and what the landing and the build measured, into dq_results. Runs at the end of every
    dbt run that held tests; results of tests that did not run this time stay.
#}
{% macro record_results(results) %}
    {%- set rows = [] -%}
    {%- for result in results if execute and result.node.resource_type in ('test', 'unit_test') -%}
        {%- do rows.append(kpi_warehouse.result_row(result)) -%}
    {%- endfor -%}
    {#- relations come from dbt's cache: a query here would open a transaction, and dbt rolls that back with all that is written in it -#}
    {%- set checks = [] -%}
    {%- for name in ['dq_landing_checks', 'dq_measured_checks'] if rows -%}
        {%- set relation = adapter.get_relation(database=target.database, schema='marts', identifier=name) -%}
        {%- if relation is not none -%}{%- do checks.append(relation) -%}{%- endif -%}
    {%- endfor -%}
    {%- if rows and checks -%}
        {{ return(adapter.dispatch('write_results', 'kpi_warehouse')(rows, checks)) }}
    {%- else -%}
        {{ return('') }}
    {%- endif -%}
{% endmacro %}

{# One test result as a tuple of SQL literals. #}
{% macro result_row(result) %}
    {%- set node = result.node -%}
    {%- set tested = (node.depends_on.nodes | default([], true)) -%}
    {%- set name = (tested[0].split('.')[-1] if tested else node.name) -%}
    {%- if name in ('v1', 'v2', 'v3') and tested -%}{%- set name = tested[0].split('.')[-2] -%}{%- endif -%}
    {%- set domain = namespace(name='governance') -%}
    {%- for candidate in ['ecommerce', 'manufacturing', 'credit'] if candidate in node.original_file_path or candidate in name -%}
        {%- set domain.name = candidate -%}
    {%- endfor -%}
    {%- set status = result.status | string -%}
    {%- set failures = result.failures if result.failures is not none else 0 -%}
    {%- set severity = 'warn' if (node.config.severity | string | lower) == 'warn' else 'error' -%}
    {#- skipped: something that it looks at was not built, or its own test before it did not hold -#}
    {%- set told = {'pass': 'pass', 'success': 'pass', 'warn': 'warn', 'fail': 'fail', 'error': 'fail'}.get(status, 'not_judged') -%}
    {%- set reason = (status ~ ': ' ~ (result.message or 'an earlier model or check failed')) if told == 'not_judged' else none -%}
    {{ return("(" ~ [
        kpi_warehouse.text_literal('dbt.' ~ node.name), kpi_warehouse.text_literal(domain.name), kpi_warehouse.text_literal(name),
        kpi_warehouse.text_literal(node.test_metadata.name if node.test_metadata is defined and node.test_metadata else node.resource_type | string | replace('NodeType.', '') | lower),
        kpi_warehouse.text_literal('0 failing rows'),
        kpi_warehouse.text_literal((status ~ ', ' ~ failures ~ ' failing rows') if reason is none else 'not judged, ' ~ reason),
        kpi_warehouse.text_literal(told), kpi_warehouse.typed_null('text') if reason is none else kpi_warehouse.text_literal(reason),
        failures | string, kpi_warehouse.text_literal(severity),
        'true' if told == 'fail' or (told == 'not_judged' and severity == 'error') else 'false'
    ] | join(', ') ~ ")") }}
{% endmacro %}

{#
    checks: relations of the form of dq_landing_checks, that one first. `passed` is true of what was met alone; `shuts_gate` says
    what must not be published: a failed check of severity error, and one that had to be judged and could not be.
#}
{% macro results_select(rows, checks) -%}
    select
        tests.check_id,
        tests.domain,
        tests.table_name as {{ kpi_warehouse.quote_name('table') }},
        tests.kind,
        tests.expected,
        tests.observed,
        tests.status,
        tests.reason,
        tests.status = 'pass' as passed,
        cast(tests.failed_rows as {{ kpi_warehouse.type_bigint() }}) as failed_rows,
        cast(null as {{ kpi_warehouse.type_bigint() }}) as checked_rows,
        {{ kpi_warehouse.typed_null('num') }} as failed_money_share,
        tests.severity,
        tests.shuts_gate,
        {{ kpi_warehouse.typed_null('text') }} as follows_from,
        horizon.as_of
    from (values {{ rows | join(', ') }})
        as tests(check_id, domain, table_name, kind, expected, observed, status, reason, failed_rows, severity, shuts_gate)
    left join (select domain, max(as_of) as as_of from {{ checks[0] }} group by domain) as horizon on tests.domain = horizon.domain
    {%- for relation in checks %}
    union all
    select
        check_id, domain, table_name, kind, expected, observed, status, reason, passed, failed_rows, checked_rows,
        {{ kpi_warehouse.typed_null('num') }}, severity, status = 'fail', {{ kpi_warehouse.typed_null('text') }}, as_of
    from {{ relation }}
    {%- endfor %}
{%- endmacro %}

{# What a check is told as; is_met is null where it could not be judged. #}
{% macro check_status(is_met, severity) -%}
    case
        when {{ is_met }} is null then 'not_judged'
        when {{ is_met }} then 'pass'
        when {{ severity }} = 'error' then 'fail'
        else 'warn'
    end
{%- endmacro %}

{% macro default__write_results(rows, checks) %}
    {%- set columns = ['check_id', 'domain', 'table', 'kind', 'expected', 'observed', 'status', 'reason', 'passed', 'failed_rows',
        'checked_rows', 'failed_money_share', 'severity', 'shuts_gate', 'follows_from', 'as_of'] -%}
    create table if not exists marts.dq_results as {{ kpi_warehouse.results_select(rows, checks) }} limit 0;
    {#- results of an older version, which told a warning as passed -#}
    {%- for column, type in [('status', 'varchar'), ('reason', 'varchar'), ('checked_rows', 'bigint'), ('failed_money_share', 'double'),
        ('severity', 'varchar'), ('shuts_gate', 'boolean'), ('follows_from', 'varchar')] %}
    alter table marts.dq_results add column if not exists {{ column }} {{ type }};
    {%- endfor %}
    update marts.dq_results set
        status = case when passed is not true then 'fail' when observed like 'warn,%' then 'warn' else 'pass' end,
        severity = case when passed and observed like 'warn,%' then 'warn' else 'error' end,
        shuts_gate = passed is not true,
        passed = passed and observed not like 'warn,%'
    where status is null;
    delete from marts.dq_results where check_id like 'landing.%' or check_id like 'measured.%' or check_id in (select check_id from ({{ kpi_warehouse.results_select(rows, checks) }}) as fresh);
    insert into marts.dq_results ({% for column in columns %}{{ adapter.quote(column) }}{{ ', ' if not loop.last }}{% endfor %}) {{ kpi_warehouse.results_select(rows, checks) }};
{% endmacro %}

{% macro spark__write_results(rows, checks) %}
    {%- do run_query("drop table if exists marts.dq_results") -%}
    create table marts.dq_results using parquet as {{ kpi_warehouse.results_select(rows, checks) }}
{% endmacro %}
