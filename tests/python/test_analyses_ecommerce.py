"""The diagnosis queries of analyses/ecommerce run on a built warehouse and say what their headers promise."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from .conftest import ROOT, Built, run_dbt

ANALYSES = sorted(path.stem for path in (ROOT / "analyses" / "ecommerce").glob("*.sql"))


@pytest.fixture(scope="module")
def compiled(demo: Built, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, str]]:
    """SQL of every analysis by its name: `compiled("--vars", ...)`."""

    def compile_all(*options: str) -> dict[str, str]:
        target = tmp_path_factory.mktemp("analyses")
        environment = {
            **demo.environment,
            # an empty file of the same name: compiling takes no lock on the one that other tests read
            "KPI_WAREHOUSE": str(target / demo.warehouse.name),
            "DBT_TARGET_PATH": str(target),
            "DBT_LOG_PATH": str(target / "logs"),
        }
        done = run_dbt("compile", "--quiet", "--select", "path:analyses/ecommerce", *options, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        paths = (target / "compiled").rglob("analyses/ecommerce/*.sql")
        return {path.stem: path.read_text(encoding="utf-8") for path in paths}

    return compile_all


@pytest.fixture(scope="module")
def results(demo: Built, compiled: Callable[..., dict[str, str]]) -> dict[str, pd.DataFrame]:
    """Rows of every analysis on the demonstration data."""
    queries = compiled()
    with duckdb.connect(str(demo.warehouse), read_only=True) as db:
        return {name: db.execute(sql).df() for name, sql in queries.items()}


@pytest.mark.parametrize("name", ANALYSES)
def test_analysis_returns_rows(name: str, results: dict[str, pd.DataFrame]) -> None:
    assert len(results[name]) > 0


@pytest.mark.parametrize("name", ANALYSES)
def test_analysis_says_how_to_read_it(name: str) -> None:
    text = (ROOT / "analyses" / "ecommerce" / f"{name}.sql").read_text(encoding="utf-8")
    header = [line for line in text.split("with\n")[0].splitlines() if line.startswith("--")]
    for part in ("-- Question: ", "-- Reads: ", "-- To do: "):
        assert any(line.startswith(part) for line in header), f"{name} lacks {part!r}"


def test_other_grains_run(demo: Built, compiled: Callable[..., dict[str, str]]) -> None:
    queries = compiled("--vars", "{analysis_grain: week}")
    with duckdb.connect(str(demo.warehouse), read_only=True) as db:
        for name in ("cvr_by_structure", "funnel_step_losses", "performance_of_sessions", "cvr_by_key_page_path"):
            starts = {
                start.weekday()
                for (start,) in db.execute(f"select distinct period_start from ({queries[name]})").fetchall()
            }
            assert starts == {0}, name


def test_mix_and_rate_add_up_to_the_change(results: dict[str, pd.DataFrame]) -> None:
    rows = results["cvr_by_structure"]
    assert set(rows["split_by"]) == {"customer_type", "platform", "entry", "utm_source"}
    for split, members in rows.groupby("split_by"):
        # a visitor of two platforms counts in both, and weights are by all visitors: parts still meet the whole
        assert math.isclose(members["contribution"].sum(), members["cvr_change"].iloc[0], abs_tol=1e-9), split


def test_funnel_steps_hang_together(results: dict[str, pd.DataFrame], demo: Built) -> None:
    rows = results["funnel_step_losses"]
    for _, steps in rows.sort_values("step_no").groupby("platform"):
        assert list(steps["entered"])[1:] == list(steps["passed"])[:-1]
        assert (steps["passed"] <= steps["entered"]).all()
        assert steps["is_largest_loss"].sum() <= 1
    whole, parts = rows[rows["platform"] == "all"], rows[rows["platform"] != "all"]
    assert parts.groupby("step_no")["passed"].sum().to_dict() == whole.set_index("step_no")["passed"].to_dict()
    ((sessions,),) = demo.rows(
        f"select count(*) from marts.fct_sessions where date_trunc('month', started_local_at) = '{rows['period_start'].iloc[0]}'"
    )
    assert whole.set_index("step_no")["entered"][1] == sessions


@pytest.mark.parametrize(
    ("name", "column", "by"),
    [
        ("attribution_early_touches", "last_click_share", ["month_date"]),
        ("attribution_early_touches", "markov_share", ["month_date"]),
        ("attribution_early_touches", "position_share", ["month_date"]),
        ("channel_return", "gmv_share", []),
        ("channel_return", "cost_share", []),
        ("cvr_by_key_page_path", "session_share", []),
        ("membership_lever", "buyer_share", ["cohort_month"]),
        ("performance_of_sessions", "session_share", ["trait"]),
        ("rfm_and_windows", "person_share", []),
        ("rfm_and_windows", "gmv_share", []),
    ],
)
def test_shares_add_up(name: str, column: str, by: list[str], results: dict[str, pd.DataFrame]) -> None:
    sums: dict[object, float] = defaultdict(float)
    for row in results[name].to_dict("records"):
        sums[tuple(row[key] for key in by)] += 0.0 if pd.isna(row[column]) else row[column]
    assert sums
    assert all(math.isclose(total, 1) for total in sums.values()), dict(sums)


def test_paths_hold_every_session_and_order(results: dict[str, pd.DataFrame], demo: Built) -> None:
    rows = results["cvr_by_key_page_path"]
    assert rows["path"].is_unique
    ((sessions, orders),) = demo.rows(
        f"""select count(*), sum(valid_orders) from marts.fct_sessions
        where date_trunc('month', started_local_at) = '{rows["period_start"].iloc[0]}'"""
    )
    assert (rows["sessions"].sum(), rows["valid_orders"].sum()) == (sessions, orders)
    assert all(row.path.split(" > ")[-1] == row.last_page for row in rows.itertuples())


def test_cohort_curves_rise_and_are_over(results: dict[str, pd.DataFrame], demo: Built) -> None:
    rows = results["cohort_curves"]
    assert (rows["day_gain"].dropna() >= 0).all()
    published = {
        (start.date(), value): rate
        for start, value, rate in demo.rows(
            """select period_start, dimension_value, value from marts.kpi_values
            where kpi_id = 'ec_repurchase_rate_90d' and period_grain = 'cohort_month' and dimension = 'member_status' and is_final"""
        )
    }
    shown = rows[(rows["dimension"] == "member_status") & (rows["day_no"] == 90)]
    assert len(shown) > 0
    for row in shown.itertuples():
        assert math.isclose(row.retention_rate, published[row.cohort_date.date(), row.dimension_value])


def test_time_to_second_covers_closed_cohorts_alone(results: dict[str, pd.DataFrame], demo: Built) -> None:
    rows = results["time_to_second_purchase"]
    whole = rows[rows["dimension"] == "all"].set_index("cohort_month")
    expected = {
        month: (buyers, seconds)
        for month, buyers, seconds in demo.rows(
            """select cast(period_start as date), denominator, numerator from marts.kpi_values
            where kpi_id = 'ec_repurchase_rate_90d' and period_grain = 'cohort_month' and dimension = 'all' and is_final"""
        )
    }
    found = {month.date(): (row["buyers"], row["second_orders"]) for month, row in whole.iterrows()}
    assert found == expected
    assert (whole["days_p75"].dropna() <= 90).all()


def test_every_buyer_of_the_year_has_a_window(results: dict[str, pd.DataFrame], demo: Built) -> None:
    rows = results["rfm_and_windows"]
    expected = dict(
        demo.rows(
            """select case when recency_days <= 7 then 'D7' when recency_days <= 14 then 'D14'
                when recency_days <= 30 then 'D30' else 'later' end, count(*)
            from marts.rfm_segments group by 1"""
        )
    )
    assert rows.groupby("contact_window")["persons"].sum().to_dict() == expected


def test_experiments_get_their_verdicts(results: dict[str, pd.DataFrame]) -> None:
    """Of the story: records lost, still running, and A against A; an interval and what the size could have found agree."""
    rows = results["experiment_readout"].set_index("experiment_id")
    assert rows["verdict"].to_dict() == {
        "exp_pdp_template": "invalid split",
        "exp_simple_cart": "running",
        "exp_aa_split": "not shown",
    }
    half = (rows["lift_upper"] - rows["lift_lower"]) / 2
    # 2.8 against 1.96 standard errors, the first at the rate of the control alone
    assert (rows["detectable_lift"] / half).between(1, 2).all()


def test_compiled_analyses_are_all_of_them(results: dict[str, pd.DataFrame]) -> None:
    assert sorted(results) == ANALYSES
    assert {Path(name).name for name in ANALYSES} >= {"cvr_by_structure", "cohort_curves", "membership_lever"}
