"""The same numbers on two engines: the whole project built and checked on DuckDB and on Spark, compared row by row."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from .conftest import ROOT, run_dbt, run_kpi

pytestmark = pytest.mark.long

SCHEMAS = ["kpis", "marts"]
#: Texts that the engines spell differently (docs/dialect.md): times in JSON, small doubles in JSON.
SPELLED_DIFFERENTLY = {("dq_quarantine", "raw_row"), ("metric_dictionary", "parameters")}
#: Written by the run itself: names and messages of its own checks.
OF_THE_RUN = {"dq_results"}


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


def comparable(frame: pd.DataFrame, columns: list[str], numbers: list[str]) -> pd.DataFrame:
    """The rows in an order of their own: texts and times as text, numbers as doubles."""
    result = frame[columns].copy()
    for column in columns:
        if column in numbers:
            result[column] = result[column].astype(float)
            continue
        values = result[column]
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            values = values.dt.tz_convert("UTC").dt.tz_localize(None)
        if values.dtype.kind == "M":
            values = values.astype("datetime64[us]")
        result[column] = values.map(lambda value: "" if pd.isna(value) else str(value))
    return result.sort_values([*(c for c in columns if c not in numbers), *numbers], ignore_index=True)


def difference(name: str, want: pd.DataFrame, got: pd.DataFrame) -> str | None:
    """What tells two builds of one table apart, or none."""
    if sorted(want.columns) != sorted(got.columns):
        return f"columns {set(want.columns) ^ set(got.columns)}"
    if len(want) != len(got):
        return f"{len(want)} rows on DuckDB, {len(got)} on Spark"
    columns = [column for column in want.columns if (name, column) not in SPELLED_DIFFERENTLY]
    numbers = [column for column in columns if "f" in (want[column].dtype.kind, got[column].dtype.kind)]
    want, got = comparable(want, columns, numbers), comparable(got, columns, numbers)
    for column in columns:
        if column in numbers:
            same = np.isclose(want[column], got[column], rtol=1e-9, atol=1e-9, equal_nan=True)
        else:
            same = (want[column] == got[column]).to_numpy()
        if not same.all():
            row = int(np.argmin(same))
            return f"{column}, row {row}: {want[column][row]!r} on DuckDB, {got[column][row]!r} on Spark"
    return None


def test_a_difference_between_tables_is_found() -> None:
    want = pd.DataFrame({"key": ["a", "b"], "value": [1.0, 2.0]})
    assert difference("t", want, want.iloc[::-1]) is None
    assert "value" in (difference("t", want, want.assign(value=[1.0, 2.0001])) or "")
    assert "key" in (difference("t", want, want.assign(key=["a", "c"])) or "")
    assert "rows" in (difference("t", want, want.head(1)) or "")


def test_engines_agree_row_by_row(spark_python: Path, raw: Path, tmp_path: Path) -> None:
    # unit tests hold the SQL on DuckDB; data tests run on both
    selection = ["--exclude", "resource_type:unit_test"]
    settings = {"DBT_TARGET_PATH": str(tmp_path / "target"), "DBT_LOG_PATH": str(tmp_path / "logs")}
    warehouse = tmp_path / "duckdb.duckdb"
    done = run_dbt("build", *selection, KPI_RAW_ROOT=str(raw), KPI_WAREHOUSE=str(warehouse), **settings)
    assert done.returncode == 0, done.stdout[-3000:]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KPI_")}
    exported = tmp_path / "spark"
    command = ["-m", "kpi_warehouse.spark", "--raw-root", str(raw), "--root", str(tmp_path / "scratch")]
    command += ["--export", str(exported), "--schemas", ",".join(SCHEMAS), "--", "build", *selection]
    settings = {**settings, "DBT_TARGET_PATH": str(tmp_path / "target-spark"), "PYTHONPATH": str(ROOT / "src")}
    spark = subprocess.run(
        [str(spark_python), *command],
        cwd=ROOT,
        env={**environment, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert spark.returncode == 0, spark.stdout[-3000:] + spark.stderr[-2000:]
    differences, compared = {}, 0
    with duckdb.connect(str(warehouse), read_only=True) as db:
        tables = db.sql(
            f"select table_schema, table_name from information_schema.tables where table_schema in {tuple(SCHEMAS)}"
        ).fetchall()
        for schema, name in tables:
            if name in OF_THE_RUN:
                continue
            want = db.sql(f'select * from "{schema}"."{name}"').df()
            files = [str(file) for file in (exported / schema / name).glob("*.parquet")]
            got = duckdb.read_parquet(files).df() if files else pd.DataFrame()
            if found := difference(name, want, got):
                differences[f"{schema}.{name}"] = found
            compared += len(want)
    assert not differences, "\n".join(f"{table}: {found}" for table, found in sorted(differences.items()))
    assert compared > 20_000
