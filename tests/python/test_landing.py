"""The landing: what becomes of every raw row, for every table of the contract.

The tables, keys and required columns are those of the generator's own list, and the enumerations, spans and times
are written out here: neither is taken from the declarations that the landing reads.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kpi_warehouse.demo.contract import DOMAINS, TABLES

from .support.lander import Lander

AS_OF = dt.datetime(2026, 6, 1)
BASE = dt.datetime(2026, 4, 1, 8)
SECOND = dt.timedelta(seconds=1)

#: Tables that the demonstration does not land, as name -> column:type words (`*` key, `!` required).
SEEDED = {
    ("ecommerce", "bot_user_agents"): "pattern:text*!",
    ("manufacturing", "downtime_reasons"): "reason_code:text*! level1:text! level2:text level3:text",
    ("manufacturing", "defect_codes"): "defect_code:text*! category:text!",
    ("credit", "node_slas"): "node:text*! sla_ms:num! valid_from:date*! valid_to:date",
}
ID_TYPES = "user phone device cookie fingerprint"
NODES = "kyc anti_fraud bureau scoring rules manual_review final_approval"
LEVEL1 = (
    "equipment_failure changeover material_shortage quality_hold waiting_for_operator energy_supply safety external"
)
ENUMERATIONS = {
    ("ecommerce", "events"): {"platform": "web app", "entry": "onsite offsite"},
    ("ecommerce", "orders"): {"platform": "web app", "entry": "onsite offsite"},
    ("ecommerce", "identity_links"): {"id_type_a": ID_TYPES, "id_type_b": ID_TYPES},
    ("ecommerce", "campaigns"): {"kind": "promotion recall winback"},
    ("ecommerce", "ad_touches"): {"kind": "click impression"},
    ("ecommerce", "service_tickets"): {"kind": "service complaint"},
    ("ecommerce", "server_event_counts"): {"platform": "web app"},
    ("manufacturing", "inspections"): {"kind": "in_process final sampling"},
    ("manufacturing", "machine_states"): {"state": "running stopped planned_stop changeover"},
    ("manufacturing", "maintenance_orders"): {"kind": "breakdown preventive"},
    ("manufacturing", "calendar_breaks"): {"kind": "break planned_maintenance five_s audit training"},
    ("manufacturing", "downtime_reasons"): {"level1": LEVEL1},
    ("credit", "applications"): {"channel": "own_app partner offline", "customer_type": "new returning"},
    ("credit", "application_events"): {"node": NODES, "actor": "system human", "outcome": "approved declined"},
    ("credit", "api_calls"): {"api": "bureau anti_fraud risk_engine case_system", "status": "ok error timeout"},
    ("credit", "accounts"): {"channel": "own_app partner offline", "customer_type": "new returning"},
    ("credit", "fraud_flags"): {"level": "suspected confirmed cleared"},
    ("credit", "policy_decisions"): {"required_action": "stricter_cutoff lower_limit"},
    ("credit", "node_slas"): {"node": NODES},
}
SPANS = {
    ("ecommerce", "members"): [("joined_at", "left_at")],
    ("ecommerce", "identity_links"): [("first_seen_at", "last_seen_at")],
    ("ecommerce", "products"): [("listed_from", "listed_to")],
    ("ecommerce", "campaigns"): [("starts_at", "ends_at")],
    ("ecommerce", "key_categories"): [("valid_from", "valid_to")],
    ("manufacturing", "unit_operations"): [("entered_at", "completed_at")],
    ("manufacturing", "rework_orders"): [("opened_at", "closed_at")],
    ("manufacturing", "changeovers"): [("last_good_at", "first_good_at")],
    ("manufacturing", "machine_states"): [("started_at", "ended_at")],
    ("manufacturing", "maintenance_orders"): [("reported_at", "repaired_at")],
    ("manufacturing", "capa_actions"): [("opened_at", "closed_at")],
    ("manufacturing", "shift_calendar"): [("starts_at", "ends_at")],
    ("manufacturing", "calendar_breaks"): [("starts_at", "ends_at")],
    ("manufacturing", "ideal_cycle_times"): [("valid_from", "valid_to")],
    ("manufacturing", "changeover_standards"): [("valid_from", "valid_to")],
    ("manufacturing", "standard_costs"): [("valid_from", "valid_to")],
    ("manufacturing", "machine_hour_costs"): [("valid_from", "valid_to")],
    ("credit", "accounts"): [
        ("booked_at", "closed_at"),
        ("booked_at", "charged_off_at"),
        ("disputed_from", "disputed_to"),
    ],
    ("credit", "policy_changes"): [("announced_at", "fully_effective_at")],
    ("credit", "promises_to_pay"): [("promised_at", "due_date")],
    ("credit", "node_slas"): [("valid_from", "valid_to")],
}
#: Tables whose rows have no time of their own, although they hold times.
TIMELESS = {"deliveries", "products", "campaigns", "shift_calendar", "calendar_breaks"}
#: Optional times that are plans or spells, not things that happened.
PLANS = {"left_at", "listed_to", "disputed_to"}
#: Names that a list knows; others are kept and told.
SHOP_EVENTS = (
    "page_view view_item_list view_item select_item add_to_cart remove_from_cart begin_checkout add_payment_info purchase "
    "search page_error"
)
KNOWN = {
    ("ecommerce", "events"): {"event_name": SHOP_EVENTS},
    ("ecommerce", "server_event_counts"): {"event_name": SHOP_EVENTS},
    ("credit", "application_events"): {
        "event_name": "submit enter_node leave_node request_supplement supplement_completed third_party_request "
        "third_party_response return_to_node withdraw final_decision loan_booked"
    },
}
#: Numbers that are never below nothing; latencies, stocks, days past due and repayments may be.
NEVER_NEGATIVE = {
    ("ecommerce", "events"): "price",
    ("ecommerce", "orders"): "gross_amount discount_amount paid_amount cost_amount",
    ("ecommerce", "order_items"): "quantity unit_price unit_cost",
    ("ecommerce", "refunds"): "amount",
    ("ecommerce", "price_comparisons"): "own_price competitor_price",
    ("ecommerce", "ad_touches"): "cost",
    ("ecommerce", "server_event_counts"): "expected_count",
    ("manufacturing", "work_orders"): "planned_qty",
    ("manufacturing", "counter_readings"): "total_count good_count",
    ("manufacturing", "sensor_records"): "key_fields_expected key_fields_present",
    ("manufacturing", "ideal_cycle_times"): "seconds_per_piece",
    ("manufacturing", "changeover_standards"): "standard_minutes",
    ("manufacturing", "standard_costs"): "material_cost labour_cost",
    ("manufacturing", "machine_hour_costs"): "cost_per_hour",
    ("credit", "applications"): "requested_amount",
    ("credit", "capacity_forecasts"): "daily_capacity",
    ("credit", "accounts"): "principal",
    ("credit", "instalments"): "due_amount",
    ("credit", "promises_to_pay"): "amount",
    ("credit", "node_slas"): "sla_ms",
}
#: Ids that stand for none, with the kind that tells them.
NOBODY = {
    "null": "word_for_nothing",
    "NULL": "word_for_nothing",
    "None": "word_for_nothing",
    "nan": "word_for_nothing",
    "undefined": "word_for_nothing",
    " N/A\u00a0": "word_for_nothing",
    "-": "word_for_nothing",
    "d41d8cd98f00b204e9800998ecf8427e": "digest_of_nothing",
    "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855": "digest_of_nothing",
    "00000000-0000-0000-0000-000000000000": "zero_id",
    "2.02604E+14": "spreadsheet_number",
}
#: A plain `text` in an id column stays; so do these, which look like something else.
SOMEBODY = ("0", "007", "1001.50", "1e5", "NA", "none such", "2.02604")
OLDEST_WINS = {("ecommerce", "events"), ("credit", "application_events")}


@dataclass
class Table:
    """One table of the contract and the rows that the test lands in it."""

    domain: str
    name: str
    types: dict[str, str]
    keys: list[str]
    required: list[str]
    rows: list[dict[str, Any]] = field(default_factory=list)
    #: (row key, columns that must read so) of accepted rows; (row key, reason, column) of refused ones.
    accepted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    irregular: Counter = field(default_factory=Counter)
    duplicates: int = 0

    @property
    def place(self) -> tuple[str, str]:
        return self.domain, self.name

    @property
    def own_time(self) -> str | None:
        times = [c for c in self.required if self.types[c] == "ts"]
        return times[0] if times and self.name not in TIMELESS else None

    def plain(self, **values: Any) -> dict[str, Any]:
        """A row that nothing is wrong with, its key not used before."""
        number = len(self.rows) + 1
        row: dict[str, Any] = {"_loaded_at": BASE}
        ends = {end for _, end in SPANS.get(self.place, [])}
        for column, kind in self.types.items():
            if column in ENUMERATIONS.get(self.place, {}):
                row[column] = ENUMERATIONS[self.place][column].split()[0]
            elif column == "event_name":
                row[column] = KNOWN[self.place][column].split()[0]
            elif column == "expected_pd":
                row[column] = "0.5"
            elif column == "time_zone":
                row[column] = "Asia/Shanghai"
            elif kind in ("id", "text"):
                row[column] = f"{column}-{number}" if column in self.keys else "text"
            elif kind == "date":
                day = BASE.date() + dt.timedelta(days=10 if column in ends else 0)
                row[column] = day - dt.timedelta(days=number) if column in self.keys else day
            elif kind == "ts":
                row[column] = BASE + dt.timedelta(hours=1) if column in ends else BASE
            else:
                row[column] = {"num": "1.5", "int": str(number), "bool": "true"}[kind]
        if self.name == "node_slas":
            row["valid_from"] = BASE.date() - dt.timedelta(days=number)
        return {**row, **values}

    def key(self, row: dict[str, Any]) -> str:
        return "|".join("" if row[c] is None else str(row[c]) for c in self.keys)

    def accept(self, row: dict[str, Any], **reads: Any) -> None:
        self.rows.append(row)
        self.accepted.append((self.key(row), reads))

    def refuse(self, row: dict[str, Any], reason: str, column: str, key: str | None = None) -> None:
        self.rows.append(row)
        self.refused.append((self.key(row) if key is None else key, reason, column))

    def lose(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        self.duplicates += 1

    def without(self, column: str, value: Any) -> tuple[dict[str, Any], str]:
        """A plain row whose column holds `value`, and its key where that column reads as nothing."""
        row = self.plain(**{column: value})
        return row, self.key({**row, column: None})


def _fill(table: Table) -> None:
    """Lands every kind of row that the rules name, and writes down what must become of it."""
    enumerated = ENUMERATIONS.get(table.place, {})
    table.accept(table.plain())
    for column in table.required:
        row, key = table.without(column, None)
        table.refuse(row, "missing_required", column, key)
        if table.types[column] not in ("id", "text"):
            row, key = table.without(column, "rubbish")
            table.refuse(row, "unparseable", column, key)
        elif column not in enumerated:
            row, key = table.without(column, "  ")
            table.refuse(row, "missing_required", column, key)
    for column, kind in table.types.items():
        if column not in table.required and kind not in ("id", "text"):
            row, key = table.without(column, "rubbish")
            table.rows.append(row)
            table.accepted.append((key, {column: None}))
            table.irregular["unparsed", column] += 1
        if column in enumerated and column not in table.keys:
            table.accept(table.plain(**{column: "Rubbish"}), **{column: "unknown"})
            table.irregular["unknown_member", column] += 1
        if column in KNOWN.get(table.place, {}):
            row = table.plain(**{column: "Rubbish"})
            table.accept(row, **{column: "Rubbish"})
            table.irregular["unknown_member", column] += 1
        if column == "time_zone":
            for name, reads in (("china standard time", "Asia/Shanghai"), ("EUROPE/berlin", "Europe/Berlin")):
                table.accept(table.plain(**{column: name}), **{column: reads})
            for name in ("GMT+8", "CST", "+08:00", "Asia/Nowhere"):
                row, key = table.without(column, name)
                table.refuse(row, "unknown_time_zone", column, key)
        _fill_doubts(table, column, kind)
    for start, end in SPANS.get(table.place, []):
        step = dt.timedelta(days=1) if table.types[end] == "date" else SECOND
        row = table.plain()
        same = row[start].date() if table.types[end] == "date" and table.types[start] == "ts" else row[start]
        table.refuse({**row, end: same - step}, "ends_before_start", end)
        table.accept(table.plain(**({end: same} if start not in table.keys else {})))
        if start not in table.keys:
            table.accepted[-1][1][end] = same
    if table.name == "shift_calendar":
        day = dt.timedelta(days=1)
        table.accept(table.plain(ends_at=BASE + day))
        table.refuse(table.plain(ends_at=BASE + day + SECOND), "implausible_span", "ends_at")
    if table.own_time:
        later = AS_OF + SECOND
        ends = {end: later for start, end in SPANS.get(table.place, []) if start == table.own_time}
        if table.name == "promises_to_pay":
            ends = {"due_date": later.date()}
        table.refuse(table.plain(**{table.own_time: later, **ends}), "from_the_future", table.own_time)
        ends = dict.fromkeys(ends, AS_OF) if table.name != "promises_to_pay" else ends
        table.accept(table.plain(**{table.own_time: AS_OF, **ends}))
    for column, kind in table.types.items():
        if kind == "ts" and column not in table.required:
            later = AS_OF + SECOND
            happened = column not in PLANS
            open_end = {end: None for start, end in SPANS.get(table.place, []) if start == column}
            table.accept(table.plain(**{column: later}, **open_end), **{column: None if happened else later})
            table.accept(table.plain(**{column: AS_OF}, **open_end), **{column: AS_OF})
    _fill_duplicates(table)


def _fill_doubts(table: Table, column: str, kind: str) -> None:
    """Values that can be read and stand for none: refused where required, else null and told."""

    def doubt(value: Any, reason: str, **values: Any) -> None:
        row, key = table.without(column, value)
        row = {**row, **values}
        if column in table.required or (table.name, column) == ("scrap_reports", "quantity"):
            key = key if column in table.keys else table.key(row)
            table.refuse(row, reason, column, key)
        else:
            table.rows.append(row)
            table.accepted.append((key, {column: None}))
            table.irregular[reason, column] += 1

    if column.endswith("_id") or column in ("phone_hash", "id_a", "id_b", "device_fingerprint"):
        for value, reason in NOBODY.items():
            doubt(value, reason)
        if column not in table.keys:
            for value in SOMEBODY:
                table.accept(table.plain(**{column: value}), **{column: value})
            table.accept(table.plain(**{column: "\u3000 1001.000\t"}), **{column: "1001"})
    if kind in ("ts", "date", "timestamp"):
        starts = {end: start for start, end in SPANS.get(table.place, [])}
        ends = [end for start, end in SPANS.get(table.place, []) if start == column]
        for text in ("0001-01-01", "1970-12-31", "2200-01-01", "9999-12-31"):
            doubt(text, "implausible_time")
        if column not in ends and column not in starts and column not in table.keys and column != table.own_time:
            table.accept(table.plain(**{column: "1971-01-01"}))
    if column in NEVER_NEGATIVE.get(table.place, "").split() or (table.name, column) == ("scrap_reports", "quantity"):
        doubt("-1", "negative_value")
        table.accept(table.plain(**{column: "0"}), **{column: 0})
    if column == "expected_pd":
        doubt("1.5", "beyond_maximum")
        doubt("-0.1", "negative_value")


def _fill_duplicates(table: Table) -> None:
    marks = [c for c in table.types if c not in table.keys and c not in ENUMERATIONS.get(table.place, {})]
    marks = [c for c in marks if c not in KNOWN.get(table.place, {}) and c != "time_zone"]
    marks = [c for c in marks if table.types[c] in ("id", "text", "num", "int", "bool")]
    older, newer = BASE, BASE + SECOND
    first, last = (newer, older) if table.place in OLDEST_WINS else (older, newer)
    if not marks:
        row = table.plain()
        table.accept({**row, "_loaded_at": last})
        table.lose({**row, "_loaded_at": first})
        return
    mark = marks[0]
    # text compares '9' above '10', a false value below a true one
    small, great = {"bool": ("false", "true"), "num": ("10", "9"), "int": ("10", "9")}.get(
        table.types[mark], ("alpha", "beta")
    )
    reads = {"true": True, "false": False, "9": 9, "10": 10}
    row = table.plain(**{mark: great, "_loaded_at": first})
    table.lose(row)
    table.accept({**row, mark: small, "_loaded_at": last}, **{mark: reads.get(small, small)})
    table.lose(row)  # the same row once more
    row = table.plain(**{mark: great})
    table.accept(row, **{mark: reads.get(great, great)})
    table.lose({**row, mark: small})
    for column in table.required:  # judged before duplicates are told: a refused row wins nothing
        if column not in (mark, *table.keys):
            row = table.plain(**{mark: small, "_loaded_at": first})
            table.accept(row, **{mark: reads.get(small, small)})
            table.refuse({**row, mark: great, column: None, "_loaded_at": last}, "missing_required", column)
            break


def _tables() -> Iterator[Table]:
    kinds = {pa.string(): "text", pa.float64(): "num", pa.int64(): "int", pa.bool_(): "bool", pa.date32(): "date"}
    for domain in DOMAINS:
        for contract in TABLES[domain].values():
            types = {f.name: kinds.get(f.type, "ts") for f in contract.schema if f.name != "_loaded_at"}
            yield Table(domain, contract.name, types, list(contract.keys), list(contract.required))
    for (domain, name), text in SEEDED.items():
        words = [word.split(":") for word in text.split()]
        yield Table(
            domain,
            name,
            {column: kind.strip("*!") for column, kind in words},
            [column for column, kind in words if "*" in kind],
            [column for column, kind in words if "!" in kind],
        )


EVERY_TABLE = {table.place: table for table in _tables()}
for _table in EVERY_TABLE.values():
    _fill(_table)


def _spelled(value: Any) -> str | None:
    return None if value is None else str(value)


@pytest.fixture(scope="module")
def landed(lander: Lander) -> Lander:
    """Every table with every kind of row, as text, read with `as_of`."""
    lander.clear()
    for table in EVERY_TABLE.values():
        rows = [{name: _spelled(value) for name, value in row.items()} for row in table.rows]
        lander.write(table.domain, table.name, "part-0.parquet", rows)
    lander.models(
        "stg_dictionary__dq_checks",
        *(f"path:models/staging/{domain}" for domain in DOMAINS),
        variables={"as_of": AS_OF.isoformat(" ")},
    )
    return lander


@pytest.mark.parametrize("place", EVERY_TABLE, ids=lambda place: ".".join(place))
def test_every_kind_of_row_meets_its_rule(landed: Lander, place: tuple[str, str]) -> None:
    domain, name = place
    table = EVERY_TABLE[place]
    base = f"staging.base_{domain}__{name}"
    refused = landed.rows(
        f"select _row_key, _reject_reason, _reject_column from {base} where _reject_reason is not null"
    )
    assert sorted(refused) == sorted(table.refused)
    key = " || '|' || ".join(f"coalesce(cast({column} as varchar), '')" for column in table.keys)
    accepted = landed.rows(f"select {key} as row_key, {', '.join(table.types)} from staging.stg_{domain}__{name}")
    assert sorted(row[0] for row in accepted) == sorted(key for key, _ in table.accepted)
    values = {row[0]: dict(zip(table.types, row[1:], strict=True)) for row in accepted}
    wrong = [
        (key, column, want, values[key][column])
        for key, reads in table.accepted
        for column, want in reads.items()
        if values[key][column] != want
    ]
    assert wrong == []
    irregular = landed.rows(
        f"select kind, column_name, affected_rows from staging.stg_{domain}__irregularities where table_name = '{name}'"
    )
    assert {(kind, column): count for kind, column, count in irregular} == dict(table.irregular)
    counted = landed.rows(
        "select rows_read, rows_accepted, rows_deduplicated, rows_quarantined "
        f"from staging.stg_{domain}__reconciliation where table_name = '{name}'"
    )
    assert counted == [(len(table.rows), len(table.accepted), table.duplicates, len(table.refused))]


def test_quarantine_keeps_the_raw_row(landed: Lander) -> None:
    rows = landed.rows(
        "select raw_row from staging.stg_ecommerce__quarantine "
        "where table_name = 'orders' and reason = 'unparseable' and column_name = 'paid_amount'"
    )
    assert len(rows) == 1 and '"paid_amount":"rubbish"' in rows[0][0] and '"platform":"web"' in rows[0][0]


# --------------------------------------------------------------------------- files and formats

SHANGHAI = dt.timezone(dt.timedelta(hours=8))
ORDER_COLUMNS = "order_id,user_id,created_at,gross_amount,paid_amount"


def _land_files(lander: Lander) -> None:
    lander.clear()
    put = lander.write
    put(
        "ecommerce",
        "orders",
        "a-bom.csv",
        f"\ufeff{ORDER_COLUMNS},platform,colour\r\n甲-1,用户一,2026-04-01 08:00:00,10,10,web,red\r\n"
        "#2,u2,2026-04-01T16:00:00+08:00,10,10,app,\r\n",
    )
    put("ecommerce", "orders", "b.csv", f"{ORDER_COLUMNS},entry\no3,u3,2026-04-01T08:00:00Z,10,10,onsite\n")
    typed = {
        "order_id": pa.array([4.0, 5.0]),
        "user_id": pa.array([4, 5], pa.int32()),
        "created_at": pa.array([dt.datetime(2026, 4, 1, 16, tzinfo=SHANGHAI)] * 2, pa.timestamp("ns", "Asia/Shanghai")),
        "paid_at": pa.array([dt.date(2026, 4, 2), None]),
        "gross_amount": pa.array([Decimal("10.25"), Decimal("1")], pa.decimal128(10, 2)),
        "paid_amount": pa.array([10.25, float("nan")]),
        "platform": pa.array(["web", "app"]).dictionary_encode(),
    }
    put("ecommerce", "orders", "c.parquet", pa.table(typed))
    put("ecommerce", "order_items", "header.csv", "order_id,line_no,sku_id,quantity,unit_price\n")
    put("ecommerce", "refunds", "empty.csv", b"")
    put("ecommerce", "refunds", "only-bom.csv", b"\xef\xbb\xbf")
    put("ecommerce", "products", "p.csv", 'sku_id,category_id,name,listed_from\ns1,c1,"二\n行, ""x""",2026-04-01\n')
    stock = [("3.0", "TRUE"), ("3.7", "t"), ("-2", "1"), ("+4", "False"), ("1e2", "f"), ("5", "0"), ("6", "yes")]
    put(
        "ecommerce",
        "inventory_snapshots",
        "s.csv",
        "sku_id,snapshot_at,available_qty,on_sale\n"
        + "".join(f"k{n},2026-04-01,{qty},{sale}\n" for n, (qty, sale) in enumerate(stock)),
    )
    times = ["2026-04-01T08:00:00+0530", "2026-04-01 08:00:00 UTC", "2026-04-01", "2026-04-01T08:00:00.123456-01:00"]
    put("ecommerce", "refunds", "r.csv", "refund_id,order_id,refunded_at,amount\n" + "".join(
        f"r{n},o1,{text},1\n" for n, text in enumerate([*times, "01/04/2026", "2026-02-30", "2026-04-01 25:00:00"])
    ))  # fmt: skip
    event = {"event_name": "page_view", "event_at": "2026-04-01 08:00:00"}
    ids = ("user_id", "device_id", "cookie_id", "phone_hash", "fingerprint_id")
    put(
        "ecommerce",
        "events",
        "e.parquet",
        [{**event, "event_id": name, **{i: "x" if i == name else None for i in ids}} for name in (*ids, "nobody")],
    )
    assigned = {"experiment_id": "x", "assigned_at": "2026-04-01"}
    put(
        "ecommerce",
        "experiment_assignments",
        "x.parquet",
        [
            {**assigned, "user_id": None, "device_id": "d1", "variant": "a"},
            {**assigned, "user_id": None, "device_id": "d1", "variant": "b"},
            {**assigned, "user_id": "u1", "device_id": None, "variant": "a"},
            {**assigned, "user_id": None, "device_id": None, "variant": "a"},
        ],
    )
    put("ecommerce", "deliveries", "d.csv", "order_id,promised_at\no1,2027-01-01\n")
    put("ecommerce", "members", "m.csv", "user_id,joined_at,left_at\nu1,2026-04-01,2026-12-31\n")


@pytest.fixture(scope="module")
def files(lander: Lander, landed: Lander) -> Lander:
    """Files of many shapes, read without `as_of`."""
    _land_files(lander)
    lander.models("stg_dictionary__dq_checks", "path:models/staging/ecommerce", "int_ecommerce__as_of")
    return lander


def test_bom_chinese_text_and_several_files_of_different_columns(files: Lander) -> None:
    rows = files.rows(
        "select order_id, user_id, created_at, platform, entry from staging.stg_ecommerce__orders order by 1"
    )
    eight = dt.datetime(2026, 4, 1, 8)
    assert rows == [
        ("#2", "u2", eight, "app", None),
        ("4", "4", eight, "web", None),
        ("o3", "u3", eight, None, "onsite"),
        ("甲-1", "用户一", eight, "web", None),
    ]


def test_typed_parquet_beside_csv(files: Lander) -> None:
    assert files.rows(
        "select gross_amount, paid_amount, paid_at from staging.stg_ecommerce__orders where order_id = '4'"
    ) == [(Decimal("10.25"), Decimal("10.25"), dt.datetime(2026, 4, 2))]
    assert files.rows(
        "select row_key, column_name from staging.stg_ecommerce__quarantine where table_name = 'orders'"
    ) == [("5", "paid_amount")]


def test_unknown_columns_are_ignored(files: Lander) -> None:
    columns = {name for name, *_ in files.rows("describe staging.stg_ecommerce__orders")}
    assert "colour" not in columns and "entry" in columns
    assert files.rows("select column_name from staging.stg_ecommerce__landed where column_name = 'colour'") == []


def test_quoted_text_holds_commas_quotes_and_lines(files: Lander) -> None:
    assert files.rows("select name from staging.stg_ecommerce__products") == [('二\n行, "x"',)]


def test_integers_and_booleans_are_read_by_the_rule(files: Lander) -> None:
    assert files.rows(
        "select sku_id, available_qty, on_sale from staging.stg_ecommerce__inventory_snapshots order by 1"
    ) == [
        ("k0", 3, True),
        ("k2", -2, True),
        ("k3", 4, False),
        ("k4", 100, False),
        ("k5", 5, False),
    ]
    assert files.rows(
        "select row_key, reason, column_name from staging.stg_ecommerce__quarantine where table_name = 'inventory_snapshots' order by 1"
    ) == [
        ("k1|2026-04-01 00:00:00", "unparseable", "available_qty"),
        ("k6|2026-04-01 00:00:00", "unparseable", "on_sale"),
    ]


def test_offsets_are_converted_to_utc_and_impossible_times_refused(files: Lander) -> None:
    day = dt.datetime(2026, 4, 1)
    assert files.rows("select refund_id, refunded_at from staging.stg_ecommerce__refunds order by 1") == [
        ("r0", day + dt.timedelta(hours=2, minutes=30)),
        ("r1", day + dt.timedelta(hours=8)),
        ("r2", day),
        ("r3", day + dt.timedelta(hours=9, microseconds=123456)),
    ]
    assert files.rows(
        "select row_key, reason from staging.stg_ecommerce__quarantine where table_name = 'refunds' order by 1"
    ) == [("r4", "unparseable"), ("r5", "unparseable"), ("r6", "unparseable")]


def test_an_event_without_any_id_has_no_identity(files: Lander) -> None:
    assert files.rows("select count(*) from staging.stg_ecommerce__events") == [(5,)]
    assert files.rows("select row_key, reason from staging.stg_ecommerce__quarantine where table_name = 'events'") == [
        ("nobody", "no_identity")
    ]


def test_nulls_are_equal_in_a_key(files: Lander) -> None:
    assert files.rows(
        "select user_id, device_id, variant from staging.stg_ecommerce__experiment_assignments order by 2"
    ) == [
        (None, "d1", "b"),
        ("u1", None, "a"),
    ]
    assert files.rows(
        "select rows_read, rows_deduplicated, rows_quarantined from staging.stg_ecommerce__reconciliation "
        "where table_name = 'experiment_assignments'"
    ) == [(4, 1, 1)]


def test_empty_and_absent_tables_have_no_rows(files: Lander) -> None:
    for table in ("order_items", "payment_attempts"):
        assert files.rows(f"select count(*) from staging.stg_ecommerce__{table}") == [(0,)]
    landed = dict(files.rows("select distinct table_name, has_rows from staging.stg_ecommerce__landed"))
    assert landed["order_items"] is False and "payment_attempts" not in landed and landed["orders"] is True


def test_a_reference_table_not_landed_is_served_by_its_seed(files: Lander) -> None:
    seeded = files.rows("select count(*) from staging.stg_ecommerce__bot_user_agents")
    assert seeded == files.rows("select count(*) from seeds.bot_user_agents") and seeded[0][0] > 0
    assert files.rows("select count(*) from staging.stg_ecommerce__key_categories") == [(0,)]


def test_a_landed_reference_table_replaces_its_seed(landed: Lander, lander: Lander) -> None:
    lander.clear()
    lander.write("ecommerce", "bot_user_agents", "b.csv", "pattern\nonly-this\n")
    lander.models("base_ecommerce__bot_user_agents", "stg_ecommerce__bot_user_agents")
    assert lander.rows("select pattern from staging.stg_ecommerce__bot_user_agents") == [("only-this",)]


def test_default_as_of_is_the_newest_thing_that_happened(files: Lander) -> None:
    # the promise of 2027 and the membership's end have not happened; the order paid on 2 April has
    assert files.rows("select as_of_utc, as_of, is_given from intermediate.int_ecommerce__as_of") == [
        (dt.datetime(2026, 4, 2), dt.datetime(2026, 4, 2, 8), False)
    ]


@pytest.mark.parametrize("file", ["part-0.csv", "part-0.parquet"])
def test_a_missing_required_column_stops_the_build(lander: Lander, file: str) -> None:
    lander.clear()
    row = {"application_id": "a1", "submitted_at": "2026-04-01", "customer_id": "c", "channel": "partner"}
    if file.endswith("csv"):
        lander.write("credit", "applications", file, ",".join(row) + "\n" + ",".join(row.values()) + "\n")
    else:
        lander.write("credit", "applications", file, [row])
    with pytest.raises(RuntimeError, match=r"credit\.applications lacks the required column 'customer_type'"):
        lander.models("base_credit__applications")


def test_a_file_that_was_cut_stops_the_build(lander: Lander) -> None:
    lander.clear()
    lander.write("credit", "repayments", "part-0.parquet", [{"repayment_id": "r", "account_id": "a"}])
    whole = (lander.raw / "credit/repayments/part-0.parquet").read_bytes()
    lander.write("credit", "repayments", "part-0.parquet", whole[: len(whole) // 2])
    with pytest.raises(RuntimeError, match=r"(?s)base_credit__repayments.*part-0\.parquet"):
        lander.models("base_credit__repayments")


def test_tables_of_a_schema_are_read_where_there_is_no_raw_root(lander: Lander) -> None:
    import duckdb

    with duckdb.connect(str(lander.warehouse)) as db:
        db.execute("create schema if not exists raw_credit")
        db.execute(
            "create or replace table raw_credit.repayments as select 'r' || i as repayment_id, 'a' as account_id, "
            "timestamp '2026-04-01' as posted_at, i as amount from range(3) as t(i)"
        )
    lander.models("base_credit__repayments", "stg_credit__repayments", variables={"raw_root": ""})
    assert lander.rows("select count(*), sum(amount) from staging.stg_credit__repayments") == [(3, Decimal(3))]


def test_credit_decision_before_submission_is_refused_and_the_others_stand(lander: Lander) -> None:
    lander.clear()
    application = {"customer_id": "c", "channel": "partner", "customer_type": "new", "product_line": "p"}
    lander.write(
        "credit", "applications", "a.parquet", [{**application, "application_id": "a1", "submitted_at": "2026-04-02"}]
    )
    event = {"application_id": "a1", "event_name": "final_decision", "outcome": "approved"}
    lander.write(
        "credit",
        "application_events",
        "e.parquet",
        [
            {**event, "event_id": "early", "event_at": "2026-04-01 23:59:59"},
            {**event, "event_id": "same", "event_at": "2026-04-02"},
            {**event, "event_id": "other", "event_at": "2026-04-01", "event_name": "enter_node"},
            {**event, "event_id": "orphan", "event_at": "2026-04-01", "application_id": "nowhere"},
        ],
    )
    lander.models("+stg_credit__application_events", "+stg_credit__quarantine")
    assert lander.rows("select event_id from staging.stg_credit__application_events order by 1") == [
        ("orphan",),
        ("other",),
        ("same",),
    ]
    assert lander.rows("select row_key, reason from staging.stg_credit__quarantine") == [
        ("early", "decision_before_submission")
    ]


def test_promises_compare_business_dates(lander: Lander) -> None:
    lander.clear()
    promise = {"account_id": "a", "amount": "1"}
    lander.write(
        "credit",
        "promises_to_pay",
        "p.parquet",
        [  # 17:00 UTC is 01:00 of the next day in Shanghai
            {**promise, "promise_id": "same", "promised_at": "2026-04-01 15:59:59", "due_date": "2026-04-01"},
            {**promise, "promise_id": "before", "promised_at": "2026-04-01 17:00:00", "due_date": "2026-04-01"},
        ],
    )
    lander.models("base_credit__promises_to_pay", "stg_credit__promises_to_pay")
    assert lander.rows("select promise_id from staging.stg_credit__promises_to_pay") == [("same",)]


def test_the_list_of_tables_is_whole() -> None:
    declared = {
        (path.parent.name, path.stem.split("__")[1])
        for path in (Path(__file__).parents[2] / "models/staging").glob("*/stg_*.sql")
        if path.parent.name in DOMAINS
    }
    assert declared == set(EVERY_TABLE)


# --------------------------------------------------------------------------- names, form of rows, and the lock

SECRET = "s3cret-of-the-machine"


def _orders(row: str, more: str = "", value: str = "") -> str:
    return f"{ORDER_COLUMNS}{more}\n{row}{value}\n"


@pytest.fixture(scope="module")
def misfits(lander: Lander, files: Lander, tmp_path_factory: pytest.TempPathFactory) -> Lander:
    """Orders in files whose names, rows and kinds do not fit."""
    secret = tmp_path_factory.mktemp("secret") / "secret.txt"
    secret.write_text(SECRET)
    lander.clear()
    put = lander.write
    inject = f'note"" , (select content from read_text(\'{secret}\')) , ""note'
    good, bad = "2026-04-01,10,10", "never,10,10"
    put("ecommerce", "orders", "a.csv", _orders(f"a1,u1,{bad}", f',"{inject}"', ",v"))
    put("ecommerce", "orders", "b.csv", _orders(f"b1,u1,{bad}", ",\"x', (select 1), '\"", ",v"))
    put("ecommerce", "orders", "C.CSV", _orders(f"c1,u1,{good}\nc2,u1,2026-04-01,1,234.50,1,234.50\n,,,,\nc3,u1"))
    put("ecommerce", "orders", "day=1/d.parquet", [{"order_id": "d1", "paid_amount": None, "{{ x }}": [1]}])
    put("ecommerce", "orders", "day=1/blank.parquet", [{"order_id": None, "paid_amount": None, "{{ x }}": None}] * 3)
    put("ecommerce", "orders", "left.xlsx", "x")
    put("ecommerce", "order", "lost.csv", "x")
    put("credit", "accounts", "x.parquet", pa.table({"account_id": pa.array([], pa.string())}))
    (lander.raw / "beside.txt").write_text("x")
    lander.models(
        "stg_dictionary__dq_checks", "+stg_ecommerce__orders", "+stg_ecommerce__quarantine",
        "+stg_ecommerce__reconciliation", "dq_landing_files",
    )  # fmt: skip
    return lander


def test_a_landed_name_never_runs_as_sql(misfits: Lander) -> None:
    rows = dict(
        misfits.rows("select row_key, raw_row from staging.stg_ecommerce__quarantine where table_name = 'orders'")
    )
    assert SECRET not in str(rows)
    import json

    (injected,) = [name for name in json.loads(rows["a1"]) if "read_text" in name]
    assert injected.startswith('note" , (select content') and json.loads(rows["a1"])[injected] == "v"
    assert json.loads(rows["b1"])["x', (select 1), '"] == "v"
    assert json.loads(rows["d1"])["{{ x }}"] == "[1]"


def test_rows_that_do_not_fit_are_refused_with_file_and_line(misfits: Lander) -> None:
    import json

    found = misfits.rows(
        "select row_key, reason, raw_row from staging.stg_ecommerce__quarantine where column_name = '_row' order by 1"
    )
    assert [row[:2] for row in found] == [
        ("ecommerce/orders/C.CSV:3", "too_many_values"),
        ("ecommerce/orders/C.CSV:5", "too_few_values"),
    ]
    row = json.loads(found[0][2])
    assert row["_line"] == 3 and json.loads(row["_values"]) == ["c2", "u1", "2026-04-01", "1", "234.50", "1", "234.50"]
    # a shifted value stands under no column's name: the publication masks by name
    assert not {"user_id", "gross_amount"} & set(row)
    assert misfits.rows("select order_id from staging.stg_ecommerce__orders") == [("c1",)]


def test_blank_rows_are_counted_and_no_rows(misfits: Lander) -> None:
    assert misfits.rows(
        "select rows_read, rows_accepted, rows_deduplicated, rows_quarantined, rows_blank "
        "from staging.stg_ecommerce__reconciliation where table_name = 'orders'"
    ) == [(6, 1, 0, 5, 4)]


def test_what_is_not_read_is_named(misfits: Lander) -> None:
    assert misfits.rows("select domain, table_name, file_name from marts.dq_landing_files order by 3") == [
        ("governance", "landing", "beside.txt"),
        ("ecommerce", "landing", "ecommerce/order (1 file)"),
        ("ecommerce", "orders", "ecommerce/orders/left.xlsx"),
    ]


def test_plain_dbt_reaches_no_file_beside_its_own(misfits: Lander, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text(SECRET)
    with pytest.raises(RuntimeError, match="disabled by configuration"):
        misfits.dbt("show", "--inline", f"select content from read_text('{tmp_path}/secret.txt')")


@pytest.fixture
def cursor(tmp_path: Path) -> Iterator[Any]:
    """A cursor as dbt-duckdb hands it to a model, under the project's own profile."""
    import os

    import yaml
    from dbt.adapters.duckdb.credentials import DuckDBCredentials
    from dbt.adapters.duckdb.environments import create
    from jinja2 import Environment

    raw = tmp_path / "it's raw"
    (raw / "ecommerce" / "orders").mkdir(parents=True)
    (raw / "ecommerce" / "orders" / "a.csv").write_text(_orders("a,u,2026-04-01,1,1"))
    (tmp_path / "secret.txt").write_text(SECRET)
    (raw / "link.txt").symlink_to(tmp_path / "secret.txt")
    names = {"KPI_WAREHOUSE": str(tmp_path / "it's" / "w.duckdb"), "KPI_RAW_ROOT": str(raw)}
    (tmp_path / "it's").mkdir()
    profile = (Path(__file__).parents[2] / "profiles.yml").read_text(encoding="utf-8")

    def render(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: render(item) for key, item in value.items()}
        if isinstance(value, list):
            return [render(item) for item in value]
        if not isinstance(value, str):
            return value
        known = {"env_var": lambda name, given: names.get(name, given), "var": lambda name, given: given}
        return Environment(autoescape=False).from_string(value).render(known)

    settings = render(yaml.safe_load(profile)["kpi_warehouse"]["outputs"]["duckdb"])
    del settings["type"], settings["threads"]
    environment = create(DuckDBCredentials.from_dict({**settings, "database": "w"}))
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        environment.handle()  # the lock holds for every later cursor too
        yield environment.handle().cursor()
    finally:
        os.chdir(before)
        environment.close()


@pytest.mark.parametrize(
    "statement",
    [
        "select content from read_text('secret.txt')",
        "select content from read_text('{folder}/secret.txt')",
        "select * from read_csv('{folder}/secret.txt', all_varchar = true)",
        "select * from '{folder}/secret.txt'",
        "select * from glob('{folder}/*')",
        "select content from read_text('{folder}/it''s raw/link.txt')",
        "select content from read_text('{folder}/it''s raw/../secret.txt')",
        "select content from read_text('/etc/hostname')",
        "copy (select 1) to '{folder}/out.csv'",
        "copy (select 1) to '{folder}/it''s/out.csv'",
        "attach '{folder}/other.duckdb' as other",
        "create table t as select 1 as x; export database '{folder}/all'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "set allowed_directories = ['/']",
        "set allowed_paths = ['/etc/hostname']",
        "set allowed_configs = ['enable_external_access']",
        "set temp_directory = '{folder}'",
        "reset lock_configuration",
        "pragma enable_external_access = true",
    ],
)
def test_a_build_is_locked(cursor: Any, tmp_path: Path, statement: str) -> None:
    import duckdb

    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(duckdb.Error, match=r"locked|disabled|Cannot|not permitted|syntax"):
        cursor.execute(statement.format(folder=str(tmp_path)))
    assert [path for path in sorted(tmp_path.rglob("*")) if path not in before and "w.duckdb" not in path.name] == []


def test_a_locked_build_does_its_work(cursor: Any, tmp_path: Path) -> None:
    cursor.execute("set TimeZone = 'UTC'")
    cursor.execute("create table t as select range as i, repeat('x', 50) || range as s from range(400000)")
    cursor.execute("checkpoint")
    file = f"{tmp_path}/it''s raw/ecommerce/orders/a.csv"
    assert cursor.execute(f"select order_id from read_csv('{file}')").fetchall() == [("a",)]
    import json

    answer = cursor.execute(
        """select kpi_landed_table('ecommerce', 'orders', '["order_id", "user_id"]', '["order_id"]')"""
    ).fetchall()[0][0]
    relation = json.loads(answer)["relation"]
    assert cursor.execute(f"select order_id from {relation} as landed").fetchall() == [("a",)]


def test_a_link_that_leaves_the_raw_root_stops_plain_dbt(lander: Lander, tmp_path: Path) -> None:
    lander.clear()
    (tmp_path / "x.csv").write_text(_orders("a,u,2026-04-01,1,1"))
    lander.write("ecommerce", "orders", "a.csv", _orders("b,u,2026-04-01,1,1"))
    (lander.raw / "ecommerce" / "orders" / "sub").symlink_to(tmp_path)
    with pytest.raises(RuntimeError, match=r"ecommerce/orders/sub: it is a link that leaves the raw root"):
        lander.models("base_ecommerce__orders")
