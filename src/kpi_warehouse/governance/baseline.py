"""`kpi baseline`: a measured value becomes the baseline that relative targets are held against.

The source states some targets as a share of, or points above, what was before, and leaves the measuring to the
business. Until it is measured such a target judges nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import click

from kpi_warehouse.governance.change import Outcome, add_months, finish
from kpi_warehouse.governance.seeds import Cells, Dictionary
from kpi_warehouse.governance.store import (
    GovernanceError,
    Row,
    Store,
    open_store,
    parse_period,
    show,
    slice_label,
)
from kpi_warehouse.project import project_root

TARGETS = "kpi_targets"


def measured(rows: Sequence[Row], kind: str) -> float | None:
    """The value of several periods together.

    Args:
        rows: Their values with numerator and denominator.
        kind: Of the KPI. Ratios and means are sums over sums; of sums and counts, which targets hold by the period, it
            is the mean of the periods.

    Raises:
        GovernanceError: Several periods of a percentile or statistic, which only the facts could put together.
    """
    if kind in ("ratio", "mean"):
        below = sum(row["denominator"] or 0 for row in rows)
        return sum(row["numerator"] or 0 for row in rows) / below if below else None
    if kind not in ("sum", "count") and len(rows) > 1:
        raise GovernanceError(f"a {kind} of several periods is not to be had from theirs: name one, --from P --to P")
    values = [row["value"] for row in rows if row["value"] is not None]
    return sum(values) / len(values) if values else None


def keep_baseline(
    book: Dictionary, store: Store, kpi_id: str, first: str, last: str, *, replace: bool = False
) -> Outcome:
    """Writes the value of a span into the targets of a KPI that are stated against a baseline.

    Args:
        book: The dictionary; the caller saves it.
        store: The publication (or warehouse) with the values.
        kpi_id: The KPI.
        first: First month of the span, e.g. `2026-01`.
        last: Last month of the span, included.
        replace: Also where a baseline is stated already.

    Raises:
        GovernanceError: No target needs one, it is stated already, or the span has no official final value.
    """
    definition = book.versions(kpi_id)[-1]
    sheet = book.file(f"{TARGETS}_{definition['domain']}")
    relative = [row for row in sheet.rows if row["kpi_id"] == kpi_id and _is_relative(row)]
    if not relative:
        raise GovernanceError(f"{kpi_id} has no target against a baseline")
    open_rows = [row for row in relative if replace or not row["baseline_value"]]
    if not open_rows:
        stated = ", ".join(sorted({row["baseline_value"] for row in relative}))
        raise GovernanceError(
            f"the baseline of {kpi_id} is stated already ({stated}): --replace puts another in its place"
        )
    start, end = _month(first), add_months(_month(last), 1)
    outcome = Outcome(f"{kpi_id}: baseline from {first} to {last}")
    kept = 0
    for row in open_rows:
        place = f"{row['period_grain']}, {slice_label(row['dimension'], row['dimension_value'])}"
        if row["dimension_value"] == "*" or row["condition"]:
            outcome.notes.append(f"{place}: left alone, every member has a baseline of its own")
            continue
        found = _values(store, row, start, end)
        value = measured(found, definition["kpi_kind"]) if found else None
        if value is None:
            outcome.notes.append(f"{place}: no official final value from {first} to {last} that is not suspect")
            continue
        sheet.update(row, baseline_value=f"{value:.12g}")
        periods = f"{len(found)} final period{'s' * (len(found) > 1)}"
        outcome.notes.append(f"{place}: {show(value, definition['unit'])} over {periods}")
        kept += 1
    if not kept:
        raise GovernanceError("\n  ".join([f"no baseline of {kpi_id} was kept", *outcome.notes]))
    return outcome


def _is_relative(row: Cells) -> bool:
    return bool(row["relative_to_baseline"] or row["points_to_baseline"])


def _month(text: str) -> dt.date:
    period = parse_period(text)
    if "month" not in period.grains:
        raise GovernanceError(f"{text!r} is no month: write 2026-03")
    return period.start.date()


def _values(store: Store, target: Cells, start: dt.date, end: dt.date) -> list[Row]:
    return store.rows(
        """select scorecard.value, kpi_values.numerator, kpi_values.denominator
        from marts.kpi_scorecard as scorecard
        inner join marts.kpi_values as kpi_values using (
            kpi_id, version, period_grain, period_start, dimension, dimension_value)
        where kpi_id = ? and period_grain = ? and dimension = ? and dimension_value = ? and scorecard.is_final
            and scorecard.value is not null and scorecard.status <> 'suspect'
            and period_start >= ? and scorecard.period_end <= ?""",
        [*(target[c] for c in ("kpi_id", "period_grain", "dimension", "dimension_value")), start, end],
    )


@click.command("baseline")
@click.argument("kpi_id", metavar="KPI")
@click.option("--from", "first", required=True, metavar="MONTH", help="First month of the span, e.g. 2026-01.")
@click.option("--to", "last", metavar="MONTH", help="Last month, included; default: the first.")
@click.option("--replace", is_flag=True, help="Also where a baseline is stated already.")
def baseline_command(kpi_id: str, first: str, last: str | None, replace: bool) -> None:
    """Keep what was measured as the baseline of targets that are stated against one.

    Reads official final values of KPI_PUBLISHED (else KPI_WAREHOUSE) and edits kpi_targets_*.csv.

        kpi baseline mf_mtbf_hours --from 2026-03
    """
    book = Dictionary(project_root())
    with open_store() as store:
        outcome = keep_baseline(book, store, kpi_id, first, last or first, replace=replace)
    finish(book, outcome)
