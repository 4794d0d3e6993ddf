"""Faults: each is done to a sound input or build, and what must follow is checked.

What the single rows of every table meet is in `test_landing.py`; here it is the numbers that count. A repairable fault
leaves them as they were; one that is not stops the build, is named, and leaves the last publication whole.
"""

from __future__ import annotations

import csv
import io
import math
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kpi_warehouse import publish as publishing

from .conftest import Built
from .support.lander import Lander
from .test_publish import NOON, make_warehouse

pytestmark = pytest.mark.long

#: What the suite runs: two short families of every domain.
MODELS = (
    "path:models/staging/dictionary",
    "+kpi_ec_repurchase",
    "+kpi_mf_cycle_time",
    "+kpi_mf_changeovers",
    "+kpi_cr_turnaround",
    "+kpi_cr_api",
    "+dq_reconciliation",
    "+dq_quarantine",
    "+dq_landing_checks",
)
NUMBERS = " union all ".join(
    "select kpi_id, version, period_grain, period_start, dimension, dimension_value, numerator, denominator, value "
    f"from kpis.{name}"
    for name in ("kpi_ec_repurchase", "kpi_mf_cycle_time", "kpi_mf_changeovers", "kpi_cr_turnaround", "kpi_cr_api")
)
AS_OF = "2026-06-30 16:00:00"


def table_of(raw: Path, place: str) -> pa.Table:
    """A landed table as text (CSV and Parquet alike), all of its files."""
    folder = raw / place
    parts = []
    if list(folder.glob("*.parquet")):
        parts.append(f"select * from read_parquet('{folder}/*.parquet', union_by_name = true)")
    if list(folder.glob("*.csv")):
        parts.append(f"select * from read_csv('{folder}/*.csv', all_varchar = true, header = true)")
    return duckdb.sql(f"select columns(*)::varchar from ({' union all by name '.join(parts)})").to_arrow_table()


def put(raw: Path, place: str, table: pa.Table, *, file: str = "part-0.parquet", keep: bool = False) -> None:
    """Lands a table in place of (or beside) what is there."""
    folder = raw / place
    if not keep:
        shutil.rmtree(folder)
        folder.mkdir(parents=True)
    pq.write_table(table, folder / file)


def put_csv(raw: Path, place: str, table: pa.Table, *, newline: str = "\n", bom: bool = False) -> None:
    """Lands a table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=newline)
    writer.writerow(table.column_names)
    writer.writerows(zip(*table.to_pydict().values(), strict=True))
    folder = raw / place
    shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / "part-0.csv").write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode())


def shuffled(table: pa.Table) -> pa.Table:
    order = list(range(table.num_rows))
    random.Random(1).shuffle(order)
    return table.take(order)


def twice(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table, table])


def with_row(table: pa.Table, **values: str | None) -> pa.Table:
    """The table and its first row once more with some columns changed."""
    row = {name: [value] for name, value in {**table.slice(0, 1).to_pylist()[0], **values}.items()}
    return pa.concat_tables([table, pa.table(row, schema=table.schema)])


def with_column(table: pa.Table, name: str, value: str) -> pa.Table:
    return table.append_column(name, pa.array([value] * table.num_rows))


EVENTS = {
    "ecommerce": "ecommerce/orders",
    "manufacturing": "manufacturing/unit_operations",
    "credit": "credit/application_events",
}
KEY = {"ecommerce": "order_id", "manufacturing": "operation_id", "credit": "event_id"}
TIME = {"ecommerce": "created_at", "manufacturing": "entered_at", "credit": "event_at"}

Harm = Callable[[Path, str, str], None]


@dataclass(frozen=True)
class Fault:
    """Harm done to the main table of a domain, and what is told about it: (reason, rows) or nothing."""

    name: str
    harm: Harm
    quarantined: tuple[str, int] | None = None


def _change(change: Callable[[pa.Table, str], pa.Table]) -> Harm:
    def harm(raw: Path, place: str, domain: str) -> None:
        put(raw, place, change(table_of(raw, place), domain))

    return harm


def _split(raw: Path, place: str, domain: str) -> None:
    table = table_of(raw, place)
    half = table.num_rows // 2
    put(raw, place, table.slice(half))
    put(raw, place, table.slice(0, half), file="late.parquet", keep=True)


def _batch_again(raw: Path, place: str, domain: str) -> None:
    table = table_of(raw, place)
    put(raw, place, shuffled(table.slice(0, table.num_rows // 3)), file="again.parquet", keep=True)


def _empty_file_beside(raw: Path, place: str, domain: str) -> None:
    (raw / place / "empty.csv").write_bytes(b"")


def _header_beside(raw: Path, place: str, domain: str) -> None:
    table = table_of(raw, place)
    (raw / place / "header.csv").write_text(",".join(table.column_names) + "\n")


REPAIRED = [
    Fault("batch_doubled", _change(lambda t, d: twice(t))),
    Fault("out_of_order", _change(lambda t, d: shuffled(t))),
    Fault("late_file", _split),
    Fault("part_replayed_out_of_order", _batch_again),
    Fault("as_csv", lambda raw, place, d: put_csv(raw, place, table_of(raw, place))),
    Fault("as_csv_with_bom_and_crlf", lambda r, p, d: put_csv(r, p, table_of(r, p), newline="\r\n", bom=True)),
    Fault("unknown_column", _change(lambda t, d: with_column(t, "colour", "red"))),
    Fault("empty_file_beside", _empty_file_beside),
    Fault("header_only_file_beside", _header_beside),
    Fault("columns_in_other_order", _change(lambda t, d: t.select(list(reversed(t.column_names))))),
    Fault("column_names_in_capitals", _change(lambda t, d: t.rename_columns([c.upper() for c in t.column_names]))),
    Fault("row_without_key", _change(lambda t, d: with_row(t, **{KEY[d]: None})), ("missing_required", 1)),
    Fault("blank_key", _change(lambda t, d: with_row(t, **{KEY[d]: "  "})), ("missing_required", 1)),
    Fault("no_time", _change(lambda t, d: with_row(t, **{KEY[d]: "x", TIME[d]: None})), ("missing_required", 1)),
    Fault("no_such_day", _change(lambda t, d: with_row(t, **{KEY[d]: "x", TIME[d]: "2026-02-30"})), ("unparseable", 1)),
    Fault("time_is_text", _change(lambda t, d: with_row(t, **{KEY[d]: "x", TIME[d]: "soon"})), ("unparseable", 1)),
    Fault(
        "clock_a_year_ahead",
        _change(lambda t, d: with_row(t, **{KEY[d]: "x", TIME[d]: "2027-06-30 00:00:00"})),
        ("from_the_future", 1),
    ),
    Fault(
        "clock_a_second_ahead",
        _change(lambda t, d: with_row(t, **{KEY[d]: "x", TIME[d]: "2026-06-30 16:00:01"})),
        ("from_the_future", 1),
    ),
    Fault("refused_row_of_a_known_key", _change(lambda t, d: with_row(t, **{TIME[d]: "soon"})), ("unparseable", 1)),
]
STOPPED = {
    "required_column_renamed": (
        _change(lambda t, d: t.rename_columns([TIME[d] + "_utc" if c == TIME[d] else c for c in t.column_names])),
        "lacks the required column",
    ),
    "required_column_missing": (_change(lambda t, d: t.drop_columns([KEY[d]])), "lacks the required column"),
    "file_cut": (lambda raw, place, d: _cut(raw / place), "part-0.parquet"),
    "no_parquet_at_all": (lambda raw, place, d: (raw / place / "x.parquet").write_bytes(b"hello"), "x.parquet"),
}


def _cut(folder: Path) -> None:
    table = table_of(folder.parent.parent, f"{folder.parent.name}/{folder.name}")
    put(folder.parent.parent, f"{folder.parent.name}/{folder.name}", table)
    path = folder / "part-0.parquet"
    path.write_bytes(path.read_bytes()[:-200])


def different(got: list[tuple], want: list[tuple]) -> list[tuple]:
    """Rows that differ by more than the order of a floating-point sum explains (1e-12 of the number)."""

    def close(a: float | None, b: float | None) -> bool:
        return a is b if a is None or b is None else math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12)

    have, need = ({row[:6]: row[6:] for row in rows} for rows in (got, want))
    return [
        (key, have.get(key), need.get(key))
        for key in sorted({*have, *need}, key=repr)
        if key not in have or key not in need or not all(map(close, have[key], need[key]))
    ]


class Site:
    """Landed demonstration data that faults are done to, one at a time, and the numbers without any."""

    def __init__(self, lander: Lander, raw: Path) -> None:
        self.lander, self.sound = lander, raw
        self.restore()
        self.run()
        self.numbers = self.read()

    def restore(self) -> None:
        shutil.rmtree(self.lander.raw, ignore_errors=True)
        shutil.copytree(self.sound, self.lander.raw)

    def run(self) -> None:
        self.lander.models(*MODELS, variables={"as_of": AS_OF})

    def read(self) -> list[tuple]:
        return sorted(self.lander.rows(NUMBERS), key=repr)

    def quarantined(self) -> dict[tuple[str, str], int]:
        rows = self.lander.rows("select table_name, reason, count(*) from marts.dq_quarantine group by all")
        return {(table, reason): count for table, reason, count in rows}


@pytest.fixture(scope="module")
def site(lander: Lander, demo_raw: Path) -> Iterator[Site]:
    site = Site(lander, demo_raw)
    assert len(site.numbers) > 500
    site.before = site.quarantined()
    yield site
    lander.clear()


@pytest.mark.parametrize("fault", REPAIRED, ids=lambda fault: fault.name)
def test_a_fault_that_can_be_repaired_changes_no_number(site: Site, fault: Fault) -> None:
    """The same fault in every domain at once; they do not meet."""
    site.restore()
    for domain, place in EVENTS.items():
        fault.harm(site.lander.raw, place, domain)
    site.run()
    assert different(site.read(), site.numbers) == []
    unaccounted = site.lander.rows(
        "select * from marts.dq_reconciliation where rows_read <> rows_accepted + rows_deduplicated + rows_quarantined"
    )
    assert unaccounted == []
    if fault.quarantined:
        reason, count = fault.quarantined
        after = site.quarantined()
        for place in EVENTS.values():
            key = (place.split("/")[1], reason)
            assert after.get(key, 0) == site.before.get(key, 0) + count


@pytest.mark.parametrize("domain", EVENTS)
@pytest.mark.parametrize("fault", STOPPED)
def test_a_fault_that_cannot_be_repaired_stops_and_is_named(site: Site, fault: str, domain: str) -> None:
    site.restore()
    harm, message = STOPPED[fault]
    harm(site.lander.raw, EVENTS[domain], domain)
    with pytest.raises(RuntimeError, match=message) as caught:
        site.run()
    assert EVENTS[domain].split("/")[1] in str(caught.value)


@pytest.mark.parametrize("place", ["ecommerce/refunds", "manufacturing/changeovers", "credit/api_calls"])
def test_an_absent_table_gives_no_rows_and_no_zeros(site: Site, place: str) -> None:
    site.restore()
    shutil.rmtree(site.lander.raw / place)
    site.run()
    domain, table = place.split("/")
    assert site.lander.rows(
        f"select rows_read from marts.dq_reconciliation where domain = '{domain}' and table_name = '{table}'"
    ) == [(0,)]
    told = site.lander.rows(
        f"select observed from marts.dq_landing_checks where check_id = 'landing.{domain}.{table}.present'"
    )
    assert told == [("absent or empty",)]
    numbers = site.read()
    gone = {"manufacturing/changeovers": "mf_changeover", "credit/api_calls": "cr_api"}.get(place)
    if gone:
        assert [row for row in numbers if row[0].startswith(gone)] == []
    others = ("mf_cycle", "cr_att")
    kept = [row for row in numbers if row[0].startswith(others)]
    assert different(kept, [row for row in site.numbers if row[0].startswith(others)]) == []


def test_a_clean_run_after_every_fault_gives_the_same_numbers(site: Site) -> None:
    site.restore()
    site.run()
    assert different(site.read(), site.numbers) == []


# --------------------------------------------------------------------------- publishing


def test_a_full_disk_while_publishing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "published" / "kpi.duckdb"
    rows = [("a", 1, 4, 0.5, True, "green")]
    publishing.publish(make_warehouse(tmp_path / "w.duckdb", rows), target, now=NOON)
    before = target.read_bytes()

    def full(self: Path, other: Path) -> None:
        raise OSError(28, "No space left on device")

    changed = make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.9, True, "green")])
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            publishing.publish(changed, target, now=NOON)
    assert target.read_bytes() == before and list(target.parent.glob("*.new-*")) == []
    assert publishing.publish(changed, target, now=NOON).restated == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "published" / "kpi.duckdb"
    warehouse = make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.5, True, "green")])
    publishing.publish(warehouse, target, now=NOON)
    before = target.read_bytes()
    target.parent.chmod(0o500)
    try:
        with pytest.raises((OSError, duckdb.Error)):
            publishing.publish(warehouse, target, now=NOON)
    finally:
        target.parent.chmod(0o700)
    assert target.read_bytes() == before


def test_a_warehouse_that_was_cut_is_not_published(tmp_path: Path) -> None:
    target = tmp_path / "published" / "kpi.duckdb"
    warehouse = make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.5, True, "green")])
    publishing.publish(warehouse, target, now=NOON)
    before = target.read_bytes()
    warehouse.write_bytes(warehouse.read_bytes()[: warehouse.stat().st_size // 2])
    with pytest.raises(duckdb.Error):
        publishing.publish(warehouse, target, now=NOON)
    assert target.read_bytes() == before


def test_the_sound_build_is_published_whole(demo: Built) -> None:
    assert demo.rows("select count(*) from marts.kpi_values", published=True) == demo.rows(
        "select count(*) from marts.kpi_values"
    )
