"""Real data sets, landed by their adapters and built: the figures that are known of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .conftest import Built, run_kpi, shared

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Lands a set: `land(adapter, path below the real data)`."""

    def run(name: str, source: str) -> Path:
        raw = tmp_path_factory.mktemp(name) / "raw"
        run_kpi("land", name, "--from", str(shared("data", *source.split("/"))), "--to", str(raw))
        return raw

    return run


@pytest.fixture(scope="module")
def bpi2012(land: Callable, build_in: Callable[..., Built]) -> Built:
    raw = land("bpi2012", "credit_process_bpi2012/BPI_Challenge_2012.csv.gz")
    return build_in("bpi2012-build", raw, KPI_BUSINESS_TIMEZONE="Europe/Amsterdam")


def test_bpi2012_counts(bpi2012: Built) -> None:
    ((submitted,),) = bpi2012.rows(
        "select sum(value) from marts.kpi_values where kpi_id = 'cr_applications' and period_grain = 'month' and dimension = 'all'"
    )
    assert submitted == 13_087
    ((approved, decided),) = bpi2012.rows(
        "select sum(numerator), sum(denominator) from marts.kpi_values "
        "where kpi_id = 'cr_approval_rate' and period_grain = 'month' and dimension = 'all'"
    )
    assert (approved, decided - approved) == (2_246, 7_635)
    ((withdrawn, undecided),) = bpi2012.rows(
        """select
            count(*) filter (where withdrawn_at is not null and decided_at is null),
            count(*) filter (where withdrawn_at is null and decided_at is null)
        from marts.fct_applications"""
    )
    assert (withdrawn, undecided) == (2_807, 399)


def test_bpi2012_approval_time_percentiles(bpi2012: Built) -> None:
    """Percentiles by month against pandas on the log itself."""
    log = pd.read_csv(shared("data", "credit_process_bpi2012", "BPI_Challenge_2012.csv.gz"))
    log["at"] = pd.to_datetime(log["time:timestamp"], utc=True, format="ISO8601")
    submitted = log[log["concept:name"] == "A_SUBMITTED"].groupby("case:concept:name")["at"].min()
    decisions = log[log["concept:name"].isin(["A_DECLINED", "A_APPROVED"])].groupby("case:concept:name")["at"].max()
    minutes = ((decisions - submitted.reindex(decisions.index)).dt.total_seconds() / 60).to_frame("minutes")
    minutes["month"] = decisions.dt.tz_convert("Europe/Amsterdam").dt.strftime("%Y-%m")
    for kpi_id, share in (("cr_att_p50_minutes", 0.5), ("cr_att_p90_minutes", 0.9)):
        got = dict(
            bpi2012.rows(
                f"""select strftime(period_start, '%Y-%m'), value from marts.kpi_values
                where kpi_id = '{kpi_id}' and period_grain = 'month' and dimension = 'all'"""
            )
        )
        want = minutes.groupby("month")["minutes"].quantile(share).to_dict()
        assert got.keys() == want.keys()
        assert all(np.isclose(got[month], want[month], rtol=1e-9) for month in want)


@pytest.fixture(scope="module")
def cdnow_raw(land: Callable) -> Path:
    return land("cdnow", "repurchase_cdnow/CDNOW_master.txt.gz")


def cohorts(built: Built) -> dict[str, tuple[float, bool]]:
    return {
        month: (size, is_final)
        for month, size, is_final in built.rows(
            """select strftime(period_start, '%Y-%m'), denominator, is_final from marts.kpi_values
            where kpi_id = 'ec_repurchase_rate_90d' and period_grain = 'cohort_month' and dimension = 'all'"""
        )
    }


def test_cdnow_cohorts(cdnow_raw: Path, build_in: Callable[..., Built]) -> None:
    found = cohorts(build_in("cdnow-build", cdnow_raw))
    assert found == {"1997-01": (7_846, True), "1997-02": (8_476, True), "1997-03": (7_248, True)}
    assert sum(size for size, _ in found.values()) == 23_570


def test_cdnow_is_censored_in_may(cdnow_raw: Path, build_in: Callable[..., Built]) -> None:
    found = cohorts(build_in("cdnow-may", cdnow_raw, "--as-of", "1997-05-15"))
    assert {month: is_final for month, (_, is_final) in found.items()} == {
        "1997-01": True,
        "1997-02": False,
        "1997-03": False,
    }


def test_maven_downtime(land: Callable, build_in: Callable[..., Built]) -> None:
    built = build_in("maven-build", land("maven", "line_downtime_maven/Manufacturing_Line_Productivity.xlsx"))
    ((down, planned),) = built.rows(
        """select sum(numerator) / 60, sum(denominator) / 60 from marts.kpi_values
        where kpi_id = 'mf_unplanned_downtime_rate' and period_grain = 'month' and dimension = 'all'"""
    )
    assert (down, planned) == (1_388, 3_858)
    assert round(down / planned, 4) == 0.3598
    ((availability,),) = built.rows(
        """select sum(numerator) / sum(denominator) from marts.kpi_values
        where kpi_id = 'mf_availability' and version = 1 and period_grain = 'month' and dimension = 'all'"""
    )
    assert round(availability, 4) == 0.6402
