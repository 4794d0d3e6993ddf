"""Every dialect macro against figures worked out in Python, on DuckDB and (long) on Spark.

One small dbt project holds one model per group of macros; dbt runs it once per engine, the tests compare its tables.
Spark needs the environment of `requirements-spark.in`: `.venv-spark`, or the interpreter that KPI_SPARK_PYTHON names.
"""

from __future__ import annotations

import calendar
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
Rows = dict[Any, tuple]

# --- inputs -----------------------------------------------------------------------------------------------------------

ZONES = ["Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "UTC"]
# days on which a clock of these zones jumps (and 1991, when Shanghai's last did), and plain ones
DAYS = [
    date(2024, 3, 10), date(2024, 3, 31), date(2024, 4, 7), date(2024, 10, 6), date(2024, 10, 27), date(2024, 11, 3),
    date(1991, 4, 14), date(1991, 9, 15), date(2025, 12, 31), date(2024, 2, 29),
]  # fmt: skip
CLOCK = [timedelta(minutes=minutes) for minutes in (0, 15, 45, 60, 90, 105, 119, 120, 135, 150, 179, 180, 1439)]
WALL = [datetime(day.year, day.month, day.day) + clock for day in DAYS for clock in CLOCK]

# text -> what each contract type reads; a type that is not named reads null
TEXTS: dict[str, dict[str, Any]] = {
    "3": {"num": 3.0, "money": Decimal(3), "int": 3},
    "3.0": {"num": 3.0, "money": Decimal(3), "int": 3, "id": "3"},
    "3.7": {"num": 3.7, "money": Decimal("3.7")},
    "-0.5": {"num": -0.5, "money": Decimal("-0.5")},
    " 42 ": {"num": 42.0, "money": Decimal(42), "int": 42},
    "1e3": {"num": 1000.0, "money": Decimal(1000), "int": 1000},
    "9007199254740993": {"num": 9007199254740992.0, "int": 9007199254740993},
    "99999999999999999999": {"num": 1e20},
    "1_000": {},
    "1,000": {},
    "0x1F": {},
    "1.5d": {},
    "1e999": {},
    "NaN": {},
    "inf": {},
    "-Infinity": {},
    "abc": {},
    "TRUE": {"bool": True},
    "t": {"bool": True},
    "1": {"num": 1.0, "money": Decimal(1), "int": 1, "bool": True},
    "False": {"bool": False},
    " F ": {"bool": False},
    "0": {"num": 0.0, "money": Decimal(0), "int": 0, "bool": False},
    "yes": {},
    "1.0": {"num": 1.0, "money": Decimal(1), "int": 1, "bool": True, "id": "1"},
    "0.0": {"num": 0.0, "money": Decimal(0), "int": 0, "bool": False, "id": "0"},
    "1.5": {"num": 1.5, "money": Decimal("1.5")},
    "0.0000004": {"num": 4e-7, "money": Decimal("0.0000004")},
    "4e-12": {"num": 4e-12, "money": Decimal("0.000000000004")},
    # ids: one spelling of whole numbers, everything else as it was written
    "1001": {"num": 1001.0, "money": Decimal(1001), "int": 1001},
    "1001.0": {"num": 1001.0, "money": Decimal(1001), "int": 1001, "id": "1001"},
    "1001.0000000000": {"num": 1001.0, "money": Decimal(1001), "int": 1001, "id": "1001"},
    "1001.50": {"num": 1001.5, "money": Decimal("1001.5")},
    "007": {"num": 7.0, "money": Decimal(7), "int": 7},
    "00123.0": {"num": 123.0, "money": Decimal(123), "int": 123, "id": "00123"},
    "1e5": {"num": 1e5, "money": Decimal(100000), "int": 100000},
    "1.0.0": {},
    "A.0": {},
    "10.0.0.1": {},
    "9223372036854775807.0": {"num": 9.223372036854776e18, "int": 9223372036854775807, "id": "9223372036854775807"},
    "1234567890123456789": {"num": 1.2345678901234568e18, "int": 1234567890123456789},
    "2024-05-06": {
        "ts": datetime(2024, 5, 6), "timestamp": datetime(2024, 5, 6), "date": date(2024, 5, 6),
    },
    "2024-05-06 07:08": {
        "ts": datetime(2024, 5, 6, 7, 8), "timestamp": datetime(2024, 5, 6, 7, 8), "date": date(2024, 5, 6),
    },
    "2024-05-06T07:08:09.123456Z": {
        "ts": datetime(2024, 5, 6, 7, 8, 9, 123456), "timestamp": datetime(2024, 5, 6, 7, 8, 9, 123456),
        "date": date(2024, 5, 6),
    },
    "2024-05-06T01:08:09+08:00": {
        "ts": datetime(2024, 5, 5, 17, 8, 9), "timestamp": datetime(2024, 5, 6, 1, 8, 9), "date": date(2024, 5, 6),
    },
    "2024-05-06 23:08:09-0330": {
        "ts": datetime(2024, 5, 7, 2, 38, 9), "timestamp": datetime(2024, 5, 6, 23, 8, 9), "date": date(2024, 5, 7),
    },
    "2024-05-06 07:08:09+02": {
        "ts": datetime(2024, 5, 6, 5, 8, 9), "timestamp": datetime(2024, 5, 6, 7, 8, 9), "date": date(2024, 5, 6),
    },
    "2024-05-06 07:08:09 UTC": {
        "ts": datetime(2024, 5, 6, 7, 8, 9), "timestamp": datetime(2024, 5, 6, 7, 8, 9), "date": date(2024, 5, 6),
    },
    "2024-05-06 07:08:09.1234567": {
        "ts": datetime(2024, 5, 6, 7, 8, 9, 123456), "timestamp": datetime(2024, 5, 6, 7, 8, 9, 123456),
        "date": date(2024, 5, 6),
    },
    "2025-13-45 99:00": {},
    "2024-02-30": {},
    "2024-05-06 24:00:00": {},
    "not a time": {},
    "商品 x": {},
    "": {},
    "   ": {},
}  # fmt: skip
# an instant in its spellings: 02:00 UTC, 10:00 on the clock of Shanghai
INSTANTS = [
    "2026-03-02 10:00:00+0800", "2026-03-02T10:00:00 +08:00", "2026-03-02T10:00+08:00", "2026-03-02 10:00 +08",
    "2026-03-02t10:00:00+08:00", "2026-03-02 10:00:00.000+08:00", "2026-03-02 10:00:00.0000000000+08:00",
    "2026-03-02 10:00:00,0+08:00", "2026/03/02 10:00:00+08:00", "2026-3-2 10:00:00+8", "2026-03-02 10:00:00 UTC+8",
    "2026-03-02 10:00:00 GMT+08:00", "2026-03-02T10:00:00+08:00[Asia/Shanghai]", "2026-03-02 10:00:00 Asia/Shanghai",
]  # fmt: skip
TEXTS |= {
    text: {"ts": datetime(2026, 3, 2, 2), "timestamp": datetime(2026, 3, 2, 10), "date": date(2026, 3, 2)}
    for text in INSTANTS
}
TEXTS |= {
    text: {"ts": datetime(2026, 3, 2, 2), "timestamp": datetime(2026, 3, 2, 2), "date": date(2026, 3, 2)}
    for text in ("2026-03-02T02:00Z", "2026-03-02t02:00:00z", "2026-03-02 02:00:00 utc", "2026-03-02 02:00 GMT")
}
# the day of an instant is that of the business clock (Shanghai), a wall clock and a plain date stand as written
TEXTS |= {
    "2026-03-01T16:00:00Z": {
        "ts": datetime(2026, 3, 1, 16), "timestamp": datetime(2026, 3, 1, 16), "date": date(2026, 3, 2),
    },
    "2026-03-01T15:59:59.9999999Z": {
        "ts": datetime(2026, 3, 1, 15, 59, 59, 999999), "timestamp": datetime(2026, 3, 1, 15, 59, 59, 999999),
        "date": date(2026, 3, 1),
    },
    "2026-03-02 00:30:00-09:30": {
        "ts": datetime(2026, 3, 2, 10), "timestamp": datetime(2026, 3, 2, 0, 30), "date": date(2026, 3, 2),
    },
    "2026-03-02 20:30:00-0959": {
        "ts": datetime(2026, 3, 3, 6, 29), "timestamp": datetime(2026, 3, 2, 20, 30), "date": date(2026, 3, 3),
    },
    "2026-03-01 23:00:00": {
        "ts": datetime(2026, 3, 1, 23), "timestamp": datetime(2026, 3, 1, 23), "date": date(2026, 3, 1),
    },
    "2026/3/1 23:00": {
        "ts": datetime(2026, 3, 1, 23), "timestamp": datetime(2026, 3, 1, 23), "date": date(2026, 3, 1),
    },
    # without one sure meaning
    "03/02/2026 10:00": {}, "02.03.2026": {}, "2026/03-02": {}, "2026-03-02 10:00 PM": {}, "2026-03-02 10:00:00 CST": {},
    "2026-03-02 10:00:00+0860": {}, "2026-03-02 10:00:00+19:00": {}, "2026-03-02 10:00:00 Nowhere/Town": {"timestamp": datetime(2026, 3, 2, 10)},
    "2026-03-02Z": {}, "2026-03-02 10": {},
    "1772416800": {"num": 1772416800.0, "money": Decimal(1772416800), "int": 1772416800},
}  # fmt: skip
# what shows nothing around a value is no part of it
BLANKS = [" ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u2028", "\u202a", " \t\u00a0"]
TEXTS |= {blank + core + blank: {**TEXTS[core], "text": core} for blank in BLANKS
          for core in ("1001.0", "t", "2026-03-02 10:00:00+0800", "3.7", "商品 x")}  # fmt: skip
TEXTS |= {blank: {} for blank in BLANKS}
# blanks within stay
TEXTS["a \u00a0 b"] = {}
INVISIBLE = "".join(BLANKS)
CONTRACT_TYPES = ["text", "id", "num", "money", "int", "bool", "ts", "timestamp", "date"]

# raw type -> (SQL of a value, contract type -> expected); types that are not named are not asked for
TYPED: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "double": [
        ("cast('NaN' as double)", {"num": None, "money": None, "int": None, "text": None, "missing": True}),
        ("cast('Infinity' as double)", {"num": None, "money": None, "int": None, "missing": False}),
        ("cast(7.0 as double)", {"num": 7.0, "money": Decimal(7), "int": 7, "text": "7", "bool": None, "ts": None}),
        ("cast(7.25 as double)", {"num": 7.25, "money": Decimal("7.25"), "int": None, "text": "7.25", "id": "7.25"}),
        ("cast(1001 as double)", {"id": "1001"}),
        ("cast(123456789.98765433 as double)", {"money": Decimal("123456789.98765433")}),
        ("cast(0.0000000004 as double)", {"money": Decimal("0.0000000004")}),
        ("cast(9007199254740992 as double)", {"id": "9007199254740992"}),
        ("cast(1 as double)", {"bool": True}),
        ("cast(null as double)", {"num": None, "int": None, "text": None, "missing": True}),
    ],
    "bigint": [
        ("cast(5 as bigint)", {"num": 5.0, "money": Decimal(5), "int": 5, "text": "5", "bool": None, "date": None}),
        ("cast(0 as bigint)", {"bool": False}),
    ],
    "decimal(18,4)": [
        ("cast('12.3400' as decimal(18,4))", {"num": 12.34, "money": Decimal("12.34"), "int": None}),
        ("cast('12.0000' as decimal(18,4))", {"int": 12, "num": 12.0, "id": "12"}),
        ("cast('1200.5000' as decimal(18,4))", {"id": "1200.5"}),
        ("cast('0' as decimal(18,4))", {"id": "0"}),
        ("cast('-100' as decimal(18,4))", {"id": "-100"}),
    ],
    "decimal(38,0)": [("cast('12345678901234567890123456789000' as decimal(38,0))", {"id": "12345678901234567890123456789000"})],
    "decimal(38,10)": [
        ("cast('1001.0000000000' as decimal(38,10))", {"id": "1001", "money": Decimal(1001)}),
        ("cast('1234567890123456789' as decimal(38,10))", {"id": "1234567890123456789"}),
        ("cast('0.0000000004' as decimal(38,10))", {"money": Decimal("0.0000000004")}),
    ],
    "boolean": [("true", {"bool": True, "int": 1, "num": 1.0, "text": "true"})],
    "date": [
        (
            "date '2024-05-06'",
            {"date": date(2024, 5, 6), "ts": datetime(2024, 5, 6), "timestamp": datetime(2024, 5, 6), "num": None},
        )
    ],
    "timestamp": [
        (
            "timestamp '2024-05-06 07:08:09.5'",
            {
                "ts": datetime(2024, 5, 6, 7, 8, 9, 500000), "timestamp": datetime(2024, 5, 6, 7, 8, 9, 500000),
                "date": date(2024, 5, 6), "text": "2024-05-06 07:08:09.5",
            },
        )
    ],
}  # fmt: skip

# pairs of texts that a plain join would confuse
PAIRS = [
    (a, b)
    for a in ("A", "A+B", "A|B", "A\\", "A\\+", "+", "~", "")
    for b in ("C", "B+C", "B|C", "\\+C", "+", "|", "~", "")
]

# quantity, price, product: exact to the last place, null beyond all reason
PRODUCTS = [
    (3000000, "0.0000004", Decimal("1.2")), (1, "1.2", Decimal("1.2")), (7, "0.000000000000000001", Decimal("7e-18")),
    (3, "-19.99", Decimal("-59.97")), (9000000000000000000, "99999999999.5", None),
]  # fmt: skip
# first and last day of a series, and what is left of it between 1971 and 2200
SPINES = [
    ("0001-01-01", "1971-01-03", (date(1971, 1, 1), date(1971, 1, 3), 3)),
    ("2199-12-30", "9999-12-31", (date(2199, 12, 30), date(2200, 1, 1), 3)),
    ("2026-02-27", "2026-03-01", (date(2026, 2, 27), date(2026, 3, 1), 3)),
    ("2026-03-02", "2026-03-01", None),
]

GRAINS = ["quarter_hour", "hour", "day", "week", "month", "quarter", "cohort_week", "cohort_month", "shift"]

# key, number, text, flag, order
FACTS: list[tuple[str, float | None, str | None, bool | None, int | None]] = [
    ("a", 10.0, "x", True, 3), ("a", 20.0, None, None, 1), ("a", 40.0, "z", False, 2), ("a", None, "y", True, None),
    ("b", 5.5, "only", False, 7), ("b", 6.5, None, False, 9),
    ("c", None, None, None, 1),
]  # fmt: skip


def sql_value(value: Any) -> str:
    """A Python value as a typed SQL literal that both engines read."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"timestamp '{value:%Y-%m-%d %H:%M:%S.%f}'"
    if isinstance(value, date):
        return f"date '{value}'"
    if isinstance(value, float):
        return f"cast({value} as double)"
    if isinstance(value, int):
        return str(value)
    return f"'{value}'"


def values(rows: list[tuple], columns: list[str]) -> str:
    """Rows as a relation."""
    lines = ", ".join("(" + ", ".join(map(sql_value, row)) + ")" for row in rows)
    return f"(select * from (values {lines}) as v({', '.join(columns)})) as t"


def models() -> dict[str, str]:
    """The models of the small project by name. The first column is the key of the row."""
    texts = list(TEXTS)
    parsed = ", ".join(f"{{{{ parse_value('x', '{kind}', 'varchar') }}}} as p_{kind}" for kind in CONTRACT_TYPES)
    refused = ", ".join(f"{{{{ is_unparseable('x', '{kind}', 'varchar') }}}} as u_{kind}" for kind in CONTRACT_TYPES)
    typed = []
    for number, (raw, cases) in enumerate(TYPED.items()):
        for place, (value, expected) in enumerate(cases):
            for kind in expected:
                if kind == "missing":
                    got = f"{{{{ raw_is_missing('x', '{raw}') }}}}"
                else:
                    got = f"{{{{ parse_value('x', '{kind}', '{raw}') }}}}"
                typed.append(
                    f"select '{number}.{place}.{kind}' as k, cast({got} as {{{{ type_text() }}}}) as v "
                    f"from (select {value} as x) as t"
                )
    walls = [(f"{zone} {wall}", wall, zone) for zone in ZONES for wall in WALL]
    periods = [(f"{grain} {wall}", wall, grain) for grain in GRAINS for wall in WALL]
    starts = ", ".join(
        f"{{{{ start_of('{grain}', 'w') }}}} as s_{grain}, {{{{ end_of('{grain}', start_of('{grain}', 'w')) }}}} as e_{grain}"
        for grain in GRAINS[:6]
    )
    return {
        "parsed_text": f"select n as k, {parsed}, {refused} from "
        + values(list(enumerate(texts)), ["n", "x"]),
        "parsed_typed": " union all ".join(typed),
        "joins": "select k, {{ slice_member(['a', 'b']) }} as member, {{ joined_parts(['a', 'b'], '|') }} as key, "
        "{{ hash_key(['a', 'b']) }} as hash, {{ slice_member(['a']) }} as single, {{ joined_parts(['a'], '|') }} as one from "
        + "("
        + " union all ".join(  # the engines escape a backslash differently
            f"select {n} as k, {{{{ text_literal({json.dumps(a)}) }}}} as a, {{{{ text_literal({json.dumps(b)}) }}}} as b"
            for n, (a, b) in enumerate(PAIRS)
        )
        + ") as t",
        "products": "select k, {{ as_text(times_money('q', 'cast(p as ' ~ type_money() ~ ')')) }} as v from "
        + values([(n, q, p) for n, (q, p, _) in enumerate(PRODUCTS)], ["k", "q", "p"]),
        "bounded": "select k, min(d) as first, max(d) as last, count(*) as days from ("
        "select k, {{ explode_dates('cast(a as date)', 'cast(b as date)') }} as d from "
        + values([(n, a, b) for n, (a, b, _) in enumerate(SPINES)], ["k", "a", "b"]) + ") as s group by k",
        "zones": "select k, {{ to_utc('w', 'z') }} as utc, {{ to_local('w', 'z') }} as local from "
        + values(walls, ["k", "w", "z"]),
        "zone_literal": """select k, {{ to_utc('w', "'Europe/Berlin'") }} as utc, {{ to_local('w', "'UTC'") }} as same from """
        + values([(str(wall), wall) for wall in WALL], ["k", "w"]),
        "periods": "select k, {{ period_start('g', 'w') }} as s, {{ period_end('g', period_start('g', 'w')) }} as e from "
        + values(periods, ["k", "w", "g"]),
        "starts": f"select k, {starts} from " + values([(str(wall), wall) for wall in WALL], ["k", "w"]),
        "arithmetic": """
            select k,
                {{ seconds_between('a', 'b') }} as seconds, {{ minutes_between('a', 'b') }} as minutes,
                {{ add_seconds('a', 'n + 0.25') }} as plus_seconds, {{ add_days('a', 'n', 'ts') }} as plus_days_ts,
                {{ date_of('a') }} as d, {{ add_days(date_of('a'), 'n') }} as plus_days,
                {{ add_months(date_of('a'), 'n') }} as plus_months,
                {{ days_between_dates(date_of('a'), date_of('b')) }} as days,
                {{ months_between_dates('a', 'b') }} as months,
                {{ month_start('a') }} as month_start, {{ month_end('a') }} as month_end,
                {{ day_of_week('a') }} as weekday, {{ epoch_micros('a') }} as micros,
                {{ ts_from_micros(epoch_micros('a')) }} as again
            from """
        + values([(i, wall, wall + timedelta(days=7 * i, microseconds=250001 * i), i - 60) for i, wall in enumerate(WALL)],
                 ["k", "a", "b", "n"]),
        "now": "select 1 as k, {{ now_utc() }} as n, {{ ts_literal('2024-05-06 07:08:09') }} as t, {{ date_literal('2024-05-06') }} as d",
        "aggregates": """
            select g as k,
                {{ percentile_cont('x', 0.95) }} as p95, {{ percentile_cont('x', 0.5, 'x > 10') }} as median_above,
                {{ arg_max('s', 'o') }} as last_s, {{ arg_min('s', ['o', 'g']) }} as first_s,
                {{ arg_max('s', 'o', 's is not null') }} as last_known,
                {{ any_true('f') }} as any_f, {{ all_true('f') }} as all_f, {{ count_where('f') }} as n_f,
                {{ string_agg('s', ' > ', 'o desc nulls last') }} as joined,
                {{ string_agg('o', ',', 'o', 'o > 1') }} as orders
            from """
        + values(FACTS, ["g", "x", "s", "f", "o"]) + " group by g",
        "windows": """
            select concat(g, coalesce(cast(o as {{ type_text() }}), '-')) as k,
                {{ last_value_ignore_nulls('s') }} over (partition by g order by o nulls last rows between unbounded preceding and current row) as filled,
                {{ first_value_ignore_nulls('s') }} over (partition by g order by o nulls last rows between unbounded preceding and unbounded following) as opening
            from """
        + values(FACTS, ["g", "x", "s", "f", "o"]),
        "series": """
            with t as (select * from (values (1, 3, 'a>b>c'), (5, 4, ''), (7, 7, '.>+'), (8, null, null)) as v(a, b, s))
            select concat('lateral ', t.a, ' ', s.n) as k from t cross join lateral {{ int_series('t.a', 't.b') }} as s
            union all select concat('kept ', t.a, ' ', coalesce(cast(s.n as {{ type_text() }}), '-')) from t left join lateral {{ int_series('t.a', 't.b') }} as s on true
            union all select concat('alone ', s.m) from {{ int_series(-1, 1, 'm') }} as s
            union all select concat('explode ', a, ' ', n) from (select a, {{ explode_ints('a', 'b') }} as n from t) as e
            union all select concat('split ', t.a, ' ', s.position, ' ', s.part) from t cross join lateral {{ split_rows('t.s', '>') }} as s
            union all select concat('word ', s.i, ' ', s.word) from {{ split_rows("'x.y|z'", '.', 'word', 'i') }} as s
            union all select concat('date ', t.a, ' ', cast(s.d as {{ type_text() }})) from t cross join lateral {{ date_series("date '2024-02-28'", add_days("date '2024-02-28'", 't.b - t.a'), 'd') }} as s
            union all select concat('day ', cast(d as {{ type_text() }})) from (select {{ explode_dates("date '2024-12-31'", "date '2025-01-01'") }} as d) as e
            union all select concat('ts ', cast(s.ts as {{ type_text() }})) from {{ ts_series("timestamp '2024-01-01 23:30:00'", "timestamp '2024-01-02 00:15:00'", 900) }} as s
            union all select concat('hour ', cast(h as {{ type_text() }})) from (select {{ explode_ts("timestamp '2024-01-01 23:30:00'", "timestamp '2024-01-02 00:15:00'", 3600) }} as h) as e
        """,
        "scalars": """
            select k,
                {{ safe_divide('a', 'b') }} as ratio, {{ safe_ln('a') }} as log, {{ bool_to_int('a > b') }} as above,
                {{ greatest_of(['a', 'b']) }} as high, {{ least_of(['a', 'b']) }} as low,
                {{ is_distinct('a', 'b') }} as differ, {{ is_same('a', 'b') }} as same,
                {{ hash_key(['k', 'a', 's', "date '2024-05-06'"]) }} as hashed,
                {{ json_object({'a': 'a', "it's": 's', 'none': 'null', 'flag': 'a > b'}) }} as js,
                {{ row_to_json(['k', 'a', 's'], 't') }} as row_js,
                {{ json_field(json_object({'x': 's'}), 'x') }} as field,
                {{ regexp_match('s', '^[a-z]+[.]$') }} as matched,
                {{ regexp_replace_all('s', '[aeiou]', '_') }} as replaced,
                {{ contains_ignore_case('s', "'AN'") }} as has_an,
                s = {{ text_literal("it's a \\ back") }} as literal, {{ is_finite('ln(a + 1)') }} as finite,
                {{ typed_null('money') }} as nothing
            from (select k, a, b, case when k = 4 then {{ text_literal("it's a \\ back") }} else s end as s from """
        + values(SCALARS, ["k", "a", "b", "s"]) + ") as t",
    }  # fmt: skip


SCALARS: list[tuple[int, int | None, int | None, str | None]] = [
    (1, 6, 4, "banana."), (2, 5, 0, "中文"), (3, None, 2, None), (4, 0, None, "?"), (5, None, None, ""), (6, 3, 3, "q|~"),
]  # fmt: skip

# --- running dbt ------------------------------------------------------------------------------------------------------


def spark_python() -> Path:
    """The interpreter of the Spark environment, or a skip where there is none."""
    python = Path(os.environ.get("KPI_SPARK_PYTHON", ROOT / ".venv-spark" / "bin" / "python"))
    if not python.exists():
        pytest.skip("no Spark environment (.venv-spark from requirements-spark.in, or KPI_SPARK_PYTHON)")
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("no Java for Spark")
    return python


@pytest.fixture(scope="module", params=["duckdb", pytest.param("spark", marks=pytest.mark.long)])
def table(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Rows]]:
    """Rows of a model of the small project by their first column, as one engine built them."""
    engine = request.param
    python = Path(sys.executable) if engine == "duckdb" else spark_python()
    work = tmp_path_factory.mktemp(f"dialect_{engine}")
    (work / "models").mkdir()
    for name, sql in models().items():
        (work / "models" / f"{name}.sql").write_text(sql, encoding="utf-8")
    (work / "dbt_project.yml").write_text(
        "name: kpi_warehouse\nprofile: dialect\nflags: {send_anonymous_usage_stats: false}\n"
        f"macro-paths: ['{ROOT / 'macros' / 'dialect'}']\nmodels: {{+materialized: table}}\n"
        "vars: {business_timezone: Asia/Shanghai}\n",
        encoding="utf-8",
    )
    (work / "profiles.yml").write_text(
        f"dialect:\n  target: duckdb\n  outputs:\n"
        f"    duckdb: {{type: duckdb, path: '{work / 'file.duckdb'}', schema: dialect}}\n"
        f"    spark: {{type: spark, method: session, host: localhost, schema: dialect}}\n",
        encoding="utf-8",
    )
    run = ["run", "--project-dir", str(work), "--profiles-dir", str(work)]
    if engine == "duckdb":
        command = [str(python), "-m", "dbt.cli.main", *run]
    else:
        command = [str(python), "-m", "kpi_warehouse.spark", "--root", str(work / "spark")]
        command += ["--export", str(work / "out"), "--schemas", "dialect", "--", *run]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]

    with duckdb.connect(str(work / "file.duckdb")) as db:
        db.execute("set TimeZone = 'UTC'")

        def rows(name: str) -> Rows:
            source = f"dialect.{name}" if engine == "duckdb" else f"read_parquet('{work}/out/dialect/{name}/*.parquet')"
            found = db.execute(f"select * from {source}").fetchall()
            plain = [tuple(v.replace(tzinfo=None) if isinstance(v, datetime) else v for v in row) for row in found]
            assert len({row[0] for row in plain}) == len(plain), f"keys of {name} repeat"
            return {row[0]: row[1:] for row in plain}

        yield rows


# --- tests ------------------------------------------------------------------------------------------------------------


def test_texts_are_read_by_the_contract(table: Callable[[str], Rows]) -> None:
    got = table("parsed_text")
    wrong: list[tuple] = []
    for number, (text, expected) in enumerate(TEXTS.items()):
        bare = text.strip(INVISIBLE)
        expected = {**({"text": bare, "id": bare} if bare else {}), **expected}
        wanted = tuple(expected.get(kind) for kind in CONTRACT_TYPES)
        wrong += [(text, got[number][: len(wanted)], wanted)] if got[number][: len(wanted)] != wanted else []
        refused = tuple(bool(bare) and value is None for value in wanted)
        wrong += [(text, got[number][len(wanted) :], refused)] if got[number][len(wanted) :] != refused else []
    assert wrong == []


def test_typed_columns_are_read_by_the_contract(table: Callable[[str], Rows]) -> None:
    got = table("parsed_typed")
    readers: dict[str, Callable[[str], Any]] = {
        "num": float, "money": Decimal, "int": int, "ts": datetime.fromisoformat, "timestamp": datetime.fromisoformat,
        "date": date.fromisoformat, "text": str, "id": str, "bool": lambda v: v == "true", "missing": lambda v: v == "true",
    }  # fmt: skip
    for number, (raw, cases) in enumerate(TYPED.items()):
        for place, (value, expected) in enumerate(cases):
            for kind, wanted in expected.items():
                (text,) = got[f"{number}.{place}.{kind}"]
                assert (None if text is None else readers[kind](text)) == wanted, (raw, value, kind)


def test_joined_texts_stay_apart(table: Callable[[str], Rows]) -> None:
    got = table("joins")
    assert len(got) == len(PAIRS)
    for column in range(3):
        assert len({row[column] for row in got.values()}) == len(PAIRS)
    for number, (a, b) in enumerate(PAIRS):
        assert got[number][3:] == (a, a)
        if not {"+", "\\", "|", "~"} & {*a, *b}:
            assert got[number][:2] == (f"{a}+{b}", f"{a}|{b}")


def test_products_of_money_are_exact(table: Callable[[str], Rows]) -> None:
    got = table("products")
    for number, (_, _, wanted) in enumerate(PRODUCTS):
        (text,) = got[number]
        assert (None if text is None else Decimal(text)) == wanted


def test_series_of_days_are_bounded(table: Callable[[str], Rows]) -> None:
    got = table("bounded")
    assert {n: got.get(n) for n in range(len(SPINES))} == {n: wanted for n, (_, _, wanted) in enumerate(SPINES)}


def in_utc(wall: datetime, zone: str) -> datetime:
    """fold=0 is the first of two, and the offset before the jump in a gap."""
    return wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC).replace(tzinfo=None)


def test_zones(table: Callable[[str], Rows]) -> None:
    got = table("zones")
    for zone in ZONES:
        for wall in WALL:
            local = wall.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            assert got[f"{zone} {wall}"] == (in_utc(wall, zone), local), (zone, wall)


def test_zone_literals(table: Callable[[str], Rows]) -> None:
    got = table("zone_literal")
    for wall in WALL:
        assert got[str(wall)] == (in_utc(wall, "Europe/Berlin"), wall)


def period(grain: str, at: datetime) -> tuple[datetime | None, datetime | None]:
    """Start and end of the period that holds a time."""
    day = datetime(at.year, at.month, at.day)
    if grain == "quarter_hour":
        start = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
        return start, start + timedelta(minutes=15)
    if grain == "hour":
        start = at.replace(minute=0, second=0, microsecond=0)
        return start, start + timedelta(hours=1)
    if grain == "day":
        return day, day + timedelta(days=1)
    if grain in ("week", "cohort_week"):
        start = day - timedelta(days=at.weekday())
        return start, start + timedelta(days=7)
    if grain in ("month", "cohort_month"):
        start = day.replace(day=1)
        return start, start + timedelta(days=calendar.monthrange(at.year, at.month)[1])
    if grain == "quarter":
        month = (at.month - 1) // 3 * 3 + 1
        return datetime(at.year, month, 1), datetime(at.year + (month == 10), (month + 2) % 12 + 1, 1)
    return None, None


def test_periods_by_a_column(table: Callable[[str], Rows]) -> None:
    got = table("periods")
    for grain in GRAINS:
        for wall in WALL:
            assert got[f"{grain} {wall}"] == period(grain, wall), (grain, wall)


def test_periods_by_a_literal(table: Callable[[str], Rows]) -> None:
    got = table("starts")
    for wall in WALL:
        wanted = tuple(moment for grain in GRAINS[:6] for moment in period(grain, wall))
        assert got[str(wall)] == wanted, wall


def months_later(day: date, n: int) -> date:
    month = day.year * 12 + day.month - 1 + n
    length = calendar.monthrange(month // 12, month % 12 + 1)[1]
    return date(month // 12, month % 12 + 1, min(day.day, length))


def test_arithmetic_of_times(table: Callable[[str], Rows]) -> None:
    got = table("arithmetic")
    for i, a in enumerate(WALL):
        b, n, day = a + timedelta(days=7 * i, microseconds=250001 * i), i - 60, a.date()
        seconds, *rest = got[i]
        assert seconds == pytest.approx((b - a).total_seconds(), abs=1e-6)
        minutes, *rest = rest
        assert minutes == pytest.approx((b - a).total_seconds() / 60, abs=1e-7)
        month_end = date(day.year, day.month, calendar.monthrange(day.year, day.month)[1])
        assert rest == [
            a + timedelta(seconds=n + 0.25), a + timedelta(days=n), day, day + timedelta(days=n),
            months_later(day, n), (b.date() - day).days, (b.year - a.year) * 12 + b.month - a.month,
            day.replace(day=1), month_end, day.isoweekday(), (a - datetime(1970, 1, 1)) // timedelta(microseconds=1), a,
        ], a  # fmt: skip


def test_now_is_utc(table: Callable[[str], Rows]) -> None:
    now, literal, day = table("now")[1]
    assert abs(datetime.now(UTC).replace(tzinfo=None) - now) < timedelta(minutes=30)
    assert (literal, day) == (datetime(2024, 5, 6, 7, 8, 9), date(2024, 5, 6))


def test_aggregates(table: Callable[[str], Rows]) -> None:
    got = table("aggregates")
    assert got["a"] == (pytest.approx(38.0), 30.0, "x", None, "x", True, False, 2, "x > z > y", "2,3")
    assert got["b"] == (pytest.approx(6.45), None, None, "only", "only", False, False, 0, "only", "7,9")
    assert got["c"] == (None, None, None, None, None, None, None, 0, None, None)


def test_windows_that_skip_nulls(table: Callable[[str], Rows]) -> None:
    assert table("windows") == {
        "a1": (None, "z"), "a2": ("z", "z"), "a3": ("x", "z"), "a-": ("y", "z"),
        "b7": ("only", "only"), "b9": ("only", "only"), "c1": (None, None),
    }  # fmt: skip


def test_row_generators(table: Callable[[str], Rows]) -> None:
    inside = [(1, 1), (1, 2), (1, 3), (7, 7)]
    wanted = [f"lateral {a} {n}" for a, n in inside] + [f"explode {a} {n}" for a, n in inside]
    wanted += [f"kept {a} {n}" for a, n in inside] + ["kept 5 -", "kept 8 -", "alone -1", "alone 0", "alone 1"]
    wanted += ["split 1 1 a", "split 1 2 b", "split 1 3 c", "split 5 1 ", "split 7 1 .", "split 7 2 +"]
    wanted += ["word 1 x", "word 2 y|z", "day 2024-12-31", "day 2025-01-01"]
    wanted += ["date 1 2024-02-28", "date 1 2024-02-29", "date 1 2024-03-01", "date 7 2024-02-28"]
    wanted += [
        f"ts {t}" for t in ("2024-01-01 23:30:00", "2024-01-01 23:45:00", "2024-01-02 00:00:00", "2024-01-02 00:15:00")
    ]
    wanted += ["hour 2024-01-01 23:30:00"]
    assert sorted(table("series")) == sorted(wanted)


def test_scalars(table: Callable[[str], Rows]) -> None:
    got = table("scalars")
    for k, a, b, s in SCALARS:
        s = "it's a \\ back" if k == 4 else s
        both = [v for v in (a, b) if v is not None]
        above = None if a is None or b is None else a > b
        ratio, log, *rest = got[k]
        assert ratio == (pytest.approx(a / b) if a is not None and b else None), k
        assert log == (pytest.approx(math.log(a)) if a else None), k
        escaped = [re.sub(r"([\\|~])", r"\\\1", str(v)) if v is not None else "~" for v in (k, a, s)]
        hashed = "|".join([*escaped, "2024-05-06"])
        assert rest[:6] == [
            None if above is None else int(above), max(both, default=None), min(both, default=None),
            a != b, a == b, hashlib.md5(hashed.encode()).hexdigest(),
        ], k  # fmt: skip
        assert json.loads(rest[6]) == {"a": a, "it's": s, "none": None, "flag": above}, k
        assert json.loads(rest[7]) == {"k": str(k), "a": None if a is None else str(a), "s": s}, k
        assert rest[8:] == [
            s,
            None if s is None else s == "banana.",
            None if s is None else "".join("_" if letter in "aeiou" else letter for letter in s),
            None if s is None else "an" in s,
            None if s is None else k == 4,
            None if a is None else True,
            None,
        ], k


REGISTER = """
import json, sys
from pathlib import Path
from kpi_warehouse.spark.register import read_tables, register_raw
from kpi_warehouse.spark.session import spark_session
work = Path(sys.argv[1])
with spark_session(work / "spark") as session:
    rows = register_raw(session, work / "raw", work / "stage")
    types = {name: dict(session.table(name).dtypes) for name in rows}
    frames = {name: frame.astype(object).where(frame.notna(), None) for name, frame in read_tables(session, "raw_credit").items()}
    values = {name: frame.to_dict("records") for name, frame in frames.items()}
(work / "found.json").write_text(json.dumps([rows, types, values], default=str))
"""


@pytest.mark.long
def test_landed_files_become_spark_tables(tmp_path: Path) -> None:
    python = spark_python()
    for table, files in {
        "scores": {
            "a.csv": "\ufeffapplication_id,score\n001,7.5\n002,\n",
            "B.CSV": 'APPLICATION_ID,note\n003,"a, ""b"" 中文"\n#4,no comment\nwide,12,50\n',
            "left.json": "{}",
        },
        "repayments": {"a.csv": "account_id\n"},
        "instalments": {"a.csv": "\ufeff"},
        "fraud_flags": {},
    }.items():
        folder = tmp_path / "raw" / "credit" / table
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    duckdb.sql(f"copy (select 5.0 as application_id, 0.25 as score) to '{tmp_path}/raw/credit/scores/c.parquet'")
    duckdb.sql(f"copy (select 6e0 as application_id, 0.25e0 as score) to '{tmp_path}/raw/credit/scores/d.parquet'")
    accounts = tmp_path / "raw" / "credit" / "accounts"
    accounts.mkdir()
    duckdb.sql(
        f"""copy (select 1 as id, timestamp_ns '2024-05-06 07:08:09' as at_ns,
            timestamptz '2024-05-06 07:08:09+02' as at_tz, time '07:08:09' as clock) to '{accounts / "a.parquet"}'"""
    )
    duckdb.sql(f"copy (select 2 as id, timestamp '2024-05-06 07:08:09.5' as at_ns) to '{accounts / 'b.parquet'}'")
    done = subprocess.run(
        [str(python), "-c", REGISTER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    rows, types, values = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert rows == {"raw_credit.accounts": 2, "raw_credit.repayments": 0, "raw_credit.scores": 7}
    assert (
        types["raw_credit.scores"].items() >= {"application_id": "string", "score": "string", "note": "string"}.items()
    )
    assert types["raw_credit.accounts"]["at_ns"] == "string"  # nanoseconds beside microseconds: exact text
    by_id = {row["application_id"]: row for row in values["scores"]}
    assert by_id["001"] == {**dict.fromkeys(types["raw_credit.scores"]), "application_id": "001", "score": "7.5"}
    assert (by_id[None]["_landed_fault"], by_id[None]["_landed_line"]) == ("too_many_values", 4)
    assert by_id["002"]["score"] is None
    assert by_id["003"]["note"] == 'a, "b" 中文'
    assert by_id["#4"]["note"] == "no comment"
    assert by_id["6"]["score"] == "0.25" and "5" in by_id
    first, second = sorted(values["accounts"], key=lambda row: row["id"])
    assert (first["at_ns"], first["at_tz"], first["clock"]) == (
        "2024-05-06 07:08:09", "2024-05-06 05:08:09", "07:08:09",
    )  # fmt: skip
    assert (second["at_ns"], second["at_tz"]) == ("2024-05-06 07:08:09.5", None)
