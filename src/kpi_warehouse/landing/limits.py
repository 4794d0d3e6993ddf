"""How large a landed file may become: judged from what it says of itself, before anything is expanded.

A packed file may grow to a hundred times its size, and in any case to `KPI_MAX_EXPANDED_MB` megabytes (1,024).
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Sequence
from typing import Any

import duckdb

from kpi_warehouse.landing.files import DataFile, LandingError
from kpi_warehouse.sql import identifier, literal

SETTING = "KPI_MAX_EXPANDED_MB"
TIMES = 100
MEGABYTE = 1024 * 1024
_BLOCK = 4 * MEGABYTE


def limit(size: int) -> int:
    """Bytes to which files of this size (bytes) may grow together.

    Raises:
        LandingError: The setting is no number.
    """
    text = os.environ.get(SETTING, "1024")
    try:
        floor = float(text)
    except ValueError:
        raise LandingError(f"{SETTING}={text!r} is no number: give megabytes") from None
    return int(max(floor * MEGABYTE, TIMES * size))


def too_large(name: str, size: int, grown: int | None = None) -> LandingError:
    """The refusal of what grows beyond the limit."""
    much = f"{grown / MEGABYTE:,.0f} MB" if grown else f"more than {limit(size) / MEGABYTE:,.0f} MB"
    return LandingError(
        f"{name}: {size / MEGABYTE:,.2f} MB would grow to {much} (limit {limit(size) / MEGABYTE:,.0f} MB): "
        f"if the file is sound, set {SETTING} higher"
    )


def unpacked(file: DataFile) -> int:
    """The unpacked size of a gzip file in bytes; it is read to its end or to the limit, and kept nowhere.

    Raises:
        LandingError: It is damaged, cut, no gzip file, or too large.
    """
    most, size = limit(file.size), 0
    if file.size == 0:
        return 0
    try:
        with gzip.open(file.path, "rb") as stream:
            while block := stream.read(_BLOCK):
                size += len(block)
                if size > most:
                    raise too_large(file.name, file.size)
    except gzip.BadGzipFile as error:
        raise LandingError(f"{file.name}: this is no sound gzip file ({error}): write it again") from None
    except (EOFError, zlib.error) as error:
        raise LandingError(f"{file.name}: the gzip file is cut or damaged ({error}): write it again") from None
    return size


def parquet_size(file: DataFile, metadata: Any, check: duckdb.DuckDBPyConnection) -> int:
    """Bytes that the rows of a Parquet file take, from its footer and, where that leaves it open, its texts' lengths.

    Args:
        file: The file.
        metadata: Its `pyarrow.parquet.FileMetaData`.
        check: A DuckDB connection that may read the file.

    Raises:
        LandingError: It is too large.
    """
    most = limit(file.size)
    least, most_possible = 0, 0
    doubtful: dict[str, bool] = {}
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        for place in range(rows.num_columns):
            chunk = rows.column(place)
            stored = chunk.total_uncompressed_size
            if chunk.physical_type != "BYTE_ARRAY":
                least += max(stored, 8 * chunk.num_values)
                continue
            least += stored + 16 * chunk.num_values
            encodings = set(chunk.encodings)
            if encodings & {"PLAIN_DICTIONARY", "RLE_DICTIONARY", "DELTA_BYTE_ARRAY"}:
                # each value may be as long as all that is stored
                most_possible += stored * chunk.num_values
                front_coded = "DELTA_BYTE_ARRAY" in encodings
                doubtful[chunk.path_in_schema] = doubtful.get(chunk.path_in_schema, False) or front_coded
        if least > most:
            raise too_large(file.name, file.size, least)
    if least + most_possible <= most:
        return least
    plain = [name for name, is_front_coded in doubtful.items() if "." not in name and not is_front_coded]
    others = [name for name in doubtful if name not in plain]
    size = least
    if plain:
        size += _lengths(file, plain, check)
    if others:
        size += _front_coded(file, others, most - size)
    if size > most:
        raise too_large(file.name, file.size, size)
    return size


def _lengths(file: DataFile, names: Sequence[str], check: duckdb.DuckDBPyConnection) -> int:
    kinds = {
        name: kind
        for name, kind, *_ in check.execute(
            f"describe select * from read_parquet({literal(file.path)}, hive_partitioning = false)"
        ).fetchall()
    }
    terms = [
        f"coalesce(strlen({identifier(name)}), 0)" if kinds[name] == "VARCHAR"
        else f"coalesce(octet_length({identifier(name)}), 0)"
        for name in names
        if kinds.get(name) in ("VARCHAR", "BLOB")
    ]  # fmt: skip
    if not terms:
        return 0
    found = check.execute(
        f"select sum({' + '.join(terms)}) from read_parquet({literal(file.path)}, hive_partitioning = false)"
    ).fetchone()
    return int(found[0] or 0) if found else 0


def _front_coded(file: DataFile, names: Sequence[str], room: int) -> int:
    """Length of values that are stored as differences or nested, read in pieces until the room is used up."""
    import pyarrow.parquet as pq

    source = pq.ParquetFile(file.path)
    wanted = sorted({name.split(".", 1)[0] for name in names})
    largest = max(
        (
            source.metadata.row_group(group).column(place).total_uncompressed_size
            for group in range(source.metadata.num_row_groups)
            for place in range(source.metadata.num_columns)
        ),
        default=1,
    )
    size = 0
    for batch in source.iter_batches(batch_size=max(1, min(65536, 256 * MEGABYTE // max(1, largest))), columns=wanted):
        size += batch.nbytes
        if size > room:
            raise too_large(file.name, file.size)
    return size
