"""Writing of raw tables: types, load times, dirt, Parquet and CSV parts, an account of what was planted."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv as pacsv

from kpi_warehouse.demo.contract import DOMAINS, TABLES, TableContract
from kpi_warehouse.demo.story import DAY, MINUTE, UTC_OFFSET, Ints

Columns = Mapping[str, Any]
MANIFEST = "demo_manifest.json"
ROW_GROUP = 122_880


def generator(seed: int, domain: str, topic: str, block: int = 0) -> np.random.Generator:
    """One independent stream per domain, topic (usually a table) and block: a new table moves no other."""
    key = (DOMAINS.index(domain), zlib.crc32(topic.encode()), block)
    return np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=key))


def ids(prefix: str, numbers: Any, width: int = 7) -> pa.Array:
    """Zero-padded string ids; negative numbers become null."""
    values = pa.array(np.asarray(numbers, dtype=np.int64))
    text = pc.utf8_lpad(pc.cast(values, pa.string()), width, "0")
    named = pc.binary_join_element_wise(pa.scalar(prefix), text, pa.scalar(""))
    return pc.if_else(pc.less(values, 0), pa.scalar(None, pa.string()), named)


def pick(values: Sequence[Any] | pa.Array, index: Any) -> pa.Array:
    """Values at the given positions; negative positions become null."""
    source = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    position = np.asarray(index, dtype=np.int64)
    return source.take(pa.array(position, mask=position < 0))


def times(micros: Any, missing: Any = None) -> pa.Array:
    """Naive UTC timestamps from microseconds; null where ``missing``."""
    return pa.array(np.asarray(micros, dtype=np.int64), mask=missing).cast(pa.timestamp("us"))


def dates(days: Any, missing: Any = None) -> pa.Array:
    """Dates from days since the epoch; null where ``missing``."""
    return pa.array(np.asarray(days, dtype=np.int32), mask=missing).cast(pa.date32())


def masked(values: Any, missing: Any) -> pa.Array:
    """An array with nulls where ``missing``."""
    return pa.array(np.asarray(values), mask=np.asarray(missing))


def to_table(contract: TableContract, columns: Columns) -> pa.Table:
    """Columns cast to the contract's types; optional columns not given are null."""
    unknown = set(columns) - set(contract.schema.names)
    if unknown:
        raise KeyError(f"{contract.domain}.{contract.name} has no column {sorted(unknown)}")
    size = max(len(values) for values in columns.values())
    arrays = []
    for field in contract.schema:
        if field.name not in columns:
            arrays.append(pa.nulls(size, field.type))
            continue
        values = columns[field.name]
        array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
        arrays.append(array.cast(field.type))
    return pa.table(arrays, schema=contract.schema)


class Sink:
    """Writes the tables of one domain below ``out`` and keeps count of rows and of planted dirt."""

    def __init__(self, out: Path, domain: str, seed: int, progress: Callable[[str], None] | None = None) -> None:
        self.out = out
        self.domain = domain
        self.seed = seed
        self.progress = progress
        self.rows: dict[str, int] = {}
        self.planted: dict[str, dict[str, int]] = {}
        self.files: list[str] = []
        self._parts: dict[str, int] = {}

    def plant(self, table: str, kind: str, count: int) -> None:
        """Record rows of dirt that a domain made itself."""
        kinds = self.planted.setdefault(table, {})
        kinds[kind] = kinds.get(kind, 0) + int(count)

    def write(
        self,
        table: str,
        columns: Columns,
        *,
        time: str | None = None,
        block: int = 0,
        duplicates: float = 0.002,
        late: float = 0.005,
        broken: Sequence[tuple[str, Mapping[str, Any]]] = (),
        files: int = 1,
        shuffle: bool = True,
        loaded_at: Ints | None = None,
    ) -> None:
        """Write one part (or several) of a table.

        Args:
            table: Name of a table of the contract.
            columns: Arrays of equal length by column name; optional columns may be left out.
            time: Column whose time ``_loaded_at`` follows; without one ``_loaded_at`` is left out.
            block: Number of the block; a few rows of each kind of dirt are certain in block 0.
            duplicates: Share of rows delivered twice.
            late: Share of rows that reach the warehouse one to six days after the fact.
            broken: Kinds of broken rows, each a label and the columns it overwrites, planted on copies of
                rows under new keys: the story keeps its numbers. Text in a column of another type is for CSV
                tables only.
            files: Number of parts to split into.
            shuffle: Whether rows lose their order.
            loaded_at: Load times in microseconds, where the domain sets them itself.
        """
        contract = TABLES[self.domain][table]
        rng = generator(self.seed, self.domain, f"sink.{table}", block)
        data = to_table(contract, columns)
        size = data.num_rows
        if time is not None and size:
            if loaded_at is None:
                own = np.asarray(pc.fill_null(data[time].cast(pa.int64()), 0))
                loaded = own + (rng.lognormal(0.7, 0.6, size) * MINUTE).astype(np.int64)
                slow = self._sample(rng, size, late, block)
                loaded[slow] += rng.integers(DAY, 6 * DAY, len(slow))
                self.plant(table, "late", len(slow))
            else:
                loaded = loaded_at
            data = data.set_column(data.num_columns - 1, "_loaded_at", times(loaded).cast(pa.timestamp("us")))
        else:
            data = data.drop_columns(["_loaded_at"])
        extra: list[pa.Table] = []
        again = self._sample(rng, size, duplicates, block)
        if len(again):
            copy = data.take(pa.array(again))
            if "_loaded_at" in copy.column_names:
                moved = pc.add(copy["_loaded_at"].cast(pa.int64()), pa.scalar(3 * MINUTE))
                copy = copy.set_column(copy.num_columns - 1, "_loaded_at", moved.cast(pa.timestamp("us")))
            extra.append(copy)
            self.plant(table, "duplicate", len(again))
        if contract.csv:
            text = _as_text(data)
            if time is not None:
                # Some sources write local time with its offset: the same moment, another spelling.
                spelled = self._sample(rng, size, 0.002, block)
                text = _with_offset(text, data, time, spelled)
                self.plant(table, "time_with_offset", len(spelled))
            data, extra = text, [_as_text(part) for part in extra]
        for label, overrides in broken:
            chosen = self._sample(rng, size, 0.0004, block)
            if not len(chosen):
                continue
            extra.append(_break(contract, data.take(pa.array(chosen)), label, overrides, block))
            self.plant(table, label, len(chosen))
        if extra:
            data = pa.concat_tables([data, *extra])
        if shuffle and data.num_rows:
            data = data.take(pa.array(rng.permutation(data.num_rows)))
        self.rows[table] = self.rows.get(table, 0) + data.num_rows
        step = max(1, -(-data.num_rows // files))
        for start in range(0, max(1, data.num_rows), step):
            self._part(contract, data.slice(start, step))

    def empty(self, table: str) -> None:
        """Write a part with no rows: a delivery on a day without any."""
        contract = TABLES[self.domain][table]
        schema = contract.schema
        data = pa.table([pa.array([], f.type) for f in schema], schema=schema)
        self.plant(table, "empty_file", 1)
        self._part(contract, _as_text(data) if contract.csv else data)

    def _part(self, contract: TableContract, data: pa.Table) -> None:
        folder = self.out / self.domain / contract.name
        folder.mkdir(parents=True, exist_ok=True)
        number = self._parts.get(contract.name, 0)
        self._parts[contract.name] = number + 1
        path = folder / f"part-{number:05d}.{'csv' if contract.csv else 'parquet'}"
        if contract.csv:
            with path.open("wb") as handle:
                if contract.bom:
                    handle.write(b"\xef\xbb\xbf")
                pacsv.write_csv(data, handle, pacsv.WriteOptions(quoting_style="needed"))
        else:
            pq.write_table(data, path, compression="zstd", row_group_size=ROW_GROUP)
        self.files.append(str(path.relative_to(self.out)))

    @staticmethod
    def _sample(rng: np.random.Generator, size: int, rate: float, block: int) -> Ints:
        if size == 0 or rate <= 0:
            return np.zeros(0, dtype=np.int64)
        wanted = int(rng.binomial(size, min(1.0, rate)))
        if block == 0:
            wanted = max(1, wanted)
        return np.sort(rng.choice(size, min(size, wanted), replace=False)).astype(np.int64)


def _as_text(data: pa.Table) -> pa.Table:
    """Every column as text, as a CSV holds it."""
    arrays = []
    for field in data.schema:
        column = data[field.name]
        if pa.types.is_timestamp(field.type):
            arrays.append(pc.strftime(column, "%Y-%m-%d %H:%M:%S"))
        else:
            arrays.append(column.cast(pa.string()))
    return pa.table(arrays, names=data.column_names)


def _with_offset(text: pa.Table, data: pa.Table, column: str, rows: Ints) -> pa.Table:
    """The text of a time column with some rows spelled in UTC+8."""
    chosen = np.zeros(data.num_rows, dtype=bool)
    chosen[rows] = True
    moved = pc.add(data[column].cast(pa.int64()), pa.scalar(UTC_OFFSET)).cast(pa.timestamp("us"))
    spelled = pc.binary_join_element_wise(pc.strftime(moved, "%Y-%m-%d %H:%M:%S"), "+08:00", "")
    at = text.schema.get_field_index(column)
    return text.set_column(at, column, pc.if_else(pa.array(chosen), spelled, text[column]))


def _break(contract: TableContract, rows: pa.Table, label: str, overrides: Mapping[str, Any], block: int) -> pa.Table:
    """Copies of rows under new keys with some columns overwritten."""
    size = rows.num_rows
    key = next((k for k in contract.keys if contract.schema.field(k).type == pa.string()), None)
    if key is not None:
        suffix = ids(f"-{label}-{block}-", np.arange(size), 1)
        fresh = pc.binary_join_element_wise(rows[key].cast(pa.string()).combine_chunks(), suffix, "")
        rows = rows.set_column(rows.schema.get_field_index(key), key, fresh)
    for column, value in overrides.items():
        at = rows.schema.get_field_index(column)
        kind = rows.schema.field(at).type
        fresh = value(rows).cast(kind) if callable(value) else pa.array([value] * size, kind)
        rows = rows.set_column(at, column, fresh)
    return rows


def read_manifest(out: Path) -> dict[str, Any]:
    """What earlier runs wrote below ``out``: by domain its events, seed, rows, planted dirt and files."""
    path = out / MANIFEST
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def clear(out: Path, domains: Sequence[str]) -> None:
    """Remove the files of an earlier demonstration, and refuse to mix with anybody else's.

    Raises:
        FileExistsError: A table's folder holds files that no demonstration wrote; nothing is removed then.
    """
    manifest = read_manifest(out)
    earlier = {out / name for domain in domains for name in manifest.get(domain, {}).get("files", [])}
    for domain in domains:
        for table in TABLES[domain]:
            found = set((out / domain / table).glob("*")) - earlier
            if found:
                raise FileExistsError(
                    f"{out / domain / table} holds files that the demonstration did not write "
                    f"({min(found).name}, ...): choose an empty --out"
                )
    for path in earlier:
        path.unlink(missing_ok=True)
