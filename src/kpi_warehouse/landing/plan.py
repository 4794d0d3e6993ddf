"""How the files of a raw table are read as one relation.

Columns of several files are united by name, whatever the letter case and the whitespace around it. A column that has
one type in all files keeps it; one whose types differ is delivered as the exact text of each file's own value (digits
of a whole number, the shortest text that gives a double again). Nested and binary values are texts always.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import yaml

from kpi_warehouse.landing import csvfile, limits
from kpi_warehouse.landing.csvfile import FAULT, LINE, VALUES, clean_names
from kpi_warehouse.landing.files import Contract, DataFile, Discovery, Finding, LandingError, discover, discover_table
from kpi_warehouse.sql import identifier, literal, literals

#: Columns that a relation has besides the landed ones where some rows are refused for their form: why (or null), the
#: file, the line, and the row's values as a JSON list.
FILE = "_landed_file"
PSEUDO = (FAULT, FILE, LINE, VALUES)
_PSEUDO_TYPES = {FAULT: "varchar", FILE: "varchar", LINE: "bigint", VALUES: "varchar"}

_WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
_TIMES = frozenset({"TIMESTAMP", "TIMESTAMP_MS", "TIMESTAMP_S"})
_FLAT = frozenset(
    {
        *_WHOLE,
        *("UBIGINT", "HUGEINT", "UHUGEINT", "BIGNUM", "DOUBLE", "FLOAT", "BOOLEAN", "VARCHAR", "DATE"),
        *(*_TIMES, "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
    }
)
#: Parquet files up to this size (bytes) are read to their end before a build; a larger one that is damaged is found by
#: `diagnose` when a build failed.
READ_THROUGH = 32 * 1024 * 1024
_EXACT_WHOLE = 9007199254740992  # 2^53: below it a whole double is one whole number


@dataclass
class Table:
    """How to read a raw table.

    Attributes:
        found: Some file of it holds a header or a footer.
        relation: SQL that stands after `from`; empty where nothing was found.
        columns: Landed columns as {name, type}, then `PSEUDO` where rows are refused for their form.
        refused: Files (name) with the lines of rows refused for their form, the first ones.
    """

    found: bool = False
    relation: str = ""
    columns: list[dict[str, str]] = field(default_factory=list)
    refused: dict[str, list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Part:
    """Files of one schema: FROM clause, columns as (name, SQL, type), and whether it has the pseudo columns."""

    source: str
    columns: list[tuple[str, str, str]]
    pseudo: Mapping[str, str] | None = None


def contract(root: Path) -> dict[str, dict[str, list[str]]]:
    """The landing's contract as the project declares it: domain -> table -> columns, `_loaded_at` last.

    Args:
        root: The project folder.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for path in sorted((root / "models" / "staging").glob("*/_*__sources.yml")):
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            tables = found.setdefault(source["name"], {})
            for table in source["tables"]:
                tables[table["name"]] = [*(column["name"] for column in table["columns"]), "_loaded_at"]
    return found


def required(root: Path) -> dict[tuple[str, str], list[str]]:
    """Columns of each table that it cannot do without."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in sorted((root / "models" / "staging").glob("*/_*__sources.yml")):
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            for table in source["tables"]:
                found[source["name"], table["name"]] = [
                    column["name"]
                    for column in table["columns"]
                    if ((column.get("config") or {}).get("meta") or {}).get("is_required")
                ]
    return found


class Landing:
    """Everything under one raw root, read with one project's contract.

    Args:
        root: The raw root.
        stage: Folder for files that are read row by row; made when it is needed.
    """

    def __init__(self, root: Path, stage: Path) -> None:
        self.root = root.resolve()
        self.stage = stage
        self._tables: dict[tuple[str, str], tuple[Any, Table | LandingError]] = {}
        self._lock = threading.RLock()

    def discover(self, known: Contract) -> Discovery:
        """What lies under the root now."""
        return discover(self.root, known)

    def findings(self, known: Contract) -> list[Finding]:
        """Everything under the root that is not read."""
        return self.discover(known).findings

    def table(self, domain: str, name: str, columns: Sequence[str], needed: Sequence[str]) -> Table:
        """How to read a raw table.

        Args:
            domain: Domain.
            name: Raw table.
            columns: Columns of the contract.
            needed: Those that the table cannot do without.

        Raises:
            LandingError: A file of it cannot be read as it was meant, or must not be read.
        """
        here = discover_table(self.root, domain, name)
        for finding in here.findings:
            if finding.is_refused:
                raise LandingError(f"{finding.name}: {finding.reason}")
        files = here.files.get((domain, name), [])
        state = (tuple(files), tuple(columns), tuple(needed), os.environ.get(limits.SETTING))
        with self._lock:
            known = self._tables.get((domain, name))
            if known is None or known[0] != state:
                answer: Table | LandingError
                try:
                    answer = self._read(f"{domain}/{name}", files, columns, needed)
                except LandingError as error:
                    answer = error
                known = (state, answer)
                self._tables[domain, name] = known
        if isinstance(known[1], LandingError):
            raise known[1]
        return known[1]

    def _read(self, shown: str, files: list[DataFile], columns: Sequence[str], needed: Sequence[str]) -> Table:
        table = Table()
        if not files:
            return table
        with _checker(self.root, self.stage) as check:
            self._judge_size(shown, files, check)
            parts = _parquet(files, columns, check)
            regular: dict[tuple[Any, ...], list[csvfile.Csv]] = {}
            for file in files:
                csv = None if file.kind == "parquet" else csvfile.judge(file, columns, needed, check)
                if csv is None:
                    continue
                if csv.options is None or csv.rows is not None:
                    parts += self._row_by_row(csv, table)
                else:
                    regular.setdefault((csv.names, csv.options), []).append(csv)
            parts += [_Part(f"({csvfile.rows_sql(group)})", _texts(group[0])) for group in regular.values()]
            if not parts:
                return table
            table.found = True
            table.columns, selects = _united(parts)
            table.relation = "(" + " union all ".join(selects) + ")"
            # the types that DuckDB gives them, and proof that it reads the whole as one
            described = check.execute(f"describe select * from {table.relation}").fetchall()
            table.columns = [{"name": name, "type": kind.lower()} for name, kind, *_ in described]
        return table

    def diagnose(self, domain: str, name: str) -> list[str]:
        """Damaged files of a table that only shows when all is read: asked when a build failed."""
        lines = []
        with _checker(self.root, self.stage) as check:
            for file in discover_table(self.root, domain, name).files.get((domain, name), []):
                if file.kind == "parquet":
                    try:
                        read_through(file, check)
                    except LandingError as error:
                        lines.append(str(error))
        return lines

    def _judge_size(self, shown: str, files: list[DataFile], check: duckdb.DuckDBPyConnection) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        packed = [file for file in files if file.kind != "csv"]
        total = 0
        for file in packed:
            if file.kind == "csv.gz":
                total += limits.unpacked(file)
                continue
            try:
                metadata = pq.read_metadata(file.path)
            except (pa.ArrowException, OSError) as error:
                raise _damaged(file, error) from None
            try:
                total += limits.parquet_size(file, metadata, check)
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                raise _damaged(file, error) from None
            if file.size <= READ_THROUGH:
                read_through(file, check)
        size = sum(file.size for file in packed)
        if packed and total > limits.limit(size):
            raise limits.too_large(shown, size, total)

    def _row_by_row(self, csv: csvfile.Csv, table: Table) -> list[_Part]:
        self.stage.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = f"{csv.file.path}|{csv.file.size}|{csv.file.changed}|{csv.names}"
        target = self.stage / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.parquet"
        others: list[_Part] = []
        if csv.rows is not None and csvfile.write_misfits(csv, target):
            others.append(_Part(f"({csvfile.fitting_sql(csv)})", _texts(csv)))
        else:
            csvfile.write_rows(csv, target)
        source = f"read_parquet({literal(target)}, hive_partitioning = false)"
        with duckdb.connect() as db:
            lines = db.execute(f"select {LINE} from {source} where {FAULT} is not null order by 1 limit 20").fetchall()
        if not lines:
            return [*others, _Part(source, _texts(csv))]
        table.refused[csv.file.name] = [line for (line,) in lines]
        pseudo = {FAULT: FAULT, FILE: literal(csv.file.name), LINE: LINE, VALUES: VALUES}
        return [*others, _Part(source, _texts(csv), pseudo)]


def _texts(csv: csvfile.Csv) -> list[tuple[str, str, str]]:
    return [(name, f"c{place}", "VARCHAR") for place, name in enumerate(csv.names)]


def _damaged(file: DataFile, error: Exception) -> LandingError:
    words = str(error).split("\n", 1)[0][:200]
    return LandingError(f"{file.name}: this is no whole Parquet file, it is cut or damaged ({words}): write it again")


def read_through(file: DataFile, check: duckdb.DuckDBPyConnection) -> None:
    """Reads a Parquet file to its end, so that a damaged page is told by the file's name.

    Raises:
        LandingError: It is damaged.
    """
    try:
        described = check.execute(f"describe select * from {_read_parquet([file])}").fetchall()
        columns = ", ".join(identifier(name) for name, *_ in described)
        check.execute(f"select bit_xor(hash({columns})) from {_read_parquet([file])}").fetchall()
    except duckdb.Error as error:
        raise _damaged(file, error) from None


def _checker(*folders: Path) -> duckdb.DuckDBPyConnection:
    """A connection that looks at landed files and can reach nothing else."""
    check = duckdb.connect(config={"threads": "2"})
    check.execute("set TimeZone = 'UTC'")
    check.execute(f"set allowed_directories = {literals(f'{folder}/' for folder in folders)}")
    check.execute("set enable_external_access = false")
    check.execute("set lock_configuration = true")
    return check


def _parquet(files: Sequence[DataFile], columns: Sequence[str], check: duckdb.DuckDBPyConnection) -> list[_Part]:
    """The Parquet files, those of one schema together."""
    import pyarrow.parquet as pq

    groups: dict[tuple[Any, ...], list[DataFile]] = {}
    for file in files:
        if file.kind != "parquet":
            continue
        try:
            described = check.execute(f"describe select * from {_read_parquet([file])}").fetchall()
        except duckdb.Error as error:
            words = str(error).split("\n", 1)[0][:200]
            raise LandingError(f"{file.name}: DuckDB cannot read this Parquet file ({words})") from None
        own = [_schema_name(field.name) for field in pq.read_schema(file.path)]
        if len(own) > csvfile.MOST_COLUMNS:
            raise LandingError(f"{file.name}: it has {len(own):,} columns (at most {csvfile.MOST_COLUMNS:,})")
        csvfile.doubled(file, None, own, columns)
        signature = tuple((name, kind) for name, kind, *_ in described)
        # names as DuckDB tells them apart, and as the file spells them
        groups.setdefault((signature, tuple(own if len(own) == len(described) else ())), []).append(file)
    parts = []
    for (signature, own), members in groups.items():
        names = clean_names(own or [name for name, _ in signature])
        parts.append(
            _Part(
                _read_parquet(members),
                [(name, identifier(column), kind) for name, (column, kind) in zip(names, signature, strict=True)],
            )
        )
    return parts


def _schema_name(name: Any) -> str:
    return name if isinstance(name, str) else str(name)


def _read_parquet(files: Sequence[DataFile]) -> str:
    return f"read_parquet({literals(file.path for file in files)}, hive_partitioning = false)"


def _united(parts: Sequence[_Part]) -> tuple[list[dict[str, str]], list[str]]:
    """The columns of all parts in the order in which they occur, and a select of each part that gives them all."""
    order: dict[str, str] = {}
    types: dict[str, set[str]] = {}
    for part in parts:
        for name, _, kind in part.columns:
            low = name.lower()
            order.setdefault(low, name)
            types.setdefault(low, set()).add(_delivered(kind))
    wanted = {low: _common(kinds) for low, kinds in types.items()}
    has_faults = any(part.pseudo for part in parts)
    # a landed column of a reserved name is one of its own
    shown = dict(zip(order, clean_names(list(order.values()), PSEUDO), strict=True))
    selects = []
    for part in parts:
        own = {name.lower(): (sql, kind) for name, sql, kind in part.columns}
        items = []
        for low in order:
            if low in own:
                sql, kind = own[low]
                items.append(f"{_as(sql, kind, wanted[low])} as {identifier(shown[low])}")
            else:
                items.append(f"cast(null as {wanted[low]}) as {identifier(shown[low])}")
        if has_faults:
            for name in PSEUDO:
                given = part.pseudo[name] if part.pseudo else f"cast(null as {_PSEUDO_TYPES[name]})"
                items.append(f"{given} as {name}")
        selects.append(f"select {', '.join(items)} from {part.source}")
    return [{"name": shown[low], "type": wanted[low].lower()} for low in order], selects


def _delivered(kind: str) -> str:
    """The type in which a file's column is delivered if no other file disagrees."""
    return kind if kind in _FLAT or kind.startswith("DECIMAL(") else "VARCHAR"


def _common(kinds: set[str]) -> str:
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds <= _WHOLE:
        return "BIGINT"
    return "TIMESTAMP" if kinds <= _TIMES else "VARCHAR"


def _as(sql: str, kind: str, wanted: str) -> str:
    if kind == wanted:
        return sql
    if wanted != "VARCHAR":
        return f"cast({sql} as {wanted})"
    return exact_text(sql, kind)


def exact_text(sql: str, kind: str) -> str:
    r"""A value of a DuckDB type as text that gives the value again.

    Args:
        sql: Expression of the value.
        kind: Its type as DuckDB spells it.

    Returns:
        An expression: digits for whole numbers (doubles below 2^53 too), the shortest text that gives the same double,
        an instant in UTC with `Z`, bytes as their UTF-8 text where they are one, else as `\x` codes.
    """
    if kind in ("DOUBLE", "FLOAT"):
        return (
            f"case when isnan({sql}) then null "
            f"when {sql} = trunc({sql}) and abs({sql}) < {_EXACT_WHOLE} then cast(cast({sql} as bigint) as varchar) "
            f"else cast({sql} as varchar) end"
        )
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"case when isfinite({sql}) then cast(timezone('UTC', {sql}) as varchar) || 'Z' end"
    if kind == "BLOB":
        return f"coalesce(try(decode({sql})), cast({sql} as varchar))"
    return f"cast({sql} as varchar)"


# --------------------------------------------------------------------------- of a process

_LANDINGS: dict[tuple[Path, Path], Landing] = {}
_MADE: list[Path] = []


def landing_of(root: Path, warehouse: str) -> Landing:
    """The landing of a raw root for a warehouse file: one for the process, so that nothing is looked at twice.

    Args:
        root: The raw root.
        warehouse: Path of the DuckDB file that is built; files read row by row are put beside it.
    """
    place = Path(warehouse).resolve() if warehouse != ":memory:" else Path(tempfile.gettempdir()) / "kpi"
    key = (root.resolve(), place)
    if key not in _LANDINGS:
        stage = place.parent / f"{place.name}.landing-{os.getpid()}"
        _MADE.append(stage)
        _LANDINGS[key] = Landing(root, stage)
    return _LANDINGS[key]


def sweep(warehouse: str) -> None:
    """Removes what a killed build left beside a warehouse that this process holds."""
    place = Path(warehouse).resolve()
    for left in place.parent.glob(f"{place.name.replace('[', '[[]')}.landing-*"):
        if left not in _MADE:
            shutil.rmtree(left, ignore_errors=True)


@atexit.register
def _clear() -> None:
    for stage in _MADE:
        shutil.rmtree(stage, ignore_errors=True)


def problems(root: Path, landing: Landing) -> list[str]:
    """Everything that stops a build, one sentence a file, and each begins with it.

    Args:
        root: The project folder.
        landing: The landing of its raw root.
    """
    known, needed = contract(root), required(root)
    found = landing.discover(known)
    lines = [f"{finding.name}: {finding.reason}" for finding in found.findings if finding.is_refused]
    for domain, name in found.files:
        try:
            landing.table(domain, name, known[domain][name], needed[domain, name])
        except LandingError as error:
            lines.append(str(error))
    return list(Counter(lines))
