"""Publishing: the `marts` schema in a file of its own, swapped in whole, and the ledger of what was published.

The order makes an interrupted publication harmless:

1. the new file is written beside the old one, under another name;
2. its numbers go into the ledger in one transaction, marked `prepared`; then checksums of its tables and the hash of
   the publication, which stand in the file too;
3. `os.replace` swaps the file in (atomic on one file system), once its bytes are on the disk and no log of DuckDB
   lies beside the old one;
4. the ledger marks the publication `published`.

A run that dies before 3 leaves the old file in place; the next run sees a prepared publication whose id is not the
one in the published file and withdraws its rows. A run that dies between 3 and 4 is completed by the next one.
Before 2 the ledger must be the one that the published file knows, with every row as it was published, and the
publication must not take back more of what stands than the dictionary allows.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import re
import shutil
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import click
import duckdb

from kpi_warehouse import marks
from kpi_warehouse.files import (
    attach_waiting,
    check_paths,
    connect,
    file_checksum,
    publishing_to,
    raw_checksum,
    swap_in,
    wal_of,
)
from kpi_warehouse.gate import GateShut as GateShut
from kpi_warehouse.gate import gate as gate
from kpi_warehouse.governance import chain, incidents
from kpi_warehouse.governance.chain import open_ledger as open_ledger
from kpi_warehouse.governance.withdrawal import toll
from kpi_warehouse.project import project_root, published_path, raw_root, warehouse_path
from kpi_warehouse.sql import attach, identifier

#: Columns of raw rows that name or trace a person: masked in the published quarantine.
PERSONAL_COLUMNS = (
    "user_id",
    "device_id",
    "cookie_id",
    "phone_hash",
    "fingerprint_id",
    "ip",
    "user_agent",
    "customer_id",
    "device_fingerprint",
    "id_a",
    "id_b",
    "account_id",
    "application_id",
    # values of a row that does not fit its file's header: any of them may be a person's
    "_values",
)

#: Grains that never enter the ledger (their rows are dropped after 48 hours).
PASSING_GRAINS = ("quarter_hour",)
KEY = ("kpi_id", "period_grain", "period_start", "dimension", "dimension_value")


#: Severities of alerts, the gravest first.
SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True)
class Publication:
    """A finished publication."""

    path: Path
    publication_id: str
    tables: int
    values: int
    new_or_changed: int
    restated: int
    red: list[str] = field(default_factory=list)
    open_alerts: dict[str, int] = field(default_factory=dict)
    suspect: dict[str, int] = field(default_factory=dict)

    def summary(self) -> str:
        """The end of a build: how many incidents are open; on the last line the file and the KPIs that are red."""
        counts = [f"{self.open_alerts[name]:,} {name}" for name in SEVERITIES if self.open_alerts.get(name)]
        alerts = f"{', '.join(counts)} (`kpi incidents` lists them)" if counts else "none"
        red = f"{len(self.red)}: {', '.join(self.red)}" if self.red else "none"
        told = "".join(
            f"suspect values: {count:,} of {kpi_id} (`kpi explain {kpi_id}`)\n"
            for kpi_id, count in self.suspect.items()
        )
        return (
            f"{told}open incidents: {alerts}\n"
            f"published {self.path} ({self.tables} tables, {self.values:,} KPI values, {self.restated:,} restated); "
            f"red KPIs in their latest final period: {red}"
        )


def _copy_marts(db: duckdb.DuckDBPyConnection, catalog: str, fresh: Path) -> int:
    """Copies schema `marts` of the warehouse into the fresh file; returns the number of tables and views.

    A view stays a view: the tables it reads are copied under their own schema, and its text loses the catalog, so
    that it works under whatever name a reader attaches the file.
    """
    names = db.execute(
        "select table_name, table_type from information_schema.tables "
        "where table_catalog = ? and table_schema = 'marts' order by 1",
        [catalog],
    ).fetchall()
    db.execute(attach(fresh, "fresh"))
    db.execute("create schema fresh.marts")
    views = []
    for name, kind in names:
        source = f"{identifier(catalog)}.marts.{identifier(name)}"
        if name == "dq_quarantine":
            masks = ", ".join(f"'{column}': '***'" for column in PERSONAL_COLUMNS)
            db.execute(
                f"""create table fresh.marts.dq_quarantine as
                select * replace (
                    case when row_key is null then null else md5(row_key) end as row_key,
                    (select json_group_object(entry.key, case
                        when map_contains(map {{{masks}}}, entry.key) and entry.value::varchar <> 'null'
                            then to_json('***')
                        else entry.value end)
                     from json_each(raw_row::json) as entry)::varchar as raw_row
                ) from {source}"""
            )
        elif kind == "VIEW":
            views.append(_free_view(db, catalog, name))
        else:
            db.execute(f"create table fresh.marts.{identifier(name)} as select * from {source}")
    db.execute("detach fresh")
    if views:
        with duckdb.connect(str(fresh)) as alone:
            for text in views:
                alone.execute(text)
    db.execute(attach(fresh, "fresh"))
    return len(names)


def _free_view(db: duckdb.DuckDBPyConnection, catalog: str, name: str) -> str:
    """Text of a view of the marts without its catalog; copies what it reads into the fresh file."""
    row = db.execute(
        "select sql from duckdb_views() where database_name = ? and schema_name = 'marts' and view_name = ?",
        [catalog, name],
    ).fetchone()
    assert row is not None
    text = str(row[0])
    spellings = "|".join(map(re.escape, (identifier(catalog), catalog)))
    reference = re.compile(rf'(?:{spellings})\."?(\w+)"?\."?(\w+)"?')
    for schema, table in sorted(set(reference.findall(text))):
        if schema != "marts":
            place = f"{identifier(schema)}.{identifier(table)}"
            db.execute(f"create schema if not exists fresh.{identifier(schema)}")
            db.execute(f"create table if not exists fresh.{place} as select * from {identifier(catalog)}.{place}")
    return reference.sub(r'"\1"."\2"', text)


@dataclass(frozen=True)
class Standing:
    """What the published file says of itself; `publication_id` is None where it cannot be read."""

    publication_id: str | None
    ledger_id: str | None = None
    hash: str | None = None


def _standing(target: Path) -> Standing | None:
    """Who the published file is; None: there is none. A log beside it, or who holds it, does not matter."""
    if not target.exists():
        return None
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.read-") as scratch:
        path = target
        try:
            if wal_of(target).exists():
                raise duckdb.IOException("a log lies beside it")
            db = duckdb.connect(str(path), read_only=True)
        except duckdb.Error:
            # held for writing, or with somebody's log beside it: the bytes that were published can be read all the same
            path = Path(scratch) / "standing.duckdb"
            shutil.copyfile(target, path)
            try:
                db = duckdb.connect(str(path), read_only=True)
            except duckdb.Error:
                return Standing(None)
        try:
            cursor = db.execute("select * from marts.publication")
            names = [column[0] for column in cursor.description or []]
            row = dict(zip(names, cursor.fetchone() or [], strict=False))
        except duckdb.Error:
            return Standing(None)
        finally:
            db.close()
    return Standing(row.get("publication_id"), row.get("ledger_id"), row.get("publication_hash"))


def ledger_objection(db: duckdb.DuckDBPyConnection, standing: Standing | None, ledger: Path) -> str | None:
    """Why the attached ledger is not the one of the published file; None: it is, or nothing was published yet."""
    if standing is None:
        return None
    known = chain.has(db, "publications")
    count = db.execute("select count(*) from ledger.publications").fetchone() if known else (0,)
    if not (count and count[0]):
        return f"{ledger} holds no publication, but one is published: the ledger was lost or is another"
    if standing.publication_id is None:
        return None  # a file that cannot be read beside a ledger that knows what was published: written anew
    identity = chain.identity(db)
    if standing.ledger_id and (identity is None or identity.ledger_id != standing.ledger_id):
        return f"{ledger} is not the ledger that the published file was written with (another id)"
    column = "hash" if chain.has(db, "publications", "hash") else "null"
    row = db.execute(
        f"select {column} from ledger.publications where publication_id = ?", [standing.publication_id]
    ).fetchone()
    if row is None:
        return (
            f"{ledger} does not know the publication that stands ({standing.publication_id[:12]}): it is older "
            "(a restored copy?) or another"
        )
    if standing.hash and row[0] != standing.hash:
        return f"{ledger} says otherwise about the publication that stands ({standing.publication_id[:12]})"
    return None


def _refused_ledger(problems: list[str]) -> GateShut:
    listed = "\n".join(f"  {problem}" for problem in problems[:10])
    more = f"\n  and {len(problems) - 10} more" if len(problems) > 10 else ""
    return GateShut(
        f"nothing is published: the ledger is not what it was.\n{listed}{more}\n"
        "Put the right ledger.duckdb (from a backup) beside the publication. Where there is none, go on with "
        '`--accept-ledger "REASON"`: what it holds now becomes the beginning of its chain, and it keeps the reason.'
    )


def check_ledger(target: Path) -> None:
    """Refuses a ledger that is not the one of the published file, before a build begins.

    Raises:
        GateShut: It is missing, older or another; the message says what to do.
        FileHeld: Another process holds it.
        FileRefused: It cannot be read.
    """
    ledger = target.parent / "ledger.duckdb"
    standing = _standing(target)
    if standing is None:
        return
    if not ledger.exists():
        raise _refused_ledger([f"{ledger} does not exist, but {target} was published with one"])
    with duckdb.connect() as db:
        attach_waiting(db, ledger, "ledger")
        if problem := ledger_objection(db, standing, ledger):
            raise _refused_ledger([problem])


def _settle(db: duckdb.DuckDBPyConnection, target: Path, standing: Standing | None) -> None:
    """Completes or withdraws a publication that an earlier run left prepared.

    The file under its first name says that it was not swapped in. Where the published file cannot be read and there is
    none, it may have been seen: its numbers stay.
    """
    prepared = db.execute("select publication_id from ledger.publications where state = 'prepared'").fetchall()
    for (publication_id,) in prepared:
        is_left = _fresh_name(target, publication_id).exists()
        is_current = standing is not None and standing.publication_id in (publication_id, None)
        if is_current and not is_left:
            db.execute(
                "update ledger.publications set state = 'published' where publication_id = ?",
                [publication_id],
            )
        else:
            _withdraw(db, publication_id)


def _withdraw(db: duckdb.DuckDBPyConnection, publication_id: str) -> None:
    """Takes a publication that was never seen out of the ledger."""
    db.execute("begin")
    db.execute("delete from ledger.entries where publication_id = ?", [publication_id])
    db.execute("delete from ledger.alerts where first_publication_id = ?", [publication_id])
    incidents.withdraw(db, publication_id)
    db.execute("delete from ledger.published_tables where publication_id = ?", [publication_id])
    db.execute("delete from ledger.publications where publication_id = ?", [publication_id])
    db.execute("commit")


def _fresh_name(target: Path, publication_id: str) -> Path:
    return target.parent / f"{target.name}.new-{publication_id[:8]}"


def _in_order(db: duckdb.DuckDBPyConnection, now: dt.datetime) -> dt.datetime:
    """The time of a run, just after the last publication where the clock says less: the ledger is ordered by it."""
    row = db.execute("select max(published_at_run) from ledger.publications").fetchone()
    last = row[0] if row else None
    return now if last is None or now > last else last + dt.timedelta(microseconds=1)


def code_checksum(root: Path) -> str:
    """Checksum of everything that makes a number besides the data: SQL of models and macros, and parameters."""
    digest = hashlib.sha256()
    for pattern in (
        "models/**/*.sql",
        "macros/**/*.sql",
        "seeds/dictionary/metric_parameters_*.csv",
        "seeds/reference/*.csv",
    ):
        for path in sorted(root.glob(pattern)):
            digest.update(str(path.relative_to(root)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


#: Latest entry per key of the ledger, as far as published.
STANDING = """
    select * from (
        select entries.*, row_number() over (
            partition by {key} order by published_at_run desc, publication_id desc) as place
        from ledger.entries as entries
    ) where place = 1
"""

FIRST = """
    select * from (
        select entries.*, row_number() over (
            partition by {key} order by published_at_run, publication_id) as place
        from ledger.entries as entries where not is_withdrawn
    ) where place = 1
"""


def _differ(a: str, b: str) -> str:
    """SQL: two doubles differ by more than the order of a floating-point sum explains; null differs from a number."""
    return f"(({a} is null) <> ({b} is null) or coalesce(abs({a} - {b}) > 1e-12 * greatest(abs({a}), abs({b})), false))"


SAME = " and ".join(f"official.{column} is not distinct from standing.{column}" for column in KEY)


def _compare(db: duckdb.DuckDBPyConnection) -> None:
    """Makes the temporary tables `official` (what is to be published) and `standing` (what was, by key)."""
    key = ", ".join(KEY)
    passing = ", ".join(f"'{grain}'" for grain in PASSING_GRAINS)
    db.execute(
        f"""create or replace temp table official as
        select values_.* from fresh.marts.kpi_values as values_
        inner join fresh.marts.kpi_scorecard as scorecard using (kpi_id, version, {", ".join(KEY[1:])})
        where values_.is_final and values_.period_grain not in ({passing})
            and not (values_.domain = 'ecommerce' and values_.period_grain = 'hour')"""
    )
    db.execute(f"create or replace temp table standing as {STANDING.format(key=key)}")


def _append(db: duckdb.DuckDBPyConnection, publication_id: str, now: dt.datetime, code: str) -> int:
    """Appends what is new or changed against the ledger (and what vanished, as withdrawn); returns the rows."""
    same = SAME
    row = db.execute(
        f"""insert into ledger.entries
        select ?, ?, official.kpi_id, official.version, official.domain, official.period_grain, official.period_start,
            official.dimension, official.dimension_value, official.numerator, official.denominator, official.value,
            false, ?, official.as_of
        from official left join standing on {same}
        where standing.kpi_id is null or standing.is_withdrawn or standing.version <> official.version
            or {_differ("standing.value", "official.value")}
            or {_differ("standing.numerator", "official.numerator")}
            or {_differ("standing.denominator", "official.denominator")}
        union all
        select ?, ?, standing.kpi_id, standing.version, standing.domain, standing.period_grain, standing.period_start,
            standing.dimension, standing.dimension_value, null, null, null, true, ?, standing.as_of
        from standing left join official on {same}
        where official.kpi_id is null and not standing.is_withdrawn""",
        [publication_id, now, code, publication_id, now, code],
    ).fetchone()
    return int(row[0]) if row else 0


def _restatements(db: duckdb.DuckDBPyConnection, code: str) -> int:
    """Writes `kpi_restatements`: first published against now, with the cause; returns the rows."""
    key = ", ".join(KEY)
    same = " and ".join(f"now_.{column} is not distinct from first.{column}" for column in KEY)
    db.execute(
        f"""create table fresh.marts.kpi_restatements as
        with first as ({FIRST.format(key=key)}), now_ as ({STANDING.format(key=key)})
        select
            first.kpi_id, first.period_grain, first.period_start, first.dimension, first.dimension_value,
            first.version as first_version, now_.version as current_version,
            first.value as first_value, now_.value as current_value, now_.value - first.value as difference,
            first.publication_id as first_publication_id, first.published_at_run as first_published_at_run,
            now_.publication_id as current_publication_id, now_.published_at_run as current_published_at_run,
            now_.is_withdrawn as is_withdrawn,
            case
                when now_.version <> first.version then 'definition'
                when now_.code_checksum <> first.code_checksum then 'correction'
                else 'late_data'
            end as cause
        from first inner join now_ on {same}
        where now_.is_withdrawn or now_.version <> first.version
            or {_differ("now_.value", "first.value")}
        """
    )
    row = db.execute("select count(*) from fresh.marts.kpi_restatements").fetchone()
    return int(row[0]) if row else 0


def _red(db: duckdb.DuckDBPyConnection) -> list[str]:
    rows = db.execute(
        """select kpi_id from (
            select kpi_id, status,
                row_number() over (partition by kpi_id order by period_start desc, period_grain) as place
            from fresh.marts.kpi_scorecard
            where dimension = 'all' and status in ('green', 'amber', 'red')
                and period_grain in ('month', 'cohort_month', 'quarter')
        ) where place = 1 and status = 'red' order by kpi_id"""
    ).fetchall()
    return [kpi_id for (kpi_id,) in rows]


def _suspect(db: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Values of each KPI that lie beyond their plausible range themselves; what rests on them is not counted."""
    known = db.execute(
        "select 1 from information_schema.tables where table_catalog = 'fresh' and table_name = 'kpi_suspect_values'"
    ).fetchone()
    if not known:
        return {}
    rows = db.execute(
        "select kpi_id, count(*) from fresh.marts.kpi_suspect_values where is_origin and is_final group by 1 order by 1"
    )
    return {str(kpi_id): int(count) for kpi_id, count in rows.fetchall()}


#: Of each number of the ledger: the first statement, the one before the last, and the last.
PUBLICATIONS = f"""
    create table fresh.marts.kpi_publications as
    select publication_id, published_at_run, kpi_id, version, domain, period_grain, period_start, dimension,
        dimension_value, numerator, denominator, value, is_withdrawn, as_of
    from (
        select entries.*,
            row_number() over (partition by {", ".join(KEY)} order by published_at_run, publication_id) as from_first,
            row_number() over (
                partition by {", ".join(KEY)} order by published_at_run desc, publication_id desc) as from_last
        from ledger.entries as entries
    ) where from_first = 1 or from_last <= 2
"""


def table_checksums(db: duckdb.DuckDBPyConnection, catalog: str) -> list[tuple[str, int, str]]:
    """Name, rows and checksum of every table of a publication but those that tell about it; rows in any order."""
    names = db.execute(
        """select schema_name, table_name from duckdb_tables() where database_name = ?
        and not (schema_name = 'marts' and table_name in ('publication', 'publication_tables')) order by all""",
        [catalog],
    ).fetchall()
    found = []
    for schema, name in names:
        source = f"{identifier(catalog)}.{identifier(schema)}.{identifier(name)}"
        row = db.execute(f"select count(*), cast(coalesce(sum(hash(r)), 0) as varchar) from {source} as r").fetchone()
        assert row is not None
        found.append((name if schema == "marts" else f"{schema}.{name}", int(row[0]), str(row[1])))
    views = db.execute(
        "select view_name, md5(sql) from duckdb_views() where database_name = ? and not internal order by all",
        [catalog],
    ).fetchall()
    return found + [(f"view {name}", 0, text) for name, text in views]


def _seal(db: duckdb.DuckDBPyConnection, publication_id: str, now: dt.datetime) -> None:
    """Checksums of the fresh tables into ledger and file, the hash of the publication over them, and who it is."""
    rows = table_checksums(db, "fresh")
    db.execute("begin")
    db.executemany("insert into ledger.published_tables values (?, ?, ?, ?)", [[publication_id, *row] for row in rows])
    own = chain.link(db, publication_id)
    db.execute("commit")
    identity = chain.identity(db)
    assert identity is not None
    db.execute(
        """create table fresh.marts.publication_tables as
        select table_name, row_count, checksum from ledger.published_tables where publication_id = ?""",
        [publication_id],
    )
    db.execute(
        """create table fresh.marts.publication as
        select ? as publication_id, ?::timestamp as published_at_run, ? as ledger_id, ? as publication_hash,
            version() as duckdb_version, publications.* exclude (publication_id, published_at_run, state, file_checksum,
            hash, sequence, previous_hash, entry_count, entries_checksum, tables_checksum)
        from ledger.publications as publications where publication_id = ?""",
        [publication_id, now, identity.ledger_id, own, publication_id],
    )


def publish(
    warehouse: Path,
    target: Path,
    *,
    now: dt.datetime | None = None,
    allow_withdrawal: str | None = None,
    accept_ledger: str | None = None,
) -> Publication:
    """Publishes a built warehouse after its gate.

    Args:
        warehouse: The DuckDB file that a build wrote.
        target: The file that readers open; `ledger.duckdb` lies beside it.
        now: Time of the run (UTC, without zone); default: the clock. Only columns named `*_at_run` show it. A time
            that is not after the last publication is moved there.
        allow_withdrawal: Why more of what stands may be taken back than the dictionary allows.
        accept_ledger: Why a ledger that is not the one of the published file, or was changed, is right.

    Returns:
        What was published.

    Raises:
        GateShut: A check failed, a table is missing, the build is not complete, the ledger is not what it was, or too
            much would be taken back; the old file stays.
        FileRefused: A path or a file cannot be used.
        FileHeld: Another process holds the ledger or the warehouse for too long.
    """
    check_paths(warehouse, target)
    if not warehouse.exists():
        raise GateShut(f"{warehouse} does not exist: run `kpi build` first, or set KPI_WAREHOUSE")
    with publishing_to(target):
        return _publish(
            warehouse,
            target,
            now or dt.datetime.now(dt.UTC).replace(tzinfo=None),
            (allow_withdrawal or "").strip() or None,
            (accept_ledger or "").strip() or None,
        )


def _publish(
    warehouse: Path, target: Path, now: dt.datetime, allow_withdrawal: str | None, accept_ledger: str | None
) -> Publication:
    publication_id = uuid.uuid4().hex
    root = project_root()
    fresh = _fresh_name(target, publication_id)
    ledger = target.parent / "ledger.duckdb"
    leftovers = list(target.parent.glob(f"{target.name}.new-*"))
    for leftover in leftovers:
        # their names still say which publication was not swapped in; their bytes are of no use
        leftover.unlink()
        leftover.touch()
    db = duckdb.connect()
    prepared = swapped = False
    try:
        db.execute("set timezone = 'UTC'")
        # under the name that dbt gave it: views of the warehouse name their catalog
        catalog = warehouse.stem
        attach_waiting(db, warehouse, catalog)
        gate(db, catalog)
        mark = marks.read(db, catalog)
        tables = _copy_marts(db, catalog, fresh)
        standing = _standing(target)
        if standing is not None and not ledger.exists() and not accept_ledger:
            raise _refused_ledger([f"{ledger} does not exist, but {target} was published with one"])
        open_ledger(db, ledger)
        _check_chain(db, target, standing, now, accept_ledger)
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)
        now = _in_order(db, now)
        code = (mark and mark.code_checksum) or code_checksum(root)
        raw, raw_at = (mark.raw_checksum, "build") if mark and mark.raw_checksum else (None, None)
        if raw is None and str(raw_root()) != "." and raw_root().is_dir():
            from kpi_warehouse.build import landed_tables

            raw = raw_checksum(raw_root(), landed_tables(root))
            raw_at = "publication" if raw else None
        _compare(db)
        taken = toll(db, root, SAME, _differ("standing.value", "official.value"))
        if taken.objections and not allow_withdrawal:
            raise GateShut(taken.message())
        sequence, previous = chain.head(db)
        actor, host = chain.who()
        prepared = True
        db.execute("begin")
        db.execute(
            """insert into ledger.publications by name
            select ? as publication_id, 'prepared' as state, ?::timestamp as published_at_run, ? as code_checksum,
                ? as raw_checksum, ? as raw_checksum_at, ? as sequence, ? as previous_hash, ? as build_id, ? as actor,
                ? as host, ? as git_commit, ? as withdrawal_reason, ? as ledger_reason, ? as withdrawn,
                ? as restated""",
            [
                *(publication_id, now, code, raw, raw_at, sequence + 1, previous, mark.build_id if mark else None),
                *(actor, host, chain.git_commit(root)),
                *(allow_withdrawal if taken.objections else None, accept_ledger, taken.withdrawn, taken.restated),
            ],
        )
        appended = _append(db, publication_id, now, code)
        incidents.keep(db, publication_id, now)
        db.execute("commit")
        alerts = incidents.publish_states(db)
        restated = _restatements(db, code)
        db.execute(PUBLICATIONS)
        red, suspect = _red(db), _suspect(db)
        count = db.execute("select count(*) from fresh.marts.kpi_values").fetchone()
        values = int(count[0]) if count else 0
        _seal(db, publication_id, now)
        db.execute("detach fresh")
        db.execute(
            "update ledger.publications set file_checksum = ? where publication_id = ?",
            [file_checksum(fresh), publication_id],
        )
        db.execute("checkpoint ledger")
        swap_in(fresh, target)
        swapped = True
        db.execute("update ledger.publications set state = 'published' where publication_id = ?", [publication_id])
        db.execute("checkpoint ledger")
    except BaseException:
        if prepared and not swapped and target.parent.exists():
            _take_out(db, publication_id)
        raise
    finally:
        db.close()
        if not swapped:
            for leftover in (fresh, wal_of(fresh)):
                leftover.unlink(missing_ok=True)
    return Publication(target, publication_id, tables + 4, values, appended, restated, red, alerts, suspect)


def _take_out(db: duckdb.DuckDBPyConnection, publication_id: str) -> None:
    """Withdraws what a failed run prepared, where the ledger can still be written; else the next run does."""
    with contextlib.suppress(duckdb.Error):
        db.execute("rollback")
    with contextlib.suppress(duckdb.Error):
        _withdraw(db, publication_id)


def _check_chain(
    db: duckdb.DuckDBPyConnection, target: Path, standing: Standing | None, now: dt.datetime, reason: str | None
) -> None:
    """Settles what an earlier run left, and sees to it that the ledger is the right one with every row as published.

    Raises:
        GateShut: It is not, and no reason was given to accept it.
    """
    ledger = target.parent / "ledger.duckdb"
    objection = ledger_objection(db, standing, ledger)
    if objection and not reason:
        raise _refused_ledger([objection])
    _settle(db, target, standing)
    problems = [*([objection] if objection else []), *chain.problems(db)]
    if problems and not reason:
        raise _refused_ledger(problems)
    if problems or chain.identity(db) is None:
        chain.begin_chain(db, now, reason if problems else None, problems)


@click.command("publish")
@click.option(
    "--allow-withdrawal", metavar="REASON", help="Take back more of what stands than the dictionary allows; kept."
)
@click.option("--accept-ledger", metavar="REASON", help="Go on with a ledger that is missing, older or changed; kept.")
def publish_command(allow_withdrawal: str | None, accept_ledger: str | None) -> None:
    """Publish the built warehouse (KPI_WAREHOUSE) to KPI_PUBLISHED after its gate.

    After a `dbt build` of the whole project the expectations are judged first. What is not of one complete build is
    refused.

    Exit codes: 0 published, 1 refused, 2 wrong usage, 3 another run holds the warehouse or the ledger.
    """
    from kpi_warehouse.build import locked, parse_reason
    from kpi_warehouse.processes import ends_cleanly

    allow_withdrawal = parse_reason("--allow-withdrawal", allow_withdrawal)
    accept_ledger = parse_reason("--accept-ledger", accept_ledger)
    warehouse, target = warehouse_path(), published_path()
    check_paths(warehouse, target, raw_root())
    with ends_cleanly("ended before anything was published"):
        if not warehouse.exists():
            raise GateShut(f"{warehouse} does not exist: run `kpi build` first, or set KPI_WAREHOUSE")
        with locked(warehouse):
            judge_if_built(project_root(), warehouse)
            outcome = publish(warehouse, target, allow_withdrawal=allow_withdrawal, accept_ledger=accept_ledger)
    click.echo(outcome.summary())


def judge_if_built(root: Path, warehouse: Path) -> None:
    """Judges the expectations of a warehouse that `dbt build` wrote whole, and marks it complete.

    Raises:
        GateShut: One of severity error is not met.
    """
    from kpi_warehouse.quality.expectations import check

    with connect(warehouse) as db:
        mark = marks.read(db)
    if mark is None or mark.state != "built":
        return
    report = check(root, warehouse)
    click.echo(f"{len(report.results)} expectations in {report.seconds:.0f} s, {len(report.warned)} warnings")
    marks.complete(warehouse, mark.build_id, len(report.results), raw_checksum=None, code_checksum=None)
    if report.failed:
        lines = "\n".join(f"  {r.check_id}: {r.expected}; {r.observed}" for r in report.failed[:20])
        raise GateShut(f"{len(report.failed)} expectations are not met, nothing is published:\n{lines}")
