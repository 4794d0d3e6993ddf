"""What a publication refuses, notices and survives: other builds' results, stale logs, wrong ledgers, forged rows."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import duckdb
import pytest
from click.testing import CliRunner

from kpi_warehouse import marks
from kpi_warehouse import publish as publishing
from kpi_warehouse.cli import main
from kpi_warehouse.files import FileHeld, FileRefused, check_paths, check_raw_root, raw_checksum
from kpi_warehouse.governance.verify import integrity, verify_file
from kpi_warehouse.publish import GateShut

from .conftest import Built
from .test_publish import CRASHING, NOON, make_warehouse, rows_of

ROW = ("ec_a", 1, 4, 0.5, True, "green")


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "published" / "kpi.duckdb"
    monkeypatch.setenv("KPI_PUBLISHED", str(path))
    monkeypatch.setenv("KPI_WAREHOUSE", str(tmp_path / "w.duckdb"))
    monkeypatch.setenv("KPI_RAW_ROOT", str(tmp_path / "raw"))
    return path


def make(target: Path, *rows: tuple) -> Path:
    return make_warehouse(target.parent.parent / "w.duckdb", list(rows or [ROW]))


def publish(target: Path, *rows: tuple, day: int = 0, **reasons: str) -> publishing.Publication:
    return publishing.publish(make(target, *rows), target, now=NOON + dt.timedelta(days=day), **reasons)


def many(count: int, value: float = 0.5, *, kpi: str = "ec_a", domain: str = "ecommerce", version: int = 1) -> str:
    """SQL of so many official numbers, one a day."""
    return f"""select '{kpi}' as kpi_id, {version} as version, '{domain}' as domain, 'day' as period_grain,
        timestamp '2026-01-01' + to_days(range::integer) as period_start, timestamp '2026-01-02' + to_days(range::integer)
            as period_end, 'all' as dimension, 'all' as dimension_value, {value}::double * 100 as numerator, 100.0 as denominator,
        {value}::double as value, 100 as sample_size, true as is_final, timestamp '2026-07-01' as as_of
        from range({count})"""


def publish_sql(target: Path, *queries: str, day: int = 0, **reasons: str) -> publishing.Publication:
    """Publishes the numbers that the queries give."""
    warehouse = make_warehouse(target.parent.parent / "w.duckdb", [])
    with duckdb.connect(str(warehouse)) as db:
        for query in queries:
            db.execute(f"insert into marts.kpi_values by name {query}")
        db.execute(
            "insert into marts.kpi_scorecard by name select kpi_id, version, domain, period_grain, period_start, "
            "dimension, dimension_value, 'green' as status from marts.kpi_values"
        )
    return publishing.publish(warehouse, target, now=NOON + dt.timedelta(days=day), **reasons)


def alter(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as db:
        for statement in statements:
            db.execute(statement)


def ledger_of(target: Path) -> Path:
    return target.parent / "ledger.duckdb"


def verify(expected: int) -> str:
    done = CliRunner().invoke(main, ["verify"])
    assert done.exit_code == expected, done.output
    return done.output


# --------------------------------------------------------------------------- results of this build, all of them


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("delete from marts.dq_results where check_id = 'landing.toy'", "1 check results"),
        ("delete from marts.dq_results", "no check results"),
        ("truncate marts.dq_results", "no check results"),
        ("update marts.dq_results set passed = null", "checks failed"),
        ("update marts.dq_results set passed = false", "checks failed"),
        ("update marts.dq_results set observed = 'all well'", "changed after the build"),
        ("update marts.dq_results set check_id = 'other' where check_id = 'landing.toy'", "changed after the build"),
        ("insert into marts.dq_results select * from marts.dq_results limit 1", "3 check results"),
        ("drop schema build cascade", "no mark"),
        ("delete from build.mark", "no mark"),
        ("insert into build.mark select * from build.mark", "no mark"),
        ("update build.mark set state = 'begun'", "did not end"),
        ("update build.mark set state = 'building'", "did not end"),
        ("update build.mark set state = 'part'", "a part only"),
        ("update build.mark set state = 'failed'", "failed"),
        ("update build.mark set state = 'built'", "expectations"),
        ("update build.mark set state = null", "says nothing"),
        ("update build.mark set tests = 5", "5 tests"),
        ("update build.mark set expectations = 739", "739 expectations"),
    ],
)
def test_results_that_are_not_those_of_this_build_publish_nothing(target: Path, harm: str, words: str) -> None:
    target.parent.mkdir()
    warehouse = make(target, ("ec_a", 1, 4, 0.9, True, "green"))
    alter(
        warehouse,
        "insert into marts.dq_results select * replace ('landing.other' as check_id) from marts.dq_results",
    )
    marks.complete(warehouse, "toy-build", 0, raw_checksum=None, code_checksum=None)
    alter(warehouse, harm)
    with pytest.raises(GateShut, match=words):
        publishing.publish(warehouse, target, now=NOON)
    assert not target.exists() and not ledger_of(target).exists()


def test_a_build_in_between_takes_the_mark_away(target: Path) -> None:
    warehouse = make(target)
    marks.begin(warehouse, "another", NOON)
    with pytest.raises(ValueError, match="came in between"):
        marks.complete(warehouse, "toy-build", 0, raw_checksum=None, code_checksum=None)
    with pytest.raises(GateShut, match="did not end"):
        publishing.publish(warehouse, target)


def test_our_own_changes_to_the_results_keep_a_sound_seal_and_mend_no_broken_one(target: Path) -> None:
    warehouse = make(target)
    with duckdb.connect(str(warehouse)) as db:
        with marks.resealing(db):
            db.execute("update marts.dq_results set observed = '1'")
        assert marks.objection(db, "w") is None
        db.execute("update marts.dq_results set observed = '2'")
        with marks.resealing(db):
            db.execute("update marts.dq_results set observed = '3'")
        assert "changed" in str(marks.objection(db, "w"))


# --------------------------------------------------------------------------- logs, torn and corrupt files

WRITER = """
import duckdb, os, signal, sys
db = duckdb.connect(sys.argv[1])
db.execute("set wal_autocheckpoint = '1TB'")
db.execute("update marts.kpi_values set value = 666")
os.kill(os.getpid(), signal.SIGKILL)
"""


def leave_log(path: Path) -> None:
    """Somebody writes into a file and dies: his log stays beside it."""
    subprocess.run([sys.executable, "-c", WRITER, str(path)], check=False)
    assert path.with_name(f"{path.name}.wal").exists()


def test_a_stale_log_beside_the_published_file_is_not_played_into_the_next(target: Path) -> None:
    publish(target)
    leave_log(target)
    publish(target, ("ec_a", 1, 4, 0.7, True, "green"), day=1)
    assert not target.with_name("kpi.duckdb.wal").exists()
    assert rows_of(target, "select value from marts.kpi_values") == [(0.7,)]
    with duckdb.connect(str(target)) as db:
        assert db.execute("select value from marts.kpi_values").fetchall() == [(0.7,)]


def test_a_log_that_somebody_leaves_after_the_swap_is_noticed(target: Path) -> None:
    publish(target)
    leave_log(target)
    assert "kpi.duckdb.wal" in verify(1)
    publish(target, day=1)
    verify(0)


def test_nothing_is_left_behind_by_a_publication(target: Path) -> None:
    publish(target)
    publish(target, day=1)
    assert sorted(path.name for path in target.parent.iterdir() if path.suffix != ".lock") == [
        "kpi.duckdb",
        "ledger.duckdb",
    ]


def test_file_and_folder_are_on_the_disk_around_the_swap(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    fsync, replace = os.fsync, Path.replace

    def note(handle: int) -> None:
        order.append("folder" if Path(f"/proc/self/fd/{handle}").resolve().is_dir() else "file")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(Path, "replace", lambda self, other: (order.append("swap"), replace(self, other))[1])
    publish(target)
    at = order.index("swap")
    assert "file" in order[:at] and "folder" in order[at:]


@pytest.mark.parametrize("content", [b"", b"x" * 5000, None])
@pytest.mark.parametrize("point", ["before_swap", "after_swap"])
def test_a_corrupt_published_file_beside_a_prepared_row_heals(target: Path, content: bytes | None, point: str) -> None:
    publish(target)
    changed = make(target, ("ec_a", 1, 4, 0.6, True, "green"))
    subprocess.run([sys.executable, "-c", CRASHING, point, str(changed), str(target)], env=os.environ, check=False)
    assert rows_of(ledger_of(target), "select count(*) from publications where state = 'prepared'") == [(1,)]
    target.write_bytes(target.read_bytes()[:9000] if content is None else content)
    again = publishing.publish(changed, target, now=NOON + dt.timedelta(days=2))
    # what was swapped in may have been seen: it stays; what was not, was never published
    assert again.new_or_changed == (1 if point == "before_swap" else 0)
    assert rows_of(target, "select value from marts.kpi_publications order by published_at_run") == [(0.5,), (0.6,)]
    verify(0)


# --------------------------------------------------------------------------- the right ledger


def test_a_lost_ledger_is_noticed_and_goes_on_with_a_reason_that_is_kept(target: Path) -> None:
    publish(target)
    before = target.read_bytes()
    ledger_of(target).unlink()
    for day in (1, 2):
        with pytest.raises(GateShut, match=r"was published with one[\s\S]*--accept-ledger"):
            publish(target, day=day)
    assert target.read_bytes() == before and not ledger_of(target).exists()
    publish(target, day=3, accept_ledger="the disk broke, there is no backup")
    publish(target, day=4)
    verify(0)
    assert rows_of(ledger_of(target), "select ledger_reason from publications order by sequence") == [
        ("the disk broke, there is no backup",),
        (None,),
    ]
    assert [reason for (reason,) in rows_of(ledger_of(target), "select reason from identity")] == [
        "the disk broke, there is no backup"
    ]


def test_an_older_ledger_is_noticed(target: Path) -> None:
    publish(target)
    backup = ledger_of(target).read_bytes()
    publish(target, ("ec_a", 1, 4, 0.7, True, "green"), day=1)
    ledger_of(target).write_bytes(backup)
    with pytest.raises(GateShut, match="older"):
        publish(target, ("ec_a", 1, 4, 0.8, True, "green"), day=2)
    assert rows_of(target, "select value from marts.kpi_values") == [(0.7,)]
    publish(target, ("ec_a", 1, 4, 0.8, True, "green"), day=3, accept_ledger="restored from the backup of July 1")
    publish(target, ("ec_a", 1, 4, 0.8, True, "green"), day=4)
    verify(0)


def test_a_foreign_ledger_is_noticed(target: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "kpi.duckdb"
    publishing.publish(make(target), other, now=NOON)
    publish(target)
    ledger_of(target).write_bytes(ledger_of(other).read_bytes())
    with pytest.raises(GateShut, match="another id"):
        publish(target, day=1)
    assert "knows no publication" in verify(1)


def test_an_emptied_ledger_is_noticed(target: Path) -> None:
    publish(target)
    ledger_of(target).unlink()
    alter(ledger_of(target), "create table issues (issue_id varchar)")
    with pytest.raises(GateShut, match="lost or is another"):
        publish(target, day=1)


@pytest.mark.parametrize("content", [b"no database", b"x" * 20000])
def test_a_ledger_that_is_no_database_is_one_sentence(target: Path, content: bytes) -> None:
    publish(target)
    before = target.read_bytes()
    ledger_of(target).write_bytes(content)
    done = CliRunner().invoke(main, ["publish"])
    assert done.exit_code in (1, 2) and "ledger.duckdb" in done.output and "Traceback" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert target.read_bytes() == before


# --------------------------------------------------------------------------- the chain of the ledger


@pytest.fixture(scope="module")
def published_twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a warehouse and two publications, sound."""
    folder = tmp_path_factory.mktemp("twice")
    target = folder / "published" / "kpi.duckdb"
    publish(target)
    publish(target, ("ec_a", 1, 4, 0.5, True, "green"), ("ec_a", 1, 5, 0.6, True, "green"), day=1)
    with duckdb.connect(str(target), read_only=True) as db:
        assert verify_file(db, target, ledger_of(target), is_thorough=True).problems == []
    return folder


FORGED = (
    "insert into entries select * replace ({id} as publication_id, 0.99 as value, 99 as numerator, "
    "now()::timestamp as published_at_run) from entries limit 1"
)


@pytest.mark.parametrize(
    "harm",
    [
        FORGED.format(id="publication_id"),
        FORGED.format(id="'0123456789abcdef'"),
        FORGED.format(id="null"),
        "update entries set value = 0.99",
        "update entries set is_withdrawn = true",
        "update entries set published_at_run = published_at_run - interval 1 hour",
        "delete from entries",
        "update publications set code_checksum = 'same'",
        "update publications set published_at_run = published_at_run - interval 1 hour",
        "update publications set actor = 'somebody else'",
        "update publications set git_commit = 'clean'",
        "update publications set raw_checksum = 'as it should be'",
        "update publications set withdrawal_reason = 'as agreed'",
        "delete from publications where sequence = 1",
        "update publications set entry_count = 5",
        "update published_tables set checksum = '0' where table_name = 'kpi_values'",
        "insert into publications (publication_id, state, sequence) values ('beef', 'published', 3)",
        "insert into publications (publication_id, state) values ('beef', 'published')",
    ],
)
def test_a_forged_ledger_becomes_no_official_restatement(
    target: Path, tmp_path: Path, published_twice: Path, harm: str
) -> None:
    shutil.copytree(published_twice, tmp_path, dirs_exist_ok=True)
    before = target.read_bytes()
    alter(ledger_of(target), harm)
    verify(1)
    assert "warning" in CliRunner().invoke(main, ["published"]).stderr
    with pytest.raises(GateShut, match="ledger is not what it was"):
        publishing.publish(tmp_path / "w.duckdb", target, now=NOON + dt.timedelta(days=2))
    assert target.read_bytes() == before


def test_what_is_accepted_begins_the_chain_anew_and_stays_told(target: Path) -> None:
    publish(target)
    alter(ledger_of(target), FORGED.format(id="'feed'"), "update publications set actor = 'x'")
    publish(target, day=1, accept_ledger="looked into, see ticket 12")
    publish(target, day=2)
    verify(0)
    ((problems, reason),) = rows_of(ledger_of(target), "select problems, reason from identity where reason is not null")
    assert "feed" in problems and reason == "looked into, see ticket 12"
    # what no publication stated is kept aside, and is no restatement
    assert rows_of(ledger_of(target), "select value from refused_entries") == [(0.99,)]
    assert rows_of(target, "select * from marts.kpi_restatements") == []
    alter(ledger_of(target), "update entries set value = 1")
    verify(1)


def old_release(target: Path) -> None:
    """A ledger and a publication as the release before wrote them."""
    publish(target)
    publish(target, ("ec_a", 1, 4, 0.6, True, "green"), day=1)
    path = ledger_of(target)
    columns = "publication_id, state, published_at_run, code_checksum, null::varchar as raw_checksum"
    alter(
        path,
        f"create table kept as select {columns} from publications",
        "drop table publications",
        """create table publications (publication_id varchar primary key, state varchar, published_at_run timestamp,
            code_checksum varchar, raw_checksum varchar)""",
        "insert into publications select * from kept; drop table kept; drop table identity; drop table published_tables",
    )
    alter(
        target,
        "create or replace table marts.publication as select publication_id, published_at_run from marts.publication",
        "drop table marts.publication_tables",
    )


def test_a_ledger_of_the_last_release_is_read_and_carried_on(target: Path) -> None:
    old_release(target)
    listed = json.loads(CliRunner().invoke(main, ["published", "--json"]).stdout)
    first = listed[0]["publication_id"]
    assert len(listed) == 2
    told = json.loads(CliRunner().invoke(main, ["published", first, "--json"]).stdout)
    assert [row["value"] for row in told] == [0.5]
    assert "earlier release" in verify(0)
    publish(target, ("ec_a", 1, 4, 0.7, True, "green"), day=2)
    verify(0)
    assert rows_of(ledger_of(target), "select value from entries order by published_at_run") == [(0.5,), (0.6,), (0.7,)]
    told = json.loads(CliRunner().invoke(main, ["published", first, "--json"]).stdout)
    assert [row["value"] for row in told] == [0.5]
    publish(target, ("ec_a", 1, 4, 0.7, True, "green"), day=3)
    alter(ledger_of(target), "update entries set value = 0.55 where value = 0.5")
    assert "earlier release" in verify(1)
    with pytest.raises(GateShut, match="earlier release"):
        publish(target, day=4)


def test_a_lost_ledger_of_the_last_release_is_noticed(target: Path) -> None:
    old_release(target)
    ledger_of(target).unlink()
    with pytest.raises(GateShut, match="was published with one"):
        publish(target, day=2)


def test_a_publication_says_who_made_it_where_and_of_what(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "raw" / "ecommerce" / "orders"
    raw.mkdir(parents=True)
    (raw / "a.csv").write_text("order_id\n1\n")
    monkeypatch.setenv("KPI_RAW_ROOT", str(tmp_path / "raw"))
    monkeypatch.setenv("KPI_ACTOR", "Li Na")
    publish(target)
    query = "select actor, host, git_commit, raw_checksum, raw_checksum_at, build_id, hash from {} "
    ((actor, host, commit, raw_sum, raw_at, build, hash_),) = rows_of(ledger_of(target), query.format("publications"))
    assert actor == "Li Na" and host and build == "toy-build" and hash_ and raw_at == "publication"
    assert raw_sum == raw_checksum(tmp_path / "raw", [("ecommerce", "orders")])
    assert commit is None or len(commit.split("+")[0]) == 40
    assert rows_of(target, "select actor, publication_hash from marts.publication") == [("Li Na", hash_)]


def test_the_checksum_of_what_was_landed_tells_content_name_and_place(tmp_path: Path) -> None:
    tables = [("ecommerce", "orders"), ("credit", "scores")]
    folder = tmp_path / "ecommerce" / "orders"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("order_id\n1\n")
    (tmp_path / "notes.txt").write_text("not a table")
    first = raw_checksum(tmp_path, tables)
    seen = {first}
    os.utime(folder / "a.csv", (0, 0))
    (tmp_path / "notes.txt").write_text("another")
    assert raw_checksum(tmp_path, tables) == first
    for change in (
        lambda: (folder / "a.csv").write_text("order_id\n2\n"),
        lambda: (folder / "a.csv").rename(folder / "b.csv"),
        lambda: (folder / "sub").mkdir() or (folder / "sub" / "c.CSV.GZ").write_bytes(b"x"),
        lambda: (folder / "sub" / "c.CSV.GZ").unlink(),
    ):
        change()
        seen.add(raw_checksum(tmp_path, tables))
    assert len(seen) == 4 + 1 - 1  # the last change brings back what was before it
    (folder / "b.csv").unlink()
    assert raw_checksum(tmp_path, tables) is None


# --------------------------------------------------------------------------- a changed value


@pytest.mark.parametrize(
    "harm",
    [
        "update marts.kpi_values set value = 0.99",
        "insert into marts.kpi_values select * replace (0.99 as value) from marts.kpi_values",
        "delete from marts.kpi_values where value < 0",  # no row, but somebody was there: the file itself is another
        "create or replace table marts.kpi_values as select * replace (0.99 as value) from marts.kpi_values",
        "create table marts.more as select 1 as n",
        "drop table marts.kpi_publications",
        "create or replace view marts.fct_view as select 2 as n",
    ],
)
def test_a_changed_publication_is_noticed(target: Path, harm: str) -> None:
    warehouse = make(target)
    alter(warehouse, "create view marts.fct_view as select 1 as n")
    publishing.publish(warehouse, target, now=NOON)
    verify(0)
    alter(target, harm)
    if harm.startswith("delete"):
        verify(0)
        return
    verify(1)
    publishing.publish(warehouse, target, now=NOON + dt.timedelta(days=1))
    verify(0)


def test_an_updated_value_is_not_explained_as_official(
    demo: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(demo.published.parent, tmp_path / "published")
    copy = tmp_path / "published" / demo.published.name
    monkeypatch.setenv("KPI_PUBLISHED", str(copy))
    asked = ["explain", "ec_cvr", "--no-columns", "--json"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0 and json.loads(done.stdout)["integrity"]["is_as_published"] is True
    copy.chmod(0o600)
    alter(copy, "update marts.kpi_values set value = value * 2 where kpi_id = 'ec_cvr'")
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 1 and "not official" in done.stderr
    assert json.loads(done.stdout)["integrity"]["changed_tables"] == ["kpi_values"]
    verify(1)


def test_a_publication_that_says_it_is_another_is_noticed(target: Path) -> None:
    publish(target)
    alter(target, "update marts.publication set publication_hash = 'x'")
    assert "hash" in verify(1)
    with pytest.raises(GateShut, match="says otherwise"):
        publish(target, day=1)


def test_a_changed_value_is_noticed_without_the_ledger_too(target: Path) -> None:
    publish(target)
    copy = target.parent.parent / "copy" / "kpi.duckdb"
    copy.parent.mkdir()
    copy.write_bytes(target.read_bytes())

    def problems() -> list[str]:
        with duckdb.connect(str(copy), read_only=True) as db:
            return integrity(db, copy).problems

    assert problems() == []
    alter(copy, "update marts.kpi_values set value = 0.99")
    assert any("kpi_values" in problem for problem in problems())


# --------------------------------------------------------------------------- who holds what

HOLDER = """
import duckdb, sys, time
db = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
print("held", flush=True)
time.sleep(float(sys.argv[3]))
"""


def hold(path: Path, seconds: float, *, how: str = "write") -> subprocess.Popen:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), how, str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    return holder


@pytest.mark.parametrize("how", ["read", "write"])
def test_a_publication_waits_for_a_reader_of_the_ledger(
    target: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(target)
    holder = hold(ledger_of(target), 1.5, how=how)
    try:
        publish(target, ("ec_a", 1, 4, 0.7, True, "green"), day=1)
    finally:
        holder.wait()
    assert f"process {holder.pid}" in capsys.readouterr().err
    assert rows_of(target, "select value from marts.kpi_values") == [(0.7,)]


def test_a_ledger_held_for_too_long_is_one_sentence(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(target)
    before = target.read_bytes()
    monkeypatch.setenv("KPI_WAIT_SECONDS", "0.5")
    holder = hold(ledger_of(target), 60)
    try:
        with pytest.raises(FileHeld, match=f"process {holder.pid}.*KPI_WAIT_SECONDS"):
            publish(target, day=1)
        told = CliRunner().invoke(main, ["published"])
        assert told.exit_code == 3 and "held by" in told.output
    finally:
        holder.kill()
        holder.wait()
    assert target.read_bytes() == before and not list(target.parent.glob("*.new-*"))
    publish(target, day=2)


def test_a_reader_that_may_write_locks_no_publication_out(target: Path) -> None:
    publish(target)
    holder = hold(target, 60)
    try:
        publish(target, ("ec_a", 1, 4, 0.7, True, "green"), day=1)
        assert rows_of(target, "select value from marts.kpi_values") == [(0.7,)]
    finally:
        holder.kill()
        holder.wait()


def test_our_readers_wait_for_who_writes(target: Path) -> None:
    publish(target)
    holder = hold(target, 1.5)
    try:
        verify(0)
    finally:
        holder.wait()


def test_kpi_publish_takes_the_lock_of_the_build(target: Path) -> None:
    from kpi_warehouse.build import locked

    warehouse = make(target)
    with locked(warehouse):
        done = subprocess.run(
            [sys.executable, "-m", "kpi_warehouse.cli", "publish"], capture_output=True, text=True, check=False
        )
    assert done.returncode == 3 and "another build" in done.stderr
    assert not target.exists()
    assert CliRunner().invoke(main, ["publish"]).exit_code == 0


def test_two_warehouses_publish_to_one_place_one_after_the_other(target: Path, tmp_path: Path) -> None:
    first = make_warehouse(tmp_path / "first.duckdb", [ROW])
    second = make_warehouse(tmp_path / "second.duckdb", [ROW])
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "kpi_warehouse.cli", "publish"],
            env={**os.environ, "KPI_WAREHOUSE": str(warehouse)},
            stdout=subprocess.DEVNULL,
        )
        for warehouse in (first, second)
    ]
    assert [run.wait() for run in runs] == [0, 0]
    verify(0)
    assert rows_of(ledger_of(target), "select count(*) from publications where state = 'published'") == [(2,)]


# --------------------------------------------------------------------------- paths


@pytest.mark.parametrize("name", ["main", "temp", "system", "memory", "ledger", "fresh", "standing", "Ledger", "TEMP"])
@pytest.mark.parametrize("setting", ["KPI_PUBLISHED", "KPI_WAREHOUSE"])
def test_names_that_duckdb_or_the_ledger_uses_are_refused(tmp_path: Path, name: str, setting: str) -> None:
    paths = {"KPI_WAREHOUSE": tmp_path / "w.duckdb", "KPI_PUBLISHED": tmp_path / "out" / "kpi.duckdb"}
    paths[setting] = tmp_path / "out" / f"{name}.db"
    with pytest.raises(FileRefused, match=setting):
        check_paths(paths["KPI_WAREHOUSE"], paths["KPI_PUBLISHED"])


def _same(folder: Path) -> tuple[Path, Path]:
    return folder / "w.duckdb", folder / "x" / ".." / "w.duckdb"


def _hard(folder: Path) -> tuple[Path, Path]:
    (folder / "out").mkdir()
    (folder / "w.duckdb").touch()
    os.link(folder / "w.duckdb", folder / "out" / "kpi.duckdb")
    return folder / "w.duckdb", folder / "out" / "kpi.duckdb"


def _soft(folder: Path) -> tuple[Path, Path]:
    (folder / "out").mkdir()
    (folder / "w.duckdb").touch()
    (folder / "out" / "kpi.duckdb").symlink_to(folder / "w.duckdb")
    return folder / "w.duckdb", folder / "out" / "kpi.duckdb"


def _folder_link(folder: Path) -> tuple[Path, Path]:
    (folder / "real").mkdir()
    (folder / "out").symlink_to(folder / "real")
    return folder / "real" / "w.duckdb", folder / "out" / "w.duckdb"


def _published_is_ledger(folder: Path) -> tuple[Path, Path]:
    return folder / "w.duckdb", folder / "out" / "ledger.duckdb"


def _warehouse_is_ledger(folder: Path) -> tuple[Path, Path]:
    return folder / "out" / "ledger.duckdb", folder / "out" / "kpi.duckdb"


def _link_to_ledger(folder: Path) -> tuple[Path, Path]:
    (folder / "out").mkdir()
    (folder / "out" / "ledger.duckdb").touch()
    (folder / "out" / "kpi.duckdb").symlink_to("ledger.duckdb")
    return folder / "w.duckdb", folder / "out" / "kpi.duckdb"


def _dangling(folder: Path) -> tuple[Path, Path]:
    (folder / "kpi.duckdb").symlink_to(folder / "nowhere" / "kpi.duckdb")
    return folder / "w.duckdb", folder / "kpi.duckdb"


def _a_folder(folder: Path) -> tuple[Path, Path]:
    (folder / "kpi.duckdb").mkdir()
    return folder / "w.duckdb", folder / "kpi.duckdb"


def _warehouse_folder(folder: Path) -> tuple[Path, Path]:
    return folder, folder / "out" / "kpi.duckdb"


def _parent_is_a_file(folder: Path) -> tuple[Path, Path]:
    (folder / "out").touch()
    return folder / "w.duckdb", folder / "out" / "kpi.duckdb"


def _unwritable(folder: Path) -> tuple[Path, Path]:
    return folder / "w.duckdb", Path("/proc/kpi/kpi.duckdb")


def _device(folder: Path) -> tuple[Path, Path]:
    return folder / "w.duckdb", Path(os.devnull)


def _log(folder: Path) -> tuple[Path, Path]:
    return folder / "w.duckdb", folder / "w.duckdb.wal"


def _inner_dot(folder: Path) -> tuple[Path, Path]:
    return folder / "my.warehouse.duckdb", folder / "out" / "kpi.duckdb"


def _empty(folder: Path) -> tuple[Path, Path]:
    return folder / "w.duckdb", Path()


def _in_memory(folder: Path) -> tuple[Path, Path]:
    return Path(":memory:"), folder / "kpi.duckdb"


def _somebodys_file(folder: Path) -> tuple[Path, Path]:
    (folder / "kpi.duckdb").write_text("a letter")
    return folder / "w.duckdb", folder / "kpi.duckdb"


def _warehouse_is_a_letter(folder: Path) -> tuple[Path, Path]:
    (folder / "w.duckdb").write_text("a letter")
    return folder / "w.duckdb", folder / "kpi.duckdb"


@pytest.mark.parametrize(
    "make_paths",
    [
        *(_same, _hard, _soft, _folder_link, _published_is_ledger, _warehouse_is_ledger, _link_to_ledger, _dangling),
        *(_a_folder, _warehouse_folder, _parent_is_a_file, _unwritable, _device, _log, _inner_dot, _empty, _in_memory),
        *(_somebodys_file, _warehouse_is_a_letter),
    ],
)
def test_paths_that_destroy_or_cannot_be_written_are_refused_before_anything(
    tmp_path: Path, make_paths: Callable[[Path], tuple[Path, Path]]
) -> None:
    warehouse, published = make_paths(tmp_path)
    with pytest.raises(FileRefused) as refused:
        check_paths(warehouse, published)
    assert refused.value.exit_code == 2 and "KPI_" in refused.value.message
    with pytest.raises((FileRefused, GateShut)):
        publishing.publish(warehouse, published)


def test_a_publication_never_lies_among_the_landed_files(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    with pytest.raises(FileRefused, match="landed"):
        check_paths(tmp_path / "w.duckdb", tmp_path / "raw" / "out" / "kpi.duckdb", tmp_path / "raw")


def test_a_foreign_database_is_not_replaced(target: Path) -> None:
    target.parent.mkdir()
    alter(target, "create table mine as select 1 as n")
    before = target.read_bytes()
    with pytest.raises(click.ClickException, match="publication"):
        publish(target)
    assert target.read_bytes() == before


TABLES = [("ecommerce", "orders"), ("credit", "scores")]


@pytest.mark.parametrize(
    "files",
    [
        None,
        [],
        ["notes.txt"],
        ["orders.csv"],
        ["orders/a.csv"],
        ["ecommerce/orders.csv"],
        ["ecommerce/orders/a.xlsx"],
        ["ecommerce/unknown/a.csv"],
        ["ecommerce/orders/.empty.csv"],
    ],
)
def test_a_folder_without_a_landed_table_is_refused(tmp_path: Path, files: list[str] | None) -> None:
    root = tmp_path / "raw"
    for name in files or []:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("" if "empty" in name else "order_id\n1\n")
    if files == []:
        root.mkdir()
    with pytest.raises(FileRefused, match="KPI_RAW_ROOT") as refused:
        check_raw_root(root, TABLES)
    assert refused.value.exit_code == 2
    (root / "credit" / "scores" / "2026").mkdir(parents=True)
    (root / "credit" / "scores" / "2026" / "A.PARQUET").write_bytes(b"PAR1")
    check_raw_root(root, TABLES)


# --------------------------------------------------------------------------- taking back what was published


def test_a_domain_that_vanishes_is_refused_with_the_list(target: Path) -> None:
    publish_sql(target, many(500), many(5, kpi="cr_b", domain="credit"))
    before = target.read_bytes()
    with pytest.raises(GateShut) as refused:
        publish_sql(target, many(500), day=1)  # 1 % of all numbers, all of credit
    message = refused.value.message
    assert "credit: 5 of 5" in message and "cr_b 5 of 5" in message and "cr_b day 2026-01-05" in message
    assert "--allow-withdrawal" in message and target.read_bytes() == before
    publish_sql(target, many(500), day=2, allow_withdrawal="credit was sold")
    assert rows_of(
        ledger_of(target), "select withdrawal_reason, withdrawn from publications order by sequence desc limit 1"
    ) == [("credit was sold", 5)]
    publish_sql(target, many(500), day=3)
    verify(0)


def test_a_kpi_that_vanishes_is_refused(target: Path) -> None:
    publish_sql(target, many(1000), many(25, kpi="ec_refund_rate"))
    with pytest.raises(GateShut, match="every one of the 25 official numbers of ec_refund_rate"):
        publish_sql(target, many(1000), day=1)


@pytest.mark.parametrize(
    ("before", "after", "is_refused"),
    [
        ([many(300)], [many(300)], False),
        ([many(300)], [many(280)], False),  # 7 % withdrawn
        ([many(300)], [many(260)], True),  # 13 %
        ([many(60)], [many(50)], False),  # fewer than twenty: no judgement
        ([many(300)], [many(300, 0.6)], True),
        ([many(250), many(50, kpi="ec_b")], [many(250), many(50, 0.6, kpi="ec_b")], False),  # late data: 17 %
        ([many(200), many(100, kpi="ec_b")], [many(200), many(100, 0.6, kpi="ec_b")], True),
        ([many(300)], [many(300, 0.6, version=2)], False),  # another version hands over
        ([many(300)], [many(300, 0.5, version=2)], False),
        # the share is of a domain, not of the whole
        (
            [many(3000), many(60, kpi="cr_a", domain="credit")],
            [many(3000), many(30, kpi="cr_a", domain="credit")],
            True,
        ),
    ],
)
def test_more_than_a_share_of_a_domain_needs_a_reason(
    target: Path, before: list[str], after: list[str], is_refused: bool
) -> None:
    publish_sql(target, *before)
    if is_refused:
        with pytest.raises(GateShut, match="would be taken back"):
            publish_sql(target, *after, day=1)
        verify(0)
    publish_sql(target, *after, day=2, **({"allow_withdrawal": "meant"} if is_refused else {}))
    verify(0)


def test_what_was_withdrawn_counts_no_more(target: Path) -> None:
    publish_sql(target, many(300))
    publish_sql(target, many(30), day=1, allow_withdrawal="made anew")
    publish_sql(target, many(29), day=2)


# --------------------------------------------------------------------------- size


def test_the_ledger_is_not_copied_into_every_publication(target: Path) -> None:
    """The numbers of three recent days change in each of eight publications: the file holds three statements of each."""
    sizes = []
    for day in range(8):
        publish_sql(target, many(200), many(10, 0.1 + day / 100, kpi="ec_b"), day=day)
        sizes.append(rows_of(target, "select count(*) from marts.kpi_publications")[0][0])
    assert rows_of(ledger_of(target), "select count(*) from entries") == [(200 + 8 * 10,)]
    assert max(sizes) == 200 + 3 * 10
    kept = rows_of(
        target,
        "select value from marts.kpi_publications where kpi_id = 'ec_b' and period_start = '2026-01-01' "
        "order by published_at_run",
    )
    assert [round(value, 2) for (value,) in kept] == [0.1, 0.16, 0.17]


# --------------------------------------------------------------------------- processes

PARENT = """
import sys
from kpi_warehouse.processes import ends_cleanly, run_child
with ends_cleanly("ended"):
    run_child([sys.executable, "-c", '''
import os, sys, time
from kpi_warehouse.processes import die_with_parent
die_with_parent(int(os.environ["KPI_PARENT"]))
import duckdb
db = duckdb.connect(sys.argv[1])
open(sys.argv[2], "w").write(str(os.getpid()))
time.sleep(120)
''', sys.argv[1], sys.argv[2]])
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_killed_run_leaves_no_child_that_holds_the_warehouse(tmp_path: Path, number: int) -> None:
    warehouse, told = tmp_path / "w.duckdb", tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(warehouse), str(told)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (told.exists() and told.read_text()):
        assert parent.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    child = int(told.read_text())
    parent.send_signal(number)
    assert parent.wait(timeout=10) == (-number if number == signal.SIGKILL else 128 + number)
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    else:
        os.kill(child, signal.SIGKILL)
        pytest.fail("the child outlived the run")
    duckdb.connect(str(warehouse)).close()
