"""Real production data in the marts of manufacturing: pieces, scrap and rework of 4TU, the Pareto of Maven."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from .conftest import Built, run_kpi, shared

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], Path]:
    """Lands a set: `land(adapter, file)`."""

    def run(name: str, source: Path) -> Path:
        raw = tmp_path_factory.mktemp(name) / "raw"
        run_kpi("land", name, "--from", str(source), "--to", str(raw))
        return raw

    return run


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """Completed operations of the 4TU log, times on the log's own clock (one fixed offset)."""
    rows = pd.read_csv(shared("data", "production_log_4tu", "Production_simod.csv.gz"))
    done = rows[(rows["lifecycle:transition"] == "complete") & ~rows["concept:name"].isin(["Start", "End"])]
    clock = done["time:timestamp"].str.replace(r"[+-]\d{2}:?\d{2}$", "", regex=True)
    quantities = {name: pd.to_numeric(done[name].astype(str)).fillna(0) for name in ("Qty_Completed", "Qty_Rejected")}
    return done.assign(date=pd.to_datetime(clock, format="ISO8601").dt.date, **quantities)


@pytest.fixture(scope="module")
def plant(land: Callable[[str, Path], Path], build_in: Callable[..., Built]) -> Built:
    return build_in("4tu-build", land("production4tu", shared("data", "production_log_4tu", "Production_simod.csv.gz")))


@pytest.fixture(scope="module")
def bottling(land: Callable[[str, Path], Path], build_in: Callable[..., Built]) -> Built:
    source = shared("data", "line_downtime_maven", "Manufacturing_Line_Productivity.xlsx")
    return build_in("maven-marts", land("maven", source))


def test_every_completed_piece_is_in_oee(plant: Built, log: pd.DataFrame) -> None:
    """By counters alone; by machine and date as the log has them."""
    assert plant.rows("select counted_by, sum(pieces) from marts.fct_oee where pieces > 0 group by counted_by") == [
        ("counter", 91_664)
    ]
    want = log.groupby(["org:resource", "date"])["Qty_Completed"].sum()
    want = want[want > 0]
    got = {
        (machine, date): pieces
        for machine, date, pieces in plant.rows(
            "select machine_id, production_date, pieces from marts.fct_oee where pieces > 0"
        )
    }
    assert got == want.to_dict()


def test_every_rejected_piece_is_scrap(plant: Built, log: pd.DataFrame) -> None:
    got = dict(
        plant.rows(
            "select station_id, sum(occurrences) from marts.fct_losses where loss_type = 'scrap' group by station_id"
        )
    )
    want = log.groupby("concept:name")["Qty_Rejected"].sum()
    assert sum(got.values()) == 593
    assert got == want[want > 0].to_dict()


def test_every_rework_flag_is_a_rework_order(plant: Built) -> None:
    ((orders, inspected),) = plant.rows(
        "select count(*), count(*) filter (where outcome = 'reinspected') from marts.dq_rework_reinspection"
    )
    assert (orders, inspected) == (32, 0)  # the log holds no inspections
    ((amount,),) = plant.rows(
        "select sum(amount) from marts.fct_pareto where pareto = 'rework' and period_grain = 'month' and dimension = 'all'"
    )
    assert amount == 32


def test_passes_meet_the_runs_that_made_them(plant: Built) -> None:
    """States are made of the operations: only one without duration, in no run of its machine, cannot match."""
    unmatched = plant.rows(
        """select passes.entered_at = passes.completed_at from marts.dq_mes_device_match as matches
        inner join intermediate.int_manufacturing__passes as passes on matches.operation_id = passes.operation_id
        where matches.outcome <> 'matched'"""
    )
    assert unmatched == [(True,)]
    ((operations,),) = plant.rows("select count(*) from marts.dq_mes_device_match")
    assert operations == 4_503


def test_pareto_of_the_bottling_line(bottling: Built) -> None:
    """Minutes per factor as the workbook has them, largest first; operator errors 776 of 1,388."""
    book = shared("data", "line_downtime_maven", "Manufacturing_Line_Productivity.xlsx")
    minutes = pd.read_excel(book, sheet_name="Line downtime", header=1).drop(columns="Batch").sum()
    factors = pd.read_excel(book, sheet_name="Downtime factors").set_index("Factor")
    got = bottling.rows(
        """select cause, sum(amount) / 60 as minutes from marts.fct_pareto
        where pareto = 'stop_reason' and period_grain = 'month' and dimension = 'all'
        group by cause order by minutes desc"""
    )
    assert {int(cause): amount for cause, amount in got} == pytest.approx(
        {int(factor): amount for factor, amount in minutes.items() if amount > 0}
    )
    assert int(got[0][0]) == minutes.astype(float).idxmax()
    errors = [amount for cause, amount in got if factors.loc[int(cause), "Operator Error"] == "Yes"]
    assert (sum(errors), sum(amount for _, amount in got)) == (776, 1_388)
    ((operator_error,),) = bottling.rows(
        """select sum(pareto.amount) / 60 from marts.fct_pareto as pareto
        inner join staging.stg_manufacturing__downtime_reasons as reasons on pareto.cause = reasons.reason_code
        where pareto.pareto = 'stop_reason' and pareto.period_grain = 'month' and pareto.dimension = 'all'
            and reasons.level2 = 'operator_error'"""
    )
    assert operator_error == 776


def test_pareto_runs_to_one(bottling: Built) -> None:
    rows = bottling.rows(
        """select period_start, list(share order by cause_rank), max(cumulative_share) from marts.fct_pareto
        where pareto = 'stop_reason' and period_grain = 'month' and dimension = 'all' group by period_start"""
    )
    for _, shares, last in rows:
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1)
        assert last == pytest.approx(1)
