"""A build at size, measured: ``python -m kpi_warehouse.demo.bench --domain credit --size 1000000 --work FOLDER``.

Writes a demonstration of one domain, runs ``kpi build`` on it (landing, models, checks, publication) in a process of
its own and reports time and peak memory. ``--limit`` makes it fail above so many gigabytes.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from kpi_warehouse.demo.build import generate
from kpi_warehouse.project import project_root

SIZES = {"ecommerce": "events", "credit": "accounts"}
"""What the size of a domain counts."""


@dataclass(frozen=True)
class Measured:
    """What a build took.

    Attributes:
        domain: The domain.
        rows: Raw rows by table.
        seconds: Wall-clock time of the build, without writing the raw data.
        peak_gb: Largest resident memory of the build's process, in GB of 10^9 bytes.
        warehouse_gb: Size of the warehouse file.
    """

    domain: str
    rows: dict[str, int]
    seconds: float
    peak_gb: float
    warehouse_gb: float


def measure(domain: str, size: int, work: Path) -> Measured:
    """Write a demonstration and build it.

    Args:
        domain: ecommerce (size: events) or credit (size: accounts).
        size: How large.
        work: Folder of the raw data (kept, and used again if it was written for this size) and of the build's files.

    Returns:
        Time and memory of the build.

    Raises:
        click.ClickException: The build failed; the message holds its output.
    """
    raw, mark, warehouse = work / "raw", work / "size.json", work / "warehouse.duckdb"
    wanted = {"domain": domain, "size": size}
    if not mark.exists() or json.loads(mark.read_text(encoding="utf-8"))["wanted"] != wanted:
        mark.unlink(missing_ok=True)
        rows = generate(raw, domains=[domain], **{SIZES[domain]: size}).rows[domain]  # type: ignore[arg-type]
        mark.write_text(json.dumps({"wanted": wanted, "rows": rows}), encoding="utf-8")
    warehouse.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "KPI_RAW_ROOT": str(raw),
        "KPI_WAREHOUSE": str(warehouse),
        "KPI_PUBLISHED": str(work / "published" / "kpi.duckdb"),
        "DBT_TARGET_PATH": str(work / "target"),
        "DBT_LOG_PATH": str(work / "logs"),
    }
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "kpi_warehouse.cli", "build"],
        cwd=project_root(),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - started
    if done.returncode:
        raise click.ClickException(f"the build failed after {seconds:.0f} s:\n{done.stdout}{done.stderr}")
    # kilobytes on Linux, bytes on macOS; the build is the only child so far that is worth the name
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / 1e9
    rows = json.loads(mark.read_text(encoding="utf-8"))["rows"]
    return Measured(domain, rows, round(seconds, 1), round(peak, 2), round(warehouse.stat().st_size / 1e9, 2))


@click.command("bench")
@click.option("--domain", type=click.Choice(sorted(SIZES)), default="credit", show_default=True)
@click.option("--size", type=click.IntRange(min=400), default=1_000_000, show_default=True, help="Accounts, or events.")
@click.option("--work", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for all files.")
@click.option("--limit", type=float, help="Fail above this peak memory, in GB.")
def main(domain: str, size: int, work: Path, limit: float | None) -> None:
    """Build a large demonstration and print time and peak memory as JSON."""
    work.mkdir(parents=True, exist_ok=True)
    measured = measure(domain, size, work)
    click.echo(json.dumps(asdict(measured), indent=1))
    if limit is not None and measured.peak_gb > limit:
        raise click.ClickException(f"{measured.peak_gb} GB is more than {limit} GB")


if __name__ == "__main__":
    main()
