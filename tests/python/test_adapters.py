"""`kpi land`: every adapter on a small set in its own format, and on the real sets where they are at hand."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner

from kpi_warehouse.adapters import ADAPTERS, LandError, base, contract, snowplow
from kpi_warehouse.adapters.command import land

ROOT = Path(__file__).resolve().parents[2]


def landed(raw: Path, domain: str, table: str) -> pd.DataFrame:
    return pq.read_table(raw / domain / table / "part-0.parquet").to_pandas()


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


# Small sets in the published formats ------------------------------------------------------------------

BPI_HEADER = "case:REG_DATE,case:concept:name,case:AMOUNT_REQ,org:resource,lifecycle:transition,"
BPI_HEADER += "concept:name,time:timestamp"
W_FILE, W_OFFER, W_CHECK = "W_Nabellen incomplete dossiers", "W_Nabellen offertes", "W_Valideren aanvraag"


def bpi_file(folder: Path, rows: list[tuple[str, str, str, str, str]], name: str = "log.csv") -> Path:
    """Rows: case, resource, transition, activity, time."""
    lines = [BPI_HEADER]
    lines += [f"{time},{case},5000,{who},{step},{activity},{time}" for case, who, step, activity, time in rows]
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


BPI_ROWS = [
    ("1", "112", "COMPLETE", "A_SUBMITTED", "2012-01-10T08:00:00.000+01:00"),
    ("1", "112", "COMPLETE", "A_PARTLYSUBMITTED", "2012-01-10T08:00:01.000+01:00"),
    ("1", "10", "SCHEDULE", W_OFFER, "2012-01-11T10:00:00.000+01:00"),
    ("1", "", "START", W_OFFER, "2012-01-12T10:00:00.000+01:00"),
    ("1", "", "COMPLETE", W_OFFER, "2012-01-12T10:05:00.000+01:00"),
    ("1", "11", "START", W_OFFER, "2012-01-15T10:00:00.000+01:00"),
    ("1", "11", "COMPLETE", W_OFFER, "2012-01-15T10:05:00.000+01:00"),
    ("1", "11", "START", W_CHECK, "2012-01-16T10:00:00.000+01:00"),
    ("1", "11", "SCHEDULE", W_FILE, "2012-01-16T10:10:00.000+01:00"),
    ("1", "11", "COMPLETE", W_CHECK, "2012-01-16T10:11:00.000+01:00"),
    ("1", "12", "COMPLETE", W_FILE, "2012-01-17T10:00:00.000+01:00"),
    ("1", "12", "SCHEDULE", W_FILE, "2012-01-18T10:00:00.000+01:00"),
    ("1", "12", "COMPLETE", W_FILE, "2012-01-19T10:00:00.000+01:00"),
    ("1", "13", "COMPLETE", "A_APPROVED", "2012-01-20T10:00:00.000+01:00"),
    ("1", "13", "COMPLETE", "A_ACTIVATED", "2012-01-20T10:00:00.000+01:00"),
    ("2", "112", "COMPLETE", "A_SUBMITTED", "2012-07-01T00:30:00.000+02:00"),
    ("2", "112", "COMPLETE", "A_DECLINED", "2012-07-01T00:31:00.000+02:00"),
    ("3", "112", "COMPLETE", "A_SUBMITTED", "2012-07-01T00:30:00.000+02:00"),
    ("3", "112", "COMPLETE", "A_CANCELLED", "2012-07-02T00:30:00.000+02:00"),
]


def cdnow_file(folder: Path, lines: list[str]) -> Path:
    path = folder / "CDNOW_master.txt.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(" customer_id  date number_of_cds  dollar_value\n" + "".join(f" {line}\n" for line in lines))
    return path


def time(text: str) -> dt.time:
    return dt.time.fromisoformat(text)


MAVEN_BATCHES = [
    (dt.datetime(2024, 1, 31), "AA", 101, "Ann", time("22:00"), time("23:10")),  # 10 down
    (dt.datetime(2024, 1, 31), "AA", 102, "Ann", time("23:10"), time("00:15")),  # 5 down, over midnight
    (dt.datetime(2024, 2, 1), "BB", 103, "Ben", time("06:00"), time("06:30")),  # none
    (dt.datetime(2024, 2, 1), "BB", 104, "Ben", time("07:00"), time("07:34")),  # 2 + 2, after a gap
]
MAVEN_DOWN = {101: {1: 4, 2: 6}, 102: {2: 5}, 103: {}, 104: {1: 2, 3: 2}}


def maven_file(folder: Path, batches: list[tuple] = MAVEN_BATCHES, down: dict = MAVEN_DOWN) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Line productivity"
    for row in [("Date", "Product", "Batch", "Operator", "Start Time", "End Time"), *batches]:
        sheet.append(row)
    sheet = book.create_sheet("Products")
    for row in [
        ("Product", "Flavor", "Size", "Min batch time"),
        ("AA", "a", "1 L", 60),
        ("BB", "b", "2 L", 30),
    ]:
        sheet.append(row)
    sheet = book.create_sheet("Downtime factors")
    factors = [(1, "Machine failure", "No"), (2, "Batch change", "Yes"), (3, "Sunspots", "No")]
    for row in [("Factor", "Description", "Operator Error"), *factors]:
        sheet.append(row)
    sheet = book.create_sheet("Line downtime")
    sheet.append((None, "Downtime factor"))
    sheet.append(("Batch", 1, 2, 3))
    for batch, minutes in down.items():
        sheet.append((batch, *(minutes.get(factor) for factor in (1, 2, 3))))
    path = folder / "line.xlsx"
    book.save(path)
    return path


def snowplow_row(number: int, at: str, action: str | None, **more: object) -> dict[str, object]:
    """One atomic event of browser b1 in session s1; `more` overrides columns, contexts as Python values."""
    contexts = {
        snowplow._ACTION: {"type": action} if action else None,
        snowplow._PRODUCT: more.pop("products", []),
        snowplow._STEP: [{"step": more.pop("step")}] if "step" in more else [],
        snowplow._TRANSACTION: [more.pop("transaction")] if "transaction" in more else [],
        snowplow._PAGE: [{"type": "homepage"}],
        snowplow._MOBILE: more.pop("mobile", []),
    }
    row: dict[str, object] = {
        "app_id": "shop",
        "platform": "web",
        "event_id": f"e{number}",
        "event_fingerprint": f"f{number}",
        "derived_tstamp": at,
        "domain_userid": "b1",
        "domain_sessionid": "s1",
        "page_url": "http://shop/x",
        "useragent": "Mozilla",
        "user_ipaddress": "ip",
        **{column: json.dumps(value) if value is not None else None for column, value in contexts.items()},
    }
    return row | more


def snowplow_file(folder: Path, rows: list[dict[str, object]]) -> Path:
    (folder / "source").mkdir(exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / "source" / "snowplow_ecommerce_events.csv", index=False)
    return folder


TRANSACTION = {
    "transaction_id": "T1",
    "revenue": "13.0",
    "shipping": "1.0",
    "tax": None,
    "discount_amount": None,
}


def snowplow_rows() -> list[dict[str, object]]:
    return [
        snowplow_row(1, "2022-12-01 10:00:00.000+00:00", None),
        snowplow_row(2, "2022-12-01 10:00:01", "product_view", products=[{"id": "9", "category": "c", "price": "12"}]),
        snowplow_row(3, "2022-12-01 10:00:02", "add_to_cart", products=[{"id": "9"}, {"id": "8"}]),
        snowplow_row(4, "2022-12-01 10:00:03", "checkout_step", step="1"),
        snowplow_row(5, "2022-12-01 10:00:04", "checkout_step", step="2"),
        snowplow_row(6, "2022-12-01 10:00:05", "checkout_step", step="1"),
        snowplow_row(7, "2022-12-01 10:00:06", "transaction", transaction=TRANSACTION),
        snowplow_row(8, "2022-12-01 10:00:07", "transaction", transaction=TRANSACTION, event_fingerprint="f7"),
        snowplow_row(9, "2022-12-01 10:00:08", None, transaction=TRANSACTION),
        snowplow_row(10, "2022-12-01 10:00:09", "promo_view", app_id="skip-me"),
        snowplow_row(
            11,
            "2022-12-01 11:00:00",
            "promo_view",
            platform="mob",
            domain_userid=None,
            domain_sessionid=None,
            mobile=[{"userId": "m1", "sessionId": "ms1"}],
        ),
    ]


TU_HEADER = (
    "case:concept:name,concept:name,lifecycle:transition,org:resource,time:timestamp,Report_Type,"
    "Qty_Completed,Qty_Rejected,Qty_for_MRB,Rework"
)
TU_ROWS = [
    "Case1,Start,start,Start,2012-01-29T23:00:00.000-05:00,Start,Start,Start,Start,Start",
    "Case1,Start,complete,Start,2012-01-29T23:00:00.000-05:00,Start,Start,Start,Start,Start",
    "Case1,Turning,start,ID1,2012-01-29T23:00:00.000-05:00,S,1,0,0,",
    "Case1,Turning,start,ID1,2012-01-29T23:00:00.000-05:00,D,4,1,0,Y",
    "Case1,Turning,complete,ID1,2012-01-29T23:30:00.000-05:00,S,1,0,0,",
    "Case1,Turning,complete,ID1,2012-01-30T01:00:00.000-05:00,D,4,1,0,Y",
    "Case1,Packing,start,ID1,2012-01-30T02:00:00.000-05:00,D,3,0,1,",
    "Case1,Packing,start,ID2,2012-01-30T02:00:00.000-05:00,D,3,0,0,",
    "Case1,Packing,complete,ID1,2012-01-30T02:00:00.000-05:00,D,3,0,1,",
    "Case1,Packing,complete,ID2,2012-01-30T03:00:00.000-05:00,D,3,0,0,",
]


def tu_file(folder: Path, rows: list[str]) -> Path:
    path = folder / "Production_simod.csv"
    path.write_text("\n".join([TU_HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def uci_file(folder: Path, rows: list[str], header: str = "ID,LIMIT_BAL,PAY_0,PAY_2,PAY_3,PAY_4,PAY_5,PAY_6") -> Path:
    path = folder / "UCI_Credit_Card.csv"
    path.write_text("\ufeff" + "\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def small_sets(tmp_path: Path) -> dict[str, Path]:
    folders = {name: tmp_path / "sets" / name for name in ADAPTERS}
    for folder in folders.values():
        folder.mkdir(parents=True)
    bpi_file(folders["bpi2012"], BPI_ROWS)
    cdnow_file(folders["cdnow"], ["00001 19970101  1   11.77", "00001 19970101  1   11.77", "00002 19980630 2 0.00"])
    maven_file(folders["maven"])
    snowplow_file(folders["snowplow"], snowplow_rows()[::-1])  # the order of rows means nothing
    tu_file(folders["production4tu"], TU_ROWS)
    uci_file(folders["uci"], ["1,20000,2,1,0,-1,-2,0", "2,50000.5,-1,0,3,8,1,0"])
    return folders


# All adapters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_lands_the_declared_tables_in_the_contracts_types(name: str, small_sets: dict[str, Path], tmp_path: Path):
    adapter, raw = ADAPTERS[name], tmp_path / "raw"
    report = adapter.land(small_sets[name], raw)

    assert {path.name for path in (raw / adapter.domain).iterdir()} == set(adapter.tables) == set(report.rows)
    assert not list(raw.glob(".landing-*"))
    for table, rows in report.rows.items():
        schema = pq.read_schema(raw / adapter.domain / table / "part-0.parquet")
        declared = contract.columns(adapter.domain, table)
        assert schema.names == [column.name for column in declared if column.name in schema.names]
        for column in declared:
            assert column.name in schema.names or not column.required
            if column.name in schema.names:
                assert schema.field(column.name).type == base._ARROW_TYPES[column.type]
        frame = landed(raw, adapter.domain, table)
        assert len(frame) == rows > 0
        assert not frame[[column.name for column in declared if column.required]].isna().any().any()
        if (name, table) not in {
            ("snowplow", "events"),
            ("snowplow", "orders"),
        }:  # its copies are the warehouse's
            assert not frame.duplicated([column.name for column in declared if column.key]).any()


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_the_command_says_what_it_did_and_how_to_go_on(name: str, small_sets: dict[str, Path], tmp_path: Path):
    adapter, raw = ADAPTERS[name], tmp_path / "my raw"
    result = CliRunner().invoke(land, [name, "--from", str(small_sets[name]), "--to", str(raw)])
    assert result.exit_code == 0, result.output
    for word in (*adapter.tables, *adapter.filled, *adapter.kpis, *adapter.kpis_left_out):
        assert word in result.output
    last = result.output.strip().splitlines()[-1]
    assert f"KPI_RAW_ROOT='{raw}'" in last
    assert "kpi build" in last
    assert (f"KPI_BUSINESS_TIMEZONE={adapter.time_zone}" in last) == (adapter.time_zone is not None)
    assert ("--as-of '" in last) == (name in {"maven", "uci"})


def test_names_of_adapters_are_known_and_listed():
    assert sorted(ADAPTERS) == ["bpi2012", "cdnow", "maven", "production4tu", "snowplow", "uci"]
    listing = CliRunner().invoke(land, ["--list"])
    assert listing.exit_code == 0
    assert [line.split()[0] for line in listing.output.splitlines()] == list(ADAPTERS)
    wrong = CliRunner().invoke(land, ["nothing", "--from", ".", "--to", "x"])
    assert wrong.exit_code != 0
    assert "production4tu" in wrong.output


def test_refuses_to_overwrite_without_force_and_leaves_other_tables(small_sets: dict[str, Path], tmp_path: Path):
    raw = tmp_path / "raw"
    command = ["cdnow", "--from", str(small_sets["cdnow"]), "--to", str(raw)]
    other = raw / "ecommerce" / "refunds"
    other.mkdir(parents=True)
    (other / "mine.csv").write_text("refund_id\n")
    first = CliRunner().invoke(land, command)
    assert first.exit_code == 0
    assert "refunds" in first.output
    assert "not part of this set" in first.output

    cdnow_file(small_sets["cdnow"], ["00009 19970203 1 5.00"])
    refused = CliRunner().invoke(land, command)
    assert refused.exit_code == 1
    assert "orders" in refused.output
    assert "--force" in refused.output
    assert len(landed(raw, "ecommerce", "orders")) == 3

    assert CliRunner().invoke(land, [*command, "--force"]).exit_code == 0
    assert landed(raw, "ecommerce", "orders")["user_id"].tolist() == ["00009"]
    assert (other / "mine.csv").exists()
    assert {path.name for path in raw.iterdir()} == {"ecommerce"}


def test_a_failed_swap_leaves_everything_as_it_was(
    small_sets: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    raw = tmp_path / "raw"
    adapter = ADAPTERS["bpi2012"]
    adapter.land(small_sets["bpi2012"], raw)
    before = landed(raw, "credit", "applications")
    bpi_file(small_sets["bpi2012"], BPI_ROWS[:14])
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "application_events" and self.parent.name == "new":
            raise OSError("disk full")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="disk full"):
        adapter.land(small_sets["bpi2012"], raw, force=True)
    monkeypatch.undo()
    pd.testing.assert_frame_equal(landed(raw, "credit", "applications"), before)
    assert len(landed(raw, "credit", "application_events")) > 0
    assert {path.name for path in raw.iterdir()} == {"credit"}


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_wrong_sources_are_named(name: str, small_sets: dict[str, Path], tmp_path: Path):
    adapter, raw = ADAPTERS[name], tmp_path / "raw"
    with pytest.raises(LandError, match="there is no"):
        adapter.land(tmp_path / "nowhere", raw)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(LandError, match="Expected"):
        adapter.land(empty, raw)
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(b"\x1f\x8b\x08 no gzip")
    with pytest.raises(LandError, match=r"broken\.csv\.gz"):
        adapter.land(broken, raw)
    foreign = tmp_path / "foreign.csv"
    foreign.write_text("a,b\n1,2\n")
    with pytest.raises(LandError, match=r"column|workbook"):
        adapter.land(foreign, raw)
    assert not raw.exists()


@pytest.mark.parametrize(
    ("name", "write", "table", "column", "row"),
    [
        (
            "cdnow",
            lambda d: cdnow_file(d, ["1 19970101 1 2.0", "1 19971301 1 2.0"]),
            "CDNOW_master",
            "date",
            3,
        ),
        ("cdnow", lambda d: cdnow_file(d, ["1 19970101 1 x"]), "CDNOW_master", "dollar_value", 2),
        (
            "bpi2012",
            lambda d: bpi_file(d, [*BPI_ROWS[:2], ("1", "112", "COMPLETE", "A_DECLINED", "soon")]),
            "BPI_Challenge_2012",
            "time:timestamp",
            4,
        ),
        ("uci", lambda d: uci_file(d, ["1,5,0,0,0,0,0,0", "1,5,0,0,0,0,0,0"]), "UCI_Credit_Card", "ID", 3),
        ("uci", lambda d: uci_file(d, ["1,5,0,0,1.5,0,0,0"]), "UCI_Credit_Card", "PAY_3", 2),
        ("uci", lambda d: uci_file(d, ["1,5,0"], "ID,LIMIT_BAL,PAY_0"), "UCI_Credit_Card", "PAY_6", None),
        (
            "production4tu",
            lambda d: tu_file(d, TU_ROWS[:-1]),
            "Production_simod",
            "lifecycle:transition",
            9,
        ),
        (
            "production4tu",
            lambda d: tu_file(d, [*TU_ROWS[:3], TU_ROWS[3].replace(",4,", ",four,")]),
            "Production_simod",
            "Qty_Completed",
            5,
        ),
        ("maven", lambda d: maven_file(d, down={101: {1: 71}}), "Line downtime", None, 3),
        ("maven", lambda d: maven_file(d, down={999: {1: 1}}), "Line downtime", "Batch", 3),
        ("maven", lambda d: maven_file(d, down={101: {1: 1}, 102: {2: "x"}}), "Line downtime", "2", 4),
        (
            "maven",
            lambda d: maven_file(d, [*MAVEN_BATCHES, (*MAVEN_BATCHES[0][:2], 105, *MAVEN_BATCHES[0][3:])]),
            "Line productivity",
            "Batch",
            6,
        ),
        (
            "maven",
            lambda d: maven_file(d, [(*MAVEN_BATCHES[0][:1], "ZZ", *MAVEN_BATCHES[0][2:])], {}),
            "Line productivity",
            "Product",
            2,
        ),
        (
            "snowplow",
            lambda d: snowplow_file(d, [snowplow_row(1, "2022-12-01", None, domain_userid=None)]),
            "snowplow_ecommerce_events",
            "domain_userid",
            2,
        ),
        (
            "snowplow",
            lambda d: snowplow_file(d, [snowplow_row(1, "2022-12-01", None) | {snowplow._ACTION: "{"}]),
            "snowplow_ecommerce_events",
            snowplow._ACTION,
            2,
        ),
        (
            "snowplow",
            lambda d: snowplow_file(d, [snowplow_row(1, "2022-12-01", "transaction", transaction={"revenue": 1})]),
            "snowplow_ecommerce_events",
            snowplow._TRANSACTION,
            2,
        ),
    ],
)
def test_errors_name_table_column_and_row(name, write, table, column, row, tmp_path: Path):
    write(tmp_path)
    with pytest.raises(LandError) as caught:
        ADAPTERS[name].land(tmp_path, tmp_path / "raw")
    assert (caught.value.table, caught.value.column) == (table, column)
    assert (None if caught.value.row is None else int(str(caught.value.row))) == row
    assert str(caught.value).endswith(".")
    assert not (tmp_path / "raw").exists()


def test_several_files_are_not_guessed_between(small_sets: dict[str, Path], tmp_path: Path):
    bpi_file(small_sets["bpi2012"], BPI_ROWS, "other.csv")
    with pytest.raises(LandError, match="several files"):
        ADAPTERS["bpi2012"].land(small_sets["bpi2012"], tmp_path / "raw")


def test_the_adapters_contract_is_the_projects():
    sources = sorted((ROOT / "models" / "staging").glob("*/_*__sources.yml"))
    if not sources:
        pytest.skip("no models/staging/*/_*__sources.yml here")
    declared = {}
    for path in sources:
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            for table in source["tables"]:
                declared[source["name"], table["name"]] = {
                    column["name"]: (
                        {"money": "num"}.get(column["data_type"], column["data_type"]),
                        bool(column.get("config", {}).get("meta", {}).get("is_key")),
                        bool(column.get("config", {}).get("meta", {}).get("is_required")),
                    )
                    for column in table["columns"]
                    if not column["name"].startswith("_")
                }
    for domain, table in contract.table_names():
        mine = {c.name: (c.type, c.key, c.required) for c in contract.columns(domain, table)}
        assert mine == declared[domain, table], f"{domain}.{table}"


# What each set becomes --------------------------------------------------------------------------------


def test_bpi2012_mapping(small_sets: dict[str, Path], tmp_path: Path):
    ADAPTERS["bpi2012"].land(small_sets["bpi2012"], tmp_path)
    applications = landed(tmp_path, "credit", "applications").set_index("application_id")
    assert applications.loc["1", "submitted_at"] == utc("2012-01-10 07:00:00")
    assert applications.loc["2", "submitted_at"] == utc("2012-06-30 22:30:00")
    assert applications.loc["1", "customer_id"] == "1"
    assert applications.loc["1", "requested_amount"] == 5000

    events = landed(tmp_path, "credit", "application_events")
    one = events[events["application_id"] == "1"]
    columns = ["event_name", "node", "outcome", "actor"]
    got = [tuple(None if pd.isna(v) else v for v in row) for row in one[columns].to_numpy()]
    assert got == [
        ("submit", None, None, "system"),
        ("third_party_request", "final_approval", None, "human"),
        # the COMPLETE of 12 January is a call made while waiting, not the end of the wait
        ("third_party_response", "final_approval", None, "human"),
        ("enter_node", "final_approval", None, "human"),
        ("request_supplement", None, None, "human"),
        ("leave_node", "final_approval", None, "human"),
        ("supplement_completed", None, None, "human"),
        ("request_supplement", None, None, "human"),
        ("supplement_completed", None, None, "human"),
        ("final_decision", None, "approved", "human"),
        ("loan_booked", None, None, "human"),
    ]
    response = one.loc[one["event_name"] == "third_party_response", "event_at"].item()
    assert response == utc("2012-01-15 09:05:00")
    rest = events[events["application_id"] != "1"]
    assert rest.loc[rest["event_name"] != "submit", ["event_name", "outcome", "actor"]].fillna("").values.tolist() == [
        ["final_decision", "declined", "system"],
        ["withdraw", "", "system"],
    ]


def test_bpi2012_needs_the_submission(tmp_path: Path):
    bpi_file(tmp_path, BPI_ROWS[1:3])
    with pytest.raises(LandError, match="application 1 has no A_SUBMITTED"):
        ADAPTERS["bpi2012"].land(tmp_path, tmp_path / "raw")


def test_cdnow_mapping(small_sets: dict[str, Path], tmp_path: Path):
    ADAPTERS["cdnow"].land(small_sets["cdnow"], tmp_path)
    orders = landed(tmp_path, "ecommerce", "orders")
    assert orders["order_id"].tolist() == ["1", "2", "3"]
    assert orders["user_id"].tolist() == ["00001", "00001", "00002"]
    assert orders["paid_amount"].tolist() == [11.77, 11.77, 0.0]
    for zone in ("Asia/Shanghai", "America/New_York", "Europe/London"):
        dates = orders["paid_at"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.strftime("%Y%m%d")
        assert dates.tolist() == ["19970101", "19970101", "19980630"]
    assert orders["paid_at"].iloc[0] == orders["paid_at"].iloc[1]


def unplanned_downtime(raw: Path) -> tuple[float, float]:
    """(unplanned downtime, PPT) in minutes, second by second: stops merged, those under 300 s out."""
    states = landed(raw, "manufacturing", "machine_states")
    shifts = landed(raw, "manufacturing", "shift_calendar")
    origin, end = states["started_at"].min(), states["ended_at"].max()
    seconds = int((end - origin).total_seconds())
    running = pd.Series(False, index=range(seconds))
    for row in states[states["state"] == "running"].itertuples():
        low = int((row.started_at - origin).total_seconds())
        running.iloc[low : int((row.ended_at - origin).total_seconds())] = True
    stop = (running != running.shift()).cumsum()
    long = ~running & (stop.map(stop.value_counts()) >= 300)
    planned = pd.Series(False, index=range(seconds))
    for row in shifts.itertuples():
        low = int((row.starts_at - origin).total_seconds())
        planned.iloc[low : int((row.ends_at - origin).total_seconds())] = True
    return (long & planned).sum() / 60, planned.sum() / 60


def test_maven_mapping(small_sets: dict[str, Path], tmp_path: Path):
    report = ADAPTERS["maven"].land(small_sets["maven"], tmp_path)
    shifts = landed(tmp_path, "manufacturing", "shift_calendar")
    assert shifts[["shift_name", "starts_at", "ends_at"]].values.tolist() == [
        ["Ann", utc("2024-01-31 22:00"), utc("2024-02-01 00:15")],
        ["Ben", utc("2024-02-01 06:00"), utc("2024-02-01 06:30")],
        ["Ben 2", utc("2024-02-01 07:00"), utc("2024-02-01 07:34")],
    ]
    assert shifts["production_date"].astype(str).tolist() == ["2024-01-31", "2024-02-01", "2024-02-01"]

    states = landed(tmp_path, "manufacturing", "machine_states").sort_values("started_at")
    assert states[["started_at", "ended_at", "state", "reason_code"]].fillna("").values.tolist() == [
        [utc("2024-01-31 22:00"), utc("2024-01-31 23:00"), "running", ""],
        [utc("2024-01-31 23:00"), utc("2024-01-31 23:04"), "stopped", "1"],
        [utc("2024-01-31 23:04"), utc("2024-01-31 23:10"), "stopped", "2"],
        [utc("2024-01-31 23:10"), utc("2024-02-01 00:10"), "running", ""],
        [utc("2024-02-01 00:10"), utc("2024-02-01 00:15"), "stopped", "2"],
        [utc("2024-02-01 06:00"), utc("2024-02-01 06:30"), "running", ""],
        [utc("2024-02-01 07:00"), utc("2024-02-01 07:30"), "running", ""],
        [utc("2024-02-01 07:30"), utc("2024-02-01 07:32"), "stopped", "1"],
        [utc("2024-02-01 07:32"), utc("2024-02-01 07:34"), "stopped", "3"],
    ]
    # 10 + 5; the last four minutes are one stop of less than 300 s: a micro-stop
    assert unplanned_downtime(tmp_path) == (15, 199)

    reasons = landed(tmp_path, "manufacturing", "downtime_reasons").set_index("reason_code")
    assert reasons["level1"].to_dict() == {"1": "equipment_failure", "2": "changeover", "3": "unknown"}
    assert reasons.loc["2", "level2"] == "operator_error"
    cycles = landed(tmp_path, "manufacturing", "ideal_cycle_times").set_index("product_family")
    assert cycles["seconds_per_piece"].to_dict() == {"AA": 3600, "BB": 1800}
    passes = landed(tmp_path, "manufacturing", "unit_operations")
    inside = [
        sum(row.starts_at <= done < row.ends_at for row in shifts.itertuples()) for done in passes["completed_at"]
    ]
    assert inside == [1, 1, 1, 1]
    assert report.as_of == "2024-03-01 00:00:00"


def test_snowplow_mapping(small_sets: dict[str, Path], tmp_path: Path):
    ADAPTERS["snowplow"].land(small_sets["snowplow"], tmp_path)
    events = landed(tmp_path, "ecommerce", "events").sort_values("event_at")
    assert events[["event_id", "event_name", "checkout_id", "order_id"]].fillna("").values.tolist() == [
        ["f1", "page_view", "", ""],
        ["f2", "view_item", "", ""],
        ["f3", "add_to_cart", "", ""],
        ["f4", "begin_checkout", "s1-1", ""],
        ["f5", "checkout_step", "s1-1", ""],
        ["f6", "begin_checkout", "s1-2", ""],
        ["f7", "purchase", "s1-2", "T1"],
        ["f7", "purchase", "", "T1"],
        ["f9", "page_view", "", ""],
        ["f11", "promo_view", "", ""],
    ]
    assert events["user_id"].tolist() == ["b1"] * 9 + ["m1"]
    assert events["platform"].tolist() == ["web"] * 9 + ["app"]
    assert events["sku_id"].fillna("").tolist() == ["", "9"] + [""] * 8  # two articles: neither
    assert events["price"].iloc[1] == 12
    orders = landed(tmp_path, "ecommerce", "orders")
    assert orders["order_id"].tolist() == ["T1", "T1"]
    assert orders[["gross_amount", "paid_amount"]].drop_duplicates().values.tolist() == [[12.0, 13.0]]


def test_production4tu_mapping(small_sets: dict[str, Path], tmp_path: Path):
    ADAPTERS["production4tu"].land(small_sets["production4tu"], tmp_path)
    readings = landed(tmp_path, "manufacturing", "counter_readings")
    assert readings.values.tolist() == [
        ["ID1", utc("2012-01-30 03:59:59"), 0],
        ["ID1", utc("2012-01-30 04:30"), 1],
        ["ID1", utc("2012-01-30 06:00"), 5],
        ["ID1", utc("2012-01-30 07:00"), 8],
        ["ID2", utc("2012-01-30 06:59:59"), 0],
        ["ID2", utc("2012-01-30 08:00"), 3],
    ]
    passes = landed(tmp_path, "manufacturing", "unit_operations").set_index("operation_id")
    assert passes.loc["5", ["station_id", "is_rework"]].tolist() == ["Turning", True]
    assert passes.loc["4", "completed_at"] == utc("2012-01-30 04:30")
    assert passes["is_rework"].sum() == 1
    machines = landed(tmp_path, "manufacturing", "machines").set_index("machine_id")
    assert machines["station_id"].to_dict() == {"ID1": "Turning", "ID2": "Packing"}
    scrap = landed(tmp_path, "manufacturing", "scrap_reports")
    assert scrap[["scrap_id", "station_id", "quantity"]].values.tolist() == [["5", "Turning", 1]]
    rework = landed(tmp_path, "manufacturing", "rework_orders")
    assert rework[["rework_id", "closed_at"]].values.tolist() == [["5", utc("2012-01-30 06:00")]]
    calendar = landed(tmp_path, "manufacturing", "shift_calendar")
    assert calendar["production_date"].astype(str).tolist() == ["2012-01-29", "2012-01-30"]
    assert calendar["time_zone"].unique().tolist() == ["Etc/GMT+5"]
    local = passes["completed_at"].dt.tz_localize("UTC").dt.tz_convert("Etc/GMT+5").dt.tz_localize(None)
    assert local.between(calendar["starts_at"].min(), calendar["ends_at"].max(), inclusive="left").all()


def test_production4tu_wants_one_offset(tmp_path: Path):
    tu_file(tmp_path, [row.replace("-05:00", "-04:00") if row.startswith("Case1,P") else row for row in TU_ROWS])
    with pytest.raises(LandError, match=r"one fixed offset.*-04:00, -05:00"):
        ADAPTERS["production4tu"].land(tmp_path, tmp_path / "raw")


def test_uci_mapping(small_sets: dict[str, Path], tmp_path: Path):
    report = ADAPTERS["uci"].land(small_sets["uci"], tmp_path)
    snapshots = landed(tmp_path, "credit", "dpd_snapshots")
    snapshots["snapshot_date"] = snapshots["snapshot_date"].astype(str)
    table = snapshots.pivot(index="account_id", columns="snapshot_date", values="days_past_due")
    assert list(table.columns) == [
        "2005-04-30",
        "2005-05-31",
        "2005-06-30",
        "2005-07-31",
        "2005-08-31",
        "2005-09-30",
    ]
    assert table.loc["1"].tolist() == [0, 0, 0, 0, 15, 45]
    assert table.loc["2"].tolist() == [0, 15, 225, 75, 0, 0]
    accounts = landed(tmp_path, "credit", "accounts")
    assert accounts["principal"].tolist() == [20000, 50000.5]
    assert (accounts["booked_at"] < utc("2005-03-31 16:00")).all()  # still March in Asia/Shanghai
    assert report.as_of == "2005-09-30 16:00:00"


# The real sets ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory):
    """Lands a real set once and returns its raw root."""
    data = Path(os.environ.get("KPI_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not data.is_dir():
        pytest.skip("the real sets are not at hand: set KPI_REAL_DATA to their folder")
    folders = {
        "bpi2012": "credit_process_bpi2012",
        "cdnow": "repurchase_cdnow",
        "maven": "line_downtime_maven",
        "production4tu": "production_log_4tu",
        "snowplow": "ecommerce_events_snowplow",
        "uci": "credit_default_uci",
    }
    roots: dict[str, Path] = {}

    def land_once(name: str) -> Path:
        if not (data / folders[name]).is_dir():
            pytest.skip(f"{data} has no {folders[name]}")
        if name not in roots:
            roots[name] = tmp_path_factory.mktemp(name)
            ADAPTERS[name].land(data / folders[name], roots[name])
        return roots[name]

    return land_once


def test_real_bpi2012(real):
    raw = real("bpi2012")
    applications = landed(raw, "credit", "applications")
    events = landed(raw, "credit", "application_events")
    assert len(applications) == applications["application_id"].nunique() == 13_087
    decisions = events[events["event_name"] == "final_decision"]
    assert not decisions["application_id"].duplicated().any()
    assert decisions["outcome"].value_counts().to_dict() == {"declined": 7_635, "approved": 2_246}
    withdrawn = events[events["event_name"] == "withdraw"]
    assert len(withdrawn) == 2_807
    assert not set(withdrawn["application_id"]) & set(decisions["application_id"])
    assert len(applications) - len(decisions) - len(withdrawn) == 399
    assert (events["event_name"] == "submit").sum() == 13_087

    # straight through: decided, no human actor, no supplement; the log has 3,429 refusals by its system alone
    touched = events.loc[(events["actor"] == "human") | (events["event_name"] == "request_supplement")]
    assert len(set(decisions["application_id"]) - set(touched["application_id"])) == 3_429

    # the STARTs of the four activities in the log
    visits = events[events["event_name"] == "enter_node"].groupby("node").size()
    assert visits.to_dict() == {
        "kyc": 5_897,
        "manual_review": 23_512,
        "final_approval": 7_891,
        "anti_fraud": 270,
    }
    requests = events[events["event_name"] == "request_supplement"]
    assert (len(requests), requests["application_id"].nunique()) == (2_383, 1_647)
    submitted = decisions["application_id"].map(applications.set_index("application_id")["submitted_at"])
    assert (decisions["event_at"] > submitted).all()


def test_real_cdnow(real):
    orders = landed(real("cdnow"), "ecommerce", "orders")
    assert len(orders) == orders["order_id"].nunique() == 69_659
    assert orders["user_id"].nunique() == 23_570
    assert orders["paid_amount"].sum() == pytest.approx(2_500_315.63)
    assert orders.drop(columns="order_id").duplicated().sum() >= 255
    local = orders["paid_at"].dt.tz_localize("UTC").dt.tz_convert("Asia/Shanghai")
    first = local.groupby(orders["user_id"]).min().dt.strftime("%Y-%m")
    assert first.value_counts().to_dict() == {"1997-01": 7_846, "1997-02": 8_476, "1997-03": 7_248}


def test_real_maven(real):
    raw = real("maven")
    down, planned = unplanned_downtime(raw)
    assert (down, planned) == (1_388, 3_858)
    assert round(down / planned, 4) == 0.3598
    states = landed(raw, "manufacturing", "machine_states")
    stopped = states[states["state"] == "stopped"]
    assert len(stopped) == 61
    reasons = landed(raw, "manufacturing", "downtime_reasons").set_index("reason_code")
    minutes = (stopped["ended_at"] - stopped["started_at"]).dt.total_seconds() / 60
    assert minutes.groupby(stopped["reason_code"].map(reasons["level2"])).sum()["operator_error"] == 776
    cycles = landed(raw, "manufacturing", "ideal_cycle_times").set_index("product_family")["seconds_per_piece"]
    orders = landed(raw, "manufacturing", "work_orders")
    assert len(orders) == 38
    assert orders["product_family"].map(cycles).sum() / 60 == 2_470
    calendar = landed(raw, "manufacturing", "shift_calendar").sort_values("starts_at")
    assert (calendar["starts_at"].iloc[1:].to_numpy() >= calendar["ends_at"].iloc[:-1].to_numpy()).all()


def test_real_snowplow(real):
    raw = real("snowplow")
    orders = landed(raw, "ecommerce", "orders").drop_duplicates("order_id")
    assert len(orders) == 14
    assert orders["paid_amount"].sum() == pytest.approx(1_466_094.89)
    events = landed(raw, "ecommerce", "events").drop_duplicates("event_id").sort_values(["user_id", "event_at"])
    known = events[~events["event_name"].isin(["promo_view", "promo_click", "refund", "checkout_step"])]
    gap = known.groupby("user_id")["event_at"].diff()
    known = known.assign(session=(gap.isna() | (gap >= pd.Timedelta(minutes=30))).cumsum())
    assert known["session"].nunique() == 63
    sessions = known.groupby("event_name")["session"].nunique()
    names = ["view_item", "add_to_cart", "begin_checkout", "purchase"]
    assert sessions[names].tolist() == [20, 15, 11, 8]


def test_real_production4tu(real):
    raw = real("production4tu")
    readings = landed(raw, "manufacturing", "counter_readings").sort_values(["machine_id", "read_at"])
    deltas = readings.groupby("machine_id")["total_count"].diff()
    assert deltas.sum() == 91_664
    assert (deltas.dropna() >= 0).all()
    assert landed(raw, "manufacturing", "scrap_reports")["quantity"].sum() == 593
    assert len(landed(raw, "manufacturing", "rework_orders")) == 32
    passes = landed(raw, "manufacturing", "unit_operations")
    assert (len(passes), passes["unit_id"].nunique()) == (4_503, 225)
    assert (passes["completed_at"] >= passes["entered_at"]).all()
    # every piece falls into a shift, at a machine already observed
    shifts = landed(raw, "manufacturing", "shift_calendar")
    zone = shifts["time_zone"].unique().item()
    local = readings["read_at"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    counted = local[deltas.notna()]
    assert counted.between(shifts["starts_at"].min(), shifts["ends_at"].max(), inclusive="left").all()
    observed = landed(raw, "manufacturing", "machine_states").groupby("machine_id")["started_at"].min()
    assert (readings.loc[deltas.gt(0), "read_at"] >= readings["machine_id"].map(observed)[deltas.gt(0)]).all()


def test_real_uci(real):
    raw = real("uci")
    assert len(landed(raw, "credit", "accounts")) == 30_000
    snapshots = landed(raw, "credit", "dpd_snapshots")
    snapshots["snapshot_date"] = snapshots["snapshot_date"].astype(str)
    table = snapshots.pivot(index="account_id", columns="snapshot_date", values="days_past_due")
    moves = table.groupby(["2005-08-31", "2005-09-30"]).size()
    assert [moves[0, 0], moves[0, 15], moves[0, 45], moves[45, 75]] == [22_735, 1_836, 991, 272]
