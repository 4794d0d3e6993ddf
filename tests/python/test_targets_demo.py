"""Every target of the dictionary says something of the demonstration, or says why not."""

from __future__ import annotations

import duckdb

from .conftest import Built

JUDGED = ("green", "amber", "red")
#: Statuses that are a reason themselves; `not_in_force` is one only where no period has begun in its time.
REASONS = ("not_final", "suspect", "awaiting_baseline", "no_previous", "not_in_force")


def without_a_status(db: duckdb.DuckDBPyConnection) -> list[str]:
    """Targets that judge no row and give no reason."""
    rows = db.execute(
        f"""select target_id from marts.kpi_targets as targets where not exists (
            select 1 from marts.kpi_target_status as status
            where status.target_id = targets.target_id and status.status in {JUDGED + REASONS})
        order by target_id"""
    ).fetchall()
    return [name for (name,) in rows]


def test_every_target_has_a_status_or_a_reason(demo: Built) -> None:
    with duckdb.connect(str(demo.published), read_only=True) as db:
        assert without_a_status(db) == []


def test_nothing_is_met_out_of_force_or_without_what_is_needed(demo: Built) -> None:
    with duckdb.connect(str(demo.published), read_only=True) as db:
        assert (
            db.execute(
                f"""select distinct target_id from marts.kpi_target_status
            where status in {JUDGED} and (not is_in_force or needed_value is null)"""
            ).fetchall()
            == []
        )
