"""The command `kpi land`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from kpi_warehouse.adapters import ADAPTERS
from kpi_warehouse.adapters.base import Adapter, LandError, LandReport


def _list(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Prints the adapters and ends."""
    if wanted:
        for adapter in ADAPTERS.values():
            click.echo(f"{adapter.name:<14}{adapter.domain:<15}{adapter.title}")
        ctx.exit()


@click.command("land")
@click.argument("name", type=click.Choice(sorted(ADAPTERS)), metavar="NAME")
@click.option(
    "--from",
    "source",
    required=True,
    type=click.Path(path_type=Path),
    help="File or folder of the set, as published.",
)
@click.option(
    "--to",
    "raw",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Raw root to write to: <RAW>/<domain>/<table>/part-0.parquet.",
)
@click.option("--force", is_flag=True, help="Replace the set's tables where they exist already.")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="List the sets and exit.")
def land(name: str, source: Path, raw: Path, force: bool) -> None:
    """Maps the data set NAME to the input contract and lands it.

    NAME is one of: bpi2012, cdnow, maven, production4tu, snowplow, uci (see --list).
    """
    adapter = ADAPTERS[name]
    try:
        report = adapter.land(source, raw, force=force)
    except (LandError, OSError) as error:
        raise click.ClickException(str(error)) from error
    for line in describe(adapter, report):
        click.echo(line)


def describe(adapter: Adapter, report: LandReport) -> list[str]:
    """What `kpi land` prints: tables, notes, filled columns, KPIs, and how to build on it."""
    folder = report.raw / report.domain
    lines = [f"Landed {adapter.title}", f"in {folder}:"]
    lines += [f"  {table:<22}{rows:>10,} rows" for table, rows in report.rows.items()]
    lines += [f"  {note}" for note in report.notes]
    sections = (
        ("Filled, because the set does not say:", adapter.filled),
        ("Not landed:", adapter.left),
        ("To be read with care:", adapter.kpis_with_care),
        ("KPIs left out:", adapter.kpis_left_out),
    )
    for title, entries in sections:
        if title.startswith("To be read"):
            lines += ["KPIs that follow:"]
            lines += [f"  {line}" for line in _wrapped(adapter.kpis)]
        if entries:
            lines += [title, *(f"  {what}: {why}" for what, why in entries.items())]
    if report.beside:
        lines += [
            f"Left as they were in {folder}: {', '.join(report.beside)}. They are not part of this set: "
            "remove them unless they belong to it."
        ]
    lines += ["Build on it:", f"  {build_command(adapter, report)}"]
    return lines


def _wrapped(names: tuple[str, ...], width: int = 100) -> list[str]:
    """Names between commas, in lines of at most `width` characters."""
    lines = [""]
    for name in names:
        piece = name if name == names[-1] else f"{name}, "
        if len(lines[-1]) + len(piece) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def build_command(adapter: Adapter, report: LandReport) -> str:
    """The shell line that builds the warehouse on the landed set."""
    words = [f"KPI_RAW_ROOT={shlex.quote(str(report.raw))}"]
    if adapter.time_zone:
        words.append(f"KPI_BUSINESS_TIMEZONE={adapter.time_zone}")
    words.append("kpi build")
    if report.as_of:
        words.append(f"--as-of {shlex.quote(report.as_of)}")
    return " ".join(words)
