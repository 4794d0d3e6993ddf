"""Publishing: the `marts` schema in a file of its own, swapped in whole, and the ledger of what was published.

The order makes an interrupted publication harmless:

1. the new file is written beside the old one, under another name;
2. its numbers go into the ledger in one transaction, marked `prepared`;
3. `os.replace` swaps the file in (atomic on one file system);
4. the ledger marks the publication `published`.

A run that dies before 3 leaves the old file in place; the next run sees a prepared publication whose id is not the
one in the published file and withdraws its rows. A run that dies between 3 and 4 is completed by the next one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import duckdb

from kpi_warehouse.governance import incidents
from kpi_warehouse.project import project_root, published_path, warehouse_path
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
)

#: Grains that never enter the ledger (their rows are dropped after 48 hours).
PASSING_GRAINS = ("quarter_hour",)
KEY = ("kpi_id", "period_grain", "period_start", "dimension", "dimension_value")


class GateShut(click.ClickException):
    """The quality gate refuses the warehouse; the message names the checks."""


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

    def summary(self) -> str:
        """The end of a build: how many incidents are open; on the last line the file and the KPIs that are red."""
        counts = [f"{self.open_alerts[name]:,} {name}" for name in SEVERITIES if self.open_alerts.get(name)]
        alerts = f"{', '.join(counts)} (`kpi incidents` lists them)" if counts else "none"
        red = f"{len(self.red)}: {', '.join(self.red)}" if self.red else "none"
        return (
            f"open incidents: {alerts}\n"
            f"published {self.path} ({self.tables} tables, {self.values:,} KPI values, {self.restated:,} restated); "
            f"red KPIs in their latest final period: {red}"
        )


def gate(db: duckdb.DuckDBPyConnection, catalog: str) -> None:
    """Refuses a warehouse that lacks its marts or holds a failed check.

    Args:
        db: A connection with the warehouse attached.
        catalog: The name it is attached under.

    Raises:
        GateShut: With the failed checks and what to do.
    """
    tables = {
        name
        for (name,) in db.execute(
            "select table_name from information_schema.tables where table_catalog = ? and table_schema = 'marts'",
            [catalog],
        ).fetchall()
    }
    missing = {"kpi_values", "kpi_scorecard", "kpi_alerts", "metric_dictionary", "dq_results"} - tables
    if missing:
        raise GateShut(f"the warehouse lacks {', '.join(sorted(missing))}: run `kpi build` without --select first")
    failed = db.execute(
        f'select check_id, domain, "table", observed from {identifier(catalog)}.marts.dq_results '
        "where not passed order by check_id"
    ).fetchall()
    if failed:
        lines = "\n".join(f"  {check} ({domain}.{table}): {observed}" for check, domain, table, observed in failed[:20])
        raise GateShut(f"{len(failed)} checks failed, nothing is published:\n{lines}")


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


def open_ledger(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Attaches the ledger as `ledger`, creating its tables on first use."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db.execute(attach(path, "ledger"))
    db.execute(
        """create table if not exists ledger.publications (
            publication_id varchar primary key, state varchar, published_at_run timestamp, code_checksum varchar,
            raw_checksum varchar)"""
    )
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


def _settle(db: duckdb.DuckDBPyConnection, target: Path) -> None:
    """Completes or withdraws a publication that an earlier run left prepared."""
    prepared = [
        row[0]
        for row in db.execute("select publication_id from ledger.publications where state = 'prepared'").fetchall()
    ]
    if not prepared:
        return
    current = None
    if target.exists():
        with attached(db, target, "standing"):
            current = db.execute("select max(publication_id) from standing.marts.publication").fetchone()
    for publication_id in prepared:
        if current and current[0] == publication_id:
            db.execute(
                "update ledger.publications set state = 'published' where publication_id = ?",
                [publication_id],
            )
        else:
            db.execute("begin")
            db.execute("delete from ledger.entries where publication_id = ?", [publication_id])
            db.execute("delete from ledger.alerts where first_publication_id = ?", [publication_id])
            incidents.withdraw(db, publication_id)
            db.execute("delete from ledger.publications where publication_id = ?", [publication_id])
            db.execute("commit")


def _in_order(db: duckdb.DuckDBPyConnection, now: dt.datetime) -> dt.datetime:
    """The time of a run, just after the last publication where the clock says less: the ledger is ordered by it."""
    row = db.execute("select max(published_at_run) from ledger.publications").fetchone()
    last = row[0] if row else None
    return now if last is None or now > last else last + dt.timedelta(microseconds=1)


@contextmanager
def attached(db: duckdb.DuckDBPyConnection, path: Path, name: str) -> Iterator[None]:
    """Attaches a file read-only for a while."""
    db.execute(attach(path, name, read_only=True))
    try:
        yield
    finally:
        db.execute(f"detach {identifier(name)}")


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


def _append(db: duckdb.DuckDBPyConnection, publication_id: str, now: dt.datetime, code: str) -> int:
    """Appends what is new or changed against the ledger (and what vanished, as withdrawn); returns the rows."""
    key = ", ".join(KEY)
    same = " and ".join(f"official.{column} is not distinct from standing.{column}" for column in KEY)
    passing = ", ".join(f"'{grain}'" for grain in PASSING_GRAINS)
    db.execute(
        f"""create or replace temp table official as
        select values_.* from fresh.marts.kpi_values as values_
        inner join fresh.marts.kpi_scorecard as scorecard using (kpi_id, version, {", ".join(KEY[1:])})
        where values_.is_final and values_.period_grain not in ({passing})
            and not (values_.domain = 'ecommerce' and values_.period_grain = 'hour')"""
    )
    db.execute(f"create or replace temp table standing as {STANDING.format(key=key)}")
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


def publish(warehouse: Path, target: Path, *, now: dt.datetime | None = None) -> Publication:
    """Publishes a built warehouse after its gate.

    Args:
        warehouse: The DuckDB file that a build wrote.
        target: The file that readers open; `ledger.duckdb` lies beside it.
        now: Time of the run (UTC, without zone); default: the clock. Only columns named `*_at_run` show it. A time
            that is not after the last publication is moved there.

    Returns:
        What was published.

    Raises:
        GateShut: A check failed or a table is missing; the old file stays.
    """
    if not warehouse.exists():
        raise GateShut(f"{warehouse} does not exist: run `kpi build` first, or set KPI_WAREHOUSE")
    target.parent.mkdir(parents=True, exist_ok=True)
    now = now or dt.datetime.now(dt.UTC).replace(tzinfo=None)
    publication_id = uuid.uuid4().hex
    code = code_checksum(project_root())
    for leftover in target.parent.glob(f"{target.name}.new-*"):
        leftover.unlink()
    fresh = target.parent / f"{target.name}.new-{publication_id[:8]}"
    ledger = target.parent / "ledger.duckdb"
    db = duckdb.connect()
    try:
        db.execute("set timezone = 'UTC'")
        # under the name that dbt gave it: views of the warehouse name their catalog
        catalog = warehouse.stem
        db.execute(attach(warehouse, catalog, read_only=True))
        gate(db, catalog)
        tables = _copy_marts(db, catalog, fresh)
        open_ledger(db, ledger)
        _settle(db, target)
        now = _in_order(db, now)
        db.execute(
            "create table fresh.marts.publication as select ? as publication_id, ? as published_at_run",
            [publication_id, now],
        )
        db.execute("begin")
        db.execute("insert into ledger.publications values (?, 'prepared', ?, ?, null)", [publication_id, now, code])
        appended = _append(db, publication_id, now, code)
        incidents.keep(db, publication_id, now)
        db.execute("commit")
        alerts = incidents.publish_states(db)
        restated = _restatements(db, code)
        db.execute(
            """create table fresh.marts.kpi_publications as
            select publication_id, published_at_run, kpi_id, version, domain, period_grain, period_start, dimension,
                dimension_value, numerator, denominator, value, is_withdrawn, as_of
            from ledger.entries"""
        )
        red = _red(db)
        count = db.execute("select count(*) from fresh.marts.kpi_values").fetchone()
        values = int(count[0]) if count else 0
        db.execute("detach fresh")
        fresh.replace(target)
        db.execute("update ledger.publications set state = 'published' where publication_id = ?", [publication_id])
    finally:
        db.close()
        for leftover in (fresh, fresh.with_name(f"{fresh.name}.wal")):
            leftover.unlink(missing_ok=True)
    return Publication(target, publication_id, tables + 3, values, appended, restated, red, alerts)


@click.command("publish")
def publish_command() -> None:
    """Publish the built warehouse (KPI_WAREHOUSE) to KPI_PUBLISHED after its gate."""
    click.echo(publish(warehouse_path(), published_path()).summary())
