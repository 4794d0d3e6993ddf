"""A dbt project of a few models, so that the build command can be tried in seconds."""

from __future__ import annotations

from pathlib import Path

PROJECT = """
name: toy
version: 0.1.0
config-version: 2
profile: toy
vars: {as_of: ""}
flags: {send_anonymous_usage_stats: false}
models: {toy: {+materialized: table, +schema: marts}}
test-paths: [tests]
"""

PROFILE = """
toy:
  target: duckdb
  outputs:
    duckdb: {type: duckdb, path: "{{ env_var('KPI_WAREHOUSE') }}", schema: main, threads: 1}
"""

SCHEMA_MACRO = "{% macro generate_schema_name(name, node) %}{{ name or target.schema }}{% endmacro %}"

#: TOY_SLOW makes the build last for hours, TOY_VALUE is the number that it publishes.
VALUES = """
{% if env_var('TOY_SLOW', '') %}
with endless as (select sum(hash(a.range * b.range)) as n from range(10000000) as a, range(10000000) as b)
{% endif %}
select
    'ec_toy' as kpi_id, 1 as version, 'ecommerce' as domain, 'month' as period_grain,
    timestamp '2026-04-01' as period_start, timestamp '2026-05-01' as period_end, 'all' as dimension,
    'all' as dimension_value, cast(null as double) as numerator, cast(null as double) as denominator,
    cast({{ env_var('TOY_VALUE', '1') }} as double) as value, cast(1 as bigint) as sample_size, true as is_final,
    {% if var('as_of') %}timestamp '{{ var('as_of') }}'{% else %}timestamp '2026-06-01'{% endif %} as as_of
{% if env_var('TOY_SLOW', '') %}from endless{% endif %}
"""

MODELS = {
    "kpi_values": VALUES,
    "kpi_scorecard": "select *, 'green' as status from {{ ref('kpi_values') }}",
    "kpi_alerts": """select 'a' as alert_id, 'rule' as rule_id, 'critical' as severity, kpi_id, version, domain,
        period_grain, period_start, period_end, dimension, dimension_value, value as observed_value,
        value as threshold_value, '<' as comparison, 'act' as response, 'act' as response_zh, 'owner' as owner,
        'open' as state, cast(null as timestamp) as first_fired_at_run, cast(null as timestamp) as resolved_at_run,
        is_final, as_of
        from {{ ref('kpi_values') }} where false""",
    "metric_dictionary": "select kpi_id, version, 'sum' as kpi_kind from {{ ref('kpi_values') }}",
    "dq_results": """select 'toy' as check_id, 'ecommerce' as domain, 'orders' as "table", 'toy' as kind, '0' as expected,
        '0' as observed, {{ env_var('TOY_CHECK', 'true') }} as passed, cast(0 as bigint) as failed_rows,
        cast(null as timestamp) as as_of""",
}


def with_hooks(folder: Path) -> Path:
    """Gives the project in `folder` the hooks that mark a build, as the real project has them."""
    real = Path(__file__).resolve().parents[3] / "macros"
    for name in ("quality/build_mark.sql", "dialect/types.sql"):
        text = (real / name).read_text(encoding="utf-8").replace("kpi_warehouse", "toy")
        (folder / "macros" / Path(name).name).write_text(text, encoding="utf-8")
    with (folder / "dbt_project.yml").open("a") as file:
        file.write('on-run-start: ["{{ begin_build() }}"]\non-run-end: ["{{ end_build(results) }}"]\n')
    return folder


def make_toy(folder: Path) -> Path:
    """Writes the project into `folder` and returns it."""
    (folder / "models").mkdir(parents=True)
    (folder / "macros").mkdir()
    (folder / "tests").mkdir()
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "profiles.yml").write_text(PROFILE)
    (folder / "macros/schema.sql").write_text(SCHEMA_MACRO)
    for name, sql in MODELS.items():
        (folder / f"models/{name}.sql").write_text(sql)
    return folder
