"""`kpi quality`: run the expectations, and print the reports on data quality."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import duckdb

from kpi_warehouse.output import emit, output_options, print_table
from kpi_warehouse.project import project_root, published_path, warehouse_path

#: Columns of the reports: column -> heading.
WEEKLY = {
    "domain": "domain",
    "week_start": "week of",
    "rows_read": "rows",
    "quarantine_rate": "refused",
    "duplicate_rate": "doubled",
    "irregular_rate": "irregular",
    "late_rate": "late",
    "checks_failed": "missed",
    "checks": "of",
    "failed_checks": "what was missed",
}
SHIFTS = {
    "line_id": "line",
    "production_date": "date",
    "shift_name": "shift",
    "units": "units",
    "scan_compliance_rate": "scans",
    "downtime_coding_rate": "coding",
    "key_field_completeness": "key fields",
    "on_time_rate": "on time",
    "late_records": "late",
    "irregular_records": "irregular",
    "unmatched_completions": "machine stood",
    "off_routing_passes": "off routing",
    "failed_checks": "what was missed",
}
ISSUES = {
    "severity": "severity",
    "check_id": "check",
    "owner": "owner",
    "observed": "observed",
    "first_seen_at_run": "first seen",
    "repair_due_at_run": "repair until",
    "is_overdue_at_run": "overdue",
    "state": "state",
}
DOMAINS = click.Choice(["ecommerce", "manufacturing", "credit", "governance"])


@click.group("quality", invoke_without_command=True)
@click.option("--docs", type=click.Path(file_okay=False, path_type=Path), help="Build the Data Docs into this folder.")
@click.pass_context
def quality_command(ctx: click.Context, docs: Path | None) -> None:
    """Check the built warehouse (KPI_WAREHOUSE) against its expectations, or print a report.

    Exit code 1 where a check of severity error is not met.
    """
    if ctx.invoked_subcommand is None:
        _check(docs)


def _check(docs: Path | None) -> None:
    from kpi_warehouse.quality.expectations import check

    warehouse = warehouse_path()
    if not warehouse.exists():
        raise click.ClickException(f"{warehouse} does not exist: run `kpi build` first, or set KPI_WAREHOUSE")
    report = check(project_root(), warehouse, docs)
    for result in [*report.failed, *report.warned]:
        click.echo(f"{result.severity:5} {result.check_id}: {result.expected}; {result.observed}")
    click.echo(
        f"{len(report.results)} expectations in {report.seconds:.1f} s: "
        f"{len(report.failed)} errors, {len(report.warned)} warnings"
    )
    if docs:
        click.echo(f"Data Docs: {docs / 'index.html'}")
    if report.failed:
        raise SystemExit(1)


def _read(path: Path, query: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple]]:
    """Columns and rows of a query on a file that a build or a publication wrote.

    Raises:
        click.ClickException: The file is not there or is older than the report.
    """
    if not path.exists():
        raise click.ClickException(
            f"{path} does not exist: run `kpi build` first, or set KPI_WAREHOUSE and KPI_PUBLISHED"
        )
    try:
        with duckdb.connect(str(path), read_only=True) as db:
            found = db.execute(query, list(parameters))
            return [column[0] for column in found.description or []], found.fetchall()
    except duckdb.CatalogException as error:
        raise click.ClickException(f"{path} holds no such report yet: run `kpi build`\n{error}") from None


def _print(columns: dict[str, str], names: list[str], rows: list[tuple], title: str, form: str) -> None:
    records = [dict(zip(names, row, strict=True)) for row in rows]
    if emit(records, form, names):
        return
    print_table(
        list(columns.values()),
        [[_shown(column, record[column]) for column in columns] for record in records],
        title=title,
        right=[heading for column, heading in columns.items() if not column.endswith(("_id", "_checks", "domain"))],
    )


def _shown(column: str, value: Any) -> str:
    if value is None:
        return ""
    if column.endswith("_rate") or column == "key_field_completeness":
        return f"{value:.2%}"
    if column.endswith("_at_run"):
        return ("yes" if value else "") if isinstance(value, bool) else f"{value:%Y-%m-%d %H:%M}"
    return f"{value:,}" if isinstance(value, int) else str(value)


@quality_command.command("report")
@click.option("--domain", type=DOMAINS, help="Only this domain.")
@click.option("--weeks", default=4, show_default=True, help="Closed weeks of the weekly report.")
@click.option("--shifts", is_flag=True, help="The shift report of manufacturing instead.")
@click.option("--days", default=2, show_default=True, help="Production dates of the shift report.")
@click.option("--line", help="Only this line of the shift report.")
@click.option("--warehouse", "from_warehouse", is_flag=True, help="Read KPI_WAREHOUSE instead of the publication.")
@output_options
def report_command(
    domain: str | None, weeks: int, shifts: bool, days: int, line: str | None, from_warehouse: bool, form: str
) -> None:
    """Print the weekly report on data quality, or that of the last shifts (KPI_PUBLISHED)."""
    path = warehouse_path() if from_warehouse else published_path()
    if shifts:
        names, rows = _read(
            path,
            """select * from marts.dq_shift_report
            where is_closed and line_id = coalesce(?, line_id) and production_date > (
                select max(production_date) from marts.dq_shift_report where is_closed) - ?
            order by line_id, starts_local_at""",
            [line, days],
        )
        _print(SHIFTS, names, rows, "Data quality by shift", form)
        return
    names, rows = _read(
        path,
        """select * from marts.dq_weekly_report
        where is_closed and domain = coalesce(?, domain)
        qualify dense_rank() over (partition by domain order by week_start desc) <= ?
        order by domain, week_start""",
        [domain, weeks],
    )
    _print(WEEKLY, names, rows, "Data quality by week", form)


@quality_command.command("issues")
@click.option("--domain", type=DOMAINS, help="Only this domain.")
@click.option("--owner", help="Only what this role repairs.")
@click.option("--all", "with_resolved", is_flag=True, help="Resolved issues too.")
@output_options
def issues_command(domain: str | None, owner: str | None, with_resolved: bool, form: str) -> None:
    """Print the issue list: checks not met, who repairs them and until when (the ledger beside KPI_PUBLISHED)."""
    names, rows = _read(
        published_path().parent / "ledger.duckdb",
        """select * from issues
        where domain = coalesce(?, domain) and coalesce(owner, '') = coalesce(?, owner, '') and (state = 'open' or ?)
        order by state, is_overdue_at_run desc, severity, first_seen_at_run, check_id""",
        [domain, owner, with_resolved],
    )
    _print(ISSUES, names, rows, "Issues", form)
