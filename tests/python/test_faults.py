"""Faults: each is done to a sound input or build, and what must follow is checked.

A fault that can be repaired leaves every number as it was; one that loses something is told, and the next clean run
gives the numbers as if it had never happened; one that cannot be read stops the build and is named. The last
publication stays whole throughout. What the single rows of every table meet is in `test_landing.py`.
"""

from __future__ import annotations

import csv
import io
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kpi_warehouse import publish as publishing
from kpi_warehouse.files import FileHeld, FileRefused
from kpi_warehouse.quality.expectations import ORPHANS

from .conftest import KPI, Built, run_kpi
from .support.lander import Lander
from .support.site import DOMAINS, Site
from .test_publish import NOON, make_warehouse, rows_of

pytestmark = pytest.mark.long

#: What the suite compares: families of every domain that read what the faults touch.
KPI_MODELS = {
    "ecommerce": ("kpi_ec_repurchase", "kpi_ec_membership"),
    "manufacturing": ("kpi_mf_cycle_time", "kpi_mf_changeovers", "kpi_mf_oee"),
    "credit": ("kpi_cr_turnaround", "kpi_cr_api", "kpi_cr_due_instalments"),
}
MODELS = (
    "path:models/staging/dictionary",
    *(f"+{name}" for names in KPI_MODELS.values() for name in names),
    "+dq_reconciliation",
    "+dq_quarantine",
    "+dq_landing_checks",
)
AS_OF = "2026-06-30 16:00:00"

#: The main table of each domain, with its key and its own time.
EVENTS = {
    "ecommerce": "ecommerce/orders",
    "manufacturing": "manufacturing/unit_operations",
    "credit": "credit/application_events",
}
KEY = {"ecommerce": "order_id", "manufacturing": "operation_id", "credit": "event_id"}
TIME = {"ecommerce": "created_at", "manufacturing": "entered_at", "credit": "event_at"}
#: An optional column that would tell of an end before the start.
END = {"ecommerce": "paid_at", "manufacturing": "completed_at", "credit": "reason"}
#: Of rows with one key the newest wins, of events the oldest.
STALE = {"ecommerce": "-", "manufacturing": "-", "credit": "+"}


# --------------------------------------------------------------------------- landing


def table_of(raw: Path, place: str) -> pa.Table:
    """A landed table as text (CSV and Parquet alike), all of its files."""
    folder = raw / place
    parts, files = [], {}
    if parquet := sorted(map(str, folder.glob("*.parquet"))):
        files["parquet"] = parquet
        parts.append("select * from read_parquet($parquet, union_by_name = true)")
    if csv := sorted(map(str, folder.glob("*.csv"))):
        files["csv"] = csv
        parts.append("select * from read_csv($csv, all_varchar = true, header = true)")
    return duckdb.sql(
        f"select columns(*)::varchar from ({' union all by name '.join(parts)})", params=files
    ).to_arrow_table()


def put(raw: Path, place: str, table: pa.Table, *, file: str = "part-0.parquet", keep: bool = False) -> None:
    """Lands a table in place of (or beside) what is there."""
    folder = raw / place
    if not keep:
        shutil.rmtree(folder)
        folder.mkdir(parents=True)
    pq.write_table(table, folder / file)


def as_csv(table: pa.Table, newline: str = "\n") -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=newline)
    writer.writerow(table.column_names)
    writer.writerows(zip(*table.to_pydict().values(), strict=True))
    return text.getvalue()


def put_csv(raw: Path, place: str, table: pa.Table, *, newline: str = "\n", encoding: str = "utf-8") -> None:
    """Lands a table as CSV in place of what is there."""
    folder = raw / place
    shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / "part-0.csv").write_bytes(as_csv(table, newline).encode(encoding))


def query(raw: Path, place: str, sql: str) -> pa.Table:
    """A query on `landed`, the table as text, in the order in which it was landed."""
    landed = table_of(raw, place)
    with duckdb.connect() as db:
        db.execute("set timezone = 'UTC'")
        db.register("landed", landed)
        return db.execute(sql).to_arrow_table()


# --------------------------------------------------------------------------- faults

Harm = Callable[[Path, str, str], None]


@dataclass(frozen=True)
class Fault:
    """Harm done to tables (one of each domain that it names), and what is told about it.

    Attributes:
        name: Name of the fault.
        harm: Does it: raw root, `domain/table`, domain.
        told: What is told of it more than before, as (what, reason or column) -> rows; a callable takes
            what is told of the sound table.
        places: The tables, by domain.
    """

    name: str
    harm: Harm
    told: Callable[[Counter], dict[tuple[str, str], int]] | dict[tuple[str, str], int] | None = None
    places: tuple[str, ...] = tuple(EVENTS.values())


def sql(text: str, *, file: str | None = None) -> Harm:
    """Lands what a query on `landed` gives, in place of the table or, with `file`, beside it.

    `{key}`, `{time}` and `{stale}` (the sign of a time of loading that loses) are those of the domain.
    """

    def harm(raw: Path, place: str, domain: str) -> None:
        words = {"key": KEY[domain], "time": TIME[domain], "stale": STALE[domain]}
        table = query(raw, place, text.format(**words))
        put(raw, place, table, file=file or "part-0.parquet", keep=file is not None)

    return harm


def row_more(**values: str) -> Harm:
    """Lands the first row once more with some columns changed to SQL expressions (keys as in `sql`)."""

    def harm(raw: Path, place: str, domain: str) -> None:
        words = {"{key}": KEY[domain], "{time}": TIME[domain], "{end}": END[domain]}
        changed = ", ".join(
            f"cast({value} as varchar) as {words.get(column, column)}" for column, value in values.items()
        )
        put(
            raw,
            place,
            query(
                raw, place, f"select * from landed union all select * replace ({changed}) from (from landed limit 1)"
            ),
        )

    return harm


def doubled(sound: Counter) -> dict[tuple[str, str], int]:
    """What is told of a table that was landed twice: refused rows are refused twice, all others deduplicated.

    A decision before its submission is judged by another table, so only the row that stands for its key is.
    """
    refused = {
        what: count
        for what, count in sound.items()
        if what[0] == "quarantined" and what[1] != "decision_before_submission"
    }
    return {**refused, ("deduplicated", ""): sound["read", ""] - sum(refused.values())}


def _split(raw: Path, place: str, domain: str) -> None:
    table = table_of(raw, place)
    half = table.num_rows // 2
    put(raw, place, table.slice(half))
    put(raw, place, table.slice(0, half), file="late.parquet", keep=True)


def _beside(name: str, content: Callable[[pa.Table], bytes]) -> Harm:
    def harm(raw: Path, place: str, domain: str) -> None:
        (raw / place / name).write_bytes(content(table_of(raw, place)))

    return harm


def _instead(name: str, content: Callable[[pa.Table], bytes]) -> Harm:
    def harm(raw: Path, place: str, domain: str) -> None:
        data = content(table_of(raw, place))
        shutil.rmtree(raw / place)
        (raw / place).mkdir()
        (raw / place / name).write_bytes(data)

    return harm


def _as_zoned(raw: Path, place: str, domain: str) -> None:
    """Times as Parquet times with a zone, as pandas and Spark write them."""
    text = f"select * replace (cast({TIME[domain]} || '+00' as timestamptz) as {TIME[domain]}) from landed"
    table = query(raw, place, text)
    assert pa.types.is_timestamp(table.schema.field(TIME[domain]).type) and table.schema.field(TIME[domain]).type.tz
    put(raw, place, table)


def typed(column: str, kind: str) -> Harm:
    """From some file on a column has a type of its own; what does not fit it stays text in the file before."""

    def harm(raw: Path, place: str, domain: str) -> None:
        fits = f"try_cast({column} as {kind}) is not null and hash({column}) % 2 = 0"
        typed = query(raw, place, f"select * replace (cast({column} as {kind}) as {column}) from landed where {fits}")
        text = query(raw, place, f"from landed where not ({fits})")
        assert typed.num_rows and not pa.types.is_string(typed.schema.field(column).type)
        put(raw, place, text)
        put(raw, place, typed, file="part-1.parquet", keep=True)

    return harm


def _some(raw: Path, place: str, domain: str) -> None:
    """Rows once more with another time, loaded when the row that stands must win."""
    text = """from landed union all select * replace (
        cast(cast({time} as timestamp) - interval 3 hour as varchar) as {time},
        cast(cast(_loaded_at as timestamp) {stale} interval 400 day as varchar) as _loaded_at)
        from (from landed where {key} in (select {key} from landed where {key} is not null group by 1
            having count(*) = 1) and _loaded_at is not null and try_cast({time} as timestamp) < timestamp '2026-06-01'
            order by {key} limit 50)"""
    sql(text)(raw, place, domain)


NOTE = "备注：“已付款”, 第1行\n第2行 \U0001f600"
ONE = "union all select * replace ({}) from (from landed limit 1)"
ANY = [
    Fault("batch_doubled", sql("from landed union all from landed"), doubled),
    Fault("batch_doubled_as_csv", _beside("again.csv", lambda t: as_csv(t).encode()), doubled),
    Fault("out_of_order", sql("from landed order by hash({key} || 'seed'), {time}")),
    Fault("late_file", _split),
    Fault(
        "part_replayed_out_of_order",
        sql(
            "select * from (from landed where {key} is not null and {time} < '2026-06-01' limit 300) order by hash({key})",
            file="again.parquet",
        ),
        {("deduplicated", ""): 300},
    ),
    Fault("older_state_replayed", _some, {("deduplicated", ""): 50}),
    Fault("as_csv", _instead("part-0.csv", lambda t: as_csv(t).encode())),
    Fault("as_csv_with_mark_and_crlf", _instead("part-0.csv", lambda t: as_csv(t, "\r\n").encode("utf-8-sig"))),
    Fault(
        "csv_with_chinese_text_quotes_and_breaks",
        _instead("part-0.csv", lambda t: as_csv(t.append_column("note", pa.array([NOTE] * t.num_rows))).encode()),
    ),
    Fault("unknown_column", sql("select *, 'red' as colour from landed")),
    Fault("unknown_column_of_two_types", sql("select *, 1.5 as colour from landed limit 0", file="other.parquet")),
    Fault("empty_file_beside", _beside("empty.csv", lambda t: b"")),
    Fault("header_only_file_beside", _beside("header.csv", lambda t: (",".join(t.column_names) + "\n").encode())),
    Fault("foreign_files_beside", _beside("_SUCCESS", lambda t: b"")),
    Fault("half_written_file_beside", _beside("part-1.parquet.tmp", lambda t: b"PAR1")),
    Fault("columns_in_other_order", lambda r, p, d: put(r, p, (t := table_of(r, p)).select(t.column_names[::-1]))),
    Fault(
        "column_names_in_capitals",
        lambda r, p, d: put(r, p, (t := table_of(r, p)).rename_columns([c.upper() for c in t.column_names])),
    ),
    Fault("times_of_another_type", _as_zoned),
    Fault(
        "times_with_an_offset",
        sql(
            "select * replace (coalesce(strftime(try_cast({time} as timestamp) + interval 8 hour, "
            "'%Y-%m-%dT%H:%M:%S.%f') || '+08:00', {time}) as {time}) from landed"
        ),
    ),
    Fault("times_of_another_type_from_now_on", lambda r, p, d: typed(TIME[d], "timestamp")(r, p, d)),
    Fault(
        "loaded_four_days_late",
        sql(
            "select * replace (cast(try_cast(_loaded_at as timestamp) + interval 4 day as varchar) as _loaded_at) from landed"
        ),
    ),
    Fault("padded_times", sql("select * replace ('  ' || {time} || ' ' as {time}) from landed")),
    Fault("row_without_key", row_more(**{"{key}": "null"}), {("quarantined", "missing_required"): 1}),
    Fault("blank_key", row_more(**{"{key}": "'  '"}), {("quarantined", "missing_required"): 1}),
    Fault("no_time", row_more(**{"{key}": "'x'", "{time}": "null"}), {("quarantined", "missing_required"): 1}),
    Fault("no_such_day", row_more(**{"{key}": "'x'", "{time}": "'2026-02-30'"}), {("quarantined", "unparseable"): 1}),
    Fault("time_is_text", row_more(**{"{key}": "'x'", "{time}": "'昨天下午'"}), {("quarantined", "unparseable"): 1}),
    Fault(
        "clock_a_year_ahead",
        row_more(**{"{key}": "'x'", "{time}": "'2027-06-30 00:00:00'", "{end}": "null"}),
        {("quarantined", "from_the_future"): 1},
    ),
    Fault(
        "clock_a_second_ahead",
        row_more(**{"{key}": "'x'", "{time}": "'2026-06-30 16:00:01'", "{end}": "null"}),
        {("quarantined", "from_the_future"): 1},
    ),
    Fault("refused_row_of_a_known_key", row_more(**{"{time}": "'soon'"}), {("quarantined", "unparseable"): 1}),
]
#: Dirt of one kind of table each.
OF_A_TABLE = [
    *(
        Fault(
            f"required_number_is_text_{place.split('/')[0]}",
            row_more(**values),
            {("quarantined", "unparseable"): 1},
            (place,),
        )
        for place, values in {
            "ecommerce/orders": {"order_id": "'x'", "gross_amount": "'12,50 元'"},
            "manufacturing/counter_readings": {"machine_id": "'x'", "total_count": "'many'"},
            "credit/repayments": {"repayment_id": "'x'", "amount": "'一百'"},
        }.items()
    ),
    *(
        Fault(
            f"optional_number_is_text_{place.split('/')[0]}",
            sql(
                f"select * replace (case when {key} = (select min({key}) from landed) then 'n/a' else {column} end as {column}) "
                "from landed"
            ),
            {("unparsed", column): 1},
            (place,),
        )
        for place, key, column in (
            ("ecommerce/orders", "order_id", "discount_amount"),
            ("manufacturing/work_orders", "work_order_id", "planned_qty"),
            ("credit/applications", "application_id", "requested_amount"),
        )
    ),
    *(
        Fault(f"unknown_member_{place.split('/')[0]}", row_more(**values), {("unknown_member", column): 1}, (place,))
        for place, column, values in (
            ("ecommerce/service_tickets", "kind", {"ticket_id": "'x'", "kind": "'praise'"}),
            ("manufacturing/maintenance_orders", "kind", {"maintenance_id": "'x'", "kind": "'upgrade'"}),
            ("credit/fraud_flags", "level", {"flagged_at": "'2026-03-01 00:00:00'", "level": "'rumoured'"}),
        )
    ),
    *(
        Fault(f"orphan_{place.split('/')[0]}", row_more(**values), {("orphan", column): 1}, (place,))
        for place, column, values in (
            ("ecommerce/refunds", "order_id", {"refund_id": "'x'", "order_id": "'nobody'"}),
            ("manufacturing/scrap_reports", "unit_id", {"scrap_id": "'x'", "unit_id": "'nobody'"}),
            ("credit/repayments", "account_id", {"repayment_id": "'x'", "account_id": "'nobody'"}),
        )
    ),
    *(
        Fault(
            f"ends_before_it_starts_{place.split('/')[0]}",
            row_more(**values),
            {("quarantined", "ends_before_start"): 1},
            (place,),
        )
        for place, values in (
            ("ecommerce/members", {"user_id": "'x'", "joined_at": "'2026-03-02'", "left_at": "'2026-03-01'"}),
            (
                "manufacturing/unit_operations",
                {"operation_id": "'x'", "entered_at": "'2026-03-02'", "completed_at": "'2026-03-01 23:59:59'"},
            ),
            ("credit/accounts", {"account_id": "'x'", "booked_at": "'2026-03-02'", "closed_at": "'2026-03-01'"}),
        )
    ),
    *(
        Fault(f"{column}_of_another_type_from_now_on", typed(column, kind), {}, (place,))
        for place, column, kind in (
            ("ecommerce/orders", "gross_amount", "double"),
            ("ecommerce/orders", "paid_at", "timestamptz"),
            ("manufacturing/counter_readings", "total_count", "bigint"),
            ("manufacturing/shift_calendar", "production_date", "date"),
            ("manufacturing/ideal_cycle_times", "seconds_per_piece", "decimal(18, 6)"),
            ("credit/repayments", "amount", "decimal(38, 6)"),
            ("credit/instalments", "due_date", "date"),
            ("credit/api_calls", "latency_ms", "double"),
        )
    ),
    Fault(
        "member_spell_inside_another",
        sql(
            "from landed union all by name select user_id, "
            "cast(cast(joined_at as timestamp) + interval 1 hour as varchar) as joined_at, left_at, tier, _loaded_at "
            "from (select distinct on (user_id, joined_at) * from landed where left_at is null and try_cast(joined_at as timestamp) < timestamp '2026-05-01' "
            "order by user_id, joined_at limit 20)"
        ),
        {},
        ("ecommerce/members",),
    ),
    Fault(
        "state_inside_another",
        sql(
            "from landed union all by name select * replace ('again-' || state_id as state_id, "
            "cast(cast(started_at as timestamp) + interval 1 minute as varchar) as started_at) "
            "from (from landed where state = 'running' and reason_code is null and try_cast(ended_at as timestamp) "
            "> try_cast(started_at as timestamp) + interval 5 minute order by state_id limit 20)"
        ),
        {},
        ("manufacturing/machine_states",),
    ),
    Fault(
        "counter_reset",
        sql(
            "select * exclude (reset_at, reset_machine, reset_count) replace (case when try_cast(read_at as timestamp) > reset_at and machine_id = reset_machine "
            "then cast(try_cast(total_count as bigint) - reset_count as varchar) else total_count end as total_count) from landed cross join ("
            "select machine_id as reset_machine, try_cast(read_at as timestamp) as reset_at, "
            "cast(total_count as bigint) as reset_count from landed where try_cast(read_at as timestamp) "
            "> timestamp '2026-06-25' and machine_id is not null order by machine_id, 2 limit 1)"
        ),
        {},
        ("manufacturing/counter_readings",),
    ),
    Fault(
        "payment_reversed_at_once",
        sql(
            "from landed union all by name select * replace ('plus-' || repayment_id as repayment_id) from first "
            "union all by name select * replace ('minus-' || repayment_id as repayment_id, '-' || amount as amount) "
            "from first".replace(
                "from first",
                "from (from landed where try_cast(amount as double) > 0 and "
                "try_cast(posted_at as timestamp) is not null and account_id is not null order by repayment_id limit 20)",
            )
        ),
        {},
        ("credit/repayments",),
    ),
]
REPAIRED = [(fault, place) for fault in [*ANY, *OF_A_TABLE] for place in fault.places]


def _cut(raw: Path, place: str, domain: str) -> None:
    put(raw, place, table_of(raw, place))
    path = raw / place / "part-0.parquet"
    path.write_bytes(path.read_bytes()[:-200])


#: Faults that stop the build, and what is said besides the table.
STOPPED = {
    "required_column_renamed": (sql("select * rename ({time} as {time}_utc) from landed"), "lacks the required column"),
    "required_column_missing": (sql("select * exclude ({key}) from landed"), "lacks the required column"),
    "file_cut": (_cut, "part-0.parquet"),
    "no_parquet_at_all": (_beside("x.parquet", lambda t: b"hello"), "x.parquet"),
    "csv_without_header": (
        _instead("part-0.csv", lambda t: as_csv(t).split("\n", 1)[1].encode()),
        "lacks the required column",
    ),
    "csv_with_semicolons": (
        _instead("part-0.csv", lambda t: as_csv(t).replace(",", ";").encode()),
        "lacks the required column",
    ),
    "csv_in_another_encoding": (
        _instead(
            "part-0.csv", lambda t: as_csv(t.append_column("note", pa.array(["已付款"] * t.num_rows))).encode("gb18030")
        ),
        "part-0.csv",
    ),
}

#: Faults that lose something for as long as they last, and what is told.
LOSSY = {
    "times_in_epoch_seconds": (
        sql(
            "select * replace (cast(cast(epoch(try_cast({time} as timestamp)) as bigint) as varchar) as {time}) from landed"
        ),
        lambda before, after: after["quarantined", "unparseable"] > 0.9 * before["read", ""],
    ),
    "csv_cut_in_a_row": (
        _instead(
            "part-0.csv", lambda t: (text := as_csv(t).rstrip("\n").encode())[: int(0.9 * len(text)) // 2 * 2 - 1]
        ),
        lambda before, after: before["read", ""] * 0.8 < after["read", ""] < before["read", ""],
    ),
    "a_month_is_late": (
        sql("from landed where {time} not like '2026-05-%'"),
        lambda before, after: after["read", ""] < before["read", ""],
    ),
    "half_of_the_rows_lost": (
        sql("from landed where hash({key}) % 2 = 0"),
        lambda before, after: after["read", ""] < 0.6 * before["read", ""],
    ),
}


# --------------------------------------------------------------------------- the site


#: What tells of the runs themselves: the checks of the last one, and since when an issue stands.
OF_RUNS = ("marts.dq_results", "marts.dq_issues")


def close(a: float | None, b: float | None, tolerance: float = 1e-12) -> bool:
    """Equal but for the order of a floating-point sum."""
    return a is b if a is None or b is None else math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def different(got: list[tuple], want: list[tuple]) -> list[tuple]:
    """Rows that differ by more than the order of a floating-point sum explains."""
    have, need = ({row[:6]: row[6:] for row in rows} for rows in (got, want))
    return [
        (key, have.get(key), need.get(key))
        for key in sorted({*have, *need}, key=repr)
        if key not in have or key not in need or not all(map(close, have[key], need[key]))
    ]


def tables_apart(have: Path, want: Path) -> dict[str, list]:
    """Tables of two warehouses that do not hold the same rows, without what tells of the runs themselves.

    Floating-point numbers may differ by the order of a sum; third and fourth moments make more of it (1e-9).

    Returns:
        By table: rows of the one and not of the other (few of them), or what else sets them apart.
    """
    apart: dict[str, list] = {}
    with duckdb.connect() as db:
        db.execute(f"attach '{have}' as have (read_only); attach '{want}' as want (read_only)")
        columns: dict[str, dict[str, dict[str, str]]] = {"have": {}, "want": {}}
        for base, schema, table, column, kind in db.execute(
            "select database_name, schema_name, table_name, column_name, data_type from duckdb_columns() join duckdb_tables() "
            "using (database_name, schema_name, table_name) where database_name in ('have', 'want') "
            r"and not regexp_matches(column_name, '(_at_run|_run_id|invocation_id)$') order by all"
        ).fetchall():
            columns[base].setdefault(f"{schema}.{table}", {})[column] = kind
        for table in sorted({*columns["have"], *columns["want"]} - set(OF_RUNS)):
            kinds = columns["want"].get(table)
            if kinds != columns["have"].get(table):
                apart[table] = ["other columns"]
                continue
            floats = [column for column, kind in kinds.items() if kind in ("DOUBLE", "FLOAT")]
            names = ", ".join(f'"{column}"' for column in [*(set(kinds) - set(floats)), *floats])
            sides = [
                sorted(
                    db.execute(
                        f"select {names} from {one}.{table} except all select {names} from {two}.{table}"
                    ).fetchall(),
                    key=repr,
                )
                for one, two in (("have", "want"), ("want", "have"))
            ]
            at = len(kinds) - len(floats)
            alike = len(sides[0]) == len(sides[1]) and all(
                a[:at] == b[:at] and all(close(*pair, 1e-9) for pair in zip(a[at:], b[at:], strict=True))
                for a, b in zip(*sides, strict=True)
            )
            if not alike:
                apart[table] = [row[:8] for side in sides for row in side[:2]]
    return apart


def numbers(site: Site, domain: str) -> list[tuple]:
    """The KPI values of a domain: key columns, numerator, denominator, value."""
    return site.rows(
        " union all ".join(
            "select kpi_id, version, period_grain, period_start, dimension, dimension_value, numerator, denominator, value "
            f"from kpis.{name}"
            for name in KPI_MODELS[domain]
        )
    )


def told(site: Site, place: str) -> Counter:
    """What the landing and the expectations tell of a table, as (what, reason or column) -> rows."""
    domain, table = place.split("/")
    of_table = f"where domain = '{domain}' and table_name = '{table}'"
    found: Counter = Counter()
    for read, deduplicated in site.rows(f"select rows_read, rows_deduplicated from marts.dq_reconciliation {of_table}"):
        found["read", ""], found["deduplicated", ""] = read, deduplicated
    for reason, count in site.rows(f"select reason, count(*) from marts.dq_quarantine {of_table} group by all"):
        found["quarantined", reason] = count
    for kind, check_id, count in site.rows(
        f"select kind, check_id, failed_rows from marts.dq_landing_checks {of_table} "
        "and kind in ('unparsed', 'unknown_member')"
    ):
        found[kind, check_id.split(".")[-1]] = count
    for column, parent_table, parent_column in orphan_rules(domain, table):
        if f"base_{domain}__{parent_table}" in site.nodes:
            ((count,),) = site.rows(
                f"select count(*) from staging.stg_{domain}__{table} as child where {column} is not null and not exists ("
                f"select 1 from staging.stg_{domain}__{parent_table} as parent where parent.{parent_column} = child.{column})"
            )
            found["orphan", column] = count
    return found


def orphan_rules(domain: str, table: str) -> list[tuple[str, str, str]]:
    """Child column, parent table and parent column of the orphan checks of a table."""
    return [
        (child.split(".")[1], *parent.split("."))
        for child, parent in ORPHANS[domain].items()
        if child.split(".")[0] == table
    ]


@pytest.fixture(scope="module")
def site(lander: Lander, demo_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(lander, demo_raw, MODELS, AS_OF)
    site.numbers = {domain: numbers(site, domain) for domain in DOMAINS}
    site.told = {place: told(site, place) for place in {place for _, place in REPAIRED}}
    assert all(len(rows) > 100 for rows in site.numbers.values())
    site.last = None
    site.before = Path(shutil.copy(lander.warehouse, tmp_path_factory.mktemp("before") / "warehouse.duckdb"))
    yield site
    lander.clear()


def suffer(site: Site, name: str, harm: Harm, places: tuple[str, ...]) -> None:
    """Does a fault to its tables, one of each domain at most: they do not meet, so one run serves all."""
    if site.last == name:
        return
    site.restore()
    site.last = name
    site.touched |= set(places)
    for place in places:
        harm(site.lander.raw, place, place.split("/")[0])
    site.run(*places)


def assert_all_accounted_for(site: Site) -> None:
    assert (
        site.rows(
            "select * from marts.dq_reconciliation where rows_read <> rows_accepted + rows_deduplicated + rows_quarantined"
        )
        == []
    )


@pytest.mark.parametrize(("fault", "place"), REPAIRED, ids=lambda part: getattr(part, "name", part))
def test_a_fault_that_can_be_repaired_changes_no_number(site: Site, fault: Fault, place: str) -> None:
    domain = place.split("/")[0]
    suffer(site, fault.name, fault.harm, fault.places)
    assert different(numbers(site, domain), site.numbers[domain]) == []
    before, after = site.told[place], told(site, place)
    expected = fault.told(before) if callable(fault.told) else fault.told or {}
    more = {what: after[what] - before[what] for what in {*before, *after} if what != ("read", "")}
    assert {what: count for what, count in more.items() if count} == dict(expected)
    assert_all_accounted_for(site)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("fault", LOSSY)
def test_a_fault_that_loses_something_is_told_and_heals(site: Site, fault: str, domain: str) -> None:
    harm, is_told = LOSSY[fault]
    suffer(site, fault, harm, tuple(EVENTS.values()))
    assert is_told(site.told[EVENTS[domain]], told(site, EVENTS[domain]))
    assert different(numbers(site, domain), site.numbers[domain]) != []
    assert_all_accounted_for(site)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("fault", STOPPED)
def test_a_fault_that_cannot_be_repaired_stops_and_is_named(site: Site, fault: str, domain: str) -> None:
    harm, message = STOPPED[fault]
    with pytest.raises(RuntimeError, match=message) as caught:
        suffer(site, f"{fault} {domain}", harm, (EVENTS[domain],))
    assert EVENTS[domain].split("/")[1] in str(caught.value)


@pytest.mark.parametrize("place", ["ecommerce/refunds", "manufacturing/changeovers", "credit/api_calls"])
def test_an_absent_table_gives_no_rows_and_no_zeros(site: Site, place: str) -> None:
    suffer(site, f"absent {place}", lambda raw, place, domain: shutil.rmtree(raw / place), (place,))
    domain, table = place.split("/")
    assert told(site, place)["read", ""] == 0
    assert site.rows(
        f"select observed from marts.dq_landing_checks where check_id = 'landing.{domain}.{table}.present'"
    ) == [("absent or empty",)]
    gone = {"manufacturing/changeovers": "mf_changeover", "credit/api_calls": "cr_api"}.get(place)
    if gone:
        assert [row for row in numbers(site, domain) if row[0].startswith(gone)] == []
    others = ("mf_quality", "cr_att", "ec_member_net")
    kept, want = (
        [row for row in rows if row[0].startswith(others)] for rows in (numbers(site, domain), site.numbers[domain])
    )
    assert want and different(kept, want) == []


def test_a_negative_latency_is_a_call_and_no_latency(site: Site) -> None:
    harm = row_more(call_id="'x'", latency_ms="'-5'", status="'ok'")
    suffer(site, "negative latency", harm, ("credit/api_calls",))
    rows, want = (
        [row for row in rows if row[0] == "cr_api_p95_latency_ms"]
        for rows in (numbers(site, "credit"), site.numbers["credit"])
    )
    assert want and different(rows, want) == []


def test_a_missing_interval_is_unrecorded_time_and_nothing_else(site: Site) -> None:
    """What the machine did in the gap is not guessed: run time falls by no more than the row that is gone."""
    gone = "state = 'running' and try_cast(started_at as timestamp) between timestamp '2026-06-10' and timestamp '2026-06-11'"
    suffer(site, "gap", sql(f"from landed where not coalesce({gone}, false)"), ("manufacturing/machine_states",))
    changed = different(numbers(site, "manufacturing"), site.numbers["manufacturing"])
    assert changed and {key[0] for key, _, _ in changed} <= {
        "mf_oee",
        "mf_availability",
        "mf_performance",
        "mf_cycle_time_attainment",
    }
    fallen = {
        key: (have[2], want[2])
        for key, have, want in changed
        if key[0] == "mf_availability" and key[2] == "month" and key[4] == "all" and have and want
    }
    assert fallen and all(have < want for have, want in fallen.values())


def test_a_clean_run_after_every_fault_gives_the_same_tables(site: Site) -> None:
    """Row for row, in every table of every layer that the suite builds; and it can tell when one row is another."""
    with duckdb.connect(str(site.lander.warehouse)) as db:
        db.execute("update kpis.kpi_cr_turnaround set value = value + 1 where rowid = 0")
    assert set(tables_apart(site.lander.warehouse, site.before)) >= {"kpis.kpi_cr_turnaround"}
    site.touched |= set(EVENTS.values())
    site.restore()
    site.run()
    assert tables_apart(site.lander.warehouse, site.before) == {}
    for domain in DOMAINS:
        assert different(numbers(site, domain), site.numbers[domain]) == []
    assert {place: told(site, place) for place in site.told} == site.told


# --------------------------------------------------------------------------- publishing


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A publication of one number, 0.5; its warehouse lies beside it as `w.duckdb`."""
    target = tmp_path / "published" / "kpi.duckdb"
    publishing.publish(make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.5, True, "green")]), target, now=NOON)
    return target


def changed(folder: Path, value: float = 0.9) -> Path:
    return make_warehouse(folder / "w.duckdb", [("a", 1, 4, value, True, "green")])


def test_a_full_disk_at_the_swap_leaves_the_old_file(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = target.read_bytes()

    def full(self: Path, other: Path) -> None:
        raise OSError(28, "No space left on device")

    warehouse = changed(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            publishing.publish(warehouse, target, now=NOON)
    assert target.read_bytes() == before and list(target.parent.glob("*.new-*")) == []
    assert publishing.publish(warehouse, target, now=NOON).restated == 1


@pytest.mark.parametrize("blocks", [1, 100, 400])
def test_a_disk_that_fills_up_while_publishing_leaves_the_old_file(tmp_path: Path, target: Path, blocks: int) -> None:
    """Files of the process may grow to a limit only: the write itself fails, as on a full disk."""
    before = target.read_bytes()
    warehouse = changed(tmp_path)
    with duckdb.connect(str(warehouse)) as db:
        db.execute("create table marts.fct_large as select range as n, hash(range) as h from range(400000)")

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (blocks * 4096, blocks * 4096))

    settings = {"KPI_WAREHOUSE": str(warehouse), "KPI_PUBLISHED": str(target)}
    done = subprocess.run(
        [*KPI, "publish"],
        env={**os.environ, **settings, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0, done.stdout
    assert target.read_bytes() == before and list(target.parent.glob("*.new-*")) == []
    run_kpi("publish", **settings)
    assert rows_of(target, "select value from marts.kpi_publications order by published_at_run") == [(0.5,), (0.9,)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_leaves_the_old_file(tmp_path: Path, target: Path) -> None:
    before = target.read_bytes()
    warehouse = changed(tmp_path)
    target.parent.chmod(0o500)
    try:
        with pytest.raises(FileRefused, match="cannot be written"):
            publishing.publish(warehouse, target, now=NOON)
    finally:
        target.parent.chmod(0o700)
    assert target.read_bytes() == before


def test_a_warehouse_that_was_cut_is_not_published(tmp_path: Path, target: Path) -> None:
    before = target.read_bytes()
    warehouse = changed(tmp_path)
    warehouse.write_bytes(warehouse.read_bytes()[: warehouse.stat().st_size // 2])
    with pytest.raises(FileRefused, match="cannot be opened"):
        publishing.publish(warehouse, target, now=NOON)
    assert target.read_bytes() == before


@pytest.mark.parametrize("years", [-1, 1])
def test_a_clock_set_wrong_mixes_up_no_publications(tmp_path: Path, target: Path, years: int) -> None:
    """The ledger keeps the order in which numbers were published, whatever the clock said."""
    wrong = NOON.replace(year=NOON.year + years)
    publishing.publish(changed(tmp_path, 0.6), target, now=wrong)
    again = publishing.publish(changed(tmp_path, 0.6), target, now=NOON.replace(hour=13))
    assert (again.new_or_changed, again.restated) == (0, 1)
    publishing.publish(changed(tmp_path, 0.7), target, now=NOON.replace(hour=14))
    assert rows_of(target, "select value from marts.kpi_publications order by published_at_run") == [
        (0.5,),
        (0.6,),
        (0.7,),
    ]
    assert rows_of(target, "select first_value, current_value from marts.kpi_restatements") == [(0.5, 0.7)]


def test_a_ledger_that_another_process_holds_stops_the_publication(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = target.read_bytes()
    holder = subprocess.Popen(
        [sys.executable, "-c", "import duckdb, sys; db = duckdb.connect(sys.argv[1]); print('held', flush=True); input()",
         str(target.parent / "ledger.duckdb")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout.readline() == "held\n"
        monkeypatch.setenv("KPI_WAIT_SECONDS", "0.5")
        with pytest.raises(FileHeld, match=f"held by process {holder.pid}"):
            publishing.publish(changed(tmp_path), target, now=NOON)
    finally:
        holder.communicate("\n")
    assert target.read_bytes() == before and list(target.parent.glob("*.new-*")) == []
    assert publishing.publish(changed(tmp_path), target, now=NOON).restated == 1


# --------------------------------------------------------------------------- real builds


@pytest.fixture(scope="module")
def shop(demo: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The published demonstration build once more, in files of its own that may be harmed."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(demo.raw, folder / "raw")
    shutil.copytree(demo.published.parent, folder / "published")
    shutil.copy(demo.warehouse, folder / demo.warehouse.name)
    settings = {
        "KPI_RAW_ROOT": str(folder / "raw"),
        "KPI_WAREHOUSE": str(folder / demo.warehouse.name),
        "KPI_PUBLISHED": str(folder / "published" / demo.published.name),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    shutil.copytree(demo.environment["DBT_TARGET_PATH"], folder / "target")
    return Built(folder / "raw", folder / demo.warehouse.name, Path(settings["KPI_PUBLISHED"]), "", settings)


def published_values(built: Built) -> list[tuple]:
    return built.rows(
        "select kpi_id, version, period_grain, period_start, dimension, dimension_value, numerator, denominator, value "
        "from marts.kpi_values",
        published=True,
    )


def test_a_killed_build_and_a_second_one_do_no_harm(shop: Built) -> None:
    """The first build is killed at work; the second, started meanwhile, gives way; the publication is untouched."""
    before = shop.published.read_bytes()
    log = Path(shop.environment["DBT_LOG_PATH"]) / "dbt.log"
    first = subprocess.Popen([*KPI, "build"], env={**os.environ, **shop.environment}, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300
        while not (log.exists() and "OK created sql table model intermediate" in log.read_text(errors="replace")):
            assert first.poll() is None and time.monotonic() < deadline, "the build never began"
            time.sleep(0.2)
        second = run_kpi("build", check=False, **shop.environment)
        assert second.returncode == 3 and "another build is writing" in second.stderr
        assert first.poll() is None, "the first build ended before it was killed"
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert first.returncode == -signal.SIGKILL
    assert shop.published.read_bytes() == before


def test_a_renamed_column_stops_a_real_build(shop: Built) -> None:
    before = shop.published.read_bytes()
    place = "credit/application_events"
    harm, _ = STOPPED["required_column_renamed"]
    harm(shop.raw, place, "credit")
    done = run_kpi("build", check=False, **shop.environment)
    shutil.rmtree(shop.raw / place)
    assert done.returncode == 1 and "lacks the required column" in done.stderr
    assert "credit.application_events" in done.stderr and "'event_at'" in done.stderr
    assert shop.published.read_bytes() == before


def test_the_next_clean_build_gives_the_same_numbers(shop: Built, demo: Built) -> None:
    """After a kill and a failure in the same files: as if neither had happened, and nothing is restated."""
    shutil.rmtree(shop.raw)
    shutil.copytree(demo.raw, shop.raw)
    entries = shop.rows("select count(*) from marts.kpi_publications", published=True)
    done = run_kpi("build", **shop.environment)
    assert "0 restated" in " ".join(done.stdout.split())
    assert different(published_values(shop), published_values(demo)) == []
    assert tables_apart(shop.warehouse, demo.warehouse) == {}
    assert shop.rows("select count(*) from marts.kpi_publications", published=True) == entries


def test_a_month_that_comes_late_is_restated_and_leaves_no_trace(shop: Built, demo: Built) -> None:
    """May's process events are lost once and land again: published, restated for late data, and as it was."""
    place = "credit/application_events"
    harm, _ = LOSSY["a_month_is_late"]
    harm(shop.raw, place, "credit")
    refused = run_kpi("build", check=False, **shop.environment)
    assert refused.returncode == 1 and "credit:" in refused.stderr and "--allow-withdrawal" in refused.stderr
    run_kpi("publish", "--allow-withdrawal", "May's process events were lost", **shop.environment)
    lost = different(published_values(shop), published_values(demo))
    assert lost and {key[0][:3] for key, _, _ in lost} == {"cr_"}
    causes = "select distinct cause from marts.kpi_restatements"
    assert shop.rows(causes, published=True) == [("late_data",)]
    shutil.rmtree(shop.raw / place)
    shutil.copytree(demo.raw / place, shop.raw / place)
    run_kpi("build", "--allow-withdrawal", "May's process events are back", **shop.environment)
    assert different(published_values(shop), published_values(demo)) == []
    assert tables_apart(shop.warehouse, demo.warehouse) == {}
    assert shop.rows(causes, published=True) == []
    stated = "select count(*) from marts.kpi_publications where kpi_id = 'cr_att_avg_minutes'"
    assert shop.rows(stated, published=True) > demo.rows(stated, published=True), "the ledger forgot what was published"


def test_the_sound_build_is_published_whole(demo: Built) -> None:
    assert demo.rows("select count(*) from marts.kpi_values", published=True) == demo.rows(
        "select count(*) from marts.kpi_values"
    )
