"""A refusal that needs another table, a decision before its submission, comes after deduplication."""

from __future__ import annotations

from pathlib import Path

import duckdb

from .support.replay import Replayer

SUBMITTED = "2024-03-05 02:00:00"


def _application(application_id: str) -> dict:
    return {
        "application_id": application_id, "customer_id": "C1", "submitted_at": SUBMITTED,
        "channel": "own_app", "customer_type": "new", "product_line": "cash",
    }  # fmt: skip


def _decision(event_id: str, application_id: str, event_at: str, loaded_at: str) -> dict:
    return {
        "event_id": event_id, "application_id": application_id, "event_name": "final_decision",
        "event_at": event_at, "outcome": "approved", "actor": "system", "_loaded_at": loaded_at,
    }  # fmt: skip


def test_decision_before_submission_is_judged_after_deduplication(tmp_path: Path) -> None:
    """Only the row that won among its duplicates is judged; every raw row stays accounted for."""
    tables = {
        "applications": [_application("A1"), _application("A2"), _application("A3")],
        "application_events": [
            # the older row wins and is refused; the newer one stays a duplicate: A1 is undecided
            _decision("E1", "A1", "2024-03-05 01:00:00", "2024-03-05 03:00:00"),
            _decision("E1", "A1", "2024-03-05 02:30:00", "2024-03-05 04:00:00"),
            # the older row wins and stands; the newer one is a duplicate, not a refusal
            _decision("E2", "A2", "2024-03-05 02:00:00", "2024-03-05 03:00:00"),
            _decision("E2", "A2", "2024-03-05 01:00:00", "2024-03-05 04:00:00"),
            # another decision of the application stands
            _decision("E3", "A3", "2024-03-05 01:59:59", "2024-03-05 03:00:00"),
            _decision("E4", "A3", "2024-03-05 02:10:00", "2024-03-05 03:00:00"),
            # its application was not landed: nothing to be judged against
            _decision("E5", "A9", "2024-03-05 01:00:00", "2024-03-05 03:00:00"),
        ],
    }
    replayer = Replayer(tmp_path)
    replayer.prepare()
    values = replayer.run("credit", tables, "2024-03-31 16:00:00")

    with duckdb.connect(str(replayer.warehouse), read_only=True) as db:
        refused = db.sql(
            "select row_key, reason from staging.stg_credit__quarantine "
            "where table_name = 'application_events' order by 1"
        ).fetchall()
        accepted = db.sql("select event_id from staging.stg_credit__application_events order by 1").fetchall()
        balance = db.sql(
            "select rows_read, rows_accepted, rows_deduplicated, rows_quarantined "
            "from staging.stg_credit__reconciliation where table_name = 'application_events'"
        ).fetchone()
    assert refused == [("E1", "decision_before_submission"), ("E3", "decision_before_submission")]
    assert accepted == [("E2",), ("E4",), ("E5",)]
    assert balance == (7, 3, 2, 2)

    median = values[
        (values.kpi_id == "cr_att_p50_minutes") & (values.period_grain == "day") & (values.dimension == "all")
    ]
    assert median.value.tolist() == [5.0]  # A2 after 0 minutes, A3 after 10
