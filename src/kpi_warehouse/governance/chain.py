"""The ledger's own file: its tables, its identity, and the chain of hashes that holds its entries together.

A publication is hashed over what it states about itself (id, time, checksums, actor, reasons, the tables of its file)
and over its entries, together with the hash of the one before. A row that was added, changed or taken away later
breaks the chain from there on. A ledger of an earlier release has no hashes: all its rows together are the beginning
(`genesis`) of the chain. A break that was accepted with a reason begins the chain anew, and the reason stays.
"""

from __future__ import annotations

import datetime as dt
import getpass
import hashlib
import json
import os
import platform
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from kpi_warehouse.files import attach_waiting

#: Columns that earlier releases did not have, with their types.
PUBLICATION_COLUMNS = {
    "sequence": "bigint",
    "previous_hash": "varchar",
    "hash": "varchar",
    "entry_count": "bigint",
    "entries_checksum": "varchar",
    "tables_checksum": "varchar",
    "file_checksum": "varchar",
    "build_id": "varchar",
    "actor": "varchar",
    "host": "varchar",
    "git_commit": "varchar",
    "raw_checksum_at": "varchar",
    "withdrawal_reason": "varchar",
    "ledger_reason": "varchar",
    "withdrawn": "bigint",
    "restated": "bigint",
}
#: What of a publication is hashed: all that it says when it is prepared; its state and file follow later.
HASHED = (
    "publication_id", "published_at_run", "code_checksum", "raw_checksum", "raw_checksum_at", "sequence",
    "previous_hash", "entry_count", "entries_checksum", "tables_checksum", "build_id", "actor", "host", "git_commit",
    "withdrawal_reason", "ledger_reason", "withdrawn", "restated",
)  # fmt: skip
ENTRY_COLUMNS = (
    "publication_id, published_at_run, kpi_id, version, domain, period_grain, period_start, dimension, "
    "dimension_value, numerator, denominator, value, is_withdrawn, code_checksum, as_of"
)
#: Checksum of rows of entries, whatever their order.
ENTRIES_CHECKSUM = f"""
    select
        count(*) as entry_count,
        coalesce(cast(sum(md5_number_lower(cast(entry as varchar))) as varchar), '0') as checksum
    from (select {ENTRY_COLUMNS} from ledger.entries) as entry
"""


@dataclass(frozen=True)
class Identity:
    """Which ledger this is, and where its chain begins."""

    ledger_id: str
    genesis: str
    sequence: int


def open_ledger(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Attaches the ledger as `ledger`, waiting for who holds it; creates and extends its tables.

    Raises:
        FileHeld: Another process held it for too long.
        FileRefused: It cannot be read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    attach_waiting(db, path, "ledger", read_only=False)
    db.execute(
        """create table if not exists ledger.publications (
            publication_id varchar primary key, state varchar, published_at_run timestamp, code_checksum varchar,
            raw_checksum varchar)"""
    )
    for column, type_ in PUBLICATION_COLUMNS.items():
        db.execute(f"alter table ledger.publications add column if not exists {column} {type_}")
    db.execute(
        """create table if not exists ledger.entries (
            publication_id varchar, published_at_run timestamp, kpi_id varchar, version integer, domain varchar,
            period_grain varchar, period_start timestamp, dimension varchar, dimension_value varchar,
            numerator double, denominator double, value double, is_withdrawn boolean, code_checksum varchar,
            as_of timestamp)"""
    )
    db.execute(
        """create table if not exists ledger.alerts (
            alert_id varchar primary key, rule_id varchar, severity varchar, kpi_id varchar, version integer,
            domain varchar, period_grain varchar, period_start timestamp, period_end timestamp, dimension varchar,
            dimension_value varchar, observed_value double, threshold_value double, comparison varchar,
            response varchar, response_zh varchar, owner varchar, is_final boolean, as_of timestamp,
            first_fired_at_run timestamp, resolved_at_run timestamp, acknowledged_by varchar,
            acknowledged_at_run timestamp, note varchar, notified_at_run timestamp, first_publication_id varchar)"""
    )
    db.execute(
        """create table if not exists ledger.identity (
            ledger_id varchar, genesis varchar, sequence bigint, written_at_run timestamp, reason varchar,
            actor varchar, host varchar, problems varchar)"""
    )
    db.execute(
        """create table if not exists ledger.published_tables (
            publication_id varchar, table_name varchar, row_count bigint, checksum varchar)"""
    )


def has(db: duckdb.DuckDBPyConnection, table: str, column: str | None = None) -> bool:
    """Whether the attached ledger has a table (and column): earlier releases wrote fewer."""
    return bool(
        db.execute(
            "select 1 from duckdb_columns() where database_name = 'ledger' and table_name = ? "
            "and column_name = coalesce(?, column_name) limit 1",
            [table, column],
        ).fetchone()
    )


def _text(value: Any) -> str | None:
    return value.isoformat(sep=" ") if isinstance(value, dt.datetime) else None if value is None else str(value)


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps([_text(part) for part in parts], ensure_ascii=False).encode()).hexdigest()


def _genesis(db: duckdb.DuckDBPyConnection, ledger_id: str, sequence: int) -> str:
    """Hash over every entry and publication up to a place of the chain (0: those without a place)."""
    ids = f"select publication_id from ledger.publications where coalesce(sequence, 0) <= {sequence}"
    entries = db.execute(f"{ENTRIES_CHECKSUM} where publication_id in ({ids})").fetchone()
    stated = db.execute(
        f"""select publication_id, published_at_run, code_checksum, raw_checksum, hash from ledger.publications
        where publication_id in ({ids}) order by published_at_run, publication_id"""
    ).fetchall()
    return _digest(ledger_id, sequence, *(entries or ()), *(_digest(*row) for row in stated))


def identity(db: duckdb.DuckDBPyConnection) -> Identity | None:
    """Of the attached ledger: the last beginning of its chain; None for one of an earlier release."""
    if not has(db, "identity"):
        return None
    row = db.execute(
        "select ledger_id, genesis, sequence from ledger.identity order by sequence desc, written_at_run desc limit 1"
    ).fetchone()
    return Identity(*row) if row else None


def begin_chain(db: duckdb.DuckDBPyConnection, now: dt.datetime, reason: str | None, problems: list[str]) -> Identity:
    """Begins the chain of a new ledger, of one of an earlier release, or anew after a break that was accepted.

    Orphaned entries (of no publication) are moved out of the way into `refused_entries`: they were never published.
    """
    known = identity(db)
    ledger_id = known.ledger_id if known else uuid.uuid4().hex
    orphans = "publication_id not in (select publication_id from ledger.publications)"
    db.execute("begin")
    if (db.execute(f"select count(*) from ledger.entries where {orphans}").fetchone() or (0,))[0]:
        db.execute("create table if not exists ledger.refused_entries as select * from ledger.entries limit 0")
        db.execute(f"insert into ledger.refused_entries select * from ledger.entries where {orphans}")
        db.execute(f"delete from ledger.entries where {orphans}")
    row = db.execute("select coalesce(max(sequence), 0) from ledger.publications").fetchone()
    sequence = int(row[0]) if row else 0
    genesis = _genesis(db, ledger_id, sequence)
    actor, host = who()
    db.execute(
        "insert into ledger.identity values (?, ?, ?, ?, ?, ?, ?, ?)",
        [ledger_id, genesis, sequence, now, reason, actor, host, "\n".join(problems) or None],
    )
    db.execute("commit")
    return Identity(ledger_id, genesis, sequence)


def head(db: duckdb.DuckDBPyConnection) -> tuple[int, str]:
    """Place and hash of the last link of the chain."""
    start = identity(db)
    assert start is not None, "the chain has no beginning"
    row = db.execute(
        "select sequence, hash from ledger.publications where sequence > ? order by sequence desc limit 1",
        [start.sequence],
    ).fetchone()
    return (int(row[0]), str(row[1])) if row else (start.sequence, start.genesis)


def link(db: duckdb.DuckDBPyConnection, publication_id: str) -> str:
    """Writes the hash of a prepared publication, after its entries and tables are in the ledger; returns it."""
    entries = db.execute(f"{ENTRIES_CHECKSUM} where publication_id = ?", [publication_id]).fetchone()
    assert entries is not None
    tables = _tables_digest(db, publication_id)
    db.execute(
        "update ledger.publications set entry_count = ?, entries_checksum = ?, tables_checksum = ? "
        "where publication_id = ?",
        [entries[0], entries[1], tables, publication_id],
    )
    row = db.execute(
        f"select {', '.join(HASHED)} from ledger.publications where publication_id = ?", [publication_id]
    ).fetchone()
    assert row is not None
    own = _digest(*row)
    db.execute("update ledger.publications set hash = ? where publication_id = ?", [own, publication_id])
    return own


def _tables_digest(db: duckdb.DuckDBPyConnection, publication_id: str) -> str:
    rows = db.execute(
        "select table_name, row_count, checksum from ledger.published_tables where publication_id = ? order by 1",
        [publication_id],
    ).fetchall()
    return _digest(*(_digest(*row) for row in rows))


def problems(db: duckdb.DuckDBPyConnection) -> list[str]:
    """What is wrong with the chain of the attached ledger, a sentence each; none: every row is as it was published."""
    start = identity(db)
    if start is None or not has(db, "publications", "hash"):
        return []
    found = []
    strangers = db.execute(
        """select publication_id, count(*) from ledger.entries
        where publication_id is null or publication_id not in (select publication_id from ledger.publications)
        group by 1 order by 1"""
    ).fetchall()
    for publication_id, count in strangers:
        found.append(f"{count:,} entries name publication {str(publication_id)[:12]}, which never was")
    if _genesis(db, start.ledger_id, start.sequence) != start.genesis:
        what = "of the earlier release" if start.sequence == 0 else f"up to publication no. {start.sequence}"
        found.append(f"entries or publications {what}, where the chain begins, were changed")
    checksums = {
        row[0]: row[1:]
        for row in db.execute(
            ENTRIES_CHECKSUM.replace("count(*)", "entry.publication_id, count(*)") + " group by 1"
        ).fetchall()
    }
    previous, sequence = start.genesis, start.sequence
    rows = db.execute(
        f"""select {", ".join(HASHED)}, hash, state from ledger.publications
        where coalesce(sequence, 0) > ? order by sequence""",
        [start.sequence],
    ).fetchall()
    for values in rows:
        row = dict(zip((*HASHED, "hash", "state"), values, strict=True))
        if row["state"] == "prepared" and row["hash"] is None:
            continue  # of a run that died: the next publication settles it
        name = f"publication {row['publication_id'][:12]}"
        if checksums.get(row["publication_id"], (0, "0")) != (row["entry_count"], row["entries_checksum"]):
            count = checksums.get(row["publication_id"], (0,))[0]
            found.append(
                f"entries of {name} were changed ({count:,} are there, {row['entry_count'] or 0:,} were published)"
            )
        if row["tables_checksum"] != _tables_digest(db, row["publication_id"]):
            found.append(f"the checksums of the tables of {name} were changed")
        if row["sequence"] != sequence + 1 or row["previous_hash"] != previous:
            found.append(f"the publication before {name} is not the one that it was published after")
        if row["hash"] != _digest(*(row[column] for column in HASHED)):
            found.append(f"what {name} says about itself was changed")
        previous, sequence = row["hash"], row["sequence"]
    return found


# --------------------------------------------------------------------------- who publishes


def who() -> tuple[str | None, str]:
    """The user (`KPI_ACTOR`, else the login) and the machine of this run."""
    try:
        actor = os.environ.get("KPI_ACTOR") or getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        actor = None
    return actor, platform.node()


def git_commit(root: Path) -> str | None:
    """The commit of the project, `+changes` behind it where files differ from it; None outside version control."""
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False, timeout=20
        )
        if commit.returncode:
            return None
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=root, capture_output=True, text=True, check=False, timeout=20,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return commit.stdout.strip() + ("+changes" if changed.stdout.strip() else "")
