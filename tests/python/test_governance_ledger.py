"""The ledger's commands: reproducing published numbers, acknowledging alerts and telling people."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from kpi_warehouse import publish as publishing
from kpi_warehouse.cli import main
from kpi_warehouse.governance.alerts import acknowledge, find_alerts, message, notify
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
        assert notify(ledger, [Post()]).sent == 1


def test_unknown_ambiguous_and_resolved_alerts_are_refused(target: Path) -> None:
    publish(target, APRIL, MAY)
    publish(target, APRIL, ("ec_cvr", 1, 5, 0.02, True, "green"), day=1)
    with open_ledger_file(write=True) as ledger:
        for text, words in (("alert-9", "no alert"), ("", "no alert"), ("alert-", "begins 2"), ("alert-5", "resolved")):
            with pytest.raises(GovernanceError, match=words):
                acknowledge(ledger, text, "Li Na")
        with pytest.raises(GovernanceError, match="--by"):
            acknowledge(ledger, "alert-4", " ")


# --------------------------------------------------------------------------- telling


class Post:
    """A sender that refuses the first so many messages."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.titles: list[str] = []

    def __call__(self, title: str, body: str, severity: str) -> bool:
        if self.refusals:
            self.refusals -= 1
            return False
        self.titles.append(title)
        return True


def test_each_alert_is_told_once(target: Path) -> None:
    publish(target, APRIL, MAY)
    post = Post()
    with open_ledger_file(write=True) as ledger:
        assert notify(ledger, [post]).sent == 2
        assert notify(ledger, [post]).sent == 0
    publish(target, APRIL, MAY, ("ec_cvr", 1, 6, 0.01, True, "red"), day=1)
    with open_ledger_file(write=True) as ledger:
        assert notify(ledger, [post]).sent == 1
    assert len(post.titles) == len(set(post.titles)) == 3


def test_refused_messages_are_tried_again_with_growing_pauses(target: Path) -> None:
    publish(target, APRIL)
    post, pauses = Post(refusals=2), []
    with open_ledger_file(write=True) as ledger:
        assert notify(ledger, [post], attempts=3, pause=1.0, sleep=pauses.append).sent == 1
    assert pauses == [1.0, 2.0] and len(post.titles) == 1


def test_a_sender_that_fails_is_tried_again(target: Path) -> None:
    publish(target, APRIL)
    post = Post()
    failures = [ConnectionError("no route to host"), TimeoutError("too slow")]

    def send(title: str, body: str, severity: str) -> bool:
        if failures:
            raise failures.pop()
        return post(title, body, severity)

    with open_ledger_file(write=True) as ledger:
        told = notify(ledger, [send], attempts=3, sleep=lambda _: None)
        assert (told.sent, told.failed) == (1, []) and len(post.titles) == 1
        failures += [OSError("down")] * 9
        assert notify(ledger, [send], attempts=3, sleep=lambda _: None).sent == 0 and len(failures) == 9


def test_a_run_that_dies_while_it_sends_repeats_nothing(target: Path) -> None:
    """Whether the message left is not known: an alert is told at most once."""
    publish(target, APRIL)

    def dies(*_: str) -> bool:
        raise KeyboardInterrupt

    with open_ledger_file(write=True) as ledger, pytest.raises(KeyboardInterrupt):
        notify(ledger, [dies])
    post = Post()
    with open_ledger_file(write=True) as ledger:
        assert notify(ledger, [post]).sent == 0 and post.titles == []


def test_an_alert_that_reached_nobody_waits_for_the_next_run(target: Path) -> None:
    publish(target, APRIL, MAY)
    with open_ledger_file(write=True) as ledger:
        told = notify(ledger, [Post(refusals=99)], attempts=2, sleep=lambda _: None)
        assert (told.sent, len(told.failed), told.left) == (0, 1, 2)
        assert notify(ledger, [Post()]).sent == 2


def test_an_address_that_was_reached_is_not_told_again(target: Path) -> None:
    publish(target, APRIL)
    up, down = Post(), Post(refusals=99)
    with open_ledger_file(write=True) as ledger:
        told = notify(ledger, [up, down], attempts=2, sleep=lambda _: None)
        assert told.sent == 1 and told.failed == ["alert-4"]
        notify(ledger, [up, down], attempts=2, sleep=lambda _: None)
    assert len(up.titles) == 1


def test_acknowledged_and_mild_alerts_and_old_periods_are_not_told(target: Path) -> None:
    publish(target, APRIL, MAY)
    with open_ledger_file(write=True) as ledger:
        ledger.db.execute("update alerts set severity = 'info' where alert_id = 'alert-5'")
        acknowledge(ledger, "alert-4", "Li Na")
        assert notify(ledger, [Post()]).sent == 0
        ledger.db.execute("update alerts set period_end = timestamp '2026-06-01'")
        assert notify(ledger, [Post()], severity="info", since=dt.date(2026, 6, 1)).sent == 0
        assert notify(ledger, [Post()], severity="info", since=dt.date(2026, 5, 31)).sent == 1


def test_one_run_tells_of_so_many_and_leaves_the_rest(target: Path) -> None:
    publish(target, APRIL, MAY)
    with open_ledger_file(write=True) as ledger:
        told = notify(ledger, [Post()], limit=1)
    assert (told.sent, told.left) == (1, 1)


def test_the_message_says_what_happened_and_what_to_do(target: Path) -> None:
    publish(target, APRIL)
    with open_ledger_file() as ledger:
        (alert,) = find_alerts(ledger)
    alert |= {"dimension": "platform", "dimension_value": "app"}
    title, body = message(alert)
    assert title == "[critical] ec_cvr month 2026-04 platform=app"
    for words in ("0.1", "< 0.2", "open the war room", "growth", "kpi ack alert-4"):
        assert words in body
    assert "触发战情室" in message(alert, "zh")[1]


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[dict], list[int]]]:
    """A local server for json:// messages: its address, what it got, and the status codes that it answers first."""
    got: list[dict] = []
    answers: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"]))
            status = answers.pop(0) if answers else 200
            if status == 200:
                got.append(json.loads(text))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keeps quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"json://127.0.0.1:{server.server_port}", got, answers
    server.shutdown()
    server.server_close()


def test_notify_reaches_a_web_hook_once_and_tries_again(
    target: Path, endpoint: tuple[str, list[dict], list[int]]
) -> None:
    pytest.importorskip("apprise")
    url, got, answers = endpoint
    publish(target, APRIL, MAY)
    answers.append(503)
    done = CliRunner().invoke(main, ["notify"], env={"KPI_NOTIFY_URLS": url})
    assert done.exit_code == 0 and "2 alerts sent" in done.output, done.output
    assert sorted(item["title"] for item in got) == [
        "[critical] ec_cvr month 2026-04 all",
        "[critical] ec_cvr month 2026-05 all",
    ]
    assert {item["type"] for item in got} == {"failure"}
    assert "0 alerts sent" in CliRunner().invoke(main, ["notify", "--to", url]).output
    assert len(got) == 2


def test_notify_without_a_server_fails_and_keeps_the_alert(
    target: Path, endpoint: tuple[str, list[dict], list[int]]
) -> None:
    pytest.importorskip("apprise")
    url, got, answers = endpoint
    publish(target, APRIL)
    answers += [500, 500]
    done = CliRunner().invoke(main, ["notify", "--to", url, "--attempts", "2"])
    assert done.exit_code == 1 and "did not reach" in done.output
    assert CliRunner().invoke(main, ["notify", "--to", url]).exit_code == 0
    assert len(got) == 1


def test_notify_needs_an_address_and_a_known_one(target: Path) -> None:
    publish(target, APRIL)
    nobody = CliRunner().invoke(main, ["notify"], env={"KPI_NOTIFY_URLS": ""})
    assert nobody.exit_code == 1 and "KPI_NOTIFY_URLS" in nobody.output
    pytest.importorskip("apprise")
    odd = CliRunner().invoke(main, ["notify", "--to", "pigeon://secret-token"])
    assert odd.exit_code == 1 and "pigeon" in odd.output and "secret-token" not in odd.output
