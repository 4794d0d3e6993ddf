"""`kpi alerts`, `kpi ack` and `kpi notify`: what fired, who took it on, and who was told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import click
from rich.table import Table

from kpi_warehouse.governance.store import (
    GovernanceError,
    Row,
    Store,
    as_json,
    console,
    open_ledger_file,
    period_label,
    slice_label,
)

#: From the mildest to the gravest.
SEVERITIES = ("info", "warning", "critical")
STATE = """case
    when resolved_at_run is not null then 'resolved'
    when acknowledged_at_run is not null then 'acknowledged'
    else 'open'
end"""
#: An alert whose publication never came through is none.
PUBLISHED = "first_publication_id in (select publication_id from publications where state = 'published')"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def at_least(severity: str) -> tuple[str, ...]:
    """The severities from this one up."""
    return SEVERITIES[SEVERITIES.index(severity) :]


def find_alerts(
    ledger: Store,
    *,
    states: Sequence[str] = ("open",),
    severity: str = "info",
    kpi_id: str | None = None,
    unsent: bool = False,
    since: dt.date | None = None,
) -> list[Row]:
    """Alerts of the ledger, the gravest and latest first.

    Args:
        ledger: The open ledger.
        states: Which of `open`, `acknowledged`, `resolved`.
        severity: This one and graver ones.
        kpi_id: Only of this KPI.
        unsent: Only those that nobody was told of yet.
        since: Only about periods that end after this day begins.
    """
    conditions = [PUBLISHED, f"state in ({', '.join('?' for _ in states)})"]
    grave = at_least(severity)
    conditions.append(f"severity in ({', '.join('?' for _ in grave)})")
    parameters: list[Any] = [*states, *grave]
    if kpi_id:
        conditions.append("kpi_id = ?")
        parameters.append(kpi_id)
    if unsent:
        conditions.append("notified_at_run is null")
    if since:
        conditions.append("period_end > ?")
        parameters.append(dt.datetime.combine(since, dt.time()))
    order = "case severity when 'critical' then 0 when 'warning' then 1 else 2 end, period_start desc, alert_id"
    return ledger.rows(
        f"""select * from (select *, {STATE} as state from alerts)
        where {" and ".join(conditions)} order by {order}""",
        parameters,
    )


def acknowledge(
    ledger: Store, alert_text: str, by: str, note: str | None = None, now: dt.datetime | None = None
) -> Row:
    """Writes into the ledger who takes an alert on.

    Args:
        ledger: The ledger, open for writing.
        alert_text: The alert's id or its beginning.
        by: The person.
        note: What is being done.
        now: Time of the act (UTC, without zone); default: the clock.

    Returns:
        The alert as it stands now.

    Raises:
        GovernanceError: Unknown or ambiguous id, a resolved alert, or one that another person has.
    """
    if not by.strip():
        raise GovernanceError("--by needs the name of the person who takes the alert on")
    rows = ledger.rows(
        f"select *, {STATE} as state from alerts where {PUBLISHED} and starts_with(alert_id, ?)", [alert_text]
    )
    if not rows or not alert_text:
        raise GovernanceError(f"the ledger knows no alert {alert_text!r}: `kpi alerts` lists the open ones")
    if len(rows) > 1:
        raise GovernanceError(f"{alert_text!r} begins {len(rows)} alert ids: write more of it")
    alert = rows[0]
    if alert["state"] == "resolved":
        raise GovernanceError(
            f"alert {alert['alert_id']} was resolved at {alert['resolved_at_run']:%Y-%m-%d %H:%M} UTC"
        )
    if alert["state"] == "acknowledged" and alert["acknowledged_by"] != by:
        raise GovernanceError(f"alert {alert['alert_id']} is already {alert['acknowledged_by']}'s")
    ledger.db.execute(
        """update alerts set acknowledged_by = ?, acknowledged_at_run = coalesce(acknowledged_at_run, ?),
            note = coalesce(?, note) where alert_id = ?""",
        [by, now or _now(), note, alert["alert_id"]],
    )
    return ledger.rows(f"select *, {STATE} as state from alerts where alert_id = ?", [alert["alert_id"]])[0]


# --------------------------------------------------------------------------- commands


@click.command("alerts")
@click.option("--state", type=click.Choice(["open", "acknowledged", "resolved", "all"]), default="open")
@click.option("--severity", type=click.Choice(SEVERITIES), default="info", help="This one and graver ones.")
@click.option("--kpi", "kpi_id", metavar="KPI", help="Only of this KPI.")
@click.option("--limit", type=click.IntRange(1), default=40, show_default=True, help="Rows printed.")
@click.option("--json", "json_", is_flag=True, help="Every row as JSON.")
def alerts_command(state: str, severity: str, kpi_id: str | None, limit: int, json_: bool) -> None:
    """List the alerts of the ledger beside KPI_PUBLISHED, by default the open ones."""
    states = ("open", "acknowledged", "resolved") if state == "all" else (state,)
    with open_ledger_file() as ledger:
        rows = find_alerts(ledger, states=states, severity=severity, kpi_id=kpi_id)
    if json_:
        click.echo(as_json(rows))
        return
    table = Table("alert", "severity", "state", "KPI", "period", "slice", "observed", "threshold", "owner", "by")
    for row in rows[:limit]:
        table.add_row(
            row["alert_id"][:12],
            row["severity"],
            row["state"],
            row["kpi_id"],
            f"{row['period_grain']} {period_label(row['period_grain'], row['period_start'])}",
            slice_label(row["dimension"], row["dimension_value"]),
            "–" if row["observed_value"] is None else f"{row['observed_value']:.4g}",
            "–" if row["threshold_value"] is None else f"{row['comparison']} {row['threshold_value']:.4g}",
            row["owner"],
            row["acknowledged_by"] or "",
        )
    page = console()
    page.print(table)
    page.print(f"{len(rows):,} alerts" + (f", {limit} shown (--limit, --json)" if len(rows) > limit else ""))


@click.command("ack")
@click.argument("alert_id", metavar="ALERT")
@click.option("--by", required=True, metavar="NAME", help="Who takes it on.")
@click.option("--note", help="What is being done.")
def ack_command(alert_id: str, by: str, note: str | None) -> None:
    """Acknowledge an alert (its id, or the beginning of it).

    The ledger keeps the name, the time and the note; the publication shows them from the next `kpi publish` on.
    """
    with open_ledger_file(write=True) as ledger:
        alert = acknowledge(ledger, alert_id, by, note)
    click.echo(
        f"{alert['alert_id']} ({alert['kpi_id']}, {alert['severity']}) acknowledged by {alert['acknowledged_by']}"
    )
