"""Tables between files and Spark: landed files in, built tables out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

_AS_TEXT = ("TIME", "UUID", "INTERVAL", "BIT", "HUGEINT", "UHUGEINT")
"""DuckDB types that a Parquet file cannot carry to Spark as they are."""


def register_raw(session: SparkSession, raw_root: Path, stage: Path) -> dict[str, int]:
    """Make the landed files tables of the Spark databases `raw_<domain>`.

    DuckDB reads the files as it does for the default target (`macros/landing/raw.sql`: columns of several files united
    by name, CSV as text, whole numbers beside text without a point, byte-order marks dropped, folders of any name) and
    writes one Parquet file per table for Spark.

    Args:
        session: A running session.
        raw_root: Folder with `<domain>/<table>/*.parquet` and `*.csv`.
        stage: Folder for the Parquet files; must outlive the tables.

    Returns:
        Rows by `raw_<domain>.<table>`; a table without any file is left out.

    Raises:
        FileNotFoundError: If there is no folder `raw_root`.
    """
    if not raw_root.is_dir():
        raise FileNotFoundError(f"There is no folder of landed files at {raw_root}")
    rows: dict[str, int] = {}
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for folder in sorted(path for path in raw_root.glob("*/*") if path.is_dir()):
            query = _query(connection, folder)
            if query is None:
                continue
            database, table = f"raw_{folder.parent.name}", folder.name
            place = stage / folder.parent.name / table
            place.mkdir(parents=True, exist_ok=True)
            file = place / "part-0.parquet"
            connection.execute(f"copy ({_portable(connection, query)}) to {_text(file)} (format parquet)")
            session.sql(f"create database if not exists {database}")
            session.sql(f"drop table if exists {database}.`{table}`")
            session.sql(f"create table {database}.`{table}` using parquet location {_text(place.resolve().as_uri())}")
            found = connection.execute(f"select count(*) from {_text(file)}").fetchone()
            rows[f"{database}.{table}"] = found[0] if found else 0
    return rows


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
        session.table(f"{schema}.`{table}`").coalesce(1).write.mode("overwrite").parquet(str(target.resolve()))
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
        name.split(".", 1)[1]: session.table(f"{schema}.`{name.split('.', 1)[1]}`").toPandas()
        for name in _names(session, [schema])
    }


def _names(session: SparkSession, schemas: list[str]) -> list[str]:
    return [
        f"{row.namespace}.{row.tableName}"
        for schema in schemas
        for row in session.sql(f"show tables in {schema}").collect()
        if not row.isTemporary
    ]


def _query(connection: duckdb.DuckDBPyConnection, folder: Path) -> str | None:
    """The DuckDB query over all files of a table; none if nothing has landed."""
    parquet = sorted(folder.glob("*.parquet"))
    # a file of no bytes, or of a byte-order mark alone, holds no header either
    csv = [path for path in sorted(folder.glob("*.csv")) if path.stat().st_size > 3]
    parts = []
    if parquet:
        read = f"read_parquet([{', '.join(map(_text, parquet))}], union_by_name = true)"
        respelled = _respelled(connection, read) if csv else ""
        parts.append(f"select *{respelled} from {read}")
    if csv:
        parts.append(
            f"select * from read_csv([{', '.join(map(_text, csv))}], header = true, all_varchar = true, delim = ',', "
            "quote = '\"', escape = '\"', union_by_name = true, null_padding = true, comment = '', parallel = false)"
        )
    return " union all by name ".join(parts) or None


def _respelled(connection: duckdb.DuckDBPyConnection, read: str) -> str:
    """Floating-point columns that become text beside text files: an id must read 4, not 4.0."""
    columns = []
    for name, kind, *_ in connection.execute(f"describe select * from {read}").fetchall():
        if kind in ("DOUBLE", "FLOAT"):
            quoted = '"' + name.replace('"', '""') + '"'
            columns.append(
                f"case when {quoted} = floor({quoted}) and abs({quoted}) < 9.2E18 "
                f"then cast(try_cast({quoted} as bigint) as varchar) "
                f"when not isnan({quoted}) then cast({quoted} as varchar) end as {quoted}"
            )
    return f" replace ({', '.join(columns)})" if columns else ""


def _portable(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """The query with columns cast that Spark could not read from Parquet."""
    columns = []
    for name, kind, *_ in connection.execute(f"describe {query}").fetchall():
        quoted = '"' + name.replace('"', '""') + '"'
        if kind in ("TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"):
            quoted = f"cast({quoted} as timestamp) as {quoted}"
        elif kind.startswith("TIME ") or kind in _AS_TEXT:
            quoted = f"cast({quoted} as varchar) as {quoted}"
        columns.append(quoted)
    return f"select {', '.join(columns)} from ({query})"


def _text(value: Path | str) -> str:
    return "'" + str(value).replace("'", "''") + "'"
