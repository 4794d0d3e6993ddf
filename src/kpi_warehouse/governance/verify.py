"""`kpi verify`: is the published file what was published, and the ledger what it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import duckdb

from kpi_warehouse.files import FileHeld, FileRefused, attach_waiting, connect, file_checksum, wal_of
from kpi_warehouse.governance import chain
from kpi_warehouse.governance.store import GovernanceError
from kpi_warehouse.output import as_json
from kpi_warehouse.project import published_path
from kpi_warehouse.publish import table_checksums
from kpi_warehouse.sql import attach


@dataclass
class Findings:
    """What a comparison of a published file with its ledger found.

    Attributes:
        publication_id: Of the file; None: the file is no publication.
        problems: A sentence each; none: everything is as it was published.
        notes: What could not be compared, and why.
        tables: Tables whose rows are not those that were published.
    """

    publication_id: str | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)

    def as_row(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "publication_id": self.publication_id,
            "is_as_published": not self.problems if self.publication_id else None,
            "problems": self.problems,
            "changed_tables": self.tables,
            "notes": self.notes,
        }


def _publication(db: duckdb.DuckDBPyConnection) -> dict[str, Any] | None:
    try:
        cursor = db.execute("select * from marts.publication")
    except duckdb.CatalogException:
        return None
    names = [column[0] for column in cursor.description or []]
    rows = cursor.fetchall()
    return dict(zip(names, rows[0], strict=True)) if len(rows) == 1 else {"publication_id": "unknown"}


def _compare_tables(db: duckdb.DuckDBPyConnection, found: Findings, published: list[tuple[str, int, str]]) -> None:
    name = db.execute("select current_database()").fetchone()
    assert name is not None
    now = {table: (rows, checksum) for table, rows, checksum in table_checksums(db, str(name[0]))}
    then = {table: (rows, checksum) for table, rows, checksum in published}
    for table in sorted({*now, *then}):
        if now.get(table) == then.get(table):
            continue
        found.tables.append(table)
        if table not in then:
            found.problems.append(f"{table} was added after the publication")
        elif table not in now:
            found.problems.append(f"{table} is no longer there as it was published")
        else:
            rows = (
                f"{then[table][0]:,} rows then, {now[table][0]:,} now" if now[table][0] != then[table][0] else "values"
            )
            found.problems.append(f"{table} was changed after the publication ({rows})")


def verify_file(db: duckdb.DuckDBPyConnection, path: Path, ledger: Path, *, is_thorough: bool = False) -> Findings:
    """Compares an opened publication with what its ledger knows of it.

    Args:
        db: The file, opened read-only.
        path: Its path.
        ledger: The ledger's path; where it is not there, the checksums in the file must do.
        is_thorough: Also every table where the file is the same byte for byte, and the chain of the ledger.
    """
    found = Findings()
    publication = _publication(db)
    if publication is None:
        return found
    found.publication_id = publication["publication_id"]
    if wal_of(path).exists():
        found.problems.append(f"{wal_of(path).name} lies beside it: somebody wrote into the published file")
    if not publication.get("publication_hash"):
        found.notes.append("an earlier release published it, without checksums: they come with the next publication")
    row, tables = None, None
    try:
        with duckdb.connect() as other:
            if not ledger.exists():
                raise FileRefused(f"{ledger} does not exist")
            if is_thorough:
                attach_waiting(other, ledger, "ledger")
            else:
                other.execute(attach(ledger, "ledger", read_only=True))
            if is_thorough:
                found.problems.extend(chain.problems(other))
            if chain.has(other, "publications", "file_checksum"):
                row = other.execute(
                    "select hash, file_checksum from ledger.publications where publication_id = ?",
                    [found.publication_id],
                ).fetchone()
                tables = other.execute(
                    "select table_name, row_count, checksum from ledger.published_tables where publication_id = ?",
                    [found.publication_id],
                ).fetchall()
            known = other.execute(
                "select 1 from ledger.publications where publication_id = ?", [found.publication_id]
            ).fetchone()
            if known is None:
                found.problems.append(f"the ledger knows no publication {found.publication_id[:12]}")
    except (FileHeld, FileRefused) as error:
        if is_thorough:
            found.problems.append(f"the ledger cannot be read: {error.message}")
        else:
            found.notes.append(f"compared with the checksums in the file itself, not with the ledger ({error.message})")
    except duckdb.Error as error:
        told = str(error).splitlines()[0]
        found.notes.append(f"compared with the checksums in the file itself, not with the ledger ({told})")
    if not publication.get("publication_hash"):
        return found
    if row and row[0] != publication["publication_hash"]:
        found.problems.append("the ledger says otherwise about this publication (its hash)")
    is_same_file = bool(row and row[1] and row[1] == file_checksum(path))
    if is_same_file and not is_thorough:
        return found
    version = db.execute("select version()").fetchone()
    if version and version[0] != publication.get("duckdb_version"):
        if not is_same_file:
            found.problems.append(
                f"the file is not the one that was published (which table cannot be told: DuckDB was "
                f"{publication.get('duckdb_version')} then, is {version[0]})"
            )
        return found
    if tables is None:
        try:
            tables = db.execute("select table_name, row_count, checksum from marts.publication_tables").fetchall()
        except duckdb.Error:
            found.problems.append("the checksums in the file are gone")
            return found
    _compare_tables(db, found, tables)
    if row and not is_same_file and not found.problems:
        found.notes.append("the file was opened for writing; every table reads as it was published")
    return found


def integrity(db: duckdb.DuckDBPyConnection, path: Path) -> Findings:
    """Whether an opened file is what was published: a quick comparison, for commands that read one number."""
    return verify_file(db, path, path.parent / "ledger.duckdb")


@click.command("verify")
@click.option("--json", "json_", is_flag=True, help="As JSON.")
def verify_command(json_: bool) -> None:
    """Compare the published file (KPI_PUBLISHED) with its ledger, and the ledger with its chain of hashes.

    Exit codes: 0 everything is as it was published, 1 something was changed, added or taken away.
    """
    path = published_path()
    if not path.exists():
        raise GovernanceError(f"{path} does not exist: run `kpi build`, or set KPI_PUBLISHED to the published file")
    db = connect(path)
    try:
        found = verify_file(db, path, path.parent / "ledger.duckdb", is_thorough=True)
    finally:
        db.close()
    if found.publication_id is None:
        raise GovernanceError(f"{path} is no publication: it has no marts.publication")
    if json_:
        click.echo(as_json(found.as_row()))
    else:
        for note in found.notes:
            click.echo(f"note: {note}")
        for problem in found.problems:
            click.echo(f"changed: {problem}")
        if not found.problems:
            click.echo(f"{path} is publication {found.publication_id[:12]} as it was published; the ledger is whole")
        elif found.tables or wal_of(path).exists():
            click.echo("`kpi publish` puts the published file back as the warehouse states it", err=True)
    if found.problems:
        raise SystemExit(1)
