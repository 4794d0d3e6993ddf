"""The issue list: checks that are not met, with owner, first seen and repair deadline, kept over rebuilds.

The state lies in the ledger beside the publication (as that of alerts does), so a new warehouse does not forget since
when something is broken. A run that was not published keeps it too: a shut gate is what the list is for.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from kpi_warehouse.files import attach_waiting, connect
from kpi_warehouse.quality.rules import Rules

#: Columns of `dq_issues`, with their types in the ledger.
COLUMNS = {
    "issue_id": "varchar",
    "check_id": "varchar",
    "domain": "varchar",
    "table_name": "varchar",
    "kind": "varchar",
    "severity": "varchar",
    "owner": "varchar",
    "expected": "varchar",
    "observed": "varchar",
    "failed_rows": "bigint",
    "state": "varchar",
    "first_seen_at_run": "timestamp",
    "last_seen_at_run": "timestamp",
    "resolved_at_run": "timestamp",
    "repair_due_at_run": "timestamp",
    "is_overdue_at_run": "boolean",
    "as_of": "timestamp",
}
_TABLE = "create table if not exists ledger.issues (" + ", ".join(f"{c} {t}" for c, t in COLUMNS.items()) + ")"


@dataclass(frozen=True)
class Kept:
    """What a run did to the list: issues open after it, those it found first, those it found no more."""

    open: int
    new: int
    resolved: int
    overdue: int

    def summary(self) -> str:
        """One line for the build."""
        told = f"{self.new} new, {self.resolved} resolved, {self.overdue} overdue"
        return f"{self.open} open issues ({told}): see `kpi quality issues`"


def keep_issues(
    root: Path, warehouse: Path, ledger: Path, *, is_complete: bool, now: dt.datetime | None = None
) -> Kept | None:
    """Brings the list in step with `dq_results` of a warehouse and writes it into `marts.dq_issues` there.

    Args:
        root: The project folder (rules of the dictionary).
        warehouse: The DuckDB file that a build wrote; no other connection may hold it.
        ledger: The ledger's file; made if it is not there.
        is_complete: Every check ran. Otherwise what was not found may only not have been looked for, and stays open.
        now: Time of the run (UTC, without zone); default: the clock. One that lies before the last run is moved there.

    Returns:
        What changed; None where the warehouse holds no results.
    """
    now = now or dt.datetime.now(dt.UTC).replace(tzinfo=None)
    rules = Rules(root)
    ledger.parent.mkdir(parents=True, exist_ok=True)
    with connect(warehouse, read_only=False) as db:
        found_table = db.execute(
            "select 1 from information_schema.tables where table_schema = 'marts' and table_name = 'dq_results'"
        ).fetchone()
        if not found_table:
            return None
        columns = {name for name, *_ in db.execute("describe marts.dq_results").fetchall()}
        # results of an older version tell a warning by its first word
        status = (
            "case when shuts_gate then 'fail' else status end"
            if "status" in columns
            else "case when not passed then 'fail' when observed like 'warn,%' then 'warn' else 'pass' end"
        )
        unmet = db.execute(
            f"""select md5(concat_ws('|', check_id, domain, "table")), check_id, domain, "table", kind,
                case when {status} = 'warn' then 'warn' else 'error' end, expected, observed, failed_rows, as_of
            from marts.dq_results where {status} in ('warn', 'fail') order by check_id"""
        ).fetchall()
        attach_waiting(db, ledger, "ledger", read_only=False)
        db.execute(_TABLE)
        last = db.execute("select max(greatest(last_seen_at_run, resolved_at_run)) from ledger.issues").fetchone()
        if last and last[0] and last[0] > now:
            now = last[0]
        known = {
            row[0]: row for row in db.execute("select issue_id, state, first_seen_at_run from ledger.issues").fetchall()
        }
        new = 0
        db.execute("begin")
        for issue_id, check_id, domain, table, kind, severity, expected, observed, failed_rows, as_of in unmet:
            rule = rules.of(check_id, domain)
            was_open = issue_id in known and known[issue_id][1] == "open"
            new += not was_open
            first = known[issue_id][2] if was_open else now
            due = first + dt.timedelta(days=rule.repair_days) if rule else None
            db.execute("delete from ledger.issues where issue_id = ?", [issue_id])
            db.execute(
                f"insert into ledger.issues values ({', '.join('?' * len(COLUMNS))})",
                [
                    *(issue_id, check_id, domain, table, kind, severity, rules.owner(check_id, domain)),
                    *(expected, observed, failed_rows, "open", first, now, None, due, False, as_of),
                ],
            )
        resolved = 0
        if is_complete:
            gone = db.execute(
                "update ledger.issues set state = 'resolved', resolved_at_run = ? "
                "where state = 'open' and last_seen_at_run < ? and issue_id not in (select unnest(?::varchar[]))",
                [now, now, [row[0] for row in unmet]],
            ).fetchone()
            resolved = int(gone[0]) if gone else 0
        db.execute(
            "update ledger.issues set is_overdue_at_run = state = 'open' and coalesce(repair_due_at_run < ?, false)",
            [now],
        )
        db.execute("commit")
        db.execute("create or replace table marts.dq_issues as select * from ledger.issues")
        counts = db.execute(
            "select count(*) filter (where state = 'open'), count(*) filter (where is_overdue_at_run) "
            "from ledger.issues"
        ).fetchone()
    assert counts is not None
    return Kept(counts[0], new, resolved, counts[1])
