"""Tables between files and Spark: landed files in, built tables out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from kpi_warehouse.landing.files import LandingError
from kpi_warehouse.landing.plan import Landing, Table, contract, required
from kpi_warehouse.output import clean
from kpi_warehouse.project import project_root
from kpi_warehouse.sql import identifier, literal

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

_AS_TEXT = ("HUGEINT", "UHUGEINT", "BIGNUM")
"""DuckDB types of landed columns that a Parquet file cannot carry to Spark as they are."""

FINDINGS = "raw_landing.findings"
"""Table of everything under the raw root that is not read (macro `landed_findings`)."""


def register_raw(session: SparkSession, raw_root: Path, stage: Path, project: Path | None = None) -> dict[str, int]:
    """Make the landed files tables of the Spark databases `raw_<domain>`.

    DuckDB finds and reads the files as it does for the default target (`kpi_warehouse.landing`) and writes one Parquet
    file per table for Spark: rows refused for their form carry the columns `_landed_…`, and what is not read stands in
    `raw_landing.findings`.

    Args:
        session: A running session.
        raw_root: Folder with `<domain>/<table>/…`.
        stage: Folder for the Parquet files; must outlive the tables.
        project: The project folder, whose contract says which tables there are; default: as `project_root` finds it.

    Returns:
        Rows by `raw_<domain>.<table>`; a table without any file is left out.

    Raises:
        FileNotFoundError: If there is no folder `raw_root`.
        LandingError: A file cannot be read as it was meant; the message begins with its name.
    """
    rows = {}
    for database, table, file, count in stage_raw(raw_root, stage, project):
        session.sql(f"create database if not exists {_name(database)}")
        session.sql(f"drop table if exists {_name(database)}.{_name(table)}")
        location = spark_text(file.parent.resolve().as_uri())
        session.sql(f"create table {_name(database)}.{_name(table)} using parquet location {location}")
        if f"{database}.{table}" != FINDINGS:
            rows[f"{database}.{table}"] = count
    return rows


def stage_raw(raw_root: Path, stage: Path, project: Path | None = None) -> Iterator[tuple[str, str, Path, int]]:
    """Write the landed tables, and what is not read, as Parquet files that Spark reads.

    Args:
        raw_root: As in `register_raw`.
        stage: As in `register_raw`.
        project: As in `register_raw`.

    Yields:
        Database, table, file and rows.

    Raises:
        FileNotFoundError: If there is no folder `raw_root`.
        LandingError: A file cannot be read as it was meant.
    """
    if not raw_root.is_dir():
        raise FileNotFoundError(f"There is no folder of landed files at {raw_root}")
    root = project or project_root()
    known, needed = contract(root), required(root)
    by_line = stage / "_by_line"
    landing = Landing(raw_root, by_line)
    found = landing.discover(known)
    try:
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            for finding in found.findings:
                if finding.is_refused:
                    raise LandingError(f"{finding.name}: {finding.reason}")
            for domain, table in sorted(found.files):
                plan = landing.table(domain, table, known[domain][table], needed[domain, table])
                if plan.found:
                    file = _place(stage, domain, table)
                    query = _portable(plan)
                    count = connection.execute(f"copy ({query}) to {literal(file)} (format parquet)").fetchall()
                    yield f"raw_{domain}", table, file, int(count[0][0])
            file = _place(stage, *FINDINGS.removeprefix("raw_").split("."))
            connection.execute(
                "create table findings (domain varchar, table_name varchar, name varchar, reason varchar)"
            )
            for finding in found.findings:
                values = [finding.domain, finding.table, clean(finding.name), finding.reason]
                connection.execute("insert into findings values (?, ?, ?, ?)", values)
            connection.execute(f"copy findings to {literal(file)} (format parquet)")
            database, table = FINDINGS.split(".")
            yield database, table, file, len(found.findings)
    finally:
        shutil.rmtree(by_line, ignore_errors=True)


def _place(stage: Path, domain: str, table: str) -> Path:
    place = stage / domain / table
    place.mkdir(parents=True, exist_ok=True)
    return place / "part-0.parquet"


def _portable(plan: Table) -> str:
    """The table's rows with columns cast that Spark could not read from Parquet."""
    columns = []
    for column in plan.columns:
        quoted, kind = identifier(column["name"]), column["type"].upper()
        if kind in ("TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"):
            quoted = f"cast({quoted} as timestamp) as {quoted}"
        elif kind in _AS_TEXT:
            quoted = f"cast({quoted} as varchar) as {quoted}"
        columns.append(quoted)
    return f"select {', '.join(columns)} from {plan.relation}"


def _name(text: str) -> str:
    """A name as Spark quotes it."""
    return "`" + text.replace("`", "``") + "`"


def spark_text(text: str) -> str:
    """A text literal of Spark."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def export_tables(session: SparkSession, schemas: list[str], out: Path) -> dict[str, Path]:
    """Write all tables and views of some schemas as Parquet, one folder each.

    Args:
        session: A running session.
        schemas: Spark databases; one that does not exist is an error of Spark's.
        out: Target folder; `out/<schema>/<table>/*.parquet` are replaced.

    Returns:
        Folder by `<schema>.<table>`.
    """
    written: dict[str, Path] = {}
    for name in _names(session, schemas):
        schema, table = name.split(".", 1)
        target = out / schema / table
        session.table(f"{_name(schema)}.{_name(table)}").coalesce(1).write.mode("overwrite").parquet(
            str(target.resolve())
        )
        written[name] = target
    return written


def read_tables(session: SparkSession, schema: str) -> dict[str, pd.DataFrame]:
    """All tables and views of a schema as data frames; times are UTC without zone.

    Args:
        session: A running session.
        schema: Spark database.

    Returns:
        Frame by table name.
    """
    return {
        name.split(".", 1)[1]: session.table(f"{_name(schema)}.{_name(name.split('.', 1)[1])}").toPandas()
        for name in _names(session, [schema])
    }


def _names(session: SparkSession, schemas: list[str]) -> list[str]:
    return [
        f"{row.namespace}.{row.tableName}"
        for schema in schemas
        for row in session.sql(f"show tables in {_name(schema)}").collect()
        if not row.isTemporary
    ]
