"""How long the expectations take: `python -m kpi_warehouse.quality.bench --events 5000000 --work FOLDER`.

Writes the demonstration data, builds what the checkpoints `raw` and `staging` read (with `--marts` all of it), and runs
the expectations. What lies in the folder from an earlier run is used again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import click
import duckdb

from kpi_warehouse.project import project_root

#: What the checkpoints `raw` and `staging` read.
SELECTION = (
    "resource_type:seed",
    "path:models/staging",
    "int_ecommerce__as_of",
    "int_manufacturing__as_of",
    "int_credit__as_of",
)


def _run(*command: str, environment: dict[str, str]) -> float:
    """Runs a command of this environment; returns its seconds."""
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", *command], check=True, cwd=project_root(), env={**os.environ, **environment})
    return time.monotonic() - started


@click.command()
@click.option("--events", default=5_000_000, show_default=True, help="E-commerce events of the demonstration.")
@click.option("--work", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the files.")
@click.option("--marts", is_flag=True, help="Build everything, and run the checkpoint `marts` too.")
@click.option("--within", type=float, help="Exit with 1 where the expectations take more seconds than this.")
def main(events: int, work: Path, marts: bool, within: float | None) -> None:
    """Measure the expectations on a demonstration of a given size."""
    from kpi_warehouse.quality.expectations import check

    work = work.resolve()
    raw, warehouse = work / f"raw-{events}", work / f"{'whole' if marts else 'staging'}-{events}.duckdb"
    environment = {
        "KPI_RAW_ROOT": str(raw),
        "KPI_WAREHOUSE": str(warehouse),
        "DBT_TARGET_PATH": str(work / "target"),
        "DBT_LOG_PATH": str(work / "logs"),
    }
    if not raw.exists():
        demo = ["kpi_warehouse.cli", "demo", "--out", str(raw), "--events", str(events)]
        click.echo(f"demonstration: {_run(*demo, environment=environment):.0f} s")
    if not warehouse.exists():
        build = ["dbt.cli.main", "build", "--quiet", "--resource-type", "model", "--resource-type", "seed"]
        selection = [] if marts else ["--select", *SELECTION]
        click.echo(f"build: {_run(*build, *selection, environment=environment):.0f} s")
    with duckdb.connect(str(warehouse), read_only=True) as db:
        tables = db.execute(
            "select table_name from information_schema.tables "
            "where table_schema = 'staging' and starts_with(table_name, 'base_')"
        ).fetchall()
        union = " union all ".join(f"select count(*) as n from staging.{name}" for (name,) in tables)
        rows = db.execute(f"select sum(n) from ({union})").fetchone()
    report = check(project_root(), warehouse)
    click.echo(
        f"{len(report.results)} expectations on {int(rows[0]) if rows else 0:,} raw rows: {report.seconds:.1f} s, "
        f"{len(report.failed)} errors, {len(report.warned)} warnings"
    )
    if within is not None and report.seconds > within:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
