"""Adding a KPI takes one SQL file, one YAML file and dictionary rows: they are added to a copy, and it is published.

A second KPI has versions whose SQL differs: dbt model versions, one file each.
"""

from __future__ import annotations

import csv
import datetime as dt
import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from .conftest import run_kpi

KPI = "cr_large_applications"
SMALL = "cr_small_applications"

SQL = """
with

applications as (

    select * from {{ ref('stg_credit__applications') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'cr_large_applications'

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'cr_large_applications' and parameter = 'least_amount'

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', business_local('applications.submitted_at')) }} as period_start,
        slices.dimension,
        case slices.dimension when 'all' then 'all' when 'channel' then applications.channel end as dimension_value,
        applications.requested_amount >= parameters.value as is_large
    from applications
    cross join slices
    inner join parameters on slices.version = parameters.version

),

measured as (

    select
        kpi_id, version, period_grain, period_start, dimension, dimension_value,
        count(*) filter (where is_large) as numerator,
        count(*) as denominator,
        {{ safe_divide('count(*) filter (where is_large)', 'count(*)') }} as value,
        count(*) as sample_size,
        true as is_matured
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
"""


#: Version 1 leaves applications without an amount aside, version 2 counts them.
SMALL_SQL = {
    version: SQL.replace(f"kpi_id = '{KPI}'", f"kpi_id = '{SMALL}' and version = {version}")
    .replace(f"metric_id = '{KPI}'", f"metric_id = '{SMALL}'")
    .replace("applications.requested_amount >= parameters.value", condition)
    for version, condition in (
        (1, "applications.requested_amount < parameters.value"),
        (2, "coalesce(applications.requested_amount, 0) < parameters.value"),
    )
}


def append(path: Path, *rows: dict[str, str]) -> None:
    """Appends rows to a seed; what they do not name is empty."""
    with path.open(encoding="utf-8", newline="") as handle:
        header = next(csv.reader(handle))
    with path.open("a", encoding="utf-8", newline="") as handle:
        csv.DictWriter(handle, header, lineterminator="\n").writerows(rows)


def test_one_sql_file_one_yaml_file_and_dictionary_rows(project_copy: Path, tmp_path: Path) -> None:
    # the other KPIs only cost time here
    for part in ("models/kpis", "tests/data"):
        shutil.rmtree(project_copy / part)
    folder = project_copy / "models/kpis/credit"
    folder.mkdir(parents=True)
    seeds = project_copy / "seeds/dictionary"

    (folder / "kpi_cr_large_applications.sql").write_text(SQL)
    values = yaml.safe_load((project_copy / "models/governance/kpi_values.yml").read_text(encoding="utf-8"))["models"][
        0
    ]
    model = {
        "name": "kpi_cr_large_applications",
        "description": "Share of applications for a large amount. Grain: KPI, version, period and slice.",
        "config": {"contract": {"enforced": True}},
        "columns": values["columns"],
    }
    (folder / "kpi_cr_large_applications.yml").write_text(yaml.safe_dump({"version": 2, "models": [model]}))
    for version, sql in SMALL_SQL.items():
        (folder / f"kpi_cr_small_applications_v{version}.sql").write_text(sql)
    versioned = {**model, "name": "kpi_cr_small_applications", "latest_version": 2, "versions": [{"v": 1}, {"v": 2}]}
    (folder / "kpi_cr_small_applications.yml").write_text(yaml.safe_dump({"version": 2, "models": [versioned]}))
    with (seeds / "metric_definitions_credit.csv").open(encoding="utf-8", newline="") as handle:
        pattern = next(row for row in csv.DictReader(handle) if row["kpi_id"] == "cr_applications")
    append(
        seeds / "metric_definitions_credit.csv",
        {
            **pattern, "kpi_id": KPI, "kpi_kind": "ratio", "unit": "ratio", "kpi_name_en": "Share of large applications",
            "kpi_name_zh": "大额申请占比", "grains": "week|month", "dimensions": "all|channel",
        },
        *(
            {
                **pattern, "kpi_id": SMALL, "version": version, "kpi_kind": "ratio", "unit": "ratio", "grains": "month", "dimensions": "all",
                "kpi_name_en": "Share of small applications", "kpi_name_zh": "小额申请占比", **dates,
            }
            for version, dates in (("1", {}), ("2", {"status": "parallel", "parallel_from": "2026-02-01"}))
        ),
    )  # fmt: skip
    versions = [(KPI, "1"), (SMALL, "1"), (SMALL, "2")]
    append(
        seeds / "metric_parameters_credit.csv",
        *(
            {
                "metric_id": kpi,
                "version": version,
                "parameter": "least_amount",
                "value": "1000",
                "unit": "currency",
                "description_en": "Least amount of a large application.",
            }
            for kpi, version in versions
        ),
    )
    append(
        seeds / "metric_approvals_credit.csv",
        *(
            {
                "kpi_id": kpi,
                "version": version,
                "role": role,
                "approver": "head@example.com",
                "approved_on": "2026-01-01",
            }
            for kpi, version in versions
            for role in ("kpi_owner", "data")
        ),
    )

    raw = tmp_path / "raw/credit/applications"
    raw.mkdir(parents=True)
    rows = [
        {
            "application_id": f"a{number}", "customer_id": "c", "submitted_at": dt.datetime(2026, 4, 7),
            "channel": channel, "customer_type": "new", "product_line": "cash", "requested_amount": amount,
        }
        for number, (channel, amount) in enumerate([("partner", 999.99), ("partner", 1000), ("own_app", 5000), ("own_app", None)])
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), raw / "part-0.parquet")
    warehouse = tmp_path / "warehouse.duckdb"
    run_kpi(
        "build",
        "--select",
        "+kpi_values",
        "+metric_dictionary",
        "path:seeds/dictionary",
        cwd=project_copy,
        KPI_RAW_ROOT=str(raw.parents[1]),
        KPI_WAREHOUSE=str(warehouse),
    )
    with duckdb.connect(str(warehouse), read_only=True) as db:
        found = db.execute(
            "select period_grain, period_start::date::varchar, dimension_value, numerator, denominator, value "
            "from marts.kpi_values where kpi_id = ? order by all",
            [KPI],
        ).fetchall()
        small = db.execute(
            "select version, numerator, denominator from marts.kpi_values where kpi_id = ? order by all", [SMALL]
        ).fetchall()
        listed = db.execute(
            "select parameters, approvals from marts.metric_dictionary where kpi_id = ?", [KPI]
        ).fetchall()
    assert found == [
        ("month", "2026-04-01", "all", 2.0, 4.0, 0.5),
        ("month", "2026-04-01", "own_app", 1.0, 2.0, 0.5),
        ("month", "2026-04-01", "partner", 1.0, 2.0, 0.5),
        ("week", "2026-04-06", "all", 2.0, 4.0, 0.5),
        ("week", "2026-04-06", "own_app", 1.0, 2.0, 0.5),
        ("week", "2026-04-06", "partner", 1.0, 2.0, 0.5),
    ]
    assert "1000" in listed[0][0] and "data 2026-01-01; kpi_owner 2026-01-01" in listed[0][1]
    assert small == [(1, 1.0, 4.0), (2, 2.0, 4.0)]
