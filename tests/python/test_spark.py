"""The same numbers on two engines: the first slices built on DuckDB and on Spark, compared row by row."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from .conftest import ROOT, run_dbt, run_kpi

pytestmark = pytest.mark.long

#: Approval time, repurchase cohorts, downtime with the state timeline behind it.
MODELS = ["kpi_cr_turnaround", "kpi_ec_repurchase", "kpi_mf_downtime"]
KEY = ["kpi_id", "version", "period_grain", "period_start", "dimension", "dimension_value"]
NUMBERS = ["numerator", "denominator", "value"]


@pytest.fixture(scope="module")
def spark_python() -> Path:
    """The interpreter of the Spark environment, or a skip where there is none."""
    python = Path(os.environ.get("KPI_SPARK_PYTHON", ROOT / ".venv-spark" / "bin" / "python"))
    if not python.exists():
        pytest.skip("no Spark environment: `make install-spark`, or name an interpreter in KPI_SPARK_PYTHON")
    return python


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("spark-demo") / "raw"
    run_kpi("demo", "--out", str(out), "--events", "2000", "--quiet")
    return out


def test_engines_agree_row_by_row(spark_python: Path, raw: Path, tmp_path: Path) -> None:
    selection = ["--select", *[f"+{model}" for model in MODELS], "--exclude", "resource_type:test", "test_type:unit"]
    settings = {"DBT_TARGET_PATH": str(tmp_path / "target"), "DBT_LOG_PATH": str(tmp_path / "logs")}
    warehouse = tmp_path / "duckdb.duckdb"
    done = run_dbt("build", *selection, KPI_RAW_ROOT=str(raw), KPI_WAREHOUSE=str(warehouse), **settings)
    assert done.returncode == 0, done.stdout[-3000:]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KPI_")}
    exported = tmp_path / "spark"
    spark = subprocess.run(
        [
            str(spark_python),
            "-m",
            "kpi_warehouse.spark",
            "--raw-root",
            str(raw),
            "--root",
            str(tmp_path / "scratch"),
            "--export",
            str(exported),
            "--schemas",
            "kpis,staging",
            "--",
            "build",
            *selection,
        ],
        cwd=ROOT,
        env={
            **environment,
            **settings,
            "DBT_TARGET_PATH": str(tmp_path / "target-spark"),
            "PYTHONPATH": str(ROOT / "src"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert spark.returncode == 0, spark.stdout[-3000:] + spark.stderr[-2000:]
    for model in MODELS:
        with duckdb.connect(str(warehouse), read_only=True) as db:
            want = db.sql(f"select * from kpis.{model}").df().sort_values(KEY, ignore_index=True)
        files = sorted((exported / "kpis" / model).glob("*.parquet")) or sorted(exported.rglob(f"{model}*.parquet"))
        got = pd.concat([pd.read_parquet(file) for file in files]).sort_values(KEY, ignore_index=True)
        assert len(want) > 20, model
        assert list(got.columns) == list(want.columns)
        for column in want.columns:
            if column in NUMBERS:
                pd.testing.assert_series_equal(got[column], want[column], rtol=1e-9, atol=1e-12)
            elif column in ("period_start", "period_end", "as_of"):
                assert (pd.to_datetime(got[column]).dt.tz_localize(None) == pd.to_datetime(want[column])).all(), column
            else:
                assert (got[column].astype(str) == want[column].astype(str)).all(), column
