"""What a landed value means: the same in every file type, on the clock it belongs to, and never a sentinel."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from .support.lander import Lander

UTC = dt.UTC
BIG = 2**53


def _instants(*texts: str) -> list[dt.datetime]:
    return [dt.datetime.fromisoformat(text).replace(tzinfo=UTC) for text in texts]


@pytest.fixture(scope="module")
def values(lander: Lander) -> Lander:
    """Ids in every storage type, instants in date columns, whatever surrounds them."""
    lander.clear()
    put = lander.write
    decimals = pa.array([Decimal(1001), Decimal(1234567890123456789), None], pa.decimal128(38, 10))
    account = {"customer_id": pa.array([7.0, 8.0, float(BIG)]), "principal": ["100", "100", "100"]}
    account |= {name: ["own_app", "own_app", "own_app"] for name in ("channel",)}
    account |= {"customer_type": ["new"] * 3, "product_line": ["p"] * 3, "booked_at": ["2026-01-01"] * 3}
    decimals = pa.array([Decimal(1001), Decimal(1234567890123456789), Decimal("1002.5")], pa.decimal128(38, 10))
    put("credit", "accounts", "a.parquet", pa.table({"account_id": decimals, **account}))
    instalments = {"account_id": [1001, 1234567890123456789], "instalment_no": [1, 1], "due_amount": [1.5, 1.5]}
    # 17:00 UTC is the next day in Shanghai
    due = pa.array(_instants("2026-01-31 17:00:00", "2026-01-31 15:59:59"), pa.timestamp("us", "UTC"))
    put("credit", "instalments", "i.parquet", pa.table({**instalments, "due_date": due}))
    put(
        "credit",
        "instalments",
        "j.csv",
        "account_id,instalment_no,due_date,due_amount\n"
        "1001.0,2,2026-01-31T17:00:00Z,1.5\n\u3000 1001\u00a0,3,2026-01-31 17:00:00,1.5\n1001\t,4,2026-02-01,1.5\n",
    )
    put(
        "credit",
        "repayments",
        "r.csv",
        "repayment_id,account_id,posted_at,amount\n1,1001.0000000000,2026-02-01,1\n2,01001,2026-02-01,-1\n3,null,2026-02-01,1\n",
    )
    shift = {"shift_name": "day", "starts_at": "2026-03-02 08:00", "ends_at": "2026-03-02 16:00"}
    put(
        "manufacturing",
        "shift_calendar",
        "s.parquet",
        [
            {**shift, "line_id": "1", "production_date": "2026-03-02T04:00:00Z", "time_zone": "eastern standard time"},
            {**shift, "line_id": "2", "production_date": "2026-03-02T04:00:00Z", "time_zone": "EUROPE/BERLIN"},
            {**shift, "line_id": "3", "production_date": "2026-03-02", "time_zone": "Berlin"},
        ],
    )
    put(
        "manufacturing",
        "machines",
        "m.parquet",
        pa.table({"machine_id": [11, 12], "station_id": [1.0, 2.0], "line_id": ["1.0", "2"]}),
    )
    cycles = [("11.0", "2026-03-02T04:00:00Z"), ("12", "2026-03-02T04:00:00Z"), ("99", "2026-03-01T17:00:00Z")]
    put(
        "manufacturing",
        "ideal_cycle_times",
        "c.csv",
        "product_family,machine_id,seconds_per_piece,valid_from,valid_to\n"
        + "".join(f"f,{machine},1,{start},\n" for machine, start in cycles)
        + "g,11,1,2026-03-02,9999-12-31\n",
    )
    put(
        "ecommerce",
        "order_items",
        "o.parquet",
        pa.table(
            {
                "order_id": ["o", "o", "o"],
                "line_no": [1, 2, 3],
                "sku_id": [None, "undefined", "s"],
                "quantity": [1, 1, 3000000],
                "unit_price": [1.0, 1.0, 0.0000004],
            }
        ),
    )
    selection = [f"path:models/staging/{domain}" for domain in ("credit", "manufacturing", "ecommerce")]
    lander.models("stg_dictionary__dq_checks", *selection)
    return lander


def test_an_id_is_the_same_in_every_storage_type(values: Lander) -> None:
    accounts = values.rows("select account_id, customer_id from staging.stg_credit__accounts order by 1")
    assert accounts == [("1001", "7"), ("1002.5", str(BIG)), ("1234567890123456789", "8")]
    assert {a for (a,) in values.rows("select distinct account_id from staging.stg_credit__instalments")} == {
        "1001",
        "1234567890123456789",
    }
    assert values.rows("select repayment_id, account_id from staging.stg_credit__repayments order by 1") == [
        ("1", "1001"),
        ("2", "01001"),
    ]
    assert values.rows(
        "select machine_id, station_id, line_id from staging.stg_manufacturing__machines order by 1"
    ) == [
        ("11", "1", "1"),
        ("12", "2", "2"),
    ]


def test_what_stands_for_nobody_is_refused_where_required_and_named(values: Lander) -> None:
    assert values.rows(
        "select table_name, row_key, reason, column_name from staging.stg_credit__quarantine order by 1, 2"
    ) == [("repayments", "3", "word_for_nothing", "account_id")]
    assert values.rows("select row_key, reason from staging.stg_ecommerce__quarantine order by 1") == [
        ("o|1", "missing_required"),
        ("o|2", "word_for_nothing"),
    ]


def test_lost_digits_are_told_and_kept(values: Lander) -> None:
    assert values.rows(
        "select table_name, column_name, affected_rows from staging.stg_credit__irregularities where kind = 'lost_digits'"
    ) == [("accounts", "customer_id", 1)]


def test_the_day_of_an_instant_is_that_of_its_clock(values: Lander) -> None:
    assert values.rows(
        "select instalment_no, account_id, due_date from staging.stg_credit__instalments order by 1, 2"
    ) == [
        (1, "1001", dt.date(2026, 2, 1)),
        (1, "1234567890123456789", dt.date(2026, 1, 31)),
        (2, "1001", dt.date(2026, 2, 1)),
        (3, "1001", dt.date(2026, 1, 31)),  # no offset: a wall clock
        (4, "1001", dt.date(2026, 2, 1)),
    ]
    # 04:00 UTC is 23:00 of the day before in New York, 05:00 in Berlin
    assert values.rows("select line_id, production_date, time_zone from staging.stg_manufacturing__shift_calendar") == [
        ("1", dt.date(2026, 3, 1), "America/New_York"),
        ("2", dt.date(2026, 3, 2), "Europe/Berlin"),
    ]
    assert values.rows(
        "select machine_id, valid_from, valid_to from staging.stg_manufacturing__ideal_cycle_times order by 1, 2"
    ) == [
        ("11", dt.date(2026, 3, 1), None),
        ("11", dt.date(2026, 3, 2), None),
        ("12", dt.date(2026, 3, 2), None),
        ("99", dt.date(2026, 3, 2), None),  # a machine of no line: the business clock
    ]


def test_time_zones_and_open_ends_are_told(values: Lander) -> None:
    assert values.rows("select row_key, reason, column_name from staging.stg_manufacturing__quarantine") == [
        ("3|2026-03-02|day", "unknown_time_zone", "time_zone")
    ]
    assert values.rows(
        "select table_name, column_name, kind, affected_rows from staging.stg_manufacturing__irregularities"
    ) == [("ideal_cycle_times", "valid_to", "implausible_time", 1)]


def test_prices_keep_their_places(values: Lander) -> None:
    assert values.rows("select unit_price from staging.stg_ecommerce__order_items") == [(Decimal("0.0000004"),)]


def _accounts(closed_at: str | None) -> list[dict[str, str | None]]:
    account = {"customer_id": "c", "principal": "1", "channel": "partner", "customer_type": "new", "product_line": "p"}
    rows: list[dict[str, str | None]] = [
        {**account, "account_id": f"a{n}", "booked_at": f"2026-01-{n:02d}", "closed_at": None} for n in range(1, 29)
    ]
    rows[6]["closed_at"] = closed_at
    return rows


def test_a_mistyped_year_stops_the_horizon_by_name(lander: Lander, values: Lander) -> None:
    lander.clear()
    lander.write("credit", "accounts", "a.parquet", _accounts("2062-03-01 12:00:00"))
    selection = ("path:models/staging/credit", "stg_dictionary__parameters", "stg_dictionary__dq_checks")
    lander.models(*selection)
    said = r"credit\.accounts\.closed_at of row a7 is 2062-03-01 12:00:00 UTC, 1 time\(s\) lie after .*--as-of"
    with pytest.raises(RuntimeError, match=rf"int_credit__as_of: (?s:.*){said}"):
        lander.models("int_credit__as_of")
    lander.models("int_credit__as_of", variables={"as_of": "2026-03-01 00:00:00"})
    assert lander.rows("select as_of_utc from intermediate.int_credit__as_of") == [(dt.datetime(2026, 3, 1),)]


def test_an_open_end_is_no_horizon(lander: Lander, values: Lander) -> None:
    lander.clear()
    lander.write("credit", "accounts", "a.parquet", _accounts("9999-12-31"))
    lander.models("path:models/staging/credit", "stg_dictionary__parameters", "stg_dictionary__dq_checks")
    lander.models("int_credit__as_of")
    assert lander.rows("select as_of_utc from intermediate.int_credit__as_of") == [(dt.datetime(2026, 1, 28),)]
    assert lander.rows("select column_name, kind, affected_rows from staging.stg_credit__irregularities") == [
        ("closed_at", "implausible_time", 1)
    ]
