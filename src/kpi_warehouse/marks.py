"""The mark of a build in its warehouse: which run the tables and the check results are of, and that it was complete.

`build.mark` has one row. dbt's hooks (macros/quality/build_mark.sql) and `kpi build` write it:

| state | meaning |
|---|---|
| `begun` | `kpi build` has begun |
| `building` | dbt is at work, or was killed |
| `failed`, `part` | a node failed; the run was of a part of the project only |
| `built` | every model, seed and test of the project ran, none failed |
| `complete` | and the expectations were judged: the gate may look at the results |

The seal (count and checksum of `dq_results`) shows results that were deleted or changed afterwards.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from kpi_warehouse.files import connect
from kpi_warehouse.sql import identifier

MARK = """create table if not exists build.mark (
    build_id varchar, state varchar, command varchar, started_at_run timestamp, raw_checksum varchar,
    code_checksum varchar, tests bigint, expectations bigint, checks bigint, checks_checksum varchar)"""
SEAL = (
    "select count(*), cast(sum(md5_number_lower(cast(found as varchar))) as varchar) "
    "from {catalog}marts.dq_results as found"
)


@dataclass(frozen=True)
class Mark:
    """The row of `build.mark`."""

    build_id: str
    state: str
    command: str | None
    started_at_run: dt.datetime | None
    raw_checksum: str | None
    code_checksum: str | None
    tests: int | None
    expectations: int | None
    checks: int | None
    checks_checksum: str | None


def read(db: duckdb.DuckDBPyConnection, catalog: str | None = None) -> Mark | None:
    """The mark of a warehouse, or None where there is none.

    Args:
        db: A connection that holds it.
        catalog: The name that it is attached under; None: it was opened itself.
    """
    prefix = f"{identifier(catalog)}." if catalog else ""
    try:
        rows = db.execute(f"select {', '.join(Mark.__annotations__)} from {prefix}build.mark").fetchall()
    except duckdb.CatalogException:
        return None
    return Mark(*rows[0]) if len(rows) == 1 else None


def has_results(db: duckdb.DuckDBPyConnection) -> bool:
    """Whether the opened warehouse holds check results."""
    return bool(
        db.execute(
            "select 1 from duckdb_tables() where database_name = current_database() "
            "and schema_name = 'marts' and table_name = 'dq_results'"
        ).fetchone()
    )


def _seal(db: duckdb.DuckDBPyConnection) -> tuple[int, str | None]:
    found = db.execute(SEAL.format(catalog="")).fetchone() if has_results(db) else None
    return (int(found[0]), found[1]) if found else (0, None)


def begin(warehouse: Path, build_id: str, now: dt.datetime) -> None:
    """Takes the mark of the build before away: from here on nothing of the file may be published."""
    with connect(warehouse, read_only=False) as db:
        db.execute("create schema if not exists build")
        db.execute(MARK)
        db.execute("delete from build.mark")
        db.execute(
            "insert into build.mark (build_id, state, command, started_at_run) values (?, 'begun', 'kpi build', ?)",
            [build_id, now],
        )


def complete(
    warehouse: Path, build_id: str, expectations: int, *, raw_checksum: str | None, code_checksum: str | None
) -> None:
    """Writes the mark of a complete build, last of all.

    Args:
        warehouse: The file of the build.
        build_id: The build whose results were judged; the mark must still be of it.
        expectations: How many expectations were judged.
        raw_checksum: Of the files that the build read; None: not known.
        code_checksum: Of the SQL and parameters that it ran; None: not known.

    Raises:
        ValueError: Another run has written into the warehouse since.
    """
    with connect(warehouse, read_only=False) as db:
        mark = read(db)
        if mark is None or mark.build_id != build_id or mark.state not in ("begun", "built", "complete"):
            found = f"{mark.command} ({mark.state})" if mark else "nothing"
            raise ValueError(f"the warehouse is no longer of this build: {found} came in between")
        checks, checksum = _seal(db)
        db.execute(
            """update build.mark set state = 'complete', expectations = ?, checks = ?, checks_checksum = ?,
            raw_checksum = coalesce(?, raw_checksum), code_checksum = coalesce(?, code_checksum)""",
            [expectations, checks, checksum, raw_checksum, code_checksum],
        )


@contextmanager
def resealing(db: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Writes the seal anew after a change of ours to the results, where it fitted before."""
    mark = read(db)
    is_sound = (
        mark is not None and mark.checks_checksum is not None and _seal(db) == (mark.checks, mark.checks_checksum)
    )
    yield
    if is_sound:
        checks, checksum = _seal(db)
        db.execute("update build.mark set checks = ?, checks_checksum = ?", [checks, checksum])


def objection(db: duckdb.DuckDBPyConnection, catalog: str) -> str | None:
    """Why a warehouse may not be published whatever its results say; None: nothing stands against it.

    Args:
        db: A connection with the warehouse attached.
        catalog: The name it is attached under.
    """
    mark = read(db, catalog)
    remedy = "run `kpi build`"
    if mark is None:
        return (
            f"the warehouse has no mark of a complete build (it is of an earlier release, or not of a build): {remedy}"
        )
    began = f", begun {mark.started_at_run:%Y-%m-%d %H:%M} UTC" if mark.started_at_run else ""
    run = f"`{mark.command or 'dbt'}`{began}"
    told = {
        "begun": f"the last run ({run}) did not end: {remedy}",
        "building": f"the last run ({run}) did not end, or still runs: {remedy}",
        "failed": f"the last run ({run}) failed: mend what it named, then {remedy}",
        "part": f"the last run ({run}) rebuilt a part only, so tables and results are of several builds: {remedy}",
        "built": f"the expectations of the last run ({run}) were not judged: `kpi publish` does, or {remedy}",
    }
    if mark.state in told:
        return told[mark.state]
    if mark.state != "complete":
        return f"the mark of the last build is {mark.state!r}, which says nothing: {remedy}"
    checks, checksum = db.execute(SEAL.format(catalog=f"{identifier(catalog)}.")).fetchone() or (0, None)
    if not checks:
        return f"the warehouse holds no check results, {mark.checks or 0:,} were written: {remedy}"
    if checks != mark.checks:
        return f"the warehouse holds {checks:,} check results, the build wrote {mark.checks or 0:,}: {remedy}"
    if checksum != mark.checks_checksum:
        return f"check results were changed after the build: {remedy}"
    counted = db.execute(
        f"""select count(*) filter (where check_id like 'dbt.%'), count(*) filter (where check_id like 'expectation.%')
        from {identifier(catalog)}.marts.dq_results"""
    ).fetchone() or (0, 0)
    for found, wanted, what in (
        (counted[0], mark.tests or 0, "tests"),
        (counted[1], mark.expectations or 0, "expectations"),
    ):
        if found < wanted:
            return f"results of {wanted - found:,} {what} of the build are missing: {remedy}"
    return None
