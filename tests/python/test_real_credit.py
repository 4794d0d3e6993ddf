"""Real credit sets against calculations of their own on the source files: waits, straight-through, visits, migration."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .conftest import Built, run_kpi, shared

pytestmark = pytest.mark.long

NODES = {
    "W_Afhandelen leads": "kyc",
    "W_Beoordelen fraude": "anti_fraud",
    "W_Completeren aanvraag": "manual_review",
    "W_Valideren aanvraag": "final_approval",
}
SUPPLEMENT, OFFER = "W_Nabellen incomplete dossiers", "W_Nabellen offertes"
STATES = ["A_SUBMITTED", "A_APPROVED", "A_DECLINED", "A_CANCELLED", "A_ACTIVATED"]
SYSTEM = 112
ZONE = "Europe/Amsterdam"

#: Months late in the UCI set -> bucket of the migration matrix.
BUCKETS = {0: "current", 1: "1-29", 2: "30-59", 3: "60-89"}


@pytest.fixture(scope="module")
def bpi2012(tmp_path_factory: pytest.TempPathFactory, build_in) -> Built:
    raw = tmp_path_factory.mktemp("bpi2012") / "raw"
    run_kpi("land", "bpi2012", "--from", str(shared("data", "credit_process_bpi2012")), "--to", str(raw))
    return build_in("bpi2012-build", raw, KPI_BUSINESS_TIMEZONE=ZONE)


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """The event log in the order of each application: case, activity, step (SCHEDULE, START, COMPLETE), resource, at (UTC)."""
    rows = pd.read_csv(shared("data", "credit_process_bpi2012", "BPI_Challenge_2012.csv.gz"))
    rows = pd.DataFrame(
        {
            "case": rows["case:concept:name"].astype(str),
            "activity": rows["concept:name"],
            "step": rows["lifecycle:transition"],
            "resource": rows["org:resource"],
            "at": pd.to_datetime(rows["time:timestamp"], utc=True, format="ISO8601"),
        }
    )
    return rows.sort_values(["case", "at"], kind="stable", ignore_index=True)


def calls(log: pd.DataFrame, activity: str) -> pd.DataFrame:
    """Every SCHEDULE of a calling item with the COMPLETE that closes it: the last one before the next SCHEDULE, or of all.

    Returns case, asked, answered (NaT where nothing closes it); walks through each application event by event.
    """
    found = []
    for case, items in log[log.activity == activity].groupby("case"):
        closing: list[pd.Timestamp] = []
        last = None
        for item in items.itertuples():
            if item.step == "SCHEDULE" and last is not None and last.step == "COMPLETE":
                closing.append(last.at)
            last = item
        if last is not None and last.step == "COMPLETE":
            closing.append(last.at)
        for asked in items.loc[items.step == "SCHEDULE", "at"]:
            later = [at for at in closing if at >= asked]
            found.append((case, asked, later[0] if later else pd.NaT))
    return pd.DataFrame(found, columns=["case", "asked", "answered"])


@pytest.fixture(scope="module")
def decided(log: pd.DataFrame) -> pd.DataFrame:
    """Decided applications: submitted, decided, the local month of the decision, the number of decisions."""
    submitted = log[log.activity == "A_SUBMITTED"].groupby("case")["at"].min()
    decisions = log[log.activity.isin(["A_DECLINED", "A_APPROVED"])].groupby("case")["at"].agg(["max", "size"])
    cases = pd.DataFrame({"decided": decisions["max"], "decisions": decisions["size"]})
    cases["submitted"] = submitted.reindex(cases.index)
    cases["month"] = cases["decided"].dt.tz_convert(ZONE).dt.strftime("%Y-%m")
    return cases


@pytest.fixture(scope="module")
def supplements(log: pd.DataFrame) -> pd.DataFrame:
    return calls(log, SUPPLEMENT)


def monthly(built: Built, kpi_id: str) -> dict[str, tuple]:
    return {
        month: rest
        for month, *rest in built.rows(
            f"""select strftime(period_start, '%Y-%m'), numerator, denominator, value from marts.kpi_values
            where kpi_id = '{kpi_id}' and period_grain = 'month' and dimension = 'all'"""
        )
    }


def covered_minutes(intervals: list[tuple[pd.Timestamp, pd.Timestamp]]) -> float:
    """Length of the union of the intervals: between neighbouring ends, is any interval open?"""
    ends = sorted({end for interval in intervals for end in interval})
    open_ = (
        (right - left).total_seconds() / 60
        for left, right in pairwise(ends)
        if any(begin <= left and right <= end for begin, end in intervals)
    )
    return sum(open_)


def test_bpi2012_controllable_share(bpi2012: Built, log, decided, supplements) -> None:
    waits: dict[str, list] = {}
    for call in pd.concat([supplements, calls(log, OFFER)]).itertuples():
        if call.case in decided.index:
            case = decided.loc[call.case]
            begin = max(call.asked, case.submitted)
            end = case.decided if pd.isna(call.answered) else min(call.answered, case.decided)
            if begin < end:
                waits.setdefault(call.case, []).append((begin, end))
    minutes = (decided.decided - decided.submitted).dt.total_seconds() / 60
    waiting = pd.Series({case: covered_minutes(intervals) for case, intervals in waits.items()}).reindex(decided.index)
    by_month = pd.DataFrame({"own": minutes - waiting.fillna(0), "all": minutes}).groupby(decided.month).sum()
    found = monthly(bpi2012, "cr_controllable_time_ratio")
    assert found.keys() == set(by_month.index)
    for month, row in by_month.iterrows():
        assert found[month] == pytest.approx([row["own"], row["all"], row["own"] / row["all"]], rel=1e-9)
    assert waiting.notna().sum() > 1_000


def test_bpi2012_straight_through(bpi2012: Built, log, decided, supplements) -> None:
    """Nobody but resource 112 touched it, no documents were asked for, one decision."""
    is_node = log.activity.isin(NODES) & log.step.isin(["START", "COMPLETE"])
    is_call = log.activity.isin([SUPPLEMENT, OFFER]) & (log.step == "SCHEDULE")
    touched = log[(log.activity.isin(STATES) | is_node | is_call) & log.resource.notna() & (log.resource != SYSTEM)]
    straight = (
        ~decided.index.isin(touched["case"]) & ~decided.index.isin(supplements["case"]) & (decided.decisions == 1)
    )
    want = pd.DataFrame({"straight": straight, "all": True}).groupby(decided.month).sum()
    found = monthly(bpi2012, "cr_stp_rate")
    assert {month: tuple(row[:2]) for month, row in found.items()} == {
        month: (row["straight"], row["all"]) for month, row in want.iterrows()
    }
    assert 0 < straight.sum() < len(decided)


def test_bpi2012_supplement_cycles(bpi2012: Built, supplements) -> None:
    closed = supplements.dropna()
    minutes = (closed.answered - closed.asked).dt.total_seconds() / 60
    want = minutes.groupby(closed.answered.dt.tz_convert(ZONE).dt.strftime("%Y-%m")).quantile(0.9)
    found = {month: row[2] for month, row in monthly(bpi2012, "cr_supplement_cycle_p90_minutes").items()}
    assert found.keys() == set(want.index)
    assert all(np.isclose(found[month], want[month], rtol=1e-9) for month in found)


def test_bpi2012_node_visits(bpi2012: Built, log) -> None:
    """Each START with the next COMPLETE of its work item, per node: visits, those that ended, minutes in all."""
    want = {}
    for activity, node in NODES.items():
        items = log[log.activity == activity]
        starts = items.loc[items.step == "START", ["case", "at"]].sort_values("at")
        ends = (
            items.loc[items.step == "COMPLETE", ["case", "at"]].assign(left=lambda rows: rows["at"]).sort_values("at")
        )
        visits = pd.merge_asof(starts, ends, on="at", by="case", direction="forward")
        minutes = (visits["left"] - visits["at"]).dt.total_seconds() / 60
        want[node] = (len(visits), visits["left"].notna().sum(), minutes.sum())
    found = {
        node: rest
        for node, *rest in bpi2012.rows(
            "select node, count(*), count(left_at), sum(visit_minutes) from marts.fct_node_visits group by node"
        )
    }
    assert found.keys() == want.keys()
    for node, row in want.items():
        assert found[node] == pytest.approx(list(row), rel=1e-9)


@pytest.fixture(scope="module")
def uci(tmp_path_factory: pytest.TempPathFactory, build_in) -> Built:
    """Built at the data horizon that the adapter prints."""
    raw: Path = tmp_path_factory.mktemp("uci") / "raw"
    landed = run_kpi("land", "uci", "--from", str(shared("data", "credit_default_uci")), "--to", str(raw))
    as_of = landed.stdout.split("--as-of '")[1].split("'")[0]
    return build_in("uci-build", raw, "--as-of", as_of)


@pytest.fixture(scope="module")
def months_late() -> pd.DataFrame:
    """Months late of each account at the end of each month, April to September; not late is 0."""
    rows = pd.read_csv(shared("data", "credit_default_uci", "UCI_Credit_Card.csv.gz"))
    columns = ["PAY_6", "PAY_5", "PAY_4", "PAY_3", "PAY_2", "PAY_0"]
    return rows[columns].clip(lower=0).set_axis([f"2005-{month:02}" for month in range(4, 10)], axis=1)


def moves(built: Built, month: str) -> dict[tuple[str, str], int]:
    return {
        (before, after): accounts
        for before, after, accounts in built.rows(
            f"""select from_bucket, to_bucket, sum(accounts) from marts.fct_migration_matrix
            where strftime(month_start, '%Y-%m') = '{month}' group by all"""
        )
    }


def test_uci_migration_august_to_september(uci: Built) -> None:
    found = moves(uci, "2005-09")
    assert found["current", "current"] == 22_735
    assert found["current", "1-29"] == 1_836
    assert found["current", "30-59"] == 991
    assert found["30-59", "60-89"] == 272
    assert sum(found.values()) == 30_000


def test_uci_migration_of_every_month(uci: Built, months_late: pd.DataFrame) -> None:
    for before, after in pairwise(months_late.columns):
        want = pd.crosstab(*(months_late[month].map(BUCKETS).fillna("90+") for month in (before, after))).stack()
        assert moves(uci, after) == {pair: count for pair, count in want.items() if count}


def test_uci_standing_and_roll(uci: Built, months_late: pd.DataFrame) -> None:
    """30+ in both versions at each month end, and of those 1–29 days late the share that rolled on."""
    for version, is_late in ((1, months_late == 2), (2, months_late >= 2)):
        found = dict(
            uci.rows(
                f"""select strftime(period_start, '%Y-%m'), numerator from marts.kpi_values
                where kpi_id = 'cr_dpd30_rate' and version = {version} and period_grain = 'month' and dimension = 'all'
                    and denominator = 30000"""
            )
        )
        assert {month: found[month] for month in months_late} == is_late.sum().to_dict()
    rolled = monthly(uci, "cr_roll_rate_1_29_to_30")
    for before, after in pairwise(months_late.columns):
        base = months_late[before] == 1
        late = (months_late.loc[base, after] >= 2).sum()
        assert rolled[after][:2] == [late, base.sum()] if base.any() else rolled.get(after, [0, 0])[1] == 0
