"""``kpi demo``: write the demonstration data."""

from __future__ import annotations

from pathlib import Path

import click

from kpi_warehouse.demo.build import generate
from kpi_warehouse.demo.contract import DOMAINS


@click.command("demo")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data/raw"),
    show_default=True,
    envvar="KPI_RAW_ROOT",
    help="Root of the landing zone.",
)
@click.option(
    "--events",
    type=click.IntRange(min=2_000),
    default=200_000,
    show_default=True,
    help="About how many e-commerce events to write; the other domains grow with the square root.",
)
@click.option(
    "--accounts",
    type=click.IntRange(min=400),
    help="About how many credit accounts to write, whatever the events (default size: 4,000).",
)
@click.option("--seed", type=int, default=20260401, show_default=True, help="Same seed, same bytes.")
@click.option(
    "--domains",
    default=",".join(DOMAINS),
    show_default=True,
    help="Which domains to write, separated by commas.",
)
@click.option("--quiet", is_flag=True, help="Print the summary only.")
def demo(out: Path, events: int, accounts: int | None, seed: int, domains: str, quiet: bool) -> None:
    """Write demonstration data: the second quarter of 2026 in all three domains, dirt included."""
    chosen = [name.strip() for name in domains.split(",") if name.strip()]
    try:
        summary = generate(
            out,
            events=events,
            seed=seed,
            domains=chosen,
            accounts=accounts,
            progress=None if quiet else click.echo,
        )
    except (ValueError, FileExistsError) as error:
        raise click.ClickException(str(error)) from error
    dirt = sum(n for tables in summary.planted.values() for kinds in tables.values() for n in kinds.values())
    for domain, tables in summary.rows.items():
        click.echo(f"{domain}: {len(tables)} tables, {sum(tables.values()):,} rows, {summary.seconds[domain]} s")
    click.echo(f"{summary.total_rows:,} rows below {out}, {dirt:,} of them dirty (see demo_manifest.json)")
