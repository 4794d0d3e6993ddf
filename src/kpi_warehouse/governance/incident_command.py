"""`kpi incidents`: what is open, for whom and until when; and what people do about it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import click
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from kpi_warehouse.governance.incident_text import Speaker, harmless, moment, slices_of
from kpi_warehouse.governance.incidents import act, actions_of, below, find_incidents, one_incident
from kpi_warehouse.governance.store import Row, open_ledger_file
from kpi_warehouse.output import PIPE_WIDTH, clean, console, emit, output_options

STATES = ("open", "acknowledged", "assigned", "closed")
STYLES = {"critical": "bold red", "warning": "yellow", "info": "dim"}
LANG = click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True)


@click.group("incidents", invoke_without_command=True)
@click.pass_context
def incidents_command(context: click.Context) -> None:
    """List the open incidents by owner, and write what is done about them into the ledger.

    Without a subcommand: `kpi incidents list`.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command)


@incidents_command.command("list")
@LANG
@click.option("--owner", metavar="ROLE", help="Only of this role (seeds/dictionary/owners.csv) or person.")
@click.option("--domain", metavar="DOMAIN", help="Only of this domain.")
@click.option("--severity", type=click.Choice(["info", "warning", "critical"]), help="This one and graver ones.")
@click.option(
    "--state",
    "states",
    type=click.Choice([*STATES, "all"]),
    multiple=True,
    help="May be repeated; default: open and acknowledged.",
)
@click.option("--details", is_flag=True, help="Also what stands with another incident.")
@output_options
def list_command(
    lang: str = "en",
    owner: str | None = None,
    domain: str | None = None,
    severity: str | None = None,
    states: tuple[str, ...] = (),
    details: bool = False,
    form: str = "table",
) -> None:
    """List incidents, by default those that are not closed: the gravest first, by owner and domain."""
    wanted = STATES if "all" in states else states or ("open", "acknowledged")
    with open_ledger_file() as ledger:
        rows = find_incidents(ledger, states=wanted, owner=owner, domain=domain, severity=severity, details=details)
        parts = slices_of(ledger, rows)
    speaker = Speaker(lang)
    if emit([_flat(row, speaker) for row in rows], form):
        return
    page = console(PIPE_WIDTH)
    if not rows:
        page.print(Text(speaker.say("none")))
        return
    grouped = sorted(rows, key=lambda row: (row["domain"], row["assigned_to"] or row["owner"]))
    for place, (_, group) in enumerate(
        groupby(grouped, key=lambda row: (row["domain"], row["assigned_to"] or row["owner"]))
    ):
        if place:
            page.print()
        mine = list(group)
        standing = [row for row in mine if row["state"] != "closed"]
        counted = speaker.say("count", open=len(standing), overdue=sum(map(speaker.is_overdue, mine)))
        if len(standing) < len(mine):
            counted += f" · {speaker.say('total', count=len(mine))}"
        page.print(Text(f"{speaker.owner(mine[0])} ({mine[0]['owner']}){speaker.colon}{counted}", style="bold"))
        for number, row in enumerate(mine):
            if number:
                page.print()
            _print(page, speaker, row, parts.get(row["incident_id"], ()))


def _print(page: Console, speaker: Speaker, row: Row, parts: Sequence[tuple[str, str]], *, whole: bool = False) -> None:
    head = Text("  ")
    head.append(speaker.words[row["severity"]], style=STYLES[row["severity"]])
    head.append(f" {row['incident_id'][:8]} ", style="cyan")
    head.append(speaker.title(row), style="bold")
    page.print(head)
    for line in speaker.lines(row, parts, whole=whole):
        page.print(Padding(Text(line), (0, 0, 0, 4), expand=False))


def _flat(row: Row, speaker: Speaker) -> Row:
    """A row for programs: every column, and the words of the language asked for."""
    told = {
        "title": speaker.title(row),
        "value": speaker.values(row),
        "when": speaker.when(row),
        "impact_text": speaker.impact(row),
        "is_overdue": speaker.is_overdue(row),
    }
    return {**row, **told}


@incidents_command.command("show")
@click.argument("incident_id", metavar="INCIDENT")
@LANG
@click.option("--json", "json_", is_flag=True, help="Everything as JSON.")
def show_command(incident_id: str, lang: str, json_: bool) -> None:
    """Show an incident (its id, or the beginning of it): the rule, cause, effect, slices and what was done."""
    with open_ledger_file() as ledger:
        row = one_incident(ledger, incident_id)
        with_it = below(ledger, row["incident_id"])
        done = actions_of(ledger, row["incident_id"])
        parts = slices_of(ledger, [row]).get(row["incident_id"], ())
    speaker = Speaker(lang)
    if json_:
        emit([{**_flat(row, speaker), "with_it": with_it, "actions": done}], "json")
        return
    page = console(PIPE_WIDTH)
    _print(page, speaker, row, parts, whole=True)
    facts = [
        f"{speaker.say('owner')}{speaker.colon}{speaker.owner(row)}",
        f"{speaker.say('term')}{speaker.colon}{speaker.of(row, 'term')}",
        f"{speaker.say('state')}{speaker.colon}{speaker.state(row)}",
    ]
    if row["parent_incident_id"]:
        facts.append(speaker.say(f"parent_{row['parent_kind']}", id=row["parent_incident_id"][:8]))
    for line in facts:
        page.print(Padding(Text(line), (0, 0, 0, 4), expand=False))
    for heading, lines in (
        ("below", [f"{one['incident_id'][:8]} {speaker.title(one)} · {speaker.when(one)}" for one in with_it]),
        (
            "actions",
            [
                f"{moment(one['acted_at_run'])} UTC {harmless(one['acted_by'])} {speaker.words[one['kind']]}"
                + (f" {harmless(one['note'])}" if one["note"] else "")
                for one in done
            ],
        ),
    ):
        if lines:
            page.print(Padding(Text(f"{speaker.say(heading)}{speaker.colon}".rstrip()), (0, 0, 0, 4), expand=False))
        for line in lines:
            page.print(Padding(Text(line), (0, 0, 0, 6), expand=False))


def _done(incident_id: str, kind: str, by: str, note: str | None, to: str | None = None) -> None:
    with open_ledger_file(write=True) as ledger:
        row = act(ledger, incident_id, kind, by, note=note, to=to)
    speaker = Speaker("en")
    click.echo(f"{row['incident_id'][:8]} {clean(speaker.title(row))}: {clean(speaker.state(row))}")


BY = click.option("--by", required=True, metavar="NAME", help="Who acts.")


@incidents_command.command("ack")
@click.argument("incident_id", metavar="INCIDENT")
@BY
@click.option("--note", help="What is being done.")
def ack_command(incident_id: str, by: str, note: str | None) -> None:
    """Take an incident on."""
    _done(incident_id, "ack", by, note)


@incidents_command.command("assign")
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--to", required=True, metavar="ROLE", help="Role or person that shall act from now on.")
@BY
@click.option("--note", help="Why.")
def assign_command(incident_id: str, to: str, by: str, note: str | None) -> None:
    """Give an incident to another owner, who is told by the next `kpi notify`."""
    _done(incident_id, "assign", by, note, to)


@incidents_command.command("act")
@click.argument("incident_id", metavar="INCIDENT")
@BY
@click.option("--note", required=True, help="What was done or found.")
def act_command(incident_id: str, by: str, note: str) -> None:
    """Write down a measure or a finding."""
    _done(incident_id, "act", by, note)


@incidents_command.command("close")
@click.argument("incident_id", metavar="INCIDENT")
@BY
@click.option("--note", required=True, help="Why it is over.")
def close_command(incident_id: str, by: str, note: str) -> None:
    """Close an incident by hand; it opens again when a newer period fires."""
    _done(incident_id, "close", by, note)
