"""What all adapters share: their description, reading with clear errors, and the atomic landing."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kpi_warehouse.adapters import contract

#: What a required text column holds where a set does not say.
UNKNOWN = "unknown"

_ARROW_TYPES = {
    "id": pa.string(),
    "text": pa.string(),
    "num": pa.float64(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "ts": pa.timestamp("us"),
    "timestamp": pa.timestamp("us"),
}


class LandError(Exception):
    """A set that cannot be landed: what is wrong, where, and what to do about it."""

    def __init__(
        self,
        problem: str,
        remedy: str,
        *,
        table: str | None = None,
        column: object | None = None,
        row: object | None = None,
    ) -> None:
        """Composes "table, column, row: problem. Remedy." from the parts that are known."""
        places = (("table", table), ("column", column), ("row", row))
        where = ", ".join(f"{label} {value}" for label, value in places if value is not None)
        super().__init__(f"{where + ': ' if where else ''}{problem.rstrip('.')}. {remedy.rstrip('.')}.")
        self.table, self.row = table, row
        self.column = None if column is None else str(column)


@dataclass(frozen=True)
class Reading:
    """A set mapped to the contract, not yet written.

    Attributes:
        tables: Contract table -> rows; columns named as in the contract, optional ones may be absent.
        notes: What a user should know about these very rows (counts, rows left out).
        as_of: Data horizon (UTC) to build with, where the default one does not do.
    """

    tables: Mapping[str, pd.DataFrame]
    notes: Sequence[str] = ()
    as_of: str | None = None


class Reader(Protocol):
    """Maps the set at `source` (a file or a folder) to the contract."""

    def __call__(self, source: Path) -> Reading:
        """Reads and maps.

        Raises:
            LandError: The set is not what the adapter reads.
        """


@dataclass(frozen=True)
class LandReport:
    """What a landing wrote.

    Attributes:
        adapter: Name of the adapter.
        domain: Domain of the tables.
        raw: The raw root.
        rows: Table -> rows written.
        notes: Remarks on these rows.
        as_of: Data horizon to build with, or None for the default.
        beside: Tables of the domain that lay there already and are not part of this set.
    """

    adapter: str
    domain: str
    raw: Path
    rows: Mapping[str, int]
    notes: Sequence[str]
    as_of: str | None
    beside: Sequence[str]


@dataclass(frozen=True)
class Adapter:
    """One data set's way into the contract.

    Attributes:
        name: What `kpi land` calls it.
        domain: `ecommerce`, `manufacturing` or `credit`.
        title: The set in a few words.
        reads: Files and columns that it expects.
        read: Maps the set.
        tables: Contract tables that it writes.
        filled: Required column of the contract that the set lacks -> what it holds instead.
        left: Part of the set that is not landed -> why.
        kpis: KPIs that follow.
        kpis_with_care: KPI that follows -> how to read it here.
        kpis_left_out: KPIs without rows -> what the set lacks for them.
        time_zone: Zone of the business calendar, where the set lies outside the default one.
    """

    name: str
    domain: str
    title: str
    reads: str
    read: Reader
    tables: tuple[str, ...]
    kpis: tuple[str, ...]
    filled: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    kpis_with_care: Mapping[str, str] = field(default_factory=dict)
    kpis_left_out: Mapping[str, str] = field(default_factory=dict)
    time_zone: str | None = None

    def land(self, source: Path, raw: Path, *, force: bool = False) -> LandReport:
        """Maps the set at `source` and writes `<raw>/<domain>/<table>/part-0.parquet` for each table.

        All tables are written beside their place first and renamed into it together: a landing that fails
        leaves the folder as it was.

        Args:
            source: File or folder of the set.
            raw: The raw root; created if absent.
            force: Replace these tables where they exist. Other tables are never touched.

        Raises:
            LandError: The set cannot be read, or a table exists and `force` is not given.
        """
        if not source.exists():
            raise LandError(f"there is no {source}", f"Give --from the file or folder of: {self.reads}")
        domain = raw / self.domain
        existing = _existing_tables(domain)
        taken = [table for table in self.tables if table in existing]
        if taken and not force:
            raise LandError(
                f"{domain} already holds {', '.join(taken)}",
                "Choose another folder with --to, or replace these tables with --force",
            )
        reading = self.read(source)
        if set(reading.tables) != set(self.tables):
            raise ValueError(f"{self.name} declares {self.tables}, but read {tuple(reading.tables)}")
        arrow = {table: to_arrow(self.domain, table, frame) for table, frame in reading.tables.items()}
        _write(domain, arrow)
        return LandReport(
            adapter=self.name,
            domain=self.domain,
            raw=raw,
            rows={table: arrow[table].num_rows for table in self.tables},
            notes=tuple(reading.notes),
            as_of=reading.as_of,
            beside=tuple(sorted(existing - set(self.tables))),
        )


def _existing_tables(domain: Path) -> set[str]:
    """Names of the tables below a domain's folder that hold any file."""
    if not domain.is_dir():
        return set()
    return {child.name for child in domain.iterdir() if child.is_dir() and any(child.iterdir())}


def _write(domain: Path, tables: Mapping[str, pa.Table]) -> None:
    """Writes the tables into a temporary folder below `domain`'s parent, then swaps each into its place.

    Where a swap fails, those already done are undone.
    """
    domain.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".landing-", dir=domain.parent))
    swapped: list[str] = []
    try:
        for name, table in tables.items():
            (work / "new" / name).mkdir(parents=True)
            pq.write_table(table, work / "new" / name / "part-0.parquet")
        (work / "old").mkdir()
        for name in tables:
            swapped.append(name)
            if (domain / name).exists():
                (domain / name).rename(work / "old" / name)
            (work / "new" / name).rename(domain / name)
    except BaseException:
        for name in reversed(swapped):
            if not (work / "new" / name).exists():
                (domain / name).rename(work / "new" / name)
            if (work / "old" / name).exists():
                (work / "old" / name).rename(domain / name)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def to_arrow(domain: str, table: str, frame: pd.DataFrame) -> pa.Table:
    """`frame` as an Arrow table in the contract's types and column order (UTC times without zone).

    Raises:
        LandError: A required column has a gap.
        ValueError: The frame lacks a required column or has one that the contract does not know.
    """
    declared = contract.columns(domain, table)
    surplus = set(frame.columns) - {column.name for column in declared}
    lacking = [column.name for column in declared if column.required and column.name not in frame.columns]
    if surplus or lacking:
        raise ValueError(f"{domain}.{table}: surplus columns {sorted(surplus)}, lacking {lacking}")
    arrays, fields = [], []
    for column in declared:
        if column.name not in frame.columns:
            continue
        values = frame[column.name]
        if column.required and values.isna().any():
            row = int(values.isna().to_numpy().argmax()) + 1
            raise LandError(
                "a required value is missing",
                "Add it to the source or take the row out",
                table=f"{domain}.{table}",
                column=column.name,
                row=row,
            )
        arrays.append(_array(values, column.type))
        fields.append(pa.field(column.name, _ARROW_TYPES[column.type]))
    return pa.table(arrays, schema=pa.schema(fields))


def _array(values: pd.Series, type_: str) -> pa.Array:
    """One column in the contract's type."""
    if type_ in ("id", "text"):
        values = values.map(str, na_action="ignore").astype(object)
    elif type_ == "int":
        values = values.astype("Int64")
    elif type_ == "bool":
        values = values.astype("boolean")
    elif type_ == "ts" and isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    elif type_ == "date":
        values = pd.to_datetime(values).dt.date
    return pa.array(values.where(values.notna(), None), type=_ARROW_TYPES[type_], from_pandas=True)


# Reading, with errors that say where


def find_file(source: Path, patterns: Sequence[str], reads: str) -> Path:
    """The file to read: `source` itself, or the one file in that folder that fits a pattern.

    Args:
        source: A file or a folder.
        patterns: Glob patterns; the first with a hit counts.
        reads: What is expected, for the message.

    Raises:
        LandError: No file fits, or several do.
    """
    if source.is_file():
        return source
    for pattern in patterns:
        hits = sorted(source.glob(pattern))
        if len(hits) == 1:
            return hits[0]
        if hits:
            names = ", ".join(hit.name for hit in hits)
            raise LandError(f"{source} holds several files that fit: {names}", "Give --from one of them")
    raise LandError(f"no file in {source} is named like {' or '.join(patterns)}", f"Expected: {reads}")


def read_text(path: Path, table: str, required: Iterable[str], **options: Any) -> pd.DataFrame:
    """A delimited text file (plain or .gz), every column as text, with its required columns checked.

    Args:
        path: The file.
        table: What messages call it.
        required: Columns that must be there.
        **options: Passed to `pandas.read_csv`.

    Raises:
        LandError: Not readable as text of that form, empty, or a column is missing.
    """
    try:
        frame: pd.DataFrame = pd.read_csv(path, dtype=str, encoding="utf-8-sig", **options)
    except (
        UnicodeDecodeError,
        pd.errors.ParserError,
        pd.errors.EmptyDataError,
        gzip.BadGzipFile,
        zlib.error,
        EOFError,
        OSError,
    ) as error:
        raise LandError(
            f"{path.name} cannot be read as delimited text ({error})",
            "Give --from the set's file as published (UTF-8, plain or .gz)",
            table=table,
        ) from error
    require_columns(frame, table, required)
    if frame.empty:
        raise LandError("there are no rows", "Give --from the whole file", table=table)
    return frame


def require_columns(frame: pd.DataFrame, table: str, required: Iterable[str]) -> None:
    """Checks that the columns are there.

    Raises:
        LandError: Names the first one missing and those found.
    """
    for column in required:
        if column not in frame.columns:
            found = ", ".join(map(str, frame.columns[:12]))
            raise LandError(
                f"the column is missing; found: {found}",
                "Is it the right file? Rename the column, or name the right adapter",
                table=table,
                column=column,
            )


def reject(frame: pd.DataFrame, bad: pd.Series, table: str, column: str, problem: str, remedy: str) -> None:
    """Raises for the first row that is marked bad; rows are numbered as lines of a file with one header line.

    Args:
        frame: The rows, with the index of reading.
        bad: Marks, aligned with `frame`.
        table: What the message calls the table.
        column: The column to blame.
        problem: What is wrong with the value; `{}` becomes the value.
        remedy: What to do.

    Raises:
        LandError: Some row is marked.
    """
    if bad.any():
        first = bad.idxmax()
        count = int(bad.sum())
        more = f" ({count} such rows)" if count > 1 else ""
        value = frame.at[first, column] if column in frame.columns else ""
        raise LandError(problem.format(repr(value)) + more, remedy, table=table, column=column, row=int(first) + 2)


def parse_times(frame: pd.DataFrame, table: str, column: str, *, format: str = "ISO8601") -> pd.Series:
    """The column as UTC times; text without an offset is read as UTC.

    Raises:
        LandError: A value is missing or no time.
    """
    times = pd.to_datetime(frame[column], format=format, utc=True, errors="coerce")
    reject(frame, times.isna(), table, column, "{} is no time", "Correct the value or take the row out")
    return times.dt.as_unit("us")


def parse_numbers(frame: pd.DataFrame, table: str, column: str, *, whole: bool = False) -> pd.Series:
    """The column as numbers (whole ones as Int64).

    Raises:
        LandError: A value is missing, no number, or not whole where it must be.
    """
    numbers = pd.to_numeric(frame[column], errors="coerce")
    bad = numbers.isna() | ~numbers.abs().lt(float("inf"))
    if whole:
        bad |= numbers.mod(1).ne(0)
    kind = "whole number" if whole else "number"
    reject(frame, bad, table, column, f"{{}} is no {kind}", "Correct the value or take the row out")
    return numbers.astype("Int64") if whole else numbers.astype(float)
