"""The ledger's commands: reproducing published numbers and acknowledging alerts."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from kpi_warehouse import publish as publishing
from kpi_warehouse.cli import main
from kpi_warehouse.governance.alerts import acknowledge, find_alerts
from kpi_warehouse.governance.history import history, reproduce
from kpi_warehouse.governance.store import GovernanceError, open_ledger_file

from .test_publish import NOON, make_warehouse

APRIL, MAY = ("ec_cvr", 1, 4, 0.03, True, "red"), ("ec_cvr", 1, 5, 0.02, True, "red")


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "published" / "kpi.duckdb"
    monkeypatch.setenv("KPI_PUBLISHED", str(path))
    return path


def publish(target: Path, *rows: tuple, day: int = 0) -> str:
    """Publishes rows and returns the publication id."""
    warehouse = make_warehouse(target.parent.parent / "w.duckdb", list(rows))
    with duckdb.connect(str(warehouse)) as db:
        db.execute(
            """update marts.kpi_alerts set severity = 'critical', dimension = 'all', dimension_value = 'all',
            period_end = period_start + interval 1 month, rule_id = 'rule', observed_value = 0.1, threshold_value = 0.2,
            comparison = '<', response = 'open the war room', response_zh = '触发战情室', owner = 'growth'"""
        )
    return publishing.publish(warehouse, target, now=NOON + dt.timedelta(days=day)).publication_id


# --------------------------------------------------------------------------- reproducing


def test_any_publication_is_reproduced_from_the_ledger(target: Path) -> None:
    first = publish(target, APRIL)
    second = publish(target, APRIL, ("ec_cvr", 1, 5, 0.02, True, "green"), day=1)
    third = publish(target, ("ec_cvr", 1, 4, 0.04, True, "red"), day=2)  # April restated, May gone
    with open_ledger_file() as ledger:

        def values(publication_id: str) -> list[float]:
            return [row["value"] for row in reproduce(ledger, publication_id, "ec_cvr")]

        assert values(first) == [0.03]
        assert values(second) == [0.03, 0.02]
        assert values(third) == [0.04]
        assert values(third[:12]) == [0.04]
        told = [(row["period_start"].month, row["value"]) for row in history(ledger, "ec_cvr")]
        assert told == [(4, 0.03), (4, 0.04), (5, 0.02), (5, None)]
        assert [row["value"] for row in history(ledger, "ec_cvr", "2026-04", "all")] == [0.03, 0.04]


def test_a_number_is_told_apart_from_one_not_yet_published(target: Path) -> None:
    first = publish(target, APRIL)
    publish(target, APRIL, MAY, day=1)
    with open_ledger_file() as ledger, pytest.raises(GovernanceError, match="no such number"):
        reproduce(ledger, first, "ec_cvr", "2026-05")


def test_the_published_command(target: Path) -> None:
    first = publish(target, APRIL)
    publish(target, ("ec_cvr", 1, 4, 0.04, True, "red"), day=1)
    listed = CliRunner().invoke(main, ["published"])
    assert listed.exit_code == 0 and first in listed.output
    done = CliRunner().invoke(main, ["published", first[:8], "--json"])
    assert [row["value"] for row in json.loads(done.output)] == [0.03]
    assert "0.04" in CliRunner().invoke(main, ["published", "ec_cvr"]).output
    for arguments, words in ((["published", "zz"], "no publication"), (["published", "ec_cvx"], "ec_cvr")):
        refused = CliRunner().invoke(main, arguments)
        assert refused.exit_code == 1 and words in refused.output


# --------------------------------------------------------------------------- acknowledging


def test_an_alert_is_acknowledged_by_a_name_and_shown_so(target: Path) -> None:
    publish(target, APRIL, MAY)
    done = CliRunner().invoke(main, ["ack", "alert-4", "--by", "Li Na", "--note", "checkout was down"])
    assert done.exit_code == 0, done.output
    publish(target, APRIL, MAY, day=1)
    with duckdb.connect(str(target), read_only=True) as db:
        rows = db.execute(
            "select alert_id, state, acknowledged_by, note from marts.kpi_alerts order by alert_id"
        ).fetchall()
    assert rows == [("alert-4", "acknowledged", "Li Na", "checkout was down"), ("alert-5", "open", None, None)]
    with open_ledger_file() as ledger:
        assert [row["alert_id"] for row in find_alerts(ledger)] == ["alert-5"]


def test_the_first_acknowledgement_stands(target: Path) -> None:
    publish(target, APRIL)
    with open_ledger_file(write=True) as ledger:
        acknowledge(ledger, "alert-4", "Li Na", now=NOON)
        again = acknowledge(ledger, "alert-4", "Li Na", "found it", now=NOON + dt.timedelta(days=3))
        assert again["acknowledged_at_run"] == NOON and again["note"] == "found it"
        assert acknowledge(ledger, "alert-4", "Li Na")["note"] == "found it"  # saying nothing takes nothing back
        with pytest.raises(GovernanceError, match="Li Na"):
            acknowledge(ledger, "alert-4", "Wang Wei")


def test_an_alert_of_a_publication_that_never_came_through_is_none(target: Path) -> None:
    publish(target, APRIL, MAY)
    with open_ledger_file(write=True) as ledger:
        ledger.db.execute("insert into publications (publication_id, state) values ('torn', 'prepared')")
        ledger.db.execute("update alerts set first_publication_id = 'torn' where alert_id = 'alert-5'")
        assert [row["alert_id"] for row in find_alerts(ledger)] == ["alert-4"]
        with pytest.raises(GovernanceError, match="no alert"):
            acknowledge(ledger, "alert-5", "Li Na")


def test_unknown_ambiguous_and_resolved_alerts_are_refused(target: Path) -> None:
    publish(target, APRIL, MAY)
    publish(target, APRIL, ("ec_cvr", 1, 5, 0.02, True, "green"), day=1)
    with open_ledger_file(write=True) as ledger:
        for text, words in (("alert-9", "no alert"), ("", "no alert"), ("alert-", "begins 2"), ("alert-5", "resolved")):
            with pytest.raises(GovernanceError, match=words):
                acknowledge(ledger, text, "Li Na")
        with pytest.raises(GovernanceError, match="--by"):
            acknowledge(ledger, "alert-4", " ")
