"""Incidents over runs: their identity under late data, their state, the commands, and what owners are told."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from kpi_warehouse import publish as publishing
from kpi_warehouse.cli import main
from kpi_warehouse.governance.incident_text import Speaker, slices_of
from kpi_warehouse.governance.incidents import MODEL_COLUMNS, act, actions_of, find_incidents, one_incident
from kpi_warehouse.governance.notify import digests, message, notify
from kpi_warehouse.governance.store import GovernanceError, open_ledger_file
from kpi_warehouse.governance.words import INCIDENT_WORDS

from .test_publish import CRASHING, NOON, make_warehouse

HOSTILE = "</b>\x1b[2J[x](http://x)`|\u202e"


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "published" / "kpi.duckdb"
    monkeypatch.setenv("KPI_PUBLISHED", str(path))
    return path


def run(days: tuple[int, int], *, rule: str = "r", open_: bool = True, newest: bool = True, **more: object) -> dict:
    """A row of the model: a run of days of June of one rule and slice."""
    first, last = (dt.datetime(2026, 6, day) for day in days)
    row: dict = {
        "rule_id": rule,
        "kind": "performance",
        "severity": "critical",
        "kpi_id": "ec_cvr",
        "version": 2,
        "domain": "ecommerce",
        "period_grain": "day",
        "dimension": "all",
        "dimension_value": "all",
        "opened_at": first,
        "known_at": first + dt.timedelta(days=1),
        "last_seen": last,
        "last_seen_end": last + dt.timedelta(days=1),
        "periods": days[1] - days[0] + 1,
        "worst_value": 0.02,
        "worst_at": first,
        "latest_value": 0.025,
        "threshold_value": 0.03,
        "comparison": "<",
        "impact": 12.0,
        "impact_unit": "orders",
        "owner": "ecommerce_growth",
        "due_at": first + dt.timedelta(days=2),
        "closed_at": None if open_ else last + dt.timedelta(days=2),
        "detail_count": 0,
        "rule_en": "Conversion below 3 %.",
        "rule_zh": "转化率低于3%。",
        "action_en": "Open the war room.",
        "action_zh": "触发战情室。",
        "cause_en": "The funnel.",
        "cause_zh": "漏斗。",
        "effect_en": "Orders are lost.",
        "effect_zh": "订单流失。",
        "kpi_name_en": "Conversion",
        "kpi_name_zh": "转化率",
        "unit": "ratio",
        "is_difference": False,
        "owner_en": "Growth",
        "owner_zh": "增长团队",
        "owner_language": "zh",
        "term": "24_h",
        "term_en": "24 hours",
        "term_zh": "24小时",
        "is_final": True,
        "as_of": dt.datetime(2026, 7, 1),
        "is_newest": newest,
        "state": "open" if open_ else "closed",
    }
    row |= more
    row["incident_id"] = more.get("incident_id", f"{row['rule_id']}-{row['dimension_value']}-{first:%d}")
    return row


def built(path: Path, *rows: dict) -> Path:
    """A warehouse with these runs."""
    make_warehouse(path, [])
    columns = {**MODEL_COLUMNS, "is_newest": "boolean", "state": "varchar"}
    with duckdb.connect(str(path)) as db:
        listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        db.execute(f"create table marts.kpi_incidents ({listed})")
        for row in rows:
            marks = ", ".join("?" for _ in columns)
            db.execute(f"insert into marts.kpi_incidents values ({marks})", [row.get(name) for name in columns])
    return path


def publish(target: Path, *rows: dict, day: int = 0) -> publishing.Publication:
    warehouse = built(target.parent.parent / "w.duckdb", *rows)
    return publishing.publish(warehouse, target, now=NOON + dt.timedelta(days=day))


def kept(*columns: str) -> list[tuple]:
    """What the ledger holds, by the opening of the run."""
    with open_ledger_file() as ledger:
        return ledger.db.execute(
            f"select {', '.join(columns)} from incidents order by opened_at, incident_id"
        ).fetchall()


# --------------------------------------------------------------------------- over runs


def test_an_incident_opens_goes_on_and_closes_by_itself(target: Path) -> None:
    publish(target, run((10, 10)))
    publish(target, run((10, 12)), day=1)
    assert kept("incident_id", "periods", "closed_at_run") == [("r-all-10", 3, None)]
    publish(target, run((10, 12), open_=False), day=2)
    assert kept("closed_by", "day(closed_at_run)") == [("data", 3)]


def test_late_data_that_moves_the_opening_keeps_id_and_state(target: Path) -> None:
    publish(target, run((10, 12)))
    with open_ledger_file(write=True) as ledger:
        act(ledger, "r-all", "ack", "Li Na")
    publish(target, run((8, 12)), day=1)
    assert kept("incident_id", "day(opened_at)", "acknowledged_by") == [("r-all-10", 8, "Li Na")]
    publish(target, run((11, 12)), day=2)
    assert kept("incident_id", "day(opened_at)", "acknowledged_by") == [("r-all-10", 11, "Li Na")]
    # an id is never given twice: a run that now opens where the old one did is another
    publish(target, run((8, 8), open_=False), run((10, 12), incident_id="r-all-10"), day=3)
    rows = kept("incident_id", "day(opened_at)", "acknowledged_by")
    assert rows[1] == ("r-all-10", 10, "Li Na") and rows[0][0] == "r-all-08"


def test_runs_that_late_data_joins_go_on_as_the_first(target: Path) -> None:
    publish(target, run((8, 9), open_=False), run((11, 12)))
    publish(target, run((8, 12)), day=1)
    assert kept("incident_id", "closed_by", "periods") == [("r-all-08", None, 5), ("r-all-11", "merged", 2)]
    with open_ledger_file() as ledger:
        assert [row["incident_id"] for row in find_incidents(ledger)] == ["r-all-08"]


def test_a_run_that_late_data_splits_goes_on_as_its_first_part(target: Path) -> None:
    publish(target, run((8, 12)))
    publish(target, run((8, 9), open_=False), run((11, 12)), day=1)
    assert kept("incident_id", "closed_by") == [("r-all-08", "data"), ("r-all-11", None)]


def test_what_late_data_undoes_is_gone(target: Path) -> None:
    publish(target, run((8, 12)))
    publish(target, run((3, 3), open_=False), day=1)
    assert kept("incident_id", "closed_by") == [("r-all-03", "data"), ("r-all-08", "gone")]
    with duckdb.connect(str(target), read_only=True) as db:
        assert db.execute("select incident_id from marts.kpi_incidents").fetchall() == [("r-all-03",)]


def test_what_fires_again_opens_again_and_needs_a_name_anew(target: Path) -> None:
    publish(target, run((8, 9)))
    with open_ledger_file(write=True) as ledger:
        act(ledger, "r-all", "ack", "Li Na")
    publish(target, run((8, 9), open_=False), day=1)
    publish(target, run((8, 9)), day=2)  # the sound period was corrected
    assert kept("closed_by", "acknowledged_by", "day(reopened_at_run)") == [(None, None, 3)]


def test_a_person_closes_until_a_newer_period_fires(target: Path) -> None:
    publish(target, run((8, 9)))
    with open_ledger_file(write=True) as ledger:
        act(ledger, "r-all", "close", "Li Na", note="planned")
    publish(target, run((8, 9)), day=1)
    assert kept("closed_by") == [("Li Na",)]
    publish(target, run((8, 10)), day=2)
    assert kept("closed_by", "day(reopened_at_run)") == [(None, 3)]


def test_the_first_publication_opens_the_newest_only(target: Path) -> None:
    publish(target, run((1, 2), newest=False), run((8, 9)), run((3, 3), rule="s", open_=False))
    assert kept("incident_id", "closed_by") == [("r-all-01", "history"), ("s-all-03", "data"), ("r-all-08", None)]
    # later an old period can open: it is late data and nobody has heard of it
    publish(target, run((1, 2), newest=False), run((8, 9)), run((5, 5), rule="s", newest=False), day=1)
    assert ("s-all-05", None) in kept("incident_id", "closed_by")
    # a rule that is judged for the first time has a history of its own
    publish(target, run((8, 9)), run((2, 2), rule="new", newest=False), day=2)
    assert ("new-all-02", "history") in kept("incident_id", "closed_by")


def test_details_point_to_the_id_that_the_ledger_keeps(target: Path) -> None:
    part = {"dimension": "platform", "dimension_value": "app", "parent_kind": "detail"}
    publish(target, run((10, 12)))
    publish(target, run((8, 12)), run((9, 9), **part, parent_incident_id="r-all-08"), day=1)
    assert kept("incident_id", "parent_incident_id") == [("r-all-10", None), ("r-app-09", "r-all-10")]


def test_the_term_counts_from_the_run_that_tells_of_it(target: Path) -> None:
    horizon = dt.datetime(2026, 7, 1)
    publish(target, run((10, 12)))
    assert kept("due_at") == [(horizon + dt.timedelta(days=1),)]
    publish(target, run((10, 13), as_of=horizon + dt.timedelta(days=5)), day=1)
    assert kept("due_at") == [(horizon + dt.timedelta(days=1),)]


def test_a_killed_publication_leaves_incidents_as_they_were(target: Path, tmp_path: Path) -> None:
    publish(target, run((8, 9)), run((8, 8), rule="s"))
    with open_ledger_file(write=True) as ledger:
        act(ledger, "r-all", "ack", "Li Na")
    dead = built(tmp_path / "dead.duckdb", run((8, 9), open_=False), run((8, 8), rule="s"), run((8, 8), rule="t"))
    subprocess.run([sys.executable, "-c", CRASHING, "before_swap", str(dead), str(target)], env=os.environ, check=False)
    assert ("r-all-08", "data") in kept("incident_id", "closed_by")  # the dead run had written it
    with open_ledger_file(write=True) as ledger:
        act(ledger, "s-all", "ack", "Wang Wei")
    publish(target, run((8, 9)), run((8, 8), rule="s"), day=2)
    assert kept("incident_id", "closed_by", "acknowledged_by", "reopened_at_run") == [
        ("r-all-08", None, "Li Na", None),
        ("s-all-08", None, "Wang Wei", None),
    ]


def test_alerts_of_what_is_over_are_no_open_alerts(target: Path) -> None:
    warehouse = built(target.parent.parent / "w.duckdb", run((8, 9), open_=False), run((11, 12)))
    with duckdb.connect(str(warehouse)) as db:
        for day in (8, 9, 12):
            db.execute(
                """insert into marts.kpi_alerts by name select ? as alert_id, 'r' as rule_id, 'critical' as severity,
                make_timestamp(2026, 6, ?, 0, 0, 0) as period_start, 'all' as dimension, 'all' as dimension_value""",
                [f"a{day}", day],
            )
    for days in (0, 1):
        outcome = publishing.publish(warehouse, target, now=NOON + dt.timedelta(days=days))
    assert outcome.open_alerts == {"critical": 1}
    with duckdb.connect(str(target), read_only=True) as db:
        rows = db.execute("select alert_id, state, day(resolved_at_run) from marts.kpi_alerts order by 1").fetchall()
    assert rows == [("a12", "open", None), ("a8", "resolved", 1), ("a9", "resolved", 1)]


# --------------------------------------------------------------------------- people and the ledger


def test_people_take_on_assign_act_and_close(target: Path) -> None:
    publish(target, run((8, 9)))

    def kpi(*words: str) -> str:
        done = CliRunner().invoke(main, ["incidents", *words])
        assert done.exit_code == 0, done.output
        return done.output

    assert "acknowledged, Li Na has it" in kpi("ack", "r-all", "--by", "Li Na")
    assert "assigned to ecommerce_tech" in kpi("assign", "r-all", "--to", "ecommerce_tech", "--by", "Li Na")
    kpi("act", "r-all", "--by", "Wang Wei", "--note", "rolled back")
    publish(target, run((8, 10)), day=1)
    with duckdb.connect(str(target), read_only=True) as db:
        assert db.execute("select state, assigned_to from marts.kpi_incidents").fetchall() == [
            ("acknowledged", "ecommerce_tech")
        ]
    shown = kpi("show", "r-all")
    for words in ("Conversion below 3 %.", "Orders are lost.", "Open the war room.", "rolled back", "24 hours"):
        assert words in shown
    assert "(ecommerce_tech)" not in kpi("list", "--owner", "ecommerce_growth")
    assert "Conversion" in kpi("list", "--owner", "ecommerce_tech", "--state", "assigned")
    assert "closed by Li Na" in kpi("close", "r-all", "--by", "Li Na", "--note", "fixed")
    assert "nothing is open" in kpi()
    assert "Conversion" in kpi("list", "--state", "closed")
    with open_ledger_file() as ledger:
        assert [row["kind"] for row in actions_of(ledger, "r-all-08")] == ["ack", "assign", "act", "close"]


def test_what_cannot_be_done_is_refused_in_words(target: Path) -> None:
    publish(target, run((8, 9)), run((8, 9), rule="s"), run((1, 1), rule="t", open_=False))
    with open_ledger_file(write=True) as ledger:
        act(ledger, "r-all", "ack", "Li Na")
        for text, kind, by, words in (
            ("r-all", "ack", "Wang Wei", "Li Na's"),
            ("x", "ack", "Li Na", "no incident"),
            ("", "ack", "Li Na", "no incident"),
            ("t-all", "ack", "Li Na", "is closed"),
            ("s-all", "ack", "  ", "--by"),
            ("s-all", "act", "Li Na", "--note"),
            ("s-all", "close", "Li Na", "--note"),
            ("s-all", "assign", "Li Na", "--to"),
        ):
            with pytest.raises(GovernanceError, match=words):
                act(ledger, text, kind, by)
    publish(target, run((8, 9)), run((3, 4)), day=1)
    with open_ledger_file() as ledger, pytest.raises(GovernanceError, match="begins 2"):
        one_incident(ledger, "r-all")


def test_an_old_ledger_holds_no_incidents_and_says_so(target: Path) -> None:
    publishing.publish(make_warehouse(target.parent.parent / "w.duckdb", []), target, now=NOON)
    done = CliRunner().invoke(main, ["incidents"])
    assert done.exit_code == 1 and "kpi build" in done.output


# --------------------------------------------------------------------------- reading


def test_the_list_goes_by_owner_severity_impact_and_age(target: Path) -> None:
    publish(
        target,
        run((8, 9), rule="mild", severity="warning", impact=900.0),
        run((9, 9), rule="small", impact=1.0),
        run((9, 9), rule="large", impact=70.0),
        run((7, 9), rule="unknown_old", impact=None),
        run((8, 9), rule="unknown_new", impact=None),
        run((8, 9), rule="other", owner="ecommerce_tech", owner_en="Tech", owner_zh="技术团队"),
        run((8, 9), rule="part", dimension="platform", dimension_value="app", parent_incident_id="mild-all-08"),
    )
    with open_ledger_file() as ledger:
        mine = [row["rule_id"] for row in find_incidents(ledger, owner="ecommerce_growth")]
        assert mine == ["large", "small", "unknown_old", "unknown_new", "mild"]
        assert [row["rule_id"] for row in find_incidents(ledger, severity="critical", owner="ecommerce_tech")] == [
            "other"
        ]
        assert len(find_incidents(ledger, details=True)) == 7 and find_incidents(ledger, domain="credit") == []
    text = CliRunner().invoke(main, ["incidents", "list"]).output
    assert text.index("Growth (ecommerce_growth): 5 open") < text.index("Tech (ecommerce_tech): 1 open")
    assert "Where: platform app" in text and "worst 2.00 %, latest 2.50 %, limit at least 3.00 %" in text


def test_both_languages_say_the_same_without_raw_ids(target: Path) -> None:
    publish(target, run((8, 9), dimension="platform", dimension_value="app"))
    text = CliRunner().invoke(main, ["incidents", "list", "--lang", "zh"]).output
    for words in (
        "增长团队",
        "转化率 · 端 App",
        "界限 不低于 3.00 %",
        "自 2026-06-08 起 (2 天)",
        "约 12 单",
        "触发战情室",
        "期限",
    ):
        assert words in text
    assert not any(
        word in text.replace("(ecommerce_growth)", "") for word in ("platform", "ratio", "Conversion", "limit")
    )
    assert set(INCIDENT_WORDS["en"]) == set(INCIDENT_WORDS["zh"])


def test_json_and_csv_hold_every_row(target: Path) -> None:
    publish(target, run((8, 9)), run((8, 9), rule="s"))
    rows = json.loads(CliRunner().invoke(main, ["incidents", "list", "--json"]).output)
    assert [row["rule_id"] for row in rows] == ["r", "s"] and rows[0]["title"] == "Conversion"
    table = list(csv.DictReader(CliRunner().invoke(main, ["incidents", "list", "--csv"]).output.splitlines()))
    assert [row["incident_id"] for row in table] == ["r-all-08", "s-all-08"]


def test_data_steers_no_terminal_and_no_message(target: Path) -> None:
    publish(target, run((8, 9), dimension="platform", dimension_value=HOSTILE, incident_id="r-x"))
    with open_ledger_file(write=True) as ledger:
        act(ledger, "r-x", "act", HOSTILE, note=HOSTILE)
        (digest,) = digests(ledger)
        told = "\n".join(message(digest, slices_of(ledger, digest.incidents), "en"))
    shown = CliRunner().invoke(main, ["incidents", "show", "r-x"]).output
    for text in (told, shown, CliRunner().invoke(main, ["incidents"]).output):
        assert not set(text) & {"\x1b", "\u202e", "<", ">", "`", "[", "|"}, text


# --------------------------------------------------------------------------- telling


class Post:
    """A sender that refuses the first so many messages."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.titles: list[str] = []
        self.bodies: list[str] = []

    def __call__(self, title: str, body: str, severity: str) -> bool:
        if self.refusals:
            self.refusals -= 1
            return False
        self.titles.append(title)
        self.bodies.append(body)
        return True


def tell(post: Post, **options: object) -> tuple[int, list[str]]:
    with open_ledger_file(write=True) as ledger:
        told = notify(ledger, [post], sleep=lambda _: None, **options)  # type: ignore[arg-type]
    return told.sent, told.failed


def test_one_message_an_owner_opening_escalation_and_closing_once_each(target: Path) -> None:
    late = dt.datetime(2026, 7, 9)
    tech = {"owner": "ecommerce_tech", "owner_en": "Tech", "owner_zh": "技术团队", "owner_language": "en"}
    two = [run((8, 9), rule="s"), run((8, 9), rule="t", **tech)]
    post = Post()
    publish(target, run((8, 9)), *two)
    assert tell(post) == (2, []) and tell(post) == (0, [])
    assert post.titles == ["KPI事件汇总 · 增长团队：新增 2 件", "KPI incidents for Tech: 1 new"]
    publish(target, run((8, 10), as_of=late), *two, day=1)
    assert tell(post) == (1, []) and tell(post) == (0, [])
    assert post.titles[-1] == "KPI事件汇总 · 增长团队：超时限 1 件"
    publish(target, run((8, 10), open_=False), *two, day=2)
    assert tell(post) == (1, []) and post.titles[-1] == "KPI事件汇总 · 增长团队：关闭 1 件"
    assert "已恢复正常" in post.bodies[-1] and tell(post) == (0, [])
    publish(target, run((8, 11)), *two, day=3)
    assert tell(post) == (1, []) and post.bodies[-1].startswith("再次触发 · 严重 · 转化率")


def test_escalated_first_and_what_is_needed_to_act(target: Path) -> None:
    publish(target, run((8, 9)), run((8, 9), rule="s", worst_value=0.01))
    post = Post()
    tell(post, lang="en")
    publish(target, run((8, 9), as_of=dt.datetime(2026, 7, 9)), run((8, 9), rule="s"), run((9, 9), rule="t"), day=1)
    tell(post, lang="en")
    assert post.titles[-1] == "KPI incidents for Growth: 1 past their term, 1 new"
    assert post.bodies[-1].startswith("TERM PASSED")
    for words in ("limit at least 3.00 %", "Open the war room.", "about 12 orders", "kpi incidents ack r-all-08 --by"):
        assert words in post.bodies[-1]


def test_details_history_mild_and_taken_ones_are_not_told(target: Path) -> None:
    publish(
        target,
        run((1, 1), rule="old", newest=False),
        run((8, 9), rule="mild", severity="info"),
        run((8, 9), rule="taken"),
        run((8, 9), rule="part", parent_incident_id="taken-all-08"),
    )
    with open_ledger_file(write=True) as ledger:
        act(ledger, "taken", "ack", "Li Na")
    post = Post()
    assert tell(post) == (0, [])
    assert tell(post, severity="info", since=dt.date(2026, 6, 10)) == (0, [])
    assert tell(post, severity="info") == (1, []) and "新增 1 件" in post.titles[0]


def test_a_new_owner_is_told_by_the_next_run(target: Path) -> None:
    publish(target, run((8, 9)))
    post = Post()
    tell(post)
    with open_ledger_file(write=True) as ledger:
        act(ledger, "r-all", "assign", "Li Na", to="Wang Wei")
    assert tell(post, owner="ecommerce_growth") == (0, [])
    assert tell(post) == (1, []) and "Wang Wei" in post.titles[-1]


def test_refused_messages_wait_and_addresses_that_were_reached_are_not_told_again(target: Path) -> None:
    publish(target, run((8, 9)), run((8, 9), rule="s", owner="ecommerce_tech"))
    assert tell(Post(refusals=99), attempts=2) == (0, ["ecommerce_growth"])
    up, down = Post(), Post(refusals=99)
    with open_ledger_file(write=True) as ledger:
        told = notify(ledger, [up, down], attempts=2, sleep=lambda _: None)
        assert (told.sent, told.failed, told.left) == (2, ["ecommerce_growth", "ecommerce_tech"], 0)
        assert notify(ledger, [up, down]).sent == 0
    assert len(up.titles) == 2
    pauses: list[float] = []
    publish(target, run((8, 9), rule="t"), day=1)
    with open_ledger_file(write=True) as ledger:
        notify(ledger, [Post(refusals=2)], attempts=3, pause=1.0, owner="ecommerce_growth", sleep=pauses.append)
    assert pauses == [1.0, 2.0]


def test_a_sender_that_fails_is_tried_again_and_one_that_dies_repeats_nothing(target: Path) -> None:
    publish(target, run((8, 9)))
    failures: list[BaseException] = [ConnectionError("no route"), TimeoutError("slow")]
    post = Post()

    def send(title: str, body: str, severity: str) -> bool:
        if failures:
            raise failures.pop()
        return post(title, body, severity)

    with open_ledger_file(write=True) as ledger:
        assert notify(ledger, [send], attempts=3, sleep=lambda _: None).sent == 1
    publish(target, run((8, 9)), run((8, 9), rule="s"), day=1)
    failures.append(KeyboardInterrupt())
    with open_ledger_file(write=True) as ledger, pytest.raises(KeyboardInterrupt):
        notify(ledger, [send])
    assert tell(post) == (0, []) and len(post.titles) == 1


def test_a_long_digest_counts_the_rest(target: Path) -> None:
    publish(target, *[run((8, 9), rule=f"r{number}") for number in range(5)])
    post = Post()
    tell(post, limit=2)
    assert post.bodies[0].count("触发战情室") == 2 and "+3" in post.bodies[0]


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
    publish(target, run((8, 9)), run((8, 9), rule="s", owner="ecommerce_tech", owner_language="en", severity="warning"))
    answers.append(503)
    done = CliRunner().invoke(main, ["notify"], env={"KPI_NOTIFY_URLS": url})
    assert done.exit_code == 0 and "2 messages sent" in done.output, done.output
    assert {item["type"] for item in got} == {"failure", "warning"}
    assert "0 messages sent" in CliRunner().invoke(main, ["notify", "--to", url]).output and len(got) == 2


def test_notify_without_a_server_fails_and_keeps_the_news(
    target: Path, endpoint: tuple[str, list[dict], list[int]]
) -> None:
    pytest.importorskip("apprise")
    url, got, answers = endpoint
    publish(target, run((8, 9)))
    answers += [500, 500]
    done = CliRunner().invoke(main, ["notify", "--to", url, "--attempts", "2"])
    assert done.exit_code == 1 and "did not reach" in done.output
    assert CliRunner().invoke(main, ["notify", "--to", url]).exit_code == 0
    assert len(got) == 1


def test_notify_needs_an_address_and_a_known_one(target: Path) -> None:
    publish(target, run((8, 9)))
    nobody = CliRunner().invoke(main, ["notify"], env={"KPI_NOTIFY_URLS": ""})
    assert nobody.exit_code == 1 and "KPI_NOTIFY_URLS" in nobody.output
    pytest.importorskip("apprise")
    for odd in ("pigeon://secret-token", "secret-token"):
        done = CliRunner().invoke(main, ["notify", "--to", odd])
        assert done.exit_code == 1 and "secret-token" not in done.output


def test_a_dry_run_prints_and_marks_nothing(target: Path) -> None:
    publish(target, run((8, 9)))
    for _ in range(2):
        assert "转化率" in CliRunner().invoke(main, ["notify", "--dry-run"]).output
    assert Speaker("en").words["opening"] in CliRunner().invoke(main, ["notify", "--dry-run", "--lang", "en"]).output


def test_what_is_past_its_term_when_it_is_told_first_is_told_once(target: Path) -> None:
    publish(target, run((8, 9)))
    publish(target, run((8, 9), as_of=dt.datetime(2026, 7, 9)), day=1)
    post = Post()
    assert tell(post) == (1, []) and tell(post) == (0, [])
    assert post.titles == ["KPI事件汇总 · 增长团队：超时限 1 件"]
