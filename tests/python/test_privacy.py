"""Privacy of what is published: no id of a person leaves, pseudonyms are stable, files are closed, the erased stay away."""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
import os
import stat
from pathlib import Path

import click
import duckdb
import pytest
import yaml
from click.testing import CliRunner

from kpi_warehouse import erasure, privacy
from kpi_warehouse import publish as publishing
from kpi_warehouse.cli import main
from kpi_warehouse.privacy import contract, declared, personal_names, pseudonym

from .conftest import ROOT, Built
from .support import privacy_scan
from .support.lander import Lander
from .test_publish import NOON, make_warehouse, rows_of

SALT = "a salt of a test that nobody else has"


@pytest.fixture(autouse=True)
def salted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPI_PSEUDONYM_SALT", SALT)


def raw_ids(raw: Path) -> set[str]:
    """Every id, phone, address, cookie and fingerprint of the landed input."""
    ids: set[str] = set()
    with duckdb.connect() as db:
        for column in contract(ROOT):
            files = sorted(raw.joinpath(column.domain, column.table).glob("*.parquet"))
            if column.personal and files:
                names = {r[0] for r in db.execute("select name from parquet_schema(?)", [str(files[0])]).fetchall()}
                if column.name in names:
                    query = f'select distinct cast("{column.name}" as varchar) from read_parquet(?) where "{column.name}" is not null'
                    ids |= {row[0] for row in db.execute(query, [[str(f) for f in files]]).fetchall()}
    return ids


def test_the_publication_and_the_ledger_of_the_demonstration_name_nobody(demo: Built) -> None:
    ids = raw_ids(demo.raw)
    assert len(ids) > 10_000
    assert privacy_scan.found(demo.published, ids) == {}
    assert privacy_scan.found(demo.published.parent / "ledger.duckdb", ids) == {}


def test_the_scan_finds_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "f.duckdb"
    with duckdb.connect(str(file)) as db:
        db.execute("create table t as select 'see USER:U0000017!' as a, 'nothing' as b")
        db.execute("create view v as select a || 'x' as c from t")
    assert set(privacy_scan.found(file, {"U0000017"})) == {"main.t.a", "main.v.c"}


#: Refused rows as hostile as they come: (domain, table, key, raw row) and what of it names somebody.
HOSTILE = [
    ("ecommerce", "orders", "o-1", {"ORDER_ID": "o-1", "USER_ID": "Uraw000017", "EMAIL": "zhang@example.com", "paid_amount": "12.5"}),
    ("ecommerce", "orders", "Uraw000018", {"order_id": "Uraw000018", "user_id": "Uraw000018", "Phone": "13800138000"}),
    ("ecommerce", "orders", "o-3", {"order_id": "o-3", "platform": "Zhang Weiming", "entry": "onsite", "Name": "Zhang Weiming"}),
    ("ecommerce", "orders", "o-4", {"order_id": "o-4", "gross_amount": "13800138000", "paid_at": "9.3.207.41", "id_card": "11010519491231002X"}),
    ("ecommerce", "events", "e-1", {"event_id": "e-1", " User_Id ": "Uraw000019", "utm_content": "mail to zhang@example.com", "page_url": "https://x/?token=secret77"}),
    ("ecommerce", "events", "e-2", {"event_id": "e-2", "event_name": "Uraw000017", "utm_source": "see Uraw000017 there", "ip": "9.3.207.41"}),
    ("ecommerce", "members", "Uraw000017|2026-01-01", {"user_id": "Uraw000017", "joined_at": "soon", "tier": "138 0013 8000"}),
    ("ecommerce", "identity_links", "user|Uraw000017|phone|phhash9999", {"id_type_a": "user", "ID_A": "Uraw000017", "id_type_b": "phone", "id_b": "phhash9999"}),
    ("credit", "instalments", "ACraw00001|1", {"account_id": "ACraw00001", "instalment_no": "1", "due_amount": "ACraw00001"}),
    ("nowhere", "of_the_contract", "Uraw000017", {"a": "Uraw000017"}),
    ("ecommerce", "orders", "o-5", None),
]  # fmt: skip
SECRETS = (
    "Uraw000017", "Uraw000018", "Uraw000019", "zhang@example.com", "13800138000", "138 0013 8000", "Zhang Weiming",
    "11010519491231002X", "9.3.207.41", "secret77", "phhash9999", "ACraw00001",
)  # fmt: skip


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A warehouse with hostile refused rows, and persons in tables that declare them or only name them."""
    warehouse = make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.5, True, "green")])
    with duckdb.connect(str(warehouse)) as db:
        db.execute("delete from marts.dq_quarantine")
        for domain, table, key, row in HOSTILE:
            text = None if row is None else json.dumps(row)
            db.execute(
                "insert into marts.dq_quarantine values (?, ?, ?, 'unparseable', 'x', ?)", [domain, table, key, text]
            )
        db.execute(
            "create table marts.fct_orders as select 'o-1' as order_id, 'user:Uraw000017' as person_id, 'Uraw000017' as user_id"
        )
        db.execute(
            "create table marts.rfm_segments as select unnest(['user:Uraw000017', 'cookie:Kraw000001', null]) as person_id, 'gold' as segment"
        )
        db.execute(
            "create table marts.new_and_undeclared as select 'Uraw000017' as user_id, 7 as account_id, 'x' as other"
        )
        db.execute("create schema intermediate; create table intermediate.spells as select 'ACraw00001' as account_id")
        db.execute("create view marts.fct_daily as select account_id from w.intermediate.spells")
        db.execute("create schema staging")
        db.execute("create table staging.base_ecommerce__orders as select 'Uraw000017' as user_id, 'o-1' as order_id")
        db.execute("create table staging.base_credit__accounts as select 'ACraw00001' as account_id")
        db.execute("create table staging.base_ecommerce__events as select 'Kraw000001' as cookie_id")
        db.execute("create table staging.stg_ecommerce__orders as select 'web' as platform, 'onsite' as entry")
    return warehouse


def test_nothing_of_a_refused_row_names_anybody(hostile: Path, tmp_path: Path) -> None:
    target = tmp_path / "published" / "kpi.duckdb"
    publishing.publish(hostile, target, now=NOON)
    assert privacy_scan.found(target, SECRETS) == {}
    assert privacy_scan.found(target.parent / "ledger.duckdb", SECRETS) == {}
    assert len(rows_of(target, "select * from marts.dq_quarantine")) == len(HOSTILE)
    for secret in SECRETS[:3]:  # no digest that a list of words reverses
        for text in (secret, f"user:{secret}"):
            digests = [hashlib.new(name, text.encode()).hexdigest() for name in ("md5", "sha1", "sha256")]
            assert privacy_scan.found(target, [*digests, *(d[:32] for d in digests)]) == {}
    shown = [json.loads(row[0]) for row in rows_of(target, "select raw_row from marts.dq_quarantine")]
    assert {"order_id": "o-1", "paid_amount": "12.5"} in shown
    assert {"order_id": "o-3", "platform": "***", "entry": "onsite"} in shown
    assert {"order_id": "o-4", "paid_at": "***", "gross_amount": "***"} in shown
    assert {"order_id": "***"} in shown
    assert ("o-1",) not in rows_of(target, "select row_key from marts.dq_quarantine")
    assert rows_of(hostile, "select count(*) from marts.dq_quarantine where raw_row like '%zhang@example.com%'") == [
        (2,)
    ]


def test_one_person_has_one_pseudonym(hostile: Path, tmp_path: Path) -> None:
    token = pseudonym(SALT.encode(), "user", "Uraw000017")
    assert token == "psn_" + hmac.new(SALT.encode(), b"user:Uraw000017", hashlib.sha256).hexdigest()[:32]
    for name in ("one", "two"):
        target = tmp_path / name / "kpi.duckdb"
        publishing.publish(hostile, target, now=NOON)
        assert rows_of(target, "select order_id, person_id, user_id from marts.fct_orders") == [
            ("o-1", f"user:{token}", token)
        ]
        assert (f"user:{token}",) in rows_of(target, "select person_id from marts.rfm_segments")
        assert (None,) in rows_of(target, "select person_id from marts.rfm_segments")
        assert rows_of(target, "select user_id from marts.new_and_undeclared") == [(token,)]
        assert rows_of(target, "select account_id from marts.fct_daily") == [
            (pseudonym(SALT.encode(), "account", "ACraw00001"),)
        ]


@pytest.mark.parametrize("key", ["k" * 16, "k" * 64, "k" * 65, "密" * 40])
def test_the_pseudonym_of_sql_is_an_hmac(key: str) -> None:
    with duckdb.connect() as db:
        privacy.set_key(db, key.encode())
        for value in ("U1", "李'\"|:", "x" * 300, ""):
            (got,) = db.execute(f"select {privacy.pseudonym_sql('v', 'user')} from (select ? as v)", [value]).fetchone()
            assert got == pseudonym(key.encode(), "user", value)


def test_a_site_may_keep_raw_ids(hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPI_PERSONAL_IDS", "raw")
    target = tmp_path / "published" / "kpi.duckdb"
    publishing.publish(hostile, target, now=NOON)
    assert rows_of(target, "select person_id from marts.fct_orders") == [("user:Uraw000017",)]
    assert "zhang@example.com" not in str(rows_of(target, "select raw_row from marts.dq_quarantine"))
    monkeypatch.setenv("KPI_PERSONAL_IDS", "rwa")
    with pytest.raises(click.ClickException, match="rwa"):
        publishing.publish(hostile, target, now=NOON)


def test_identify_gives_the_ids_back(hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "published" / "kpi.duckdb"
    publishing.publish(hostile, target, now=NOON)
    monkeypatch.setenv("KPI_WAREHOUSE", str(hostile))
    tokens = [r[0] for r in rows_of(target, "select person_id from marts.rfm_segments where person_id is not null")]
    done = CliRunner().invoke(main, ["identify", "--json", *tokens])
    assert done.exit_code == 0, done.output
    assert {(r["kind"], r["id"]) for r in json.loads(done.stdout)} == {("user", "Uraw000017"), ("cookie", "Kraw000001")}
    done = CliRunner().invoke(main, ["identify", "--csv", "-"], input="\n".join([*tokens, "", "psn_" + "0" * 32]))
    assert [r["id"] for r in csv.DictReader(done.stdout.splitlines())] == [
        *(t for t in ("Uraw000017", "Kraw000001")),
        "",
    ]
    assert done.exit_code == 1 and "1 of 3 pseudonyms" in done.stderr
    monkeypatch.setenv("KPI_PSEUDONYM_SALT", "another salt of another site")
    assert CliRunner().invoke(main, ["identify", *tokens]).exit_code == 1


def test_the_salt_is_made_once_and_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KPI_PSEUDONYM_SALT")
    first = privacy.salt(tmp_path / "w.duckdb")
    file = tmp_path / "pseudonym.salt"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and privacy.salt(tmp_path / "w.duckdb") == first
    file.chmod(0o644)
    with pytest.raises(click.ClickException, match="chmod 600"):
        privacy.salt(tmp_path / "w.duckdb")
    file.chmod(0o600)
    file.write_text("short")
    with pytest.raises(click.ClickException, match="16"):
        privacy.salt(tmp_path / "w.duckdb")
    monkeypatch.setenv("KPI_PSEUDONYM_SALT", "")
    with pytest.raises(click.ClickException, match="KPI_PSEUDONYM_SALT"):
        privacy.salt(tmp_path / "w.duckdb")


def test_files_are_closed_to_others(hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "published" / "kpi.duckdb"
    before = os.umask(0)
    try:
        for _ in range(2):  # the second replaces a file that nobody may write
            publishing.publish(hostile, target, now=NOON)
            got = {f.name: stat.S_IMODE(f.stat().st_mode) for f in (hostile, target, target.parent / "ledger.duckdb")}
            assert got == {"w.duckdb": 0o640, "kpi.duckdb": 0o440, "ledger.duckdb": 0o640}
        monkeypatch.setenv("KPI_FILE_MODES", "publication=0444, ledger=0600")
        publishing.publish(hostile, target, now=NOON)
        assert stat.S_IMODE(target.stat().st_mode) == 0o444
        assert stat.S_IMODE((target.parent / "ledger.duckdb").stat().st_mode) == 0o600
    finally:
        os.umask(before)
    for wrong in ("publication=9", "kpi=0644", "warehouse=0440", "0640"):
        monkeypatch.setenv("KPI_FILE_MODES", wrong)
        with pytest.raises(click.ClickException, match="KPI_FILE_MODES"):
            privacy.modes()


def published_models() -> list[dict]:
    """Models whose tables are published, as declared."""
    models = []
    for folder in ("marts", "governance"):
        for path in sorted((ROOT / "models" / folder).rglob("*.yml")):
            models += yaml.load(path.read_text(encoding="utf-8"), Loader=privacy._LOADER).get("models") or []
    return models


def test_every_published_column_that_names_a_person_is_declared() -> None:
    names, kinds = personal_names(ROOT), declared(ROOT)
    endings = tuple(f"_{name}" for name in names if name not in ("ip",))
    missing = [
        f"{model['name']}.{column['name']}"
        for model in published_models()
        for column in model.get("columns") or []
        if (column["name"] in names or column["name"].endswith(endings))
        and column["name"] not in kinds.get(model["name"], {})
    ]
    assert missing == []


def test_contract_columns_that_sound_like_persons_are_declared() -> None:
    sounds = (
        "user_id",
        "customer_id",
        "account_id",
        "application_id",
        "phone",
        "email",
        "fingerprint",
        "cookie",
        "device_id",
    )
    missing = [f"{c.table}.{c.name}" for c in contract(ROOT) if any(s in c.name for s in sounds) and not c.personal]
    assert missing == []


def test_the_staging_models_carry_the_declaration() -> None:
    kinds = declared(ROOT)
    for column in contract(ROOT):
        for prefix in ("base", "stg"):
            got = kinds.get(f"{prefix}_{column.domain}__{column.table}", {}).get(column.name)
            assert got == column.personal, f"{prefix} {column.table}.{column.name}: run `kpi sync`"


def test_an_erased_person_stays_away(lander: Lander, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of every table and of the bytes of the file; what lands again is refused without content and accounted for."""
    lander.clear()
    events = [
        {"event_id": f"e{n}", "event_name": "purchase", "event_at": "2026-03-01 10:00:00", "user_id": user, "cookie_id": cookie}
        for n, (user, cookie) in enumerate(
            [("Uerase0001", "Kalone0001"), ("Uerase0001", "Kshared001"), ("Ustays0001", "Kshared001"),
             (None, "Kalone0001"), (" Uerase0001\t", None), ("Ustays0001", None)]
        )
    ]  # fmt: skip
    links = [
        {"id_type_a": a, "id_a": x, "id_type_b": b, "id_b": y, "first_seen_at": "2026-03-01", "last_seen_at": "2026-03-02"}
        for a, x, b, y in [("user", "Uerase0001", "phone", "phalone0001"), ("phone", "phalone0001", "cookie", "Kother0001"),
                           ("user", "Ustays0001", "cookie", "Uerase0001")]
    ]  # fmt: skip
    lander.write("ecommerce", "events", "a.parquet", events)
    lander.write("ecommerce", "identity_links", "a.parquet", links)
    lander.write(
        "ecommerce",
        "orders",
        "a.parquet",
        [{"order_id": "o9", "user_id": "Uerase0001", "created_at": "never", "gross_amount": 1, "paid_amount": 1}],
    )
    models = [f"{p}_ecommerce__{t}" for t in ("events", "identity_links", "orders") for p in ("base", "stg")]
    monkeypatch.setenv("KPI_PSEUDONYM_SALT_FILE", str(lander.workdir / "its.salt"))
    erasure.list_path(lander.warehouse).unlink(missing_ok=True)
    count = "select count(*), count(*) filter (where _reject_reason = 'erased') from staging.base_ecommerce__"
    try:
        lander.models(*models)
        assert lander.rows(f"{count}events") == [(6, 0)] and lander.rows(f"{count}identity_links") == [(3, 0)]
        assert b"Uerase0001" in lander.warehouse.read_bytes()
        persons, gone = erasure.erase(lander.warehouse, "user:Uerase0001", ROOT)
        assert set(persons) == {("user", "Uerase0001"), ("cookie", "Kalone0001"), ("phone", "phalone0001")}
        assert gone >= 6
        for again in (False, True):
            if again:
                erasure.keep_list(lander.warehouse)
                lander.models(*models)
            assert privacy_scan.found(lander.warehouse, [i for _, i in persons]) == (
                {}
                if not again
                else {
                    # a cookie of the same letters is somebody else's
                    "staging.base_ecommerce__identity_links.id_b": ["uerase0001"],
                    "staging.base_ecommerce__identity_links._row_key": ["uerase0001"],
                    "staging.stg_ecommerce__identity_links.id_b": ["uerase0001"],
                }
            )
        assert lander.rows(f"{count}events") == [(6, 4)] and lander.rows(f"{count}orders") == [(1, 1)]
        assert lander.rows(f"{count}identity_links") == [(3, 2)]
        assert lander.rows("select event_id from staging.stg_ecommerce__events order by 1") == [("e2",), ("e5",)]
        assert not any(i.encode() in lander.warehouse.read_bytes() for i in ("Kalone0001", "phalone0001"))
        listed = erasure.list_path(lander.warehouse)
        assert stat.S_IMODE(listed.stat().st_mode) == 0o600 and "erase" not in listed.read_text()
    finally:
        with duckdb.connect(str(lander.warehouse)) as db:
            db.execute("drop schema if exists privacy cascade")
        lander.clear()
