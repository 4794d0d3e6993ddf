"""KS, AUC, PSI and calibration of the SQL against plain numpy (and scikit-learn where it is installed)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.python.support.reference import library
from tests.python.support.replay import Replayer

BANDS = [
    ("A", None, 500.0),
    ("B", 500.0, 560.0),
    ("C", 560.0, 620.0),
    ("D", 620.0, 900.0),
    ("E", 900.0, None),
]
COHORTS = {"2024-01-01": "2024-04-30", "2024-02-01": "2024-05-31"}  # month of booking -> MOB3
AS_OF_UTC = "2024-06-30 16:00:00"
DPD_MIN = 30
EMPTY_SHARE = 0.0001


def random_portfolio(seed: int, accounts_per_cohort: int = 60) -> pd.DataFrame:
    """Accounts with a score on a coarse grid (so that scores tie), a PD and a DPD at MOB3 around the limit.

    Returns one row per account: account_id, application_id, cohort, read_date, score, expected_pd, dpd.
    """
    rng = np.random.default_rng(seed)
    frames = []
    for cohort, read_date in COHORTS.items():
        size = accounts_per_cohort
        score = 480.0 + 10.0 * rng.integers(0, 20, size)
        is_late = rng.random(size) < 1 / (1 + np.exp((score - 540.0) / 60.0))
        frames.append(
            pd.DataFrame(
                {
                    "account_id": [f"{cohort}-{n}" for n in range(size)],
                    "application_id": [f"P-{cohort}-{n}" for n in range(size)],
                    "cohort": cohort,
                    "read_date": read_date,
                    "score": score,
                    "expected_pd": rng.uniform(0.01, 0.6, size).round(4),
                    "dpd": np.where(is_late, rng.integers(DPD_MIN, 60, size), rng.integers(0, DPD_MIN, size)),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def landed(portfolio: pd.DataFrame, development: np.ndarray) -> dict[str, list[dict]]:
    """The raw tables of a portfolio; outcomes come from snapshots on the day of MOB3."""
    accounts, snapshots, scores = [], [], []
    for row in portfolio.itertuples():
        accounts.append(
            {
                "account_id": row.account_id,
                "application_id": row.application_id,
                "customer_id": row.account_id,
                "booked_at": f"{row.cohort} 04:00:00",
                "principal": 1000.0,
                "channel": "own_app",
                "customer_type": "new",
                "product_line": "cash",
            }
        )
        snapshots.append(
            {
                "account_id": row.account_id,
                "snapshot_date": row.read_date,
                "days_past_due": int(row.dpd),
            }
        )
        scores.append(
            {
                "application_id": row.application_id,
                "model_version": "m1",
                "scored_at": f"{row.cohort} 03:00:00",
                "score": row.score,
                "expected_pd": row.expected_pd,
                "is_development_sample": False,
            }
        )
    for number, score in enumerate(development):
        scores.append(
            {
                "application_id": f"D{number}",
                "model_version": "m1",
                "scored_at": "2023-06-01 03:00:00",
                "score": float(score),
                "expected_pd": None,
                "is_development_sample": True,
            }
        )
    bands = [
        {"model_version": "m1", "band": band, "lower_bound": lower, "upper_bound": upper}
        for band, lower, upper in BANDS
    ]
    return {"accounts": accounts, "dpd_snapshots": snapshots, "scores": scores, "score_bands": bands}


def ks(score: np.ndarray, is_bad: np.ndarray) -> float:
    """Greatest distance of the two empirical distributions over every observed score, in points."""
    bad, good = score[is_bad], score[~is_bad]
    return 100 * max(abs((bad <= limit).mean() - (good <= limit).mean()) for limit in score)


def auc(score: np.ndarray, is_bad: np.ndarray) -> float:
    """Share of the pairs (good, bad) in which the good scores higher, ties by half; every pair looked at."""
    difference = score[~is_bad][:, None] - score[is_bad][None, :]
    return float((difference > 0).mean() + 0.5 * (difference == 0).mean())


def psi(actual: np.ndarray, expected: np.ndarray) -> float:
    """Population stability index over the bands, empty ones as the floor."""
    edges = [-np.inf, *[upper for _, _, upper in BANDS if upper is not None], np.inf]
    shares = []
    for values in (actual, expected):
        counts = np.bincount(np.searchsorted(edges, values, side="right") - 1, minlength=len(BANDS))
        shares.append(np.where(counts == 0, EMPTY_SHARE, counts / len(values)))
    a, e = shares
    return float(((a - e) * np.log(a / e)).sum())


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """A random portfolio, its development sample, and the KPI rows of the real models on them."""
    portfolio = random_portfolio(seed=20240630)
    development = np.random.default_rng(7).uniform(470, 890, 80).round(1)
    work: Path = tmp_path_factory.mktemp("credit-statistics")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("KPI_RAW_ROOT", "KPI_WAREHOUSE", "DBT_TARGET_PATH", "DBT_LOG_PATH"):
            patch.setenv(name, "")
        replayer = Replayer(work)
        replayer.prepare()
        rows = replayer.run("credit", landed(portfolio, development), AS_OF_UTC)
    rows["period_start"] = pd.to_datetime(rows["period_start"])
    return portfolio, development, rows


def value(rows: pd.DataFrame, kpi: str, month: str, dimension: str, member: str) -> float:
    """The one published value of a slice."""
    match = rows[
        (rows.kpi_id == kpi)
        & (rows.period_start == pd.Timestamp(month))
        & (rows.dimension == dimension)
        & (rows.dimension_value == member)
    ]
    assert len(match) == 1, f"{kpi} {month} {dimension}={member}: {len(match)} rows"
    return float(match.iloc[0]["value"])


@pytest.mark.parametrize("cohort", COHORTS)
def test_separation_agrees_with_every_pair(published: tuple, cohort: str) -> None:
    """KS and AUC of a vintage, for all accounts and for the model."""
    portfolio, _, rows = published
    members = portfolio[portfolio.cohort == cohort]
    score, is_bad = members.score.to_numpy(), (members.dpd >= DPD_MIN).to_numpy()
    assert 0 < is_bad.sum() < len(members) and members.score.duplicated().any()
    for dimension, member in (("all", "all"), ("model_version", "m1")):
        assert value(rows, "cr_ks", cohort, dimension, member) == pytest.approx(ks(score, is_bad), abs=1e-9)
        want = auc(score, is_bad)
        assert value(rows, "cr_auc", cohort, dimension, member) == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("cohort", COHORTS)
def test_auc_agrees_with_scikit_learn(published: tuple, cohort: str) -> None:
    """A library's AUC on the same accounts."""
    metrics = library("sklearn.metrics")
    portfolio, _, rows = published
    members = portfolio[portfolio.cohort == cohort]
    want = metrics.roc_auc_score(members.dpd < DPD_MIN, members.score)
    assert value(rows, "cr_auc", cohort, "all", "all") == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("cohort", COHORTS)
def test_psi_agrees_with_histograms(published: tuple, cohort: str) -> None:
    """PSI of a month of scoring; band E is empty on both sides."""
    portfolio, development, rows = published
    scores = portfolio[portfolio.cohort == cohort].score.to_numpy()
    want = psi(scores, development)
    assert want > 0
    assert value(rows, "cr_psi", cohort, "model_version", "m1") == pytest.approx(want, abs=1e-9)


@pytest.mark.parametrize("cohort", COHORTS)
def test_calibration_agrees_by_band(published: tuple, cohort: str) -> None:
    """Observed share of bad against the mean PD, overall and in each band."""
    portfolio, _, rows = published
    members = portfolio[portfolio.cohort == cohort]
    groups = {("all", "all"): members}
    for band, lower, upper in BANDS:
        inside = members[(members.score >= (lower or -np.inf)) & (members.score < (upper or np.inf))]
        if len(inside):
            groups[("score_band", band)] = inside
    assert len(groups) > 3
    for (dimension, member), group in groups.items():
        want = (group.dpd >= DPD_MIN).mean() / group.expected_pd.mean() - 1
        got = value(rows, "cr_calibration_deviation", cohort, dimension, member)
        assert got == pytest.approx(want, abs=1e-9)


def test_scores_of_the_development_sample_are_not_published(published: tuple) -> None:
    """The month in which the development sample was scored has no PSI."""
    _, _, rows = published
    assert rows[(rows.kpi_id == "cr_psi") & (rows.period_start < "2024-01-01")].empty
