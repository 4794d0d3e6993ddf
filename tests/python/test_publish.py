"""Publishing: the gate, the atomic swap, the ledger and its restatements; on warehouses made here."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from kpi_warehouse import marks
from kpi_warehouse import publish as publishing

KEY = "kpi_id varchar, version integer, domain varchar, period_grain varchar, period_start timestamp"
NOON = dt.datetime(2026, 7, 1, 12)


def make_warehouse(path: Path, rows: list[tuple], *, failed_checks: int = 0) -> Path:
    """A warehouse with the marts that publishing reads; rows: (kpi_id, version, month, value, is_final, status)."""
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as db:
        db.execute("create schema marts")
        db.execute(
            f"""create table marts.kpi_values ({KEY}, period_end timestamp, dimension varchar, dimension_value varchar,
            numerator double, denominator double, value double, sample_size bigint, is_final boolean, as_of timestamp)"""
        )
        db.execute(
            f"create table marts.kpi_scorecard ({KEY}, dimension varchar, dimension_value varchar, status varchar)"
        )
        db.execute("create table marts.metric_dictionary (kpi_id varchar)")
        db.execute(
            """create table marts.kpi_alerts as
            select 'alert-' || month(period_start) as alert_id, 'rule' as rule_id, 'critical' as severity, kpi_id, version,
                domain, period_grain, period_start, period_start as period_end, dimension, dimension_value,
                0.1::double as observed_value, 0.2::double as threshold_value, '<' as comparison, 'act' as response,
                '行动' as response_zh, 'owner' as owner, 'open' as state, null::timestamp as first_fired_at_run,
                null::timestamp as resolved_at_run, true as is_final, null::timestamp as as_of
            from marts.kpi_scorecard where false"""
        )
        db.execute(
            'create table marts.dq_results (check_id varchar, domain varchar, "table" varchar, kind varchar, '
            "expected varchar, observed varchar, passed boolean, failed_rows bigint, as_of timestamp)"
        )
        db.execute(
            "create table marts.dq_quarantine as select 'ecommerce' as domain, 'orders' as table_name, 'o1' as row_key, "
            "'missing_required' as reason, 'user_id' as column_name, "
            """'{"order_id": "o1", "user_id": "u7", "paid_amount": 12.5}' as raw_row"""
        )
        for kpi_id, version, month, value, is_final, status in rows:
            start = dt.datetime(2026, month, 1)
            db.execute(
                "insert into marts.kpi_values values (?, ?, 'ecommerce', 'month', ?, ?, 'all', 'all', ?, 100, ?, 100, ?, ?)",
                [kpi_id, version, start, dt.datetime(2026, month + 1, 1), value * 100, value, is_final, NOON],
            )
            db.execute(
                "insert into marts.kpi_scorecard values (?, ?, 'ecommerce', 'month', ?, 'all', 'all', ?)",
                [kpi_id, version, start, status],
            )
        db.execute(
            """insert into marts.kpi_alerts by name
            select 'alert-' || month(period_start) as alert_id, 'critical' as severity, kpi_id, version, domain,
                period_grain, period_start
            from marts.kpi_scorecard where status = 'red'"""
        )
        for number in range(failed_checks):
            db.execute(
                "insert into marts.dq_results values (?, 'ecommerce', 'orders', 'test', '0', '3 rows', false, 3, null)",
                [f"dbt.check_{number}"],
            )
    return seal(path)


def seal(path: Path) -> Path:
    """Marks a warehouse as that of a complete build, as `kpi build` does last."""
    with duckdb.connect(str(path)) as db:
        if not db.execute("select 1 from marts.dq_results").fetchone():
            db.execute(
                "insert into marts.dq_results values ('landing.toy', 'ecommerce', 'orders', 'toy', '0', '0', true, 0, null)"
            )
    marks.begin(path, "toy-build", NOON)
    marks.complete(path, "toy-build", 0, raw_checksum=None, code_checksum=None)
    return path


def rows_of(path: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(path), read_only=True) as db:
        return db.execute(query).fetchall()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "published" / "kpi.duckdb"


def test_publishes_marts_and_names_red_kpis(tmp_path: Path, target: Path) -> None:
    warehouse = make_warehouse(
        tmp_path / "w.duckdb", [("ec_cvr", 1, 4, 0.03, True, "green"), ("ec_cvr", 1, 5, 0.02, True, "red")]
    )
    outcome = publishing.publish(warehouse, target, now=NOON)
    assert outcome.red == ["ec_cvr"]
    alerts, last = outcome.summary().splitlines()
    assert str(target) in last and last.endswith("final period: 1: ec_cvr")
    assert alerts.startswith("open incidents: 1 critical (")
    assert rows_of(target, "select count(*) from marts.kpi_values") == [(2,)]
    assert rows_of(target, "select kpi_id, value, version from marts.kpi_publications order by period_start") == [
        ("ec_cvr", 0.03, 1),
        ("ec_cvr", 0.02, 1),
    ]


def test_views_are_published_with_what_they_read(tmp_path: Path, target: Path) -> None:
    warehouse = make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.5, True, "green")])
    with duckdb.connect(str(warehouse)) as db:
        db.execute("create schema intermediate; create table intermediate.spells as select 7 as days")
        db.execute("create view marts.fct_daily as select days * 2 as doubled from w.intermediate.spells")
    publishing.publish(warehouse, target, now=NOON)
    assert rows_of(target, "select doubled from marts.fct_daily") == [(14,)]
    with duckdb.connect() as db:  # whatever name a reader gives the file
        db.execute(f"attach '{target}' as another (read_only)")
        assert db.execute("select doubled from another.marts.fct_daily").fetchall() == [(14,)]


def test_an_earlier_red_month_is_not_reported(tmp_path: Path, target: Path) -> None:
    warehouse = make_warehouse(
        tmp_path / "w.duckdb", [("ec_cvr", 1, 4, 0.02, True, "red"), ("ec_cvr", 1, 5, 0.03, True, "green")]
    )
    assert publishing.publish(warehouse, target, now=NOON).red == []


def test_failed_check_keeps_the_old_file(tmp_path: Path, target: Path) -> None:
    publishing.publish(make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.5, True, "green")]), target, now=NOON)
    before = target.read_bytes()
    bad = make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.9, True, "green")], failed_checks=1)
    with pytest.raises(publishing.GateShut, match="dbt.check_0"):
        publishing.publish(bad, target, now=NOON)
    assert target.read_bytes() == before
    assert list(target.parent.glob("*.new-*")) == []


def test_incomplete_warehouse_is_refused(tmp_path: Path, target: Path) -> None:
    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute("create schema marts; create table marts.kpi_values (kpi_id varchar)")
    with pytest.raises(publishing.GateShut, match="kpi_scorecard"):
        publishing.publish(path, target)
    with pytest.raises(publishing.GateShut, match="does not exist"):
        publishing.publish(tmp_path / "none.duckdb", target)


def test_open_periods_stay_out_of_the_ledger(tmp_path: Path, target: Path) -> None:
    warehouse = make_warehouse(
        tmp_path / "w.duckdb", [("a", 1, 4, 0.5, True, "green"), ("a", 1, 5, 0.6, False, "not_final")]
    )
    publishing.publish(warehouse, target, now=NOON)
    assert rows_of(target, "select value from marts.kpi_publications") == [(0.5,)]


def test_equal_numbers_are_not_published_twice(tmp_path: Path, target: Path) -> None:
    warehouse = make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.5, True, "green")])
    publishing.publish(warehouse, target, now=NOON)
    second = publishing.publish(warehouse, target, now=NOON + dt.timedelta(hours=1))
    assert second.new_or_changed == 0 and second.restated == 0
    assert rows_of(target, "select count(*) from marts.kpi_publications") == [(1,)]


@pytest.mark.parametrize(
    ("version", "code", "cause"),
    [(1, "same", "late_data"), (2, "same", "definition"), (1, "other", "correction"), (2, "other", "definition")],
)
def test_restatement_names_its_cause(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch, version: int, code: str, cause: str
) -> None:
    monkeypatch.setattr(publishing, "code_checksum", lambda root: "same")
    publishing.publish(make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.5, True, "green")]), target, now=NOON)
    monkeypatch.setattr(publishing, "code_checksum", lambda root: code)
    later = NOON + dt.timedelta(days=1)
    changed = make_warehouse(tmp_path / "w.duckdb", [("a", version, 4, 0.6, True, "green")])
    assert publishing.publish(changed, target, now=later).restated == 1
    row = rows_of(
        target,
        "select first_value, current_value, difference, cause, first_published_at_run from marts.kpi_restatements",
    )[0]
    assert row[:2] == (0.5, 0.6) and row[2] == pytest.approx(0.1) and row[3:] == (cause, NOON)


def test_a_number_that_vanishes_is_withdrawn_and_restated(tmp_path: Path, target: Path) -> None:
    publishing.publish(make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.5, True, "green")]), target, now=NOON)
    empty = make_warehouse(tmp_path / "w.duckdb", [])
    later = NOON + dt.timedelta(days=1)
    assert publishing.publish(empty, target, now=later, allow_withdrawal="landed by mistake").restated == 1
    assert rows_of(target, "select is_withdrawn, current_value from marts.kpi_restatements") == [(True, None)]


def test_ledger_survives_a_new_warehouse_and_a_lost_publication(tmp_path: Path, target: Path) -> None:
    publishing.publish(make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.5, True, "green")]), target, now=NOON)
    target.unlink()
    publishing.publish(
        make_warehouse(tmp_path / "other.duckdb", [("a", 1, 4, 0.7, True, "green")]), target, now=NOON + dt.timedelta(1)
    )
    assert rows_of(target, "select value from marts.kpi_publications order by published_at_run") == [(0.5,), (0.7,)]


def test_only_open_alerts_are_counted(tmp_path: Path, target: Path) -> None:
    rows = [("a", 1, month, 0.5, True, "red") for month in (4, 5, 6)]
    publishing.publish(make_warehouse(tmp_path / "w.duckdb", rows), target, now=NOON)
    with duckdb.connect(str(target.parent / "ledger.duckdb")) as db:
        db.execute(
            "update alerts set acknowledged_by = 'Li Na', acknowledged_at_run = ? where alert_id = 'alert-4'", [NOON]
        )
    later = [*rows[:2], ("a", 1, 6, 0.5, True, "green")]
    outcome = publishing.publish(make_warehouse(tmp_path / "w.duckdb", later), target, now=NOON)
    assert outcome.open_alerts == {"critical": 1}  # one is acknowledged, one no longer fires
    gone = make_warehouse(tmp_path / "w.duckdb", [])
    none = publishing.publish(gone, target, now=NOON, allow_withdrawal="a test")
    assert none.open_alerts == {} and none.summary().startswith("open incidents: none")


def test_personal_columns_are_masked(tmp_path: Path, target: Path) -> None:
    publishing.publish(make_warehouse(tmp_path / "w.duckdb", []), target, now=NOON)
    ((raw_row, row_key),) = rows_of(target, "select raw_row, row_key from marts.dq_quarantine")
    assert "u7" not in raw_row and '"***"' in raw_row and "12.5" in raw_row
    assert row_key != "o1"


def test_alerts_open_once_resolve_and_reopen(tmp_path: Path, target: Path) -> None:
    def states(month: int, *rows: tuple) -> list[tuple]:
        moment = dt.datetime(2026, month, 1)
        publishing.publish(make_warehouse(tmp_path / "w.duckdb", list(rows)), target, now=moment)
        return rows_of(
            target,
            "select alert_id, state, month(first_fired_at_run), month(resolved_at_run) from marts.kpi_alerts order by 1",
        )

    red, green = ("a", 1, 4, 0.5, True, "red"), ("a", 1, 4, 0.5, True, "green")
    assert states(5, red) == [("alert-4", "open", 5, None)]
    assert states(6, red) == [("alert-4", "open", 5, None)]
    assert states(7, green) == [("alert-4", "resolved", 5, 7)]
    assert states(8, green) == [("alert-4", "resolved", 5, 7)]
    assert states(9, red) == [("alert-4", "open", 5, None)]


CRASHING = """
import datetime as dt, os, signal, sys
from pathlib import Path
from kpi_warehouse import publish as p
point, warehouse, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
die = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
if point == "before_swap":
    Path.replace = die
elif point == "after_swap":
    swap = Path.replace
    Path.replace = lambda self, other: (swap(self, other), die())
elif point == "while_copying":
    p.open_ledger = die
p.publish(warehouse, target, now=dt.datetime(2026, 7, 2))
"""


@pytest.mark.parametrize("point", ["while_copying", "before_swap", "after_swap"])
def test_a_killed_publication_does_no_harm(tmp_path: Path, target: Path, point: str) -> None:
    publishing.publish(make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.5, True, "green")]), target, now=NOON)
    before = target.read_bytes()
    changed = make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.6, True, "green")])
    run = subprocess.run(
        [sys.executable, "-c", CRASHING, point, str(changed), str(target)], env=os.environ, check=False
    )
    assert run.returncode == -signal.SIGKILL
    if point == "after_swap":
        assert rows_of(target, "select value from marts.kpi_values") == [(0.6,)]
    else:
        assert target.read_bytes() == before
    # the next run settles it: the ledger holds each number once, as published
    publishing.publish(changed, target, now=NOON + dt.timedelta(days=2))
    assert rows_of(target, "select value from marts.kpi_publications order by published_at_run") == [(0.5,), (0.6,)]
    assert rows_of(target, "select value from marts.kpi_values") == [(0.6,)]
    with duckdb.connect(str(target.parent / "ledger.duckdb"), read_only=True) as db:
        assert db.execute("select distinct state from publications").fetchall() == [("published",)]


def test_the_order_of_a_sum_is_no_restatement(tmp_path: Path, target: Path) -> None:
    rows = [("a", 1, 4, 0.1 + 0.2 + 0.3, True, "green")]
    publishing.publish(make_warehouse(tmp_path / "w.duckdb", rows), target, now=NOON)
    rows = [("a", 1, 4, 0.3 + 0.2 + 0.1, True, "green")]
    again = publishing.publish(make_warehouse(tmp_path / "w.duckdb", rows), target, now=NOON + dt.timedelta(1))
    assert 0.1 + 0.2 + 0.3 != 0.3 + 0.2 + 0.1 and (again.new_or_changed, again.restated) == (0, 0)
    rows = [("a", 1, 4, 0.6 + 1e-9, True, "green")]
    third = publishing.publish(make_warehouse(tmp_path / "w.duckdb", rows), target, now=NOON + dt.timedelta(2))
    assert (third.new_or_changed, third.restated) == (1, 1)


def test_what_a_killed_publication_said_was_never_published(tmp_path: Path, target: Path) -> None:
    """The next run says what the one before did: no number and no alert of the dead run stays in the ledger."""
    stood = [("a", 1, 4, 0.5, True, "green")]
    publishing.publish(make_warehouse(tmp_path / "w.duckdb", stood), target, now=NOON)
    dead = make_warehouse(tmp_path / "dead.duckdb", [("a", 1, 4, 0.6, True, "red")])
    subprocess.run([sys.executable, "-c", CRASHING, "before_swap", str(dead), str(target)], env=os.environ, check=False)
    with duckdb.connect(str(target.parent / "ledger.duckdb"), read_only=True) as db:
        assert db.execute("select count(*) from entries").fetchall() == [(2,)]  # it had been written
        assert db.execute("select count(*) from alerts").fetchall() == [(1,)]
    again = publishing.publish(make_warehouse(tmp_path / "w.duckdb", stood), target, now=NOON + dt.timedelta(days=2))
    assert (again.new_or_changed, again.restated) == (0, 0)
    assert rows_of(target, "select value from marts.kpi_publications") == [(0.5,)]
    assert rows_of(target, "select alert_id from marts.kpi_alerts") == []


def test_the_same_number_by_another_definition_is_published_anew(tmp_path: Path, target: Path) -> None:
    publishing.publish(make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.5, True, "green")]), target, now=NOON)
    second = make_warehouse(tmp_path / "w.duckdb", [("a", 2, 4, 0.5, True, "green")])
    assert publishing.publish(second, target, now=NOON + dt.timedelta(1)).new_or_changed == 1
    assert rows_of(target, "select version from marts.kpi_publications order by published_at_run") == [(1,), (2,)]
    assert rows_of(target, "select cause, difference from marts.kpi_restatements") == [("definition", 0.0)]


@pytest.mark.parametrize("column", ["numerator", "denominator"])
def test_a_number_made_of_other_sums_is_published_anew(tmp_path: Path, target: Path, column: str) -> None:
    warehouse = make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.5, True, "green")])
    publishing.publish(warehouse, target, now=NOON)
    with duckdb.connect(str(warehouse)) as db:
        db.execute(f"update marts.kpi_values set {column} = {column} * 2")
    again = publishing.publish(warehouse, target, now=NOON + dt.timedelta(1))
    assert (again.new_or_changed, again.restated) == (1, 0)  # it stands on other sums and reads the same


def test_only_official_numbers_that_stay_enter_the_ledger(tmp_path: Path, target: Path) -> None:
    warehouse = make_warehouse(tmp_path / "w.duckdb", [("ec_cvr", 2, 4, 0.5, True, "green")])
    with duckdb.connect(str(warehouse)) as db:
        db.execute("insert into marts.kpi_values select * replace (1 as version, 0.4 as value) from marts.kpi_values")
        for grain in ("quarter_hour", "hour"):  # dropped after 48 hours
            for table in ("kpi_values", "kpi_scorecard"):
                db.execute(
                    f"insert into marts.{table} select * replace ('{grain}' as period_grain) from marts.{table} "
                    "where version = 2 and period_grain = 'month'"
                )
        for table in ("kpi_values", "kpi_scorecard"):  # the hours of the other domains stay
            db.execute(
                f"insert into marts.{table} select * replace ('hour' as period_grain, 'cr_x' as kpi_id, "
                f"'credit' as domain) from marts.{table} where version = 2 and period_grain = 'month'"
            )
    publishing.publish(warehouse, target, now=NOON)
    published = rows_of(target, "select kpi_id, version, period_grain from marts.kpi_publications order by all")
    assert published == [("cr_x", 2, "hour"), ("ec_cvr", 2, "month")]


def test_the_ledger_keeps_its_order_when_a_clock_goes_back(tmp_path: Path, target: Path) -> None:
    publishing.publish(make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.5, True, "green")]), target, now=NOON)
    earlier = NOON - dt.timedelta(days=1)
    publishing.publish(make_warehouse(tmp_path / "w.duckdb", [("a", 1, 4, 0.6, True, "green")]), target, now=earlier)
    assert rows_of(target, "select value from marts.kpi_publications order by published_at_run") == [(0.5,), (0.6,)]
    assert rows_of(target, "select first_value, current_value from marts.kpi_restatements") == [(0.5, 0.6)]
