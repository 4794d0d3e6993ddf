"""`kpi alerts`, `kpi ack` and `kpi notify`: what fired, who took it on, and who was told."""

from __future__ import annotations

import datetime as dt
import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


# --------------------------------------------------------------------------- telling

#: Sends a title and a body; False or an exception: not delivered.
Send = Callable[[str, str, str], bool]


@dataclass(frozen=True)
class Told:
    """Outcome of `notify`: alerts sent, ids that did not reach every address, and alerts left for the next run."""

    sent: int
    failed: list[str]
    left: int


def message(alert: Row, lang: str = "en") -> tuple[str, str]:
    """Title and body of the message about an alert."""
    where = slice_label(alert["dimension"], alert["dimension_value"])
    period = f"{alert['period_grain']} {period_label(alert['period_grain'], alert['period_start'])}"
    title = f"[{alert['severity']}] {alert['kpi_id']} {period} {where}"
    response = alert["response_zh"] if lang == "zh" and alert["response_zh"] else alert["response"]
    words = (
        ("观测值", "阈值", "处置", "负责", "确认")
        if lang == "zh"
        else ("observed", "threshold", "to do", "owner", "acknowledge with")
    )
    observed = "–" if alert["observed_value"] is None else f"{alert['observed_value']:.6g}"
    threshold = "–" if alert["threshold_value"] is None else f"{alert['comparison']} {alert['threshold_value']:.6g}"
    body = (
        f"{words[0]}: {observed}\n{words[1]}: {threshold} ({alert['rule_id']})\n{words[2]}: {response}\n"
        f"{words[3]}: {alert['owner']}\n{words[4]}: kpi ack {alert['alert_id'][:12]} --by NAME"
    )
    return title, body


def _kind_of(url: str, number: int) -> str:
    """An address as it may be shown: its kind and nothing else, since it holds a token."""
    scheme = re.match(r"[a-z][a-z0-9+.-]{0,15}(?=://)", url, re.IGNORECASE)
    return f"{scheme[0]}://…" if scheme else f"address {number} (without a kind such as mailto://)"


def apprise_sender(urls: Sequence[str]) -> Send:
    """A sender to Apprise addresses (mailto://, dingtalk://, wecombot://, lark://, slack://, json:// …).

    Raises:
        GovernanceError: Apprise is not installed, or an address is none.
    """
    try:
        import apprise
    except ImportError:
        raise GovernanceError("`kpi notify` needs Apprise: pip install 'kpi-warehouse[notify]'") from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its log holds whole addresses, tokens included
    post = apprise.Apprise()
    for number, url in enumerate(urls, 1):
        if not post.add(url):
            raise GovernanceError(f"{_kind_of(url, number)} is no address that Apprise knows")
    kinds = {"critical": apprise.NotifyType.FAILURE, "warning": apprise.NotifyType.WARNING}

    def send(title: str, body: str, severity: str) -> bool:
        kind = kinds.get(severity, apprise.NotifyType.INFO)
        return bool(post.notify(title=title, body=body, notify_type=kind))

    return send


def notify(
    ledger: Store,
    senders: Sequence[Send],
    *,
    severity: str = "warning",
    lang: str = "en",
    attempts: int = 3,
    pause: float = 1.0,
    limit: int = 20,
    since: dt.date | None = None,
    sleep: Callable[[float], None] = time.sleep,
    now: dt.datetime | None = None,
) -> Told:
    """Sends every open alert that nobody was told of yet, each at most once.

    The alert is marked before the first attempt and the mark is taken back only when every address has refused
    every attempt: a run that dies in between stays silent about that alert rather than repeating it, and addresses
    that were reached are not told again because another one was down.

    Args:
        ledger: The ledger, open for writing.
        senders: One per address.
        severity: This one and graver ones.
        lang: Language of the message, `en` or `zh`.
        attempts: Tries per address.
        pause: Seconds before the second try; doubled before each further one.
        limit: At most so many alerts in one run, so that a first run floods nobody.
        since: Only alerts about periods that end after this day begins.
        sleep: Waits (for tests).
        now: Time of the run (UTC, without zone); default: the clock.
    """
    sent = 0
    failed: list[str] = []
    waiting = find_alerts(ledger, severity=severity, unsent=True, since=since)
    for alert in waiting[:limit]:
        mark = "update alerts set notified_at_run = ? where alert_id = ?"
        ledger.db.execute(mark, [now or _now(), alert["alert_id"]])
        title, body = message(alert, lang)
        reached = [_try(send, title, body, alert["severity"], attempts, pause, sleep) for send in senders]
        if any(reached):
            sent += 1
        else:
            ledger.db.execute(mark, [None, alert["alert_id"]])
        if not all(reached):
            failed.append(alert["alert_id"])
            if not any(reached):
                break  # nobody can be reached: the rest waits for the next run
    return Told(sent, failed, len(waiting) - sent)


def _try(
    send: Send, title: str, body: str, severity: str, attempts: int, pause: float, sleep: Callable[[float], None]
) -> bool:
    for attempt in range(attempts):
        if attempt:
            sleep(pause * 2 ** (attempt - 1))
        try:
            if send(title, body, severity):
                return True
        except Exception as error:  # whatever a sender's library raises: the address was not reached
            click.echo(f"{title}: {type(error).__name__}", err=True)  # its text may hold an address
    return False


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


@click.command("notify")
@click.option(
    "--to", "urls", multiple=True, metavar="URL", help="Apprise address; may be repeated.", envvar="KPI_NOTIFY_URLS"
)
@click.option("--severity", type=click.Choice(SEVERITIES), default="warning", show_default=True)
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True)
@click.option("--attempts", type=click.IntRange(1), default=3, show_default=True, help="Tries per address.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many alerts.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only about periods that end after this day begins.")
@click.option("--dry-run", is_flag=True, help="Print the messages, send and mark nothing.")
def notify_command(
    urls: tuple[str, ...], severity: str, lang: str, attempts: int, limit: int, since: dt.datetime | None, dry_run: bool
) -> None:
    """Send the open alerts by e-mail, DingTalk, WeCom, Feishu, Slack, webhook … (Apprise), each at most once.

    Addresses come from --to or, separated by blanks, from KPI_NOTIFY_URLS. Exit code 1 when an address refused.
    """
    first_day = since.date() if since else None
    if dry_run:
        with open_ledger_file() as ledger:
            for alert in find_alerts(ledger, severity=severity, unsent=True, since=first_day)[:limit]:
                click.echo("\n".join(message(alert, lang)) + "\n")
        return
    if not urls:
        raise GovernanceError("nobody to tell: give --to URL or set KPI_NOTIFY_URLS")
    senders = [apprise_sender([url]) for url in urls]
    with open_ledger_file(write=True) as ledger:
        told = notify(ledger, senders, severity=severity, lang=lang, attempts=attempts, limit=limit, since=first_day)
    click.echo(f"{told.sent} alerts sent" + (f", {told.left} left for the next run" if told.left else ""))
    if told.failed:
        raise GovernanceError(f"{len(told.failed)} alerts did not reach every address: {', '.join(told.failed[:5])}")
