"""The quality gate: what a warehouse must hold before anything of it is published."""

from __future__ import annotations

import click
import duckdb

from kpi_warehouse import marks
from kpi_warehouse.sql import identifier


class GateShut(click.ClickException):
    """The quality gate refuses the warehouse, or the ledger the publication; the message says why and what to do."""


def gate(db: duckdb.DuckDBPyConnection, catalog: str) -> None:
    """Refuses a warehouse that lacks its marts, is not of one complete build, or holds a check that has not passed.

    Args:
        db: A connection with the warehouse attached.
        catalog: The name it is attached under.

    Raises:
        GateShut: With the failed checks and what to do.
    """
    tables = {
        name
        for (name,) in db.execute(
            "select table_name from information_schema.tables where table_catalog = ? and table_schema = 'marts'",
            [catalog],
        ).fetchall()
    }
    missing = {"kpi_values", "kpi_scorecard", "kpi_alerts", "metric_dictionary", "dq_results"} - tables
    if missing:
        raise GateShut(f"the warehouse lacks {', '.join(sorted(missing))}: run `kpi build` without --select first")
    columns = {
        name
        for (name,) in db.execute(
            "select column_name from information_schema.columns "
            "where table_catalog = ? and table_schema = 'marts' and table_name = 'dq_results'",
            [catalog],
        ).fetchall()
    }
    # `passed` is false of a warning too: what shuts the gate says so itself (older results know `passed` alone); a
    # check that says nothing (null) has not passed
    shut = "shuts_gate is not false" if "shuts_gate" in columns else "passed is not true"
    failed = db.execute(
        f"select check_id, domain, \"table\", coalesce(observed, 'it says nothing') "
        f"from {identifier(catalog)}.marts.dq_results where {shut} order by check_id"
    ).fetchall()
    if failed:
        lines = "\n".join(f"  {check} ({domain}.{table}): {observed}" for check, domain, table, observed in failed[:20])
        raise GateShut(f"{len(failed)} checks failed, nothing is published:\n{lines}")
    if objection := marks.objection(db, catalog):
        raise GateShut(f"nothing is published: {objection}")
