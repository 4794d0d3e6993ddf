"""BPI Challenge 2012, a Dutch bank's loan applications -> `credit.applications`, `credit.application_events`.

The log has three kinds of activities: A_ (state of the application), O_ (state of an offer), W_ (work
items, with SCHEDULE when created, and START and COMPLETE each time somebody works on them). Mapping, and
why:

==============================  ========================================================================
log                             contract
==============================  ========================================================================
A_SUBMITTED                     `submit`, and the application's `submitted_at`
A_APPROVED                      `final_decision` approved (A_REGISTERED and A_ACTIVATED repeat it)
A_DECLINED                      `final_decision` declined
A_CANCELLED                     `withdraw`: no decision was taken, so it is out of the decided population
A_ACTIVATED                     `loan_booked`
W_Afhandelen leads              node `kyc`: following up incomplete submissions until the applicant is known
W_Beoordelen fraude             node `anti_fraud`: suspected fraud is assessed
W_Completeren aanvraag          node `manual_review`: a person completes the pre-accepted application
W_Valideren aanvraag            node `final_approval`: the assessment that ends in approval or refusal
W_Nabellen incomplete dossiers  `request_supplement` ... `supplement_completed`, reason `incomplete_file`
W_Nabellen offertes             `third_party_request` ... `third_party_response` at `final_approval`
==============================  ========================================================================

- **Nodes.** START is `enter_node`, COMPLETE is `leave_node`: a visit is time worked, not time queued
  (SCHEDULE is left out). A work item that is put aside and taken up again enters its node again, so
  `cr_first_time_pass_rate` reads resumed work as a return.
- **Waiting for the customer** is outside the bank's control. It begins with the SCHEDULE of a calling item
  and ends with the COMPLETE that closes it: the last one before the item is scheduled anew, or at all. The
  START/COMPLETE pairs between are calls made while waiting and end nothing. Calling after missing documents
  is a supplement. Calling after an offer is not, as nothing is missing: the customer, like a third party,
  has yet to answer. So the supplement KPIs count incomplete files only, while the controllable share
  excludes both waits.
- **Actors.** Resource 112 is the bank's system, every other resource a person. Where the log names no
  resource the actor stays empty; it never matters, since such applications all have events of a named
  person too.
- Activities that the contract has no event for (A_PREACCEPTED, A_ACCEPTED, A_FINALIZED, all O_, contract
  changes) are left out.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from kpi_warehouse.adapters.base import (
    UNKNOWN,
    Adapter,
    LandError,
    Reading,
    find_file,
    parse_numbers,
    parse_times,
    read_text,
    reject,
)

_CASE, _ACTIVITY, _TRANSITION = "case:concept:name", "concept:name", "lifecycle:transition"
_TIME, _RESOURCE, _AMOUNT = "time:timestamp", "org:resource", "case:AMOUNT_REQ"
_COLUMNS = (_CASE, _ACTIVITY, _TRANSITION, _TIME, _RESOURCE, _AMOUNT)
_TABLE = "BPI_Challenge_2012"
_READS = "BPI_Challenge_2012.csv (or .csv.gz), columns " + ", ".join(_COLUMNS)

#: The resource that is the bank's system.
_SYSTEM = 112

#: (activity, transition) -> (event_name, node, outcome, reason); W_Nabellen is told apart in `_events`.
_EVENTS: dict[tuple[str, str], tuple[str, str | None, str | None, str | None]] = {
    ("A_SUBMITTED", "COMPLETE"): ("submit", None, None, None),
    ("A_APPROVED", "COMPLETE"): ("final_decision", None, "approved", None),
    ("A_DECLINED", "COMPLETE"): ("final_decision", None, "declined", None),
    ("A_CANCELLED", "COMPLETE"): ("withdraw", None, None, None),
    ("A_ACTIVATED", "COMPLETE"): ("loan_booked", None, None, None),
    ("W_Nabellen incomplete dossiers", "SCHEDULE"): ("request_supplement", None, None, "incomplete_file"),
    ("W_Nabellen incomplete dossiers", "COMPLETE"): ("supplement_completed", None, None, "incomplete_file"),
    ("W_Nabellen offertes", "SCHEDULE"): ("third_party_request", "final_approval", None, "offer_sent"),
    ("W_Nabellen offertes", "COMPLETE"): ("third_party_response", "final_approval", None, "offer_sent"),
}
for _activity, _node in {
    "W_Afhandelen leads": "kyc",
    "W_Beoordelen fraude": "anti_fraud",
    "W_Completeren aanvraag": "manual_review",
    "W_Valideren aanvraag": "final_approval",
}.items():
    _EVENTS[_activity, "START"] = ("enter_node", _node, None, None)
    _EVENTS[_activity, "COMPLETE"] = ("leave_node", _node, None, None)

_WAITS = ("W_Nabellen incomplete dossiers", "W_Nabellen offertes")


def read(source: Path) -> Reading:
    """Maps the event log; see the module's docstring.

    Raises:
        LandError: Not the log, a value that cannot be read, or an application without its A_SUBMITTED.
    """
    path = find_file(source, ("BPI_Challenge_2012.csv*", "*.csv", "*.csv.gz"), _READS)
    log = read_text(path, _TABLE, _COLUMNS)
    for column in (_CASE, _ACTIVITY, _TRANSITION):
        missing = log[column].isna()
        reject(log, missing, _TABLE, column, "the value is missing", "Fill it in or take the row out")
    resources = parse_numbers(log[log[_RESOURCE].notna()], _TABLE, _RESOURCE, whole=True)
    actors = resources.map(lambda number: "system" if number == _SYSTEM else "human")
    log = pd.DataFrame(
        {
            "application_id": log[_CASE],
            "activity": log[_ACTIVITY],
            "transition": log[_TRANSITION].str.upper(),
            "event_at": parse_times(log, _TABLE, _TIME),
            "actor": actors.reindex(log.index),
            "requested_amount": parse_numbers(log, _TABLE, _AMOUNT),
        }
    )
    log = log.sort_values(["application_id", "event_at"], kind="stable")
    log["event_id"] = log["application_id"] + "-" + (log.groupby("application_id").cumcount() + 1).astype(str)
    applications, events = _applications(log), _events(log)
    decided = events.loc[events["event_name"] == "final_decision", "outcome"].value_counts()
    withdrawn = int((events["event_name"] == "withdraw").sum())
    open_ = (
        len(applications)
        - events.loc[events["event_name"].isin(["final_decision", "withdraw"]), "application_id"].nunique()
    )
    notes = (
        f"{len(applications):,} applications: {decided.get('approved', 0):,} approved, "
        f"{decided.get('declined', 0):,} declined, {withdrawn:,} withdrawn, {open_:,} open",
        f"{len(events):,} of {len(log):,} log rows have an event in the contract",
    )
    return Reading({"applications": applications, "application_events": events}, notes)


def _applications(log: pd.DataFrame) -> pd.DataFrame:
    """One row per application."""
    submitted = log[log["activity"] == "A_SUBMITTED"].groupby("application_id")["event_at"].min()
    first = log.groupby("application_id").agg(requested_amount=("requested_amount", "first"))
    without = first.index.difference(submitted.index)
    if len(without):
        raise LandError(
            f"application {without[0]} has no A_SUBMITTED ({len(without)} such applications)",
            "Give --from the whole log, or take the application out",
            table=_TABLE,
            column=_ACTIVITY,
        )
    first["submitted_at"] = submitted
    first = first.reset_index()
    return first.assign(
        customer_id=first["application_id"], channel=UNKNOWN, customer_type=UNKNOWN, product_line=UNKNOWN
    )


def _events(log: pd.DataFrame) -> pd.DataFrame:
    """The rows of the log that have an event in the contract."""
    pairs = pd.Series(list(zip(log["activity"], log["transition"], strict=True)), index=log.index)
    following = log.groupby(["application_id", "activity"])["transition"].shift(-1)
    paused = (
        log["activity"].isin(_WAITS) & (log["transition"] == "COMPLETE") & following.notna() & (following != "SCHEDULE")
    )
    keep = pairs.isin(list(_EVENTS)) & ~paused
    events = log.loc[keep, ["event_id", "application_id", "event_at", "actor"]].reset_index(drop=True)
    meaning = pd.DataFrame(
        [_EVENTS[pair] for pair in pairs[keep]],
        columns=["event_name", "node", "outcome", "reason"],
        dtype=object,
    )
    return pd.concat([events, meaning], axis=1)


ADAPTER = Adapter(
    name="bpi2012",
    domain="credit",
    title="BPI Challenge 2012: 13,087 loan applications of a Dutch bank, 2011-10 to 2012-03",
    reads=_READS,
    read=read,
    tables=("applications", "application_events"),
    filled={
        "applications.customer_id": "the application's own id (so every application is a customer)",
        "applications.channel, customer_type, product_line": "`unknown`",
        "application_events.event_id": "application id and the row's place in the application's log",
    },
    left={
        "O_ activities and the other A_ activities": "the contract has no event for them",
        "SCHEDULE of the nodes": "a node visit is time worked, not time queued",
        "W_Wijzigen contractgegevens": "a change of contract after approval",
    },
    kpis=(
        "cr_att_avg_minutes",
        "cr_att_p50_minutes",
        "cr_att_p90_minutes",
        "cr_controllable_time_ratio",
        "cr_stp_rate",
        "cr_manual_review_rate",
        "cr_supplement_rate",
        "cr_supplement_cycle_p90_minutes",
        "cr_wip",
        "cr_timeout_abandon_rate",
        "cr_first_time_pass_rate",
        "cr_approval_rate",
        "cr_applications",
    ),
    kpis_with_care={
        "cr_first_time_pass_rate": "work that is put aside and resumed enters its node again: reads low",
        "cr_timeout_abandon_rate": "offers left unanswered are cancelled by the bank after weeks: reads high",
        "slices by channel, customer_type, product_line": "read `unknown`",
    },
    kpis_left_out={
        "cr_node_sla_rate": "no SLA valid then: land `node_slas`; the visits stand in fct_node_visits",
        "cr_api_*": "no interface calls",
        "cr_wip_utilisation": "no capacity forecasts",
        "cr_dpd30_rate and all other KPIs of accounts": "no accounts",
        "cr_psi, cr_ks, cr_auc, cr_calibration_deviation": "no scores",
        "cr_strict_policy_rate, cr_policy_rollout_24h_rate": "no policies",
    },
    time_zone="Europe/Amsterdam",
)
