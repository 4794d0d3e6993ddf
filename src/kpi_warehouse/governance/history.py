"""`kpi published`: any number ever published, from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from kpi_warehouse.governance import chain
from kpi_warehouse.governance.store import (
    GRAIN_ORDER,
    GovernanceError,
    Row,
    Store,
    open_ledger_file,
    open_store,
    parse_period,
    parse_slice,
    period_label,
    slice_label,
    suggest,
)
from kpi_warehouse.output import emit, output_options, print_table
from kpi_warehouse.project import published_path
from kpi_warehouse.publish import KEY

#: The entry that stood for each key after a publication: the last one up to it.
AS_OF = f"""
    select * exclude (place) from (
        select entries.*, row_number() over (
            partition by {", ".join(KEY)} order by published_at_run desc, publication_id desc) as place
        from entries
        where (published_at_run, publication_id) <= (?, ?) {{where}}
    ) where place = 1
"""


def find_publication(ledger: Store, text: str) -> Row:
    """The publication whose id begins with `text`.

    Raises:
        GovernanceError: None does, or several do.
    """
    rows = ledger.rows(
        "select * from publications where starts_with(publication_id, ?) order by published_at_run", [text.lower()]
    )
    if len(rows) == 1:
        return rows[0]
    if rows:
        raise GovernanceError(f"{text!r} begins {len(rows)} publication ids: write more of it")
    latest = ledger.rows("select publication_id, published_at_run from publications order by 2 desc limit 5")
    listed = ", ".join(f"{row['publication_id'][:12]} ({row['published_at_run']:%Y-%m-%d %H:%M})" for row in latest)
    raise GovernanceError(f"no publication {text!r} in the ledger; the latest are {listed or 'none'}")


def _standing(ledger: Store, publication: Row, where: str, parameters: Sequence[Any]) -> list[Row]:
    return ledger.rows(
        AS_OF.format(where=where) + " order by kpi_id, period_grain, period_start, dimension, dimension_value",
        [publication["published_at_run"], publication["publication_id"], *parameters],
    )


def standing_at(publication_text: str, kpi_id: str, key: Sequence[Any]) -> Row:
    """One number as it stood after a publication.

    Args:
        publication_text: The publication's id or its beginning.
        kpi_id: The KPI.
        key: period_grain, period_start, dimension, dimension_value.

    Raises:
        GovernanceError: Unknown publication, or it had no such number.
    """
    with open_ledger_file() as ledger:
        publication = find_publication(ledger, publication_text)
        where = "and kpi_id = ? and period_grain = ? and period_start = ? and dimension = ? and dimension_value = ?"
        rows = _standing(ledger, publication, where, [kpi_id, *key])
        if not rows:
            raise GovernanceError(
                f"{kpi_id} {period_label(key[0], key[1])} {slice_label(key[2], key[3])} was not yet published at "
                f"{publication['publication_id'][:12]} ({publication['published_at_run']:%Y-%m-%d %H:%M} UTC)"
            )
        return {**rows[0], "asked_publication_id": publication["publication_id"]}


def reproduce(
    ledger: Store,
    publication_text: str,
    kpi_id: str | None = None,
    period: str | None = None,
    slice_text: str | None = None,
    grain: str | None = None,
) -> list[Row]:
    """Every number as it stood right after a publication, whichever publication first stated it.

    Withdrawn numbers are left out: they no longer stood.

    Raises:
        GovernanceError: Unknown publication or KPI, or nothing fits.
    """
    publication = find_publication(ledger, publication_text)
    where, parameters = _filters(ledger, kpi_id, period, slice_text, grain)
    rows = [row for row in _standing(ledger, publication, where, parameters) if not row["is_withdrawn"]]
    if not rows:
        raise GovernanceError(f"publication {publication['publication_id'][:12]} had no such number")
    return rows


def history(
    ledger: Store,
    kpi_id: str,
    period: str | None = None,
    slice_text: str | None = None,
    grain: str | None = None,
) -> list[Row]:
    """Every statement the ledger holds about a KPI, in the order in which they were published.

    Raises:
        GovernanceError: Unknown KPI, or nothing fits.
    """
    where, parameters = _filters(ledger, kpi_id, period, slice_text, grain)
    rows = ledger.rows(
        f"""select * from entries where true {where}
        order by period_grain, period_start, dimension, dimension_value, published_at_run, publication_id""",
        parameters,
    )
    if not rows:
        raise GovernanceError(f"the ledger holds no such number of {kpi_id}")
    return rows


def _filters(
    ledger: Store, kpi_id: str | None, period: str | None, slice_text: str | None, grain: str | None
) -> tuple[str, list[Any]]:
    where = ""
    parameters: list[Any] = []
    if kpi_id:
        known = [row["kpi_id"] for row in ledger.rows("select distinct kpi_id from entries")]
        if kpi_id not in known:
            near = suggest(kpi_id, known)
            hint = f": did you mean {', '.join(near)}?" if near else ""
            raise GovernanceError(f"the ledger holds no KPI {kpi_id!r}{hint}")
        where += " and kpi_id = ?"
        parameters.append(kpi_id)
    if period:
        wanted = parse_period(period)
        where += f" and period_start = ? and period_grain in ({', '.join('?' for _ in wanted.grains)})"
        parameters += [wanted.start, *wanted.grains]
    if grain:
        where += " and period_grain = ?"
        parameters.append(grain)
    if slice_text:
        where += " and dimension = ? and dimension_value = ?"
        parameters += list(parse_slice(slice_text))
    return where, parameters


def mark_suspect(rows: list[Row]) -> None:
    """Says of each row (`is_suspect`) whether its value is one that the current publication calls suspect."""
    path = published_path()
    suspects: dict[tuple[Any, ...], float] = {}
    if path.exists():
        with open_store(path) as store:
            if store.has("kpi_suspect_values"):
                suspects = {
                    tuple(found[column] for column in SUSPECT_KEY): found["value"]
                    for found in store.rows(f"select {', '.join(SUSPECT_KEY)}, value from marts.kpi_suspect_values")
                }
    for row in rows:
        value = suspects.get(tuple(row[column] for column in SUSPECT_KEY))
        row["is_suspect"] = value is not None and row["value"] == value


#: Key of `kpi_suspect_values`.
SUSPECT_KEY = ("kpi_id", "version", "period_grain", "period_start", "dimension", "dimension_value")


def _cells(row: Row) -> list[str]:
    numbers = ["–" if row[c] is None else f"{row[c]:.10g}" for c in ("value", "numerator", "denominator")]
    if row.get("is_suspect"):
        numbers[0] += " (suspect)"
    if row["is_withdrawn"]:
        numbers[0] = "withdrawn"
    return [
        row["kpi_id"],
        f"{row['period_grain']} {period_label(row['period_grain'], row['period_start'])}",
        slice_label(row["dimension"], row["dimension_value"]),
        *numbers,
        str(row["version"]),
        f"{row['published_at_run']:%Y-%m-%d %H:%M}",
        row["publication_id"][:12],
    ]


@click.command("published")
@click.argument("what", required=False, metavar="[PUBLICATION|KPI]")
@click.argument("kpi_id", required=False, metavar="[KPI]")
@click.option("--period", metavar="PERIOD", help="2026-05, 2026Q2, 2026-W20, 2026-05-20 or 2026-05-20T14:00.")
@click.option("--grain", type=click.Choice(GRAIN_ORDER), help="Only this grain.")
@click.option("--slice", "slice_text", metavar="DIM=VALUE", help="Only this slice.")
@click.option("--limit", type=click.IntRange(1), default=40, show_default=True, help="Rows printed.")
@output_options
def published_command(
    what: str | None,
    kpi_id: str | None,
    period: str | None,
    grain: str | None,
    slice_text: str | None,
    limit: int,
    form: str,
) -> None:
    r"""Reproduce what was published, from the ledger beside KPI_PUBLISHED.

    \b
    kpi published                       the publications
    kpi published 3f2a91                every number as it stood after that publication (the id, or its beginning)
    kpi published 3f2a91 ec_cvr         the same of one KPI
    kpi published ec_cvr                everything ever stated about a KPI
    """
    with open_ledger_file() as ledger:
        for problem in chain.problems(ledger.db):
            click.echo(f"warning: {problem} (`kpi verify`)", err=True)
        if what is None:
            rows = ledger.rows(
                """select publications.*, count(entries.kpi_id) as new_or_changed
                from publications left join entries using (publication_id)
                group by all order by publications.published_at_run"""
            )
        elif "_" in what:  # publication ids are hexadecimal
            rows = history(ledger, what, period, slice_text, grain)
        else:
            rows = reproduce(ledger, what, kpi_id, period, slice_text, grain)
    if what is not None:
        mark_suspect(rows)
    if emit(rows, form):
        return
    if what is None:
        print_table(
            ["publication", "published (UTC)", "state", "new or changed", "code"],
            [
                [
                    row["publication_id"],
                    f"{row['published_at_run']:%Y-%m-%d %H:%M}",
                    row["state"],
                    f"{row['new_or_changed']:,}",
                    row["code_checksum"],
                ]
                for row in rows
            ],
            right=["new or changed"],
        )
        return
    print_table(
        ["KPI", "period", "slice", "value", "numerator", "denominator", "v", "published (UTC)", "publication"],
        [_cells(row) for row in rows[:limit]],
        right=["value", "numerator", "denominator"],
    )
    if len(rows) > limit:
        click.echo(f"… {len(rows) - limit:,} more rows (--limit, --json, --csv)")
