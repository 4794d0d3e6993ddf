"""`kpi build`: dbt build, the quality gate, and the publication.

The build takes the mark of the build before away first, and writes its own last (`kpi_warehouse.marks`): whatever ends
it in between leaves a warehouse that is not published.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from kpi_warehouse import marks
from kpi_warehouse.files import check_paths, check_raw_root, raw_checksum
from kpi_warehouse.processes import ends_cleanly
from kpi_warehouse.project import project_root, published_path, raw_root, warehouse_path
from kpi_warehouse.quality.frozen import broken
from kpi_warehouse.sync import sync

console = Console(stderr=False, highlight=False)


class BuildError(click.ClickException):
    """A build that must not be published; `exit_code` 1 (dbt or gate), 2 (usage), 3 (locked)."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock beside `path`, so that two builds never write one file.

    Raises:
        BuildError: Another build holds it (exit code 3).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BuildError(
            f"another build is writing {path}: wait for it, or set KPI_WAREHOUSE to another file", 3
        ) from None
    try:
        yield
    finally:
        lock.release()


def parse_as_of(text: str | None) -> str | None:
    """A UTC time as dbt takes it (`YYYY-MM-DD HH:MM:SS`); an offset is converted.

    Raises:
        BuildError: The text is no time (exit code 2).
    """
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise BuildError(f"--as-of {text!r} is no time: write it like 2026-06-30T16:00:00 (UTC)", 2) from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return moment.isoformat(sep=" ")


def parse_reason(option: str, text: str | None) -> str | None:
    """The reason given with an option, without blanks around it.

    Raises:
        BuildError: It says nothing (exit code 2).
    """
    if text is None:
        return None
    if len(text.strip()) < 3:
        raise BuildError(f'{option} needs a reason in words, which the ledger keeps: {option} "…"', 2)
    return " ".join(text.split())


def landed_tables(root: Path) -> list[tuple[str, str]]:
    """Domain and name of every raw table that the project declares."""
    from kpi_warehouse.quality.expectations import contract

    return [(domain, str(table["name"])) for domain, table in contract(root)]


class _Watcher:
    """Counts finished dbt nodes into a progress bar."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task = progress.add_task("reading the project", total=None)

    def __call__(self, event: Any) -> None:
        name, data = event.info.name, event.data
        if name == "ConcurrencyLine":
            self.progress.update(self.task, total=data.node_count or None)
        elif name == "NodeStart":
            self.progress.update(self.task, description=data.node_info.node_name[:50])
        elif name == "NodeFinished":
            self.progress.advance(self.task)


def run_dbt(arguments: Sequence[str], root: Path) -> Any:
    """Runs dbt in this process with a progress bar.

    Args:
        arguments: Command and options, e.g. `["build", "--select", "x"]`.
        root: The project folder.

    Returns:
        dbt's `dbtRunnerResult`.
    """
    from dbt.cli.main import dbtRunner

    columns = (TextColumn("{task.description:<50}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        runner = dbtRunner(callbacks=[_Watcher(progress)])
        return runner.invoke([*arguments, "--project-dir", str(root), "--profiles-dir", str(root), "--quiet"])


def explain_failure(result: Any) -> str:
    """What failed in a dbt run, one line per node, for the person who must mend it."""
    nodes = getattr(result.result, "results", None) or []
    lines = []
    for node in nodes:
        if str(node.status) not in ("error", "fail", "runtime error"):
            continue
        message = " ".join(str(node.message or "").split())
        table = (
            f"  (see the compiled query {node.node.compiled_path})" if getattr(node.node, "compiled_path", None) else ""
        )
        lines.append(f"  {node.node.resource_type} {node.node.name}: {message[:600]}{table}")
    return "\n".join(lines) or f"  {result.exception or 'dbt failed before it ran anything'}"


def refuse_unreadable(root: Path, warehouse: Path) -> None:
    """Looks at every landed file before anything is built, and tells all that is wrong at once.

    Raises:
        BuildError: Files that cannot be read as they were meant, one line each that begins with the file.
    """
    from kpi_warehouse.landing.plan import landing_of, problems

    if not os.environ.get("KPI_RAW_ROOT", "x"):
        return  # raw tables lie in schemas
    if lines := problems(root, landing_of(raw_root(), str(warehouse))):
        shown = "\n".join(f"  {line}" for line in lines)
        raise BuildError(f"{len(lines)} landed files or folders cannot be read, nothing was built:\n{shown}")


def damaged_files(result: Any, warehouse: Path) -> str:
    """Damaged Parquet files of the raw tables that failed in a dbt run, one line each; a large one shows only then."""
    from kpi_warehouse.landing.plan import landing_of

    lines: list[str] = []
    for node in getattr(result.result, "results", None) or []:
        _, base, rest = str(node.node.name).partition("base_")
        domain, _, table = rest.partition("__")
        if base and str(node.status) == "error":
            lines += landing_of(raw_root(), str(warehouse)).diagnose(domain, table)
    return "".join(f"\n  {line}" for line in lines)


def close_dbt_connections() -> None:
    """Lets go of the warehouse file, which dbt-duckdb keeps open after a run in this process."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()


def forget_results(warehouse: Path) -> None:
    """Drops the check results of earlier builds: a failed check that is no more must not shut the gate for ever."""
    from kpi_warehouse.files import connect

    if warehouse.exists():
        with connect(warehouse, read_only=False) as db:
            db.execute("drop table if exists marts.dq_results")


def tell_issues(root: Path, warehouse: Path, *, is_complete: bool) -> None:
    """Brings the issue list in step with what the build found; a build does not fail over it."""
    import duckdb

    from kpi_warehouse.files import FileHeld, FileRefused
    from kpi_warehouse.quality.issues import keep_issues

    try:
        kept = keep_issues(root, warehouse, published_path().parent / "ledger.duckdb", is_complete=is_complete)
    except (duckdb.Error, FileHeld, FileRefused) as error:
        click.echo(f"the issue list was not written: {error}", err=True)
        return
    if kept:
        click.echo(kept.summary())


@click.command("build")
@click.option(
    "--as-of",
    metavar="UTC",
    help="Data horizon, e.g. 2026-06-30T16:00:00; default: the newest event of each domain.",
)
@click.option("--select", "selection", multiple=True, metavar="SELECTOR", help="Only these dbt nodes (not published).")
@click.argument("more", nargs=-1, metavar="[SELECTOR]...")
@click.option("--exclude", multiple=True, metavar="SELECTOR", help="Leave out these dbt nodes.")
@click.option("--no-publish", is_flag=True, help="Build and check only.")
@click.option("--full-refresh", is_flag=True, help="Rebuild incremental models and seeds from scratch.")
@click.option("--target", help="dbt target (default: KPI_TARGET or duckdb).")
@click.option(
    "--allow-withdrawal", metavar="REASON", help="Take back more of what stands than the dictionary allows; kept."
)
@click.option("--accept-ledger", metavar="REASON", help="Go on with a ledger that is missing, older or changed; kept.")
def build(
    as_of: str | None,
    selection: tuple[str, ...],
    more: tuple[str, ...],
    exclude: tuple[str, ...],
    no_publish: bool,
    full_refresh: bool,
    target: str | None,
    allow_withdrawal: str | None,
    accept_ledger: str | None,
) -> None:
    """Build the warehouse, check it and publish it.

    Reads KPI_RAW_ROOT (default data/raw), writes KPI_WAREHOUSE (default warehouse.duckdb) and, when every check
    has passed, swaps in KPI_PUBLISHED (default published/kpi.duckdb). A failed check publishes nothing.

    Exit codes: 0 published (or built, with --no-publish or --select), 1 a model or check failed, or the publication
    was refused, 2 wrong usage (also: a path that cannot be used, no landed files), 3 another run holds the warehouse.
    """
    started = time.monotonic()
    if more and not selection:
        raise BuildError(f"unexpected {' '.join(more)!r}: selectors follow --select", 2)
    selection += more
    root = project_root()
    warehouse = warehouse_path()
    horizon = parse_as_of(as_of)
    allow_withdrawal = parse_reason("--allow-withdrawal", allow_withdrawal)
    accept_ledger = parse_reason("--accept-ledger", accept_ledger)
    is_duckdb = (target or os.environ.get("KPI_TARGET") or "duckdb") == "duckdb"
    is_whole = is_duckdb and not (selection or exclude)
    landed = landed_tables(root)
    is_of_files = bool(landed) and os.environ.get("KPI_RAW_ROOT") != ""  # empty: tables of schemas raw_<domain>
    check_paths(warehouse, published_path(), raw_root() if is_of_files else None)
    if is_of_files:
        check_raw_root(raw_root(), landed)
    if is_whole and not no_publish and not accept_ledger:
        from kpi_warehouse.publish import check_ledger

        check_ledger(published_path())
    for path in sync(root).written:
        click.echo(f"written from its declaration: {path.relative_to(root)}")
    if changed := broken(root):
        raise BuildError("the dictionary breaks its own rules, nothing was built:\n  " + "\n  ".join(changed))
    # unit tests judge the SQL, not the data: they belong to `make test`
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    if horizon:
        arguments += ["--vars", json.dumps({"as_of": horizon})]
    for option, values in (("--select", selection), ("--exclude", exclude)):
        if values:
            arguments += [option, *values]
    if selection:
        # a part is judged by the checks that need nothing beyond it
        arguments += ["--indirect-selection", "buildable"]
    if full_refresh:
        arguments.append("--full-refresh")
    if target:
        arguments += ["--target", target]
    click.echo(f"building {warehouse} from {raw_root()}" + (f" as of {horizon} UTC" if horizon else ""))
    with ends_cleanly(f"ended: {published_path()} stays as it was"), locked(warehouse):
        os.environ.setdefault("KPI_WAREHOUSE", str(warehouse))
        if not target or target == "duckdb":
            refuse_unreadable(root, warehouse)
        build_id = uuid.uuid4().hex
        if is_duckdb:
            marks.begin(warehouse, build_id, dt.datetime.now(dt.UTC).replace(tzinfo=None))
        if is_whole:
            forget_results(warehouse)
        code = code_of(root)
        raw = raw_checksum(raw_root(), landed) if is_whole and is_of_files else None
        result = _run_marked(arguments, root, build_id)
        if not result.success:
            if is_whole and not no_publish:
                tell_issues(root, warehouse, is_complete=False)
            raise BuildError(
                f"the gate is shut: nothing was published, {published_path()} stays as it was.\n"
                f"{explain_failure(result)}{damaged_files(result, warehouse)}"
            )
        nodes = getattr(result.result, "results", [])
        tests = sum(1 for node in nodes if str(node.node.resource_type).endswith("test"))
        click.echo(
            f"built {len(nodes) - tests} models and seeds, {tests} checks passed, {time.monotonic() - started:.0f} s"
        )
        if is_whole:
            from kpi_warehouse.quality.expectations import check
            from kpi_warehouse.quality.judgement import told

            report = check(root, warehouse)
            click.echo(
                f"{len(report.results)} expectations in {report.seconds:.0f} s, "
                f"{len(report.warned)} warnings (see dq_results)"
            )
            click.echo(f"checks: {told(warehouse)}")
            if not no_publish:  # the ledger belongs to the publication
                tell_issues(root, warehouse, is_complete=True)
            if report.failed:
                lines = "\n".join(f"  {r.check_id}: {r.expected}; {r.observed}" for r in report.failed[:20])
                raise BuildError(
                    f"the gate is shut: nothing was published, {published_path()} stays as it was.\n{lines}"
                )
            try:
                marks.complete(warehouse, build_id, len(report.results), raw_checksum=raw, code_checksum=code)
            except ValueError as error:
                raise BuildError(f"nothing was published: {error}; run `kpi build` again") from None
        if no_publish or not is_whole:
            click.echo("not published" + ("" if no_publish else " (a partial build)"))
            return
        from kpi_warehouse.publish import publish

        outcome = publish(warehouse, published_path(), allow_withdrawal=allow_withdrawal, accept_ledger=accept_ledger)
    click.echo(outcome.summary())


def code_of(root: Path) -> str:
    """Checksum of the SQL and parameters that a build runs."""
    from kpi_warehouse.publish import code_checksum

    return code_checksum(root)


def _run_marked(arguments: Sequence[str], root: Path, build_id: str) -> Any:
    """Runs dbt under the id of this build and lets go of the warehouse."""
    os.environ["KPI_BUILD_ID"] = build_id
    try:
        return run_dbt(arguments, root)
    finally:
        os.environ.pop("KPI_BUILD_ID", None)
        close_dbt_connections()


if __name__ == "__main__":
    sys.exit(build())
