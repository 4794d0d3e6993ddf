{#
    The mark of a build, in table build.mark of the warehouse: which run of dbt the tables are of, whether it was of the whole project, and
    a seal over the check results. The gate of `kpi publish` asks for it (src/kpi_warehouse/marks.py completes it once the expectations
    were judged): results of an older build never count for a newer one, and a run that was killed or of a part only leaves no mark that
    opens the gate.
#}

{# At the start of a run: what is rebuilt loses its mark; a run of tests alone loses it only where the results were touched. #}
{% macro begin_build() %}
    {%- if execute -%}{{ return(adapter.dispatch('begin_build', 'kpi_warehouse')()) }}{%- else -%}{{ return('') }}{%- endif -%}
{% endmacro %}

{# At the end, after record_results: built, part or failed; and the seal over the results. #}
{% macro end_build(results) %}
    {%- if execute -%}{{ return(adapter.dispatch('end_build', 'kpi_warehouse')(results)) }}{%- else -%}{{ return('') }}{%- endif -%}
{% endmacro %}

{# Ids of everything that a whole build runs. #}
{% macro build_nodes() %}
    {%- set ids = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type in ('model', 'seed', 'snapshot', 'test') and node.config.materialized != 'ephemeral' -%}
        {%- do ids.append(node.unique_id) -%}
    {%- endfor -%}
    {{ return(ids) }}
{% endmacro %}

{# Whether this run rebuilds tables (tests alone do not). #}
{% macro is_rebuilding() %}
    {%- set rebuilt = namespace(any=false) -%}
    {%- for id in selected_resources if id.split('.')[0] in ('model', 'seed', 'snapshot') -%}{%- set rebuilt.any = true -%}{%- endfor -%}
    {{ return(rebuilt.any) }}
{% endmacro %}

{% macro create_build_mark() -%}
    create schema if not exists build;
    create table if not exists build.mark (
        build_id varchar, state varchar, command varchar, started_at_run timestamp, raw_checksum varchar, code_checksum varchar,
        tests bigint, expectations bigint, checks bigint, checks_checksum varchar
    );
{%- endmacro %}

{% macro build_id() %}{{ return(env_var('KPI_BUILD_ID', invocation_id)) }}{% endmacro %}

{% macro default__begin_build() %}
    {%- set results = adapter.get_relation(database=target.database, schema='marts', identifier='dq_results') -%}
    {{ kpi_warehouse.create_build_mark() }}
    {% if kpi_warehouse.is_rebuilding() %}
        {%- set missing = [] -%}
        {%- for id in kpi_warehouse.build_nodes() if id not in selected_resources -%}{%- do missing.append(id) -%}{%- endfor -%}
        delete from build.mark;
        insert into build.mark (build_id, state, command, started_at_run)
        values (
            {{ kpi_warehouse.text_literal(kpi_warehouse.build_id()) }}, 'building', {{ kpi_warehouse.text_literal('dbt ' ~ flags.WHICH) }},
            cast({{ kpi_warehouse.text_literal(run_started_at.replace(tzinfo=none) | string) }} as timestamp)
        );
        {% if not missing and results is not none -%}
        delete from marts.dq_results;
        {%- endif %}
    {% elif results is not none %}
        update build.mark set checks_checksum = null
        where checks_checksum is distinct from (select cast(sum(md5_number_lower(cast(found as varchar))) as varchar) from marts.dq_results as found);
    {% endif %}
{% endmacro %}

{% macro default__end_build(results) %}
    {%- set table = adapter.get_relation(database=target.database, schema='marts', identifier='dq_results') -%}
    {%- if kpi_warehouse.is_rebuilding() -%}
        {%- set done = {} -%}
        {%- set tests = namespace(count=0, failed=false) -%}
        {%- for result in results -%}
            {%- do done.update({result.node.unique_id: result.status | string}) -%}
            {%- if result.node.resource_type == 'test' -%}{%- set tests.count = tests.count + 1 -%}{%- endif -%}
            {%- if result.status | string not in ('success', 'pass', 'warn', 'no-op') -%}{%- set tests.failed = true -%}{%- endif -%}
        {%- endfor -%}
        {%- set missing = [] -%}
        {%- for id in kpi_warehouse.build_nodes() if id not in done -%}{%- do missing.append(id) -%}{%- endfor -%}
        update build.mark set
            state = {{ kpi_warehouse.text_literal('failed' if tests.failed else ('part' if missing or flags.EMPTY else 'built')) }},
            tests = {{ tests.count }}
        where build_id = {{ kpi_warehouse.text_literal(kpi_warehouse.build_id()) }};
        {% if table is not none -%}
        update build.mark set
            checks = (select count(*) from marts.dq_results),
            checks_checksum = (select cast(sum(md5_number_lower(cast(found as varchar))) as varchar) from marts.dq_results as found);
        {%- endif %}
    {%- elif table is not none -%}
        update build.mark set
            checks = (select count(*) from marts.dq_results),
            checks_checksum = (select cast(sum(md5_number_lower(cast(found as varchar))) as varchar) from marts.dq_results as found)
        where checks_checksum is not null;
    {%- else -%}
        select 1 as nothing
    {%- endif -%}
{% endmacro %}

{# The publication is made of a DuckDB file: on other engines there is nothing to mark. #}
{% macro spark__begin_build() %}{{ return('') }}{% endmacro %}
{% macro spark__end_build(results) %}{{ return('') }}{% endmacro %}
