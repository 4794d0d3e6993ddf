"""`kpi notify`: one message per owner and run about what is new, past its term, or closed."""

from __future__ import annotations

import datetime as dt
import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import click

from kpi_warehouse.governance.incident_text import Slices, Speaker, slices_of
from kpi_warehouse.governance.incidents import find_incidents
from kpi_warehouse.governance.store import GovernanceError, Row, Store, open_ledger_file

SEVERITIES = ("info", "warning", "critical")
#: Sends a title, a body and a severity; False or an exception: not delivered.
Send = Callable[[str, str, str], bool]
#: What a message tells, in the order in which it is told, with the mark in the ledger.
MARKS = {
    "escalation": "told_escalation_at_run",
    "opening": "told_opening_at_run",
    "closing": "told_closing_at_run",
}


@dataclass(frozen=True)
class Digest:
    """What one owner is to be told: incidents by what is said of them."""

    owner: str
    news: dict[str, list[Row]]

    @property
    def incidents(self) -> list[Row]:
        """Every incident that it tells of."""
        return [row for rows in self.news.values() for row in rows]

    @property
    def severity(self) -> str:
        """The gravest of what is not closed; closings alone are information."""
        grave = [row["severity"] for kind, rows in self.news.items() for row in rows if kind != "closing"]
        return max(grave, key=SEVERITIES.index, default="info")


@dataclass(frozen=True)
class Told:
    """Outcome of `notify`: digests sent, owners whose digest did not reach every address, digests left for later."""

    sent: int
    failed: list[str]
    left: int


def digests(
    ledger: Store,
    *,
    severity: str = "warning",
    owner: str | None = None,
    since: dt.date | None = None,
) -> list[Digest]:
    """What nobody was told of yet, by owner.

    An incident is told when it opens (or opens again), when its term has passed at the data horizon, and, if its
    opening was told, when it closes. What stands with another incident is not told by itself.

    Args:
        ledger: The open ledger.
        severity: This one and graver ones.
        owner: Only of this role or person.
        since: Only incidents that fired in a period that ends after this day begins.
    """
    speaker = Speaker("en")
    found: dict[str, dict[str, list[Row]]] = {}
    states = ("open", "acknowledged", "closed")
    for row in find_incidents(ledger, states=states, owner=owner, severity=severity):
        if since and row["last_seen_end"] <= dt.datetime.combine(since, dt.time()):
            continue
        told = {kind: row[mark] is not None for kind, mark in MARKS.items()}
        if row["state"] == "closed":
            kind = "closing" if told["opening"] and not told["closing"] else None
        elif speaker.is_overdue(row) and not told["escalation"]:
            kind = "escalation"
        else:
            kind = None if told["opening"] or row["acknowledged_by"] else "opening"
        if kind:
            news = found.setdefault(row["assigned_to"] or row["owner"], {name: [] for name in MARKS})
            news[kind].append(row)
    return [Digest(name, news) for name, news in sorted(found.items())]


def message(digest: Digest, slices: Slices, lang: str | None = None, limit: int = 20) -> tuple[str, str]:
    """Title and body of the message to an owner.

    Args:
        digest: What is to be told.
        slices: The slices of the incidents.
        lang: `en` or `zh`; default: the owner's.
        limit: Incidents written out; the rest is counted.
    """
    first = digest.incidents[0]
    speaker = Speaker(lang or first["owner_language"] or "en")
    parts = [speaker.say(f"part_{kind}", count=len(rows)) for kind, rows in digest.news.items() if rows]
    title = speaker.say("digest", owner=speaker.owner(first), parts=speaker.comma.join(parts))
    blocks = []
    for kind, rows in digest.news.items():
        for row in rows:
            mark = "reopened" if kind == "opening" and row["reopened_at_run"] else kind
            lines = [
                f"{speaker.say(mark)} · {speaker.words[row['severity']]} · {speaker.title(row)}",
                *speaker.lines(row, slices.get(row["incident_id"], ())),
            ]
            if kind != "closing":
                lines.append(speaker.say("answer", id=row["incident_id"][:8]))
            else:
                lines = [lines[0], lines[1], lines[-1]]
            blocks.append("\n".join(lines))
    body = "\n\n".join(blocks[:limit])
    if len(blocks) > limit:
        body += f"\n\n… +{len(blocks) - limit} (kpi incidents list --owner {digest.owner})"
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
        # plain text: Apprise escapes it where the receiver reads HTML
        return bool(post.notify(title=title, body=body, notify_type=kind, body_format=apprise.NotifyFormat.TEXT))

    return send


def notify(
    ledger: Store,
    senders: Sequence[Send],
    *,
    severity: str = "warning",
    lang: str | None = None,
    owner: str | None = None,
    attempts: int = 3,
    pause: float = 1.0,
    limit: int = 20,
    since: dt.date | None = None,
    sleep: Callable[[float], None] = time.sleep,
    now: dt.datetime | None = None,
) -> Told:
    """Sends each owner one message about what nobody was told of yet, each piece of news at most once.

    The incidents are marked before the first attempt and the marks are taken back only when every address has refused
    every attempt: a run that dies in between stays silent about them rather than repeating them, and addresses that
    were reached are not told again because another one was down.

    Args:
        ledger: The ledger, open for writing.
        senders: One per address.
        severity: This one and graver ones.
        lang: Language of the messages, `en` or `zh`; default: each owner's.
        owner: Only this role or person.
        attempts: Tries per address.
        pause: Seconds before the second try; doubled before each further one.
        limit: Incidents written out in one message.
        since: Only incidents that fired in a period that ends after this day begins.
        sleep: Waits (for tests).
        now: Time of the run (UTC, without zone); default: the clock.
    """
    now = now or dt.datetime.now(dt.UTC).replace(tzinfo=None)
    sent = 0
    failed: list[str] = []
    waiting = digests(ledger, severity=severity, owner=owner, since=since)
    slices = slices_of(ledger, [row for digest in waiting for row in digest.incidents])
    for digest in waiting:
        title, body = message(digest, slices, lang, limit)
        with _marked(ledger, digest, now) as marks:
            reached = [_try(send, title, body, digest.severity, attempts, pause, sleep) for send in senders]
            marks.keep = any(reached)
        if any(reached):
            sent += 1
        if not all(reached):
            failed.append(digest.owner)
            if not any(reached):
                break  # nobody can be reached: the rest waits for the next run
    return Told(sent, failed, len(waiting) - sent)


@dataclass
class _Marks:
    keep: bool = True


@contextmanager
def _marked(ledger: Store, digest: Digest, now: dt.datetime) -> Iterator[_Marks]:
    """Marks what a digest tells, and takes the marks back when nobody was reached."""
    marks = _Marks()

    def write(at: dt.datetime | None) -> None:
        for kind, rows in digest.news.items():
            for row in rows:
                # what is past its term when it is told first needs no word on its opening any more
                names = [MARKS[kind]]
                if kind == "escalation" and row["told_opening_at_run"] is None:
                    names.append(MARKS["opening"])
                changes = ", ".join(f"{name} = ?" for name in names)
                ledger.db.execute(
                    f"update incidents set {changes} where incident_id = ?", [at] * len(names) + [row["incident_id"]]
                )

    write(now)
    yield marks
    if not marks.keep:
        write(None)


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


@click.command("notify")
@click.option(
    "--to", "urls", multiple=True, metavar="URL", help="Apprise address; may be repeated.", envvar="KPI_NOTIFY_URLS"
)
@click.option("--owner", metavar="ROLE", help="Only this role (seeds/dictionary/owners.csv) or person.")
@click.option("--severity", type=click.Choice(SEVERITIES), default="warning", show_default=True)
@click.option("--lang", type=click.Choice(["en", "zh"]), help="Default: the owner's language (owners.csv).")
@click.option("--attempts", type=click.IntRange(1), default=3, show_default=True, help="Tries per address.")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="Incidents written out in a message."
)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only about periods that end after this day begins.")
@click.option("--dry-run", is_flag=True, help="Print the messages, send and mark nothing.")
def notify_command(
    urls: tuple[str, ...],
    owner: str | None,
    severity: str,
    lang: str | None,
    attempts: int,
    limit: int,
    since: dt.datetime | None,
    dry_run: bool,
) -> None:
    """Tell each owner of new, overdue and closed incidents in one message, by e-mail, DingTalk, WeCom … (Apprise).

    Addresses come from --to or, separated by blanks, from KPI_NOTIFY_URLS. Exit code 1 when an address refused.
    """
    first_day = since.date() if since else None
    if dry_run:
        with open_ledger_file() as ledger:
            waiting = digests(ledger, severity=severity, owner=owner, since=first_day)
            slices = slices_of(ledger, [row for digest in waiting for row in digest.incidents])
            for digest in waiting:
                click.echo("\n\n".join(message(digest, slices, lang, limit)) + "\n")
        return
    if not urls:
        raise GovernanceError("nobody to tell: give --to URL or set KPI_NOTIFY_URLS")
    senders = [apprise_sender([url]) for url in urls]
    with open_ledger_file(write=True) as ledger:
        told = notify(
            ledger,
            senders,
            severity=severity,
            lang=lang,
            owner=owner,
            attempts=attempts,
            limit=limit,
            since=first_day,
        )
    click.echo(f"{told.sent} messages sent" + (f", {told.left} left for the next run" if told.left else ""))
    if told.failed:
        raise GovernanceError(f"{len(told.failed)} messages did not reach every address: {', '.join(told.failed[:5])}")
