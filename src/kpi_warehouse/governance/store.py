"""Reading what was published, and the small things that every governance command needs."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import duckdb

from kpi_warehouse.files import connect
from kpi_warehouse.output import as_json as as_json
from kpi_warehouse.output import console as console
from kpi_warehouse.output import plain as plain
from kpi_warehouse.project import published_path, warehouse_path

Row = dict[str, Any]

#: Grains from the one a reader asks for first to the one asked for last.
GRAIN_ORDER = ("month", "cohort_month", "quarter", "week", "cohort_week", "day", "shift", "hour", "quarter_hour")
#: How models end that read every table of a domain and say nothing of one number: its data horizon, its moments, and
#: what was landed. A lineage stops there.
DOMAIN_WIDE = ("__as_of", "__happenings", "__landed")


class GovernanceError(click.ClickException):
    """A question without an answer or a change that the rules refuse; the message says what to do."""


@dataclass(frozen=True)
class Store:
    """An open file of marts: the publication, or the warehouse where nothing was published."""

    db: duckdb.DuckDBPyConnection
    path: Path

    def rows(self, query: str, parameters: Iterable[Any] = ()) -> list[Row]:
        """Rows of a query as dictionaries."""
        cursor = self.db.execute(query, list(parameters))
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

    def one(self, query: str, parameters: Iterable[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        return next(iter(self.rows(query, parameters)), None)

    def columns(self, table: str) -> set[str]:
        """Columns of a table of the marts; none where it is not there."""
        found = self.rows(
            "select column_name from information_schema.columns where table_schema = 'marts' and table_name = ?",
            [table],
        )
        return {row["column_name"] for row in found}

    def has(self, table: str) -> bool:
        """Whether the mart `table` is in the file."""
        return bool(
            self.rows(
                "select 1 from information_schema.tables where table_schema = 'marts' and table_name = ?", [table]
            )
        )


def ledger_path() -> Path:
    """The ledger beside the publication."""
    return published_path().parent / "ledger.duckdb"


@contextmanager
def open_store(path: Path | None = None) -> Iterator[Store]:
    """Opens the publication (KPI_PUBLISHED), else the warehouse (KPI_WAREHOUSE), read-only.

    Raises:
        GovernanceError: Neither file exists.
        FileHeld: Another process is writing the one that does, for too long.
    """
    candidates = [path] if path else [published_path(), warehouse_path()]
    found = next((candidate for candidate in candidates if candidate.exists()), None)
    if found is None:
        raise GovernanceError(
            f"nothing was published yet ({' and '.join(str(c) for c in candidates)} do not exist): "
            "run `kpi build`, or set KPI_PUBLISHED to the published file"
        )
    db = connect(found)
    try:
        yield Store(db, found)
    finally:
        db.close()


@contextmanager
def open_ledger_file(*, write: bool = False) -> Iterator[Store]:
    """Opens the ledger beside the publication.

    Raises:
        GovernanceError: There is none.
        FileHeld: Another process is writing it, for too long.
    """
    path = ledger_path()
    if not path.exists():
        raise GovernanceError(f"{path} does not exist: the first `kpi publish` makes the ledger")
    db = connect(path, read_only=not write)
    try:
        yield Store(db, path)
    finally:
        db.close()


def suggest(word: str, known: Iterable[str], count: int = 4) -> list[str]:
    """The known names nearest to `word`: those that contain it, then those spelt alike."""
    names = sorted(set(known))
    inside = [name for name in names if word and word.lower() in name]
    alike = difflib.get_close_matches(word.lower(), names, n=count, cutoff=0.5)
    return list(dict.fromkeys([*inside, *alike]))[:count]


# --------------------------------------------------------------------------- periods


@dataclass(frozen=True)
class Period:
    """What a reader wrote for a period: its start and the grains that it can mean."""

    start: dt.datetime
    grains: tuple[str, ...]


def parse_period(text: str) -> Period:
    """Reads `2026-05`, `2026-W20`, `2026-05-20`, `2026Q2`, `2026-05-20T14:00` (local time of the business or line).

    Raises:
        GovernanceError: The text is none of these.
    """
    words = text.strip().upper()
    try:
        if match := re.fullmatch(r"(\d{4})-?Q([1-4])", words):
            return Period(dt.datetime(int(match[1]), 3 * int(match[2]) - 2, 1), ("quarter",))
        if match := re.fullmatch(r"(\d{4})-?W(\d{1,2})", words):
            start = dt.date.fromisocalendar(int(match[1]), int(match[2]), 1)
            return Period(dt.datetime(start.year, start.month, start.day), ("week", "cohort_week"))
        if match := re.fullmatch(r"(\d{4})-(\d{1,2})", words):
            return Period(dt.datetime(int(match[1]), int(match[2]), 1), ("month", "cohort_month"))
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", words):
            return Period(dt.datetime.fromisoformat(words), ("day",))
        if match := re.fullmatch(r"(\d{4}-\d{2}-\d{2})[T ](\d{1,2})(?::(\d{2}))?(?::\d{2})?", words):
            start_at = dt.datetime.fromisoformat(f"{match[1]} {int(match[2]):02d}:{match[3] or '00'}")
            return Period(start_at, ("shift", "hour", "quarter_hour"))
    except ValueError as error:
        raise GovernanceError(f"period {text!r}: {error}") from None
    raise GovernanceError(
        f"{text!r} is no period: write 2026-05 (month), 2026Q2, 2026-W20, 2026-05-20 or 2026-05-20T14:00"
    )


def period_label(grain: str, start: dt.datetime) -> str:
    """A period as a reader writes it (the inverse of `parse_period`)."""
    if grain in ("month", "cohort_month"):
        return f"{start:%Y-%m}"
    if grain == "quarter":
        return f"{start.year}Q{(start.month + 2) // 3}"
    if grain in ("week", "cohort_week"):
        year, week, _ = start.isocalendar()
        return f"{year}-W{week:02d}"
    return f"{start:%Y-%m-%d}" if grain == "day" else f"{start:%Y-%m-%dT%H:%M}"


def parse_slice(text: str) -> tuple[str, str]:
    """Reads `all` or `dimension=value` (`line+station=L1+S20`).

    Raises:
        GovernanceError: The text is neither.
    """
    if text == "all":
        return "all", "all"
    dimension, sign, value = text.partition("=")
    if not sign or not dimension or not value:
        raise GovernanceError(f"--slice {text!r}: write all or dimension=value, e.g. platform=app")
    return dimension.strip(), value.strip()


def slice_label(dimension: str, value: str) -> str:
    """A slice as a reader writes it."""
    return "all" if dimension == "all" else f"{dimension}={value}"


# --------------------------------------------------------------------------- how values read

#: Unit of the dictionary → (words behind the number, decimals).
UNITS = {
    "minutes": (" min", 1),
    "hours": (" h", 1),
    "days": (" d", 1),
    "ms": (" ms", 0),
    "currency": ("", 2),
    "count": ("", 0),
    "index": ("", 4),
    "points": (" points", 2),
}


def show(value: float | None, unit: str, *, difference: bool = False, lang: str = "en") -> str:
    """A value in its unit: rates as per cent, their differences as percentage points, none as a dash."""
    if value is None:
        return "–"
    sign = "+" if difference else ""
    if unit == "ratio":
        return f"{value * 100:{sign},.2f} pp" if difference else f"{value * 100:,.2f} %"
    words, decimals = UNITS.get(unit, ("", 2))
    if lang == "zh":
        words = {" min": " 分钟", " h": " 小时", " d": " 天", " ms": " 毫秒", " points": " 分"}.get(words, words)
    if unit == "count" and value != int(value):
        decimals = 2
    return f"{value:{sign},.{decimals}f}{words}"


def show_beside(value: float | None, other: float | None, unit: str, *, lang: str = "en") -> tuple[str, str]:
    """A value and what it is held against, with as many decimals as keep them apart (3.499 % against 3.500 %)."""
    pair = (show(value, unit, lang=lang), show(other, unit, lang=lang))
    if value is None or other is None or value == other or pair[0] != pair[1]:
        return pair
    scale, decimals = (100, 2) if unit == "ratio" else (1, UNITS.get(unit, ("", 2))[1])
    tail = pair[0].lstrip("-0123456789.,")
    for more in range(decimals + 1, 13):
        texts = [f"{number * scale:,.{more}f}" for number in (value, other)]
        if texts[0] != texts[1]:
            return texts[0] + tail, texts[1] + tail
    return pair
