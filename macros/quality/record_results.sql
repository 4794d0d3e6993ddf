{#
    Writes what the tests of this run found, and what the landing and the build measured, into dq_results. Runs at the end of every
    dbt run that held tests; results of tests that did not run this time stay.
#}
{% macro record_results(results) %}
    {%- set rows = [] -%}
    {%- for result in results if execute and result.node.resource_type in ('test', 'unit_test') -%}
        {%- do rows.append(kpi_warehouse.result_row(result)) -%}
    {%- endfor -%}
    {%- set checks = adapter.get_relation(database=target.database, schema='marts', identifier='dq_landing_checks') -%}
    {%- if rows and checks is not none -%}
        {%- set measured = adapter.get_relation(database=target.database, schema='marts', identifier='dq_measured_checks') -%}
        {{ return(adapter.dispatch('write_results', 'kpi_warehouse')(rows, [checks] + ([measured] if measured is not none else []))) }}
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
    {{ return("(" ~ [
        kpi_warehouse.text_literal('dbt.' ~ node.name), kpi_warehouse.text_literal(domain.name), kpi_warehouse.text_literal(name),
        kpi_warehouse.text_literal(node.test_metadata.name if node.test_metadata is defined and node.test_metadata else node.resource_type | string | replace('NodeType.', '') | lower),
        kpi_warehouse.text_literal('0 failing rows'), kpi_warehouse.text_literal(status ~ ', ' ~ failures ~ ' failing rows'),
        'true' if status in ('pass', 'warn') else 'false', failures | string
    ] | join(', ') ~ ")") }}
{% endmacro %}

{# checks: relations of the form of dq_landing_checks, that one first. #}
{% macro results_select(rows, checks) -%}
    select
        tests.check_id,
        tests.domain,
        tests.table_name as {{ kpi_warehouse.quote_name('table') }},
        tests.kind,
        tests.expected,
        tests.observed,
        tests.passed,
        cast(tests.failed_rows as {{ kpi_warehouse.type_bigint() }}) as failed_rows,
        horizon.as_of
    from (values {{ rows | join(', ') }}) as tests(check_id, domain, table_name, kind, expected, observed, passed, failed_rows)
    left join (select domain, max(as_of) as as_of from {{ checks[0] }} group by domain) as horizon on tests.domain = horizon.domain
    {%- for relation in checks %}
    union all
    select check_id, domain, table_name, kind, expected, observed, passed, failed_rows, as_of
    from {{ relation }}
    {%- endfor %}
{%- endmacro %}

{% macro default__write_results(rows, checks) %}
    create table if not exists marts.dq_results as {{ kpi_warehouse.results_select(rows, checks) }} limit 0;
    delete from marts.dq_results where check_id like 'landing.%' or check_id like 'measured.%' or check_id in (select check_id from ({{ kpi_warehouse.results_select(rows, checks) }}) as fresh);
    insert into marts.dq_results {{ kpi_warehouse.results_select(rows, checks) }};
{% endmacro %}

{% macro spark__write_results(rows, checks) %}
    {%- do run_query("drop table if exists marts.dq_results") -%}
    create table marts.dq_results using parquet as {{ kpi_warehouse.results_select(rows, checks) }}
{% endmacro %}
