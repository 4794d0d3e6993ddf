"""One landed CSV file: its header, whether DuckDB may read it as it is, and otherwise its rows, one by one.

A file that is regular (UTF-8, quotes as in RFC 4180, one kind of line end, as many values in each row as in the header)
is read by DuckDB at full speed. Any other is read here, row by row: a row with more or fewer values than the header is
handed on as refused, with its line, never shifted and never filled up; what has no sure meaning stops the build with
file and line.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import mmap
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import duckdb

from kpi_warehouse.landing.files import DataFile, LandingError
from kpi_warehouse.sql import literal, literals

#: A row or a header longer than this (characters) is an open quote, not a row.
LONGEST_ROW = 16 * 1024 * 1024
MOST_COLUMNS = 2000
#: What DuckDB reads as null: nothing that a file holds, so that an empty value differs from one that is not there.
NO_VALUE = "\x01"
#: Columns that rows of a file read one by one have besides their values.
FAULT, LINE, VALUES = "_landed_fault", "_landed_line", "_landed_values"
TOO_MANY, TOO_FEW = "too_many_values", "too_few_values"

_BLANK = re.compile(r"[\s,\ufeff]*")
_OTHER_KINDS = (
    (b"PAR1", "a Parquet file: name it .parquet"),
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook: save it as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook: save it as CSV (UTF-8)"),
    (b"\x1f\x8b", "packed with gzip: name it .csv.gz"),
    (b"BZh", "packed with bzip2: unpack it"),
    (b"\x28\xb5\x2f\xfd", "packed with Zstandard: unpack it"),
    (b"\xfd7zXZ", "packed with xz: unpack it"),
)
_SEPARATORS = ((";", "semicolons (;)"), ("\t", "tabs"), ("|", "bars (|)"), ("，", "full-width commas (，)"))


@dataclass(frozen=True)
class Csv:
    """A CSV file that can be read.

    Attributes:
        file: The file.
        names: Column names of its header, each once.
        options: How DuckDB reads its rows; None: all must be read row by row.
        rows: Where some rows do not fit the header but DuckDB reads the others as they are: all rows of the file, blank
            and misfit ones too. None: every row fits, or `options` is None.
    """

    file: DataFile
    names: tuple[str, ...]
    options: str | None
    rows: int | None = None


def rows_sql(files: Sequence[Csv]) -> str:
    """Rows of regular files of one header, with columns c0, c1 … of exact text; empty values are null.

    Raises:
        ValueError: A file must be read row by row, or their headers or options differ.
    """
    names, options = files[0].names, files[0].options
    if options is None or any((file.names, file.options) != (names, options) for file in files):
        raise ValueError(f"{files[0].file.name} and others cannot be read together")
    columns = ", ".join(f"nullif(c{place}, '') as c{place}" for place in range(len(names)))
    return f"select {columns} from {_reader([file.file for file in files], len(names), options)}"


def fault(file: DataFile, line: int | None, text: str) -> LandingError:
    """An error whose message begins with file and line."""
    return LandingError(f"{file.name}{f', line {line}' if line else ''}: {text}")


def judge(
    file: DataFile, columns: Sequence[str], required: Sequence[str], check: duckdb.DuckDBPyConnection
) -> Csv | None:
    """Looks at a CSV file before it is read.

    Args:
        file: The file; a packed one was found whole (`limits.unpacked`).
        columns: Columns that the contract knows.
        required: Those of them that no table can do without.
        check: A DuckDB connection that may read the file.

    Returns:
        How to read it; None: it holds no header, so nothing landed.

    Raises:
        LandingError: It cannot be read as it was meant.
    """
    with _opened(file) as stream:
        head = stream.read(1 << 16)
    _same_kind(file, head)
    if not head or (_BLANK.fullmatch(head.decode("latin-1").replace("ï»¿", "")) and len(head) < 1 << 16):
        return None
    header, first, plain = _header(file)
    names = _names(file, header, first, columns, required)
    regular = plain and first == 1 and len(names) > 1 and not _has_nul(file)
    options, count = _regular(file, len(names), check) if regular else (None, None)
    return Csv(file, names, options, count)


def _same_kind(file: DataFile, head: bytes) -> None:
    for mark, words in _OTHER_KINDS:
        if head.startswith(mark):
            raise fault(file, None, f"this is {words}")
    for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if head.startswith(mark):
            raise fault(file, 1, "the text is UTF-16, not UTF-8: save it as UTF-8 (in Excel: CSV UTF-8)")


def _has_nul(file: DataFile) -> bool:
    if file.kind == "csv.gz":
        return False  # read row by row where DuckDB finds one: see _regular
    with file.path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b"\0") >= 0


def fitting_sql(csv: Csv) -> str:
    """Rows of a file, of which some do not fit, that have as many values as the header; as `rows_sql`."""
    width = len(csv.names)
    columns = ", ".join(f"nullif(c{place}, '') as c{place}" for place in range(width))
    reader = _reader([csv.file], width + 2, csv.options or "")
    return f"select {columns} from {reader} where c{width - 1} is not null and c{width} is null"


def _reader(files: Sequence[DataFile], columns: int, options: str) -> str:
    types = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(columns))
    return f"read_csv({literals(file.path for file in files)}, columns = {{{types}}}, {options})"


def _options(file: DataFile, *, padding: bool, parallel: bool) -> str:
    return (
        "header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', comment = '', "
        f"strict_mode = true, null_padding = {padding}, nullstr = {literal(NO_VALUE)}, hive_partitioning = false, "
        f"compression = '{'gzip' if file.kind == 'csv.gz' else 'none'}', parallel = {parallel}"
    )


def _regular(file: DataFile, width: int, check: duckdb.DuckDBPyConnection) -> tuple[str | None, int | None]:
    """How DuckDB reads the file, as `Csv.options` and `Csv.rows`.

    Read with two columns more than the header and missing values as null, a row fits if its values are all there and
    the two are not. A value over several lines is read by one thread only; then missing values might also be an open
    quote, so the file is read a second time in the way that stumbles over one.
    """
    counts = ", ".join(f"count(c{place})" for place in range(width + 2))
    nul = " or ".join(f"contains(c{place}, chr(0))" for place in range(width)) if file.kind == "csv.gz" else "false"
    for parallel in (True, False):
        options = _options(file, padding=True, parallel=parallel)
        try:
            rows, has_nul, *found = check.execute(
                f"select count(*), count(*) filter (where {nul}), {counts} from {_reader([file], width + 2, options)}"
            ).fetchall()[0]
        except duckdb.Error:
            continue
        if has_nul:
            return None, None
        if found != [rows] * width + [0, 0]:
            return (options, rows) if parallel else (None, None)
        options = _options(file, padding=False, parallel=parallel)
        if not parallel:
            try:
                again = check.execute(f"select count(c{width - 1}) from {_reader([file], width, options)}").fetchall()
            except duckdb.Error:
                return None, None
            if again != [(rows,)]:
                return None, None
        return options, None
    return None, None


# --------------------------------------------------------------------------- row by row


def _opened(file: DataFile) -> IO[bytes]:
    return gzip.open(file.path, "rb") if file.kind == "csv.gz" else file.path.open("rb")  # type: ignore[return-value]


class _Lines:
    """Physical lines of a file as text, with their number."""

    def __init__(self, file: DataFile, stream: IO[bytes]) -> None:
        self.file = file
        self.number = 0
        # lines end at \n, \r or \r\n, whichever comes
        self.raw = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="strict", newline="")

    def next(self) -> str | None:
        try:
            line = self.raw.readline(LONGEST_ROW)
        except UnicodeDecodeError:
            raise _encoding(self.file) from None
        except (OSError, EOFError, zlib.error) as error:
            raise fault(self.file, self.number + 1, f"the file breaks off or is damaged ({error})") from None
        if not line:
            return None
        self.number += 1
        if len(line) >= LONGEST_ROW:
            raise fault(self.file, self.number, f"the line is longer than {LONGEST_ROW:,} characters")
        if "\0" in line:
            raise fault(
                self.file,
                self.number,
                "the line holds NUL bytes: the file is damaged, or UTF-16; save it as UTF-8 (in Excel: CSV UTF-8)",
            )
        return line


def _encoding(file: DataFile) -> LandingError:
    """Which line is no UTF-8, and what it may be."""
    with _opened(file) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                byte = line[error.start]
                guess = "Latin-1 or Windows-1252"
                try:
                    if re.search(r"[\u4e00-\u9fff]", line.decode("gb18030")):
                        guess = "GBK"
                except UnicodeDecodeError:
                    pass
                return fault(
                    file,
                    number,
                    f"the text is not UTF-8 (byte 0x{byte:02X}; it may be {guess}): "
                    "save it as UTF-8 (in Excel: CSV UTF-8)",
                )
    return fault(file, None, "the text is not UTF-8: save it as UTF-8 (in Excel: CSV UTF-8)")


class _OpenQuoteError(Exception):
    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line, self.text = line, text


def _values(line: str, more: Callable[[], str | None], number: int, *, backslash: bool) -> list[str]:
    """The values of one row, which may run over several lines.

    Raises:
        _OpenQuoteError: A quote is not closed, or text follows a closing quote.
    """
    if '"' not in line:
        return line.rstrip("\r\n").split(",")
    values: list[str] = []
    place, length = 0, 0
    while True:
        start = place
        while line[start : start + 1] in (" ", "\t"):
            start += 1
        if line[start : start + 1] != '"':
            end = line.find(",", place)
            if end < 0:
                values.append(line[place:].rstrip("\r\n"))
                return values
            values.append(line[place:end])
            place = end + 1
            continue
        parts: list[str] = []
        at = start + 1
        while True:
            close = line.find('"', at)
            slash = line.find("\\", at) if backslash else -1
            if slash >= 0 and (close < 0 or slash < close) and line[slash + 1 : slash + 2] in ('"', "\\"):
                parts.append(line[at:slash] + line[slash + 1])
                at = slash + 2
            elif slash >= 0 and (close < 0 or slash < close):
                parts.append(line[at : slash + 1])
                at = slash + 1
            elif close < 0:
                parts.append(line[at:])
                length += len(line)
                follows = more() if length < LONGEST_ROW else None
                if follows is None:
                    raise _OpenQuoteError(number, "a quote is opened in this row and never closed")
                line, at = follows, 0
            elif line[close + 1 : close + 2] == '"':
                parts.append(line[at : close + 1])
                at = close + 2
            else:
                parts.append(line[at:close])
                at = close + 1
                break
        values.append("".join(parts))
        while line[at : at + 1] in (" ", "\t"):
            at += 1
        if line[at : at + 1] == ",":
            place = at + 1
        elif line[at:].strip("\r\n") == "":
            return values
        else:
            raise _OpenQuoteError(number, 'text follows a closing quote: a quote inside a value is doubled ("")')


def _records(file: DataFile, stream: IO[bytes], *, backslash: bool) -> Iterator[tuple[int, list[str], bool]]:
    """Rows with the line on which each begins and whether it is blank; lines of nothing are no rows."""
    lines = _Lines(file, stream)
    while (line := lines.next()) is not None:
        number = lines.number
        if not line.strip("\r\n"):
            continue
        if number == 1 and re.fullmatch(r'"?sep=,"?', line.strip()):
            continue  # a word of Excel's to itself
        values = _values(line, lines.next, number, backslash=backslash)
        yield number, values, lines.number == number


def _header(file: DataFile) -> tuple[list[str], int, bool]:
    """The header's values, its line, and whether it stands on one line."""
    with _opened(file) as stream:
        try:
            for number, values, is_one_line in _records(file, stream, backslash=False):
                if len(values) > MOST_COLUMNS:
                    raise fault(file, number, f"the header names {len(values):,} columns (at most {MOST_COLUMNS:,})")
                return values, number, is_one_line
        except _OpenQuoteError as error:
            raise fault(file, error.line, error.text) from None
    return [], 1, False


def clean_names(names: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """Column names without whitespace around them, those without a name and doubled ones told apart by number."""
    used = {name.lower() for name in taken}
    clean: list[str] = []
    for place, name in enumerate(names, start=1):
        own = name.replace("\0", "").strip().strip("\ufeff\u200b").strip() or f"column_{place}"
        fresh, number = own, 1
        while fresh.lower() in used:
            number += 1
            fresh = f"{own}_{number}"
        used.add(fresh.lower())
        clean.append(fresh)
    return clean


def doubled(file: DataFile, line: int | None, names: Sequence[str], columns: Sequence[str]) -> None:
    """Refuses a file that names a column of the contract twice, whatever the letter case or whitespace.

    Raises:
        LandingError: It does.
    """
    known = {name.lower() for name in columns}
    seen: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        low = name.strip().strip("\ufeff\u200b").strip().lower()
        if low in known and low in seen:
            raise fault(
                file, line, f"the column '{low}' is named twice (columns {seen[low]} and {place}): keep one of them"
            )
        seen.setdefault(low, place)


def _names(
    file: DataFile, header: list[str], line: int, columns: Sequence[str], required: Sequence[str]
) -> tuple[str, ...]:
    known = {name.lower() for name in columns}
    doubled(file, line, header, columns)
    clean = clean_names(header)
    if not known & {name.lower() for name in clean}:
        lacks = f"lacks the required column '{required[0]}'" if required else "names no column of the table"
        for separator, words in _SEPARATORS:
            parts = {part.strip().strip('"').strip().lower() for part in ",".join(header).split(separator)}
            if len(parts & known) > 1 or (separator in ",".join(header) and parts & known):
                raise fault(file, line, f"the header is separated by {words} and {lacks}: save the file with commas")
        shown = ", ".join(name[:40] for name in clean[:8])
        raise fault(file, line, f"the header {lacks} and all others (found: {shown}): the first line names the columns")
    return tuple(clean)


def write_rows(csv: Csv, target: Path) -> None:
    """Reads a file row by row and writes its rows as Parquet: c0, c1 …, `FAULT`, `LINE`, `VALUES` (of refused rows).

    Args:
        csv: The file.
        target: Parquet file to write.

    Raises:
        LandingError: It cannot be read as it was meant.
    """
    try:
        faults = _write(csv, target, backslash=False)
    except _OpenQuoteError as error:
        if not _has_backslash_quote(csv.file):
            raise fault(csv.file, error.line, error.text) from None
        try:
            faults = _write(csv, target, backslash=True)
        except _OpenQuoteError:
            raise fault(csv.file, error.line, error.text) from None
        return
    if faults and _has_backslash_quote(csv.file):
        # rows fall apart at a quote that a backslash stands before: read so, if every row is whole then
        again = target.with_name(f"{target.name}.again")
        try:
            if _write(csv, again, backslash=True) == 0:
                again.replace(target)
        except _OpenQuoteError:
            pass
        again.unlink(missing_ok=True)


def write_misfits(csv: Csv, target: Path) -> bool:
    """Writes, as `write_rows`, only the rows that do not fit the header.

    Returns:
        DuckDB and this reader see the same rows, so that the others may be read by DuckDB (`fitting_sql`).

    Raises:
        LandingError: The file cannot be read as it was meant.
    """
    if _has_backslash_quote(csv.file):
        return False
    try:
        _write(csv, target, backslash=False, only_misfits=True)
    except _OpenQuoteError:
        return False
    return True


def _has_backslash_quote(file: DataFile) -> bool:
    with _opened(file) as stream:
        last = b""
        while block := stream.read(1 << 20):
            if b'\\"' in last + block:
                return True
            last = block[-1:]
    return False


def _write(csv: Csv, target: Path, *, backslash: bool, only_misfits: bool = False) -> int:
    """Writes the rows; returns how many are refused.

    Raises:
        _OpenQuoteError: A quote is not closed, or the rows are not those that DuckDB counted (`only_misfits`).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    width = len(csv.names)
    names = [f"c{place}" for place in range(width)]
    schema = pa.schema(
        [*((name, pa.string()) for name in names), (FAULT, pa.string()), (LINE, pa.int64()), (VALUES, pa.string())]
    )
    faults = 0
    with _opened(csv.file) as stream, pq.ParquetWriter(target, schema) as writer:
        rows: list[list[Any]] = []

        def flush() -> None:
            columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [[] for _ in schema]
            arrays = [pa.array(values, kind.type) for values, kind in zip(columns, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            rows.clear()

        records = _records(csv.file, stream, backslash=backslash)
        next(records, None)  # the header
        seen = 0
        for size, (number, values, _) in enumerate(records, start=1):
            seen = size
            if len(values) == width and only_misfits:
                continue
            if len(values) == width:
                rows.append([*(value or None for value in values), None, number, None])
            elif not "".join(values).strip():
                rows.append([*[None] * width, None, number, None])
            else:
                faults += 1
                why = TOO_MANY if len(values) > width else TOO_FEW
                rows.append([*[None] * width, why, number, json.dumps(values, ensure_ascii=False)])
            if len(rows) == 20000:
                flush()
        flush()
        if only_misfits and seen != csv.rows:
            raise _OpenQuoteError(0, "rows are told apart in another way")
    return faults
