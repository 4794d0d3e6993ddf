"""Replays hand-worked scenarios through the real project, in one process.

A scenario is a JSON object with `domain`, `name`, `as_of_utc`, `tables` (table -> rows), `expect` (rows of
kpi_id, version, period_grain, period_start, dimension, dimension_value, numerator, denominator, value[, is_final])
and `no_such_row` (prefixes of keys that must not exist, null = any).

    python -m tests.python.support.replay --file SCENARIOS.json [--domain credit] [--name text] [--show-all]

dbt parses once; each scenario lands its rows as Parquet and runs the models of its domain.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb
import pandas as pd

ROOT = Path(__file__).resolve().parents[3]
COLUMNS = [
    "kpi_id",
    "version",
    "period_grain",
    "period_start",
    "dimension",
    "dimension_value",
    "numerator",
    "denominator",
    "value",
    "is_final",
]

SHORT = ["kpi_id", "version", "dimension", "dimension_value"]
GRAINS = {"quarter_hour", "hour", "shift", "day", "week", "month", "quarter", "cohort_week", "cohort_month"}


class Replayer:
    """Runs the models of a domain on small inputs; parses the project once."""

    folder = "raw"

    def __init__(self, workdir: Path) -> None:
        self.workdir = workdir
        self.raw = workdir / self.folder
        self.warehouse = workdir / "replay.duckdb"
        self.manifest = None
        os.environ["KPI_RAW_ROOT"] = str(self.raw)
        os.environ["KPI_WAREHOUSE"] = str(self.warehouse)
        os.environ["DBT_TARGET_PATH"] = str(workdir / "target")
        os.environ["DBT_LOG_PATH"] = str(workdir / "logs")

    def dbt(self, *arguments: str):
        """Invokes dbt in this process; raises RuntimeError with the messages of failed nodes."""
        from dbt.cli.main import dbtRunner

        runner = dbtRunner(manifest=self.manifest)
        place = ["--project-dir", str(ROOT), "--profiles-dir", str(ROOT), "--quiet"]
        result = runner.invoke([*arguments, *place])
        if not result.success:
            nodes = getattr(result.result, "results", None) or []
            failed = [f"{n.node.name}: {n.message}" for n in nodes if str(n.status) in ("error", "fail")]
            raise RuntimeError("; ".join(failed) or str(result.exception or result.result))
        return result.result

    def prepare(self) -> None:
        """Parses the project and loads the dictionary."""
        self.raw.mkdir(parents=True, exist_ok=True)
        self.manifest = self.dbt("parse")
        self.dbt("seed")

    def land(self, domain: str, tables: dict[str, list[dict]]) -> None:
        """Replaces the landed tables by these rows (values as text where not numbers or booleans)."""
        shutil.rmtree(self.raw, ignore_errors=True)
        for table, rows in tables.items():
            folder = self.raw / domain / table
            folder.mkdir(parents=True)
            pd.DataFrame(rows).to_parquet(folder / "part-0.parquet", index=False)

    def run(self, domain: str, tables: dict[str, list[dict]], as_of_utc: str | None) -> pd.DataFrame:
        """KPI rows of the domain for the landed rows (columns of `COLUMNS`)."""
        self.land(domain, tables)
        as_of = ["--vars", json.dumps({"as_of": as_of_utc})] if as_of_utc else []
        selection = [f"tag:{domain},path:models/{part}" for part in ("staging", "intermediate", "kpis", "marts")]
        self.dbt("run", "--select", "path:models/staging/dictionary", *selection, *as_of)
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        DuckDBConnectionManager.close_all_connections()
        with duckdb.connect(str(self.warehouse), read_only=True) as db:
            names = db.sql(
                "select table_name from information_schema.tables where table_schema = 'kpis' order by 1"
            ).fetchall()
            union = " union all ".join(
                f"select {', '.join(COLUMNS)} from kpis.\"{name}\" where domain = '{domain}'" for (name,) in names
            )
            return db.sql(union).df()


def close(want: float | None, got: float | None) -> bool:
    """Equal to 1e-9 relative or absolute, nulls equal."""
    want_null, got_null = want is None or pd.isna(want), got is None or pd.isna(got)
    if want_null or got_null:
        return want_null and got_null
    return math.isclose(float(want), float(got), rel_tol=1e-9, abs_tol=1e-9)


def says_nothing(row: pd.Series) -> bool:
    """A null value, or a count or sum of 0, says the same as no row."""
    return pd.isna(row.value) or (pd.isna(row.denominator) and row.value == 0)


def differences(scenario: dict, got: pd.DataFrame) -> list[str]:
    """Where the rows of a run differ from what the scenario expects."""
    problems = []
    got = got.copy()
    got["period_start"] = pd.to_datetime(got["period_start"])
    for expected in scenario["expect"]:
        key, numbers, final = expected[:6], expected[6:9], expected[9] if len(expected) > 9 else None
        match = got[
            (got.kpi_id == key[0])
            & (got.version == key[1])
            & (got.period_grain == key[2])
            & (got.period_start == pd.Timestamp(key[3]))
            & (got.dimension == key[4])
            & (got.dimension_value == key[5])
        ]
        silent = numbers[2] is None or (numbers[1] is None and numbers[2] == 0)
        if match.empty:
            if not silent:
                problems.append(f"missing {key}: want {numbers}")
            continue
        row = match.iloc[0]
        if silent and says_nothing(row):
            continue
        for name, want in zip(("numerator", "denominator", "value"), numbers, strict=True):
            if not close(want, row[name]):
                problems.append(f"{key}: {name} want {want}, got {row[name]}")
        if final is not None and bool(row.is_final) != final:
            problems.append(f"{key}: is_final want {final}, got {row.is_final}")
    for prefix in scenario["no_such_row"]:
        match = got
        # a short form leaves out the period: KPI, version, dimension, value
        names = SHORT if len(prefix) == 4 and prefix[2] not in GRAINS else COLUMNS
        for column, value in zip(names, prefix, strict=False):
            if value is not None:
                wanted = pd.Timestamp(value) if column == "period_start" else value
                match = match[match[column] == wanted]
        for _, row in match.iterrows():
            if not says_nothing(row):
                problems.append(f"not expected: {row.to_dict()}")
                break
    return problems


def main() -> int:
    """Command line; exit status 1 where a scenario differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--domain")
    parser.add_argument("--name", default="")
    parser.add_argument("--kpi", nargs="*", help="only these KPIs of each scenario")
    parser.add_argument("--workdir", type=Path)
    options = parser.parse_args()
    scenarios = json.loads(options.file.read_text(encoding="utf-8"))
    chosen = [
        s for s in scenarios if (not options.domain or s["domain"] == options.domain) and options.name in s["name"]
    ]
    replayer = Replayer(options.workdir or Path(tempfile.mkdtemp(prefix="kpi-replay-")))
    replayer.prepare()
    failed = 0
    for scenario in chosen:
        if options.kpi:
            scenario = {
                **scenario,
                "expect": [e for e in scenario["expect"] if e[0] in options.kpi],
                "no_such_row": [e for e in scenario["no_such_row"] if e[0] in options.kpi],
            }
        try:
            problems = differences(
                scenario, replayer.run(scenario["domain"], scenario["tables"], scenario["as_of_utc"])
            )
        except RuntimeError as error:
            problems = [str(error)]
        failed += bool(problems)
        print(f"{'DIFFERS' if problems else 'agrees '} {scenario['domain']}: {scenario['name']}", flush=True)
        for problem in problems:
            print(f"    {problem}")
    print(f"{len(chosen) - failed} of {len(chosen)} scenarios agree")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
