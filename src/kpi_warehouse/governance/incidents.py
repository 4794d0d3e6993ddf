"""Incidents over runs: what the builds find (`kpi_incidents`), carried in the ledger with what people do about it.

The model gives one row per run of firing periods, whole and anew with every build. The ledger keeps each under the
id of its first publication: late data that moves the opening of a run, joins two runs or splits one does not take the
state away from the people who work on it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any

import duckdb

from kpi_warehouse.governance.store import GovernanceError, Row, Store

#: What an incident is, as the build works it out: names and types of `ledger.incidents` besides its state.
MODEL_COLUMNS: dict[str, str] = {
    "incident_id": "varchar",
    "rule_id": "varchar",
    "kind": "varchar",
    "severity": "varchar",
    "kpi_id": "varchar",
    "version": "integer",
    "domain": "varchar",
    "period_grain": "varchar",
    "dimension": "varchar",
    "dimension_value": "varchar",
    "opened_at": "timestamp",
    "known_at": "timestamp",
    "last_seen": "timestamp",
    "last_seen_end": "timestamp",
    "periods": "integer",
    "worst_value": "double",
    "worst_at": "timestamp",
    "latest_value": "double",
    "threshold_value": "double",
    "comparison": "varchar",
    "impact": "double",
    "impact_unit": "varchar",
    "owner": "varchar",
    "due_at": "timestamp",
    "closed_at": "timestamp",
    "parent_incident_id": "varchar",
    "parent_kind": "varchar",
    "details": "varchar",
    "detail_count": "integer",
    "rule_en": "varchar",
    "rule_zh": "varchar",
    "action_en": "varchar",
    "action_zh": "varchar",
    "cause_en": "varchar",
    "cause_zh": "varchar",
    "effect_en": "varchar",
    "effect_zh": "varchar",
    "title_en": "varchar",
    "title_zh": "varchar",
    "kpi_name_en": "varchar",
    "kpi_name_zh": "varchar",
    "unit": "varchar",
    "is_difference": "boolean",
    "owner_en": "varchar",
    "owner_zh": "varchar",
    "owner_language": "varchar",
    "term": "varchar",
    "term_en": "varchar",
    "term_zh": "varchar",
    "is_final": "boolean",
    "as_of": "timestamp",
}
#: What the runs and the people add. `closed_by`: a person, or `data` (back in bounds), `history` (over before the
#: first publication), `merged` (late data made it part of another), `gone` (late data: it never fired).
STATE_COLUMNS: dict[str, str] = {
    "opened_at_run": "timestamp",
    "reopened_at_run": "timestamp",
    "closed_at_run": "timestamp",
    "closed_by": "varchar",
    "closed_last_seen": "timestamp",
    "acknowledged_by": "varchar",
    "acknowledged_at_run": "timestamp",
    "assigned_to": "varchar",
    "told_opening_at_run": "timestamp",
    "told_escalation_at_run": "timestamp",
    "told_closing_at_run": "timestamp",
    "first_publication_id": "varchar",
}
#: When each piece of news was told.
TOLD = ("told_opening_at_run", "told_escalation_at_run", "told_closing_at_run")
#: Closings that no person made.
BY_ITSELF = ("data", "history", "merged", "gone")
STATE = """case
    when closed_at_run is not null then 'closed'
    when acknowledged_at_run is not null or assigned_to is not null then 'acknowledged'
    else 'open'
end"""
#: An incident whose publication never came through is none.
PUBLISHED = "first_publication_id in (select publication_id from publications where state = 'published')"
GRAVE = "case severity when 'critical' then 0 when 'warning' then 1 else 2 end"

# --------------------------------------------------------------------------- the log of firings

#: What an alert is about, as the build works it out; the rest of `ledger.alerts` is its state over runs.
ALERT_COLUMNS = (
    "alert_id, rule_id, severity, kpi_id, version, domain, period_grain, period_start, period_end, dimension, "
    "dimension_value, observed_value, threshold_value, comparison, response, response_zh, owner, is_final, as_of"
)


def keep_alerts(db: duckdb.DuckDBPyConnection, publication_id: str, now: dt.datetime) -> None:
    """Carries the state of alerts over runs: new ones open, those that fire no more or whose incident is over resolve.

    An alert that fires again after it was resolved is the same alert, open again.
    """
    refreshed = ", ".join(
        f"{column} = excluded.{column}" for column in ALERT_COLUMNS.split(", ") if column != "alert_id"
    )
    over = "select null::varchar as alert_id where false"
    if _has_model(db):
        over = """select alerts.alert_id from fresh.marts.kpi_alerts as alerts
            inner join ledger.incidents as incidents
                on alerts.rule_id = incidents.rule_id and alerts.dimension = incidents.dimension
                and alerts.dimension_value = incidents.dimension_value
                and alerts.period_start between incidents.opened_at and incidents.last_seen
            group by alerts.alert_id having bool_and(incidents.closed_at_run is not null)"""
    db.execute(f"create or replace temp table over_ as {over}")
    db.execute(
        f"""insert into ledger.alerts by name
        select {ALERT_COLUMNS}, cast(? as timestamp) as first_fired_at_run, ? as first_publication_id,
            case when alert_id in (select alert_id from over_) then cast(? as timestamp) end as resolved_at_run
        from fresh.marts.kpi_alerts
        on conflict (alert_id) do update set {refreshed}, resolved_at_run = case
            when excluded.resolved_at_run is null then null
            else coalesce(alerts.resolved_at_run, excluded.resolved_at_run) end""",
        [now, publication_id, now],
    )
    db.execute(
        """update ledger.alerts set resolved_at_run = ?
        where resolved_at_run is null and alert_id not in (select alert_id from fresh.marts.kpi_alerts)""",
        [now],
    )


def publish_alerts(db: duckdb.DuckDBPyConnection) -> None:
    """Writes `kpi_alerts` with its state."""
    db.execute(
        f"""create or replace table fresh.marts.kpi_alerts as
        select {ALERT_COLUMNS},
            case
                when resolved_at_run is not null then 'resolved'
                when acknowledged_at_run is not null then 'acknowledged'
                else 'open'
            end as state,
            first_fired_at_run, resolved_at_run, acknowledged_by, acknowledged_at_run, note
        from ledger.alerts"""
    )


# --------------------------------------------------------------------------- incidents over runs


def _has_table(db: duckdb.DuckDBPyConnection, catalog: str, name: str) -> bool:
    found = "select 1 from information_schema.tables where table_catalog = ? and table_name = ?"
    return db.execute(found, [catalog, name]).fetchone() is not None


def _has_model(db: duckdb.DuckDBPyConnection) -> bool:
    return _has_table(db, "fresh", "kpi_incidents")


def make_tables(db: duckdb.DuckDBPyConnection) -> None:
    """Creates the tables of incidents in the attached ledger on first use, and columns that later versions added."""
    columns = {**MODEL_COLUMNS, **STATE_COLUMNS}
    listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    db.execute(f"create table if not exists ledger.incidents ({listed}, primary key (incident_id))")
    for name, kind in columns.items():
        db.execute(f"alter table ledger.incidents add column if not exists {name} {kind}")
    db.execute(
        """create table if not exists ledger.incident_actions (
            incident_id varchar, acted_at_run timestamp, acted_by varchar, kind varchar, note varchar)"""
    )
    # rules that were ever judged: the first time, what ended long ago is history
    db.execute("create table if not exists ledger.incident_rules (rule_id varchar primary key, publication_id varchar)")


def withdraw(db: duckdb.DuckDBPyConnection, publication_id: str) -> None:
    """Takes back what a publication that never came through did to incidents; what people did since then stands."""
    make_tables(db)
    db.execute("delete from ledger.incidents where first_publication_id = ?", [publication_id])
    db.execute("delete from ledger.incident_rules where publication_id = ?", [publication_id])
    if not _has_table(db, "ledger", "incidents_before"):
        return
    by_people = ("acknowledged_by", "acknowledged_at_run", "assigned_to", *TOLD)
    closing = ("closed_at_run", "closed_by", "closed_last_seen")
    kept = [name for name in [*MODEL_COLUMNS, *STATE_COLUMNS] if name not in ("incident_id", *by_people, *closing)]
    changes = [f"{name} = earlier.{name}" for name in kept]
    changes += [f"{name} = coalesce(now_.{name}, earlier.{name})" for name in by_people]
    by_itself = f"now_.closed_by is null or now_.closed_by in {BY_ITSELF}"
    changes += [f"{name} = case when {by_itself} then earlier.{name} else now_.{name} end" for name in closing]
    db.execute(
        f"""update ledger.incidents as now_ set {", ".join(changes)} from ledger.incidents_before as earlier
        where now_.incident_id = earlier.incident_id and earlier.before_publication_id = ?""",
        [publication_id],
    )
    db.execute("drop table ledger.incidents_before")


def _fresh_id(incident_id: str, publication_id: str, taken: set[str]) -> str:
    """The model's id, or one of its own where an older incident stands under it."""
    if incident_id not in taken:
        return incident_id
    return hashlib.md5(f"{incident_id}|{publication_id}".encode(), usedforsecurity=False).hexdigest()


def _same(db: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Id of the build → id of the ledger, for runs of one rule and slice that overlap; each at most once.

    Of several the earliest: what was split goes on as its first part, what was joined as the one that opened first.
    """
    pairs = db.execute(
        """select found.incident_id, kept.incident_id
        from found inner join ledger.incidents as kept
            on found.rule_id = kept.rule_id and found.dimension = kept.dimension
            and found.dimension_value = kept.dimension_value
            and kept.opened_at <= found.last_seen and found.opened_at <= kept.last_seen
        where coalesce(kept.closed_by, '') not in ('merged', 'gone')
        order by kept.opened_at, found.opened_at, kept.incident_id, found.incident_id"""
    ).fetchall()
    same: dict[str, str] = {}
    taken: set[str] = set()
    for found, kept in pairs:
        if found not in same and kept not in taken:
            same[found] = kept
            taken.add(kept)
    return same


def keep_incidents(db: duckdb.DuckDBPyConnection, publication_id: str, now: dt.datetime) -> None:
    """Carries incidents over runs: opens, closes by itself, opens again, and follows what late data moved.

    Args:
        db: A connection with the ledger attached as `ledger` and the new publication as `fresh`, in a transaction.
        publication_id: The publication under way.
        now: Time of the run (UTC, without zone).
    """
    if not _has_model(db):
        return
    make_tables(db)
    # a run that dies before its file is in place takes its changes back (`withdraw`)
    db.execute(
        """create or replace table ledger.incidents_before as
        select *, ?::varchar as before_publication_id from ledger.incidents""",
        [publication_id],
    )
    db.execute("create or replace temp table found as select * from fresh.marts.kpi_incidents")
    same = _same(db)
    taken = {row[0] for row in db.execute("select incident_id from ledger.incidents").fetchall()}
    ids = dict(same)
    for (found,) in db.execute("select incident_id from found order by incident_id").fetchall():
        if found not in ids:
            ids[found] = _fresh_id(found, publication_id, taken)
    db.execute("create or replace temp table ids (found_id varchar, incident_id varchar, is_new boolean)")
    if ids:
        db.executemany("insert into ids values (?, ?, ?)", [(f, i, f not in same) for f, i in ids.items()])
    # a term counts from the data horizon of the run that tells of it first, so it stays as it was said
    others = [name for name in MODEL_COLUMNS if name not in ("incident_id", "parent_incident_id", "due_at")]
    db.execute(
        f"""create or replace temp table run as
        select ids.incident_id, ids.is_new, above.incident_id as parent_incident_id, found.is_newest,
            found.state = 'open' as is_open, found.as_of + (found.due_at - found.known_at) as due_at,
            {", ".join(f"found.{name}" for name in others)}
        from found inner join ids on found.incident_id = ids.found_id
        left join ids as above on found.parent_incident_id = above.found_id"""
    )
    # what was open and fires no more: part of another run now, or never there
    db.execute(
        """update ledger.incidents as kept set closed_at_run = ?, closed_last_seen = last_seen, closed_by = case
            when exists (
                select 1 from run where run.rule_id = kept.rule_id and run.dimension = kept.dimension
                    and run.dimension_value = kept.dimension_value
                    and kept.opened_at <= run.last_seen and run.opened_at <= kept.last_seen)
                then 'merged' else 'gone' end
        where closed_at_run is null and incident_id not in (select incident_id from run)""",
        [now],
    )
    # open again: back after the data had closed it, or newer periods than those that a person closed it over
    db.execute(
        f"""update ledger.incidents as kept set closed_at_run = null, closed_by = null, closed_last_seen = null,
            reopened_at_run = ?, due_at = run.due_at, acknowledged_by = null, acknowledged_at_run = null,
            told_opening_at_run = null, told_escalation_at_run = null, told_closing_at_run = null
        from run where kept.incident_id = run.incident_id and run.is_open and kept.closed_at_run is not null
            and case
                when kept.closed_by = 'history' then run.last_seen > kept.closed_last_seen
                when kept.closed_by in {BY_ITSELF} then true
                else run.last_seen > kept.closed_last_seen
            end""",
        [now],
    )
    settled = ", ".join(f"{name} = run.{name}" for name in [*others, "parent_incident_id"])
    db.execute(f"update ledger.incidents as kept set {settled} from run where kept.incident_id = run.incident_id")
    db.execute(
        """update ledger.incidents as kept
        set closed_at_run = ?, closed_by = 'data', closed_last_seen = kept.last_seen
        from run where kept.incident_id = run.incident_id and not run.is_open and kept.closed_at_run is null""",
        [now],
    )
    # the first time that a rule is judged, what ended long ago is history
    db.execute(
        f"""insert into ledger.incidents by name
        select run.incident_id, run.parent_incident_id, run.due_at, {", ".join(f"run.{name}" for name in others)},
            cast(? as timestamp) as opened_at_run,
            case when not run.is_open or (judged.rule_id is null and not run.is_newest)
                then cast(? as timestamp) end as closed_at_run,
            case when not run.is_open then 'data'
                when judged.rule_id is null and not run.is_newest then 'history' end as closed_by,
            case when not run.is_open or (judged.rule_id is null and not run.is_newest)
                then run.last_seen end as closed_last_seen,
            ? as first_publication_id
        from run left join ledger.incident_rules as judged on run.rule_id = judged.rule_id
        where run.is_new""",
        [now, now, publication_id],
    )
    rules = "select rule_id from run"
    if _has_table(db, "fresh", "kpi_rule_readings"):
        rules += " union select rule_id from fresh.marts.kpi_rule_readings"
    db.execute(
        f"insert into ledger.incident_rules select distinct rule_id, ? from ({rules}) on conflict do nothing",
        [publication_id],
    )


def publish_incidents(db: duckdb.DuckDBPyConnection) -> None:
    """Writes `kpi_incidents` with the state that people gave them."""
    if not _has_model(db):
        return
    db.execute(
        f"""create or replace table fresh.marts.kpi_incidents as
        select {", ".join(MODEL_COLUMNS)}, {STATE} as state, opened_at_run, reopened_at_run, closed_at_run, closed_by,
            acknowledged_by, acknowledged_at_run, assigned_to
        from ledger.incidents where coalesce(closed_by, '') not in ('merged', 'gone')"""
    )
    db.execute("create or replace table fresh.marts.kpi_incident_actions as select * from ledger.incident_actions")


def keep(db: duckdb.DuckDBPyConnection, publication_id: str, now: dt.datetime) -> None:
    """Carries alerts and incidents into the ledger, inside the transaction of the publication."""
    keep_incidents(db, publication_id, now)
    keep_alerts(db, publication_id, now)


def publish_states(db: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Writes `kpi_alerts` and `kpi_incidents` with their state; returns the open incidents by severity.

    A warehouse without incidents (a project of its own) counts open alerts instead.
    """
    publish_alerts(db)
    publish_incidents(db)
    table, more = ("kpi_incidents", " and parent_incident_id is null") if _has_model(db) else ("kpi_alerts", "")
    rows = db.execute(
        f"select severity, count(*) from fresh.marts.{table} where state = 'open'{more} group by severity"
    )
    return {severity: int(count) for severity, count in rows.fetchall()}


# --------------------------------------------------------------------------- reading and acting


def find_incidents(
    ledger: Store,
    *,
    states: Sequence[str] = ("open", "acknowledged"),
    owner: str | None = None,
    domain: str | None = None,
    severity: str | None = None,
    details: bool = False,
) -> list[Row]:
    """Incidents of the ledger: the gravest first, then by impact, then the oldest.

    Args:
        ledger: The open ledger.
        states: Which of `open`, `acknowledged`, `assigned`, `closed`.
        owner: Only of this role or person, by the rule or by assignment.
        domain: Only of this domain.
        severity: Only of this one and graver ones.
        details: Also what stands with another incident.

    Raises:
        GovernanceError: The ledger was written before incidents were kept.
    """
    if not ledger.rows("select 1 from information_schema.tables where table_name = 'incidents'"):
        raise GovernanceError("the ledger holds no incidents yet: `kpi build` or `kpi publish` writes them")
    conditions = [PUBLISHED, "coalesce(closed_by, '') not in ('merged', 'gone')"]
    parameters: list[Any] = []
    wanted = set(states)
    named = [f"state in ({', '.join('?' for _ in wanted)})"]
    parameters += sorted(wanted)
    if "assigned" in wanted:
        named.append("(assigned_to is not null and closed_at_run is null)")
    conditions.append(f"({' or '.join(named)})")
    if owner:
        conditions.append("coalesce(assigned_to, owner) = ?")
        parameters.append(owner)
    if domain:
        conditions.append("domain = ?")
        parameters.append(domain)
    if severity:
        conditions.append(f"{GRAVE} <= case ? when 'critical' then 0 when 'warning' then 1 else 2 end")
        parameters.append(severity)
    if not details:
        conditions.append("parent_incident_id is null")
    return ledger.rows(
        f"""select * from (select *, {STATE} as state from incidents)
        where {" and ".join(conditions)}
        order by {GRAVE}, impact desc nulls last, opened_at, incident_id""",
        parameters,
    )


def one_incident(ledger: Store, text: str) -> Row:
    """The incident whose id begins with `text`.

    Raises:
        GovernanceError: None, or several.
    """
    found = []
    if text and ledger.rows("select 1 from information_schema.tables where table_name = 'incidents'"):
        found = ledger.rows(
            f"select *, {STATE} as state from incidents where {PUBLISHED} and starts_with(incident_id, ?)", [text]
        )
    if not found:
        raise GovernanceError(f"the ledger knows no incident {text!r}: `kpi incidents` lists the open ones")
    if len(found) > 1:
        raise GovernanceError(f"{text!r} begins {len(found)} incident ids: write more of it")
    return found[0]


def actions_of(ledger: Store, incident_id: str) -> list[Row]:
    """What people did about an incident, the oldest first."""
    return ledger.rows("select * from incident_actions where incident_id = ? order by acted_at_run", [incident_id])


def below(ledger: Store, incident_id: str) -> list[Row]:
    """What stands with an incident: its slices, other rules of the same cause, figures that its feed spoiled."""
    return ledger.rows(
        f"select *, {STATE} as state from incidents where parent_incident_id = ? and {PUBLISHED} "
        "and coalesce(closed_by, '') not in ('merged', 'gone') order by periods desc, opened_at, incident_id",
        [incident_id],
    )


def act(
    ledger: Store,
    text: str,
    kind: str,
    by: str,
    *,
    note: str | None = None,
    to: str | None = None,
    now: dt.datetime | None = None,
) -> Row:
    """Writes into the ledger what a person does about an incident.

    Args:
        ledger: The ledger, open for writing.
        text: The incident's id or its beginning.
        kind: `ack` (takes it on), `assign` (to a role or person), `act` (a measure or a note), `close`.
        by: The person.
        note: What is being done; needed by `act` and `close`.
        to: The new owner, of `assign`.
        now: Time of the act (UTC, without zone); default: the clock.

    Returns:
        The incident as it stands now.

    Raises:
        GovernanceError: Unknown or ambiguous id, a closed incident, one that another person has, or words missing.
    """
    now = now or dt.datetime.now(dt.UTC).replace(tzinfo=None)
    by, note, to = by.strip(), (note or "").strip() or None, (to or "").strip() or None
    if not by:
        raise GovernanceError("--by needs the name of the person who acts")
    incident = one_incident(ledger, text)
    incident_id = incident["incident_id"]
    if incident["state"] == "closed":
        raise GovernanceError(f"incident {incident_id[:12]} is closed ({incident['closed_by']})")
    if kind == "ack" and incident["acknowledged_by"] not in (None, by):
        raise GovernanceError(f"incident {incident_id[:12]} is already {incident['acknowledged_by']}'s")
    if kind == "assign" and not to:
        raise GovernanceError("--to needs the role or the person who shall act")
    if kind in ("act", "close") and not note:
        raise GovernanceError("--note needs a word on what was done")
    if kind == "ack":
        ledger.db.execute(
            "update incidents set acknowledged_by = ?, acknowledged_at_run = coalesce(acknowledged_at_run, ?) "
            "where incident_id = ?",
            [by, now, incident_id],
        )
    elif kind == "assign":
        # the new owner has not taken it on yet, and is told of it
        ledger.db.execute(
            "update incidents set assigned_to = ?, acknowledged_by = null, acknowledged_at_run = null, "
            "told_opening_at_run = null, told_escalation_at_run = null where incident_id = ?",
            [to, incident_id],
        )
    elif kind == "close":
        ledger.db.execute(
            "update incidents set closed_at_run = ?, closed_by = ?, closed_last_seen = last_seen where incident_id = ?",
            [now, by, incident_id],
        )
    said = f"→ {to}" + (f": {note}" if note else "") if kind == "assign" else note
    ledger.db.execute("insert into incident_actions values (?, ?, ?, ?, ?)", [incident_id, now, by, kind, said])
    return one_incident(ledger, incident_id)
