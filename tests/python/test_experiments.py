"""Experiments of the demonstration in fct_experiment_results: what was planted is found, and the statistics are scipy's."""

from __future__ import annotations

import pandas as pd
import pytest

from kpi_warehouse.demo.ecommerce import EXPERIMENTS

from .conftest import Built
from .support.reference import library

WINDOW = pd.Timedelta(days=14)
COLUMNS = [
    "experiment_id", "variant", "is_control", "assigned_persons", "immature_persons", "mixed_persons", "observed_persons",
    "converted_persons", "valid_orders", "gmv", "absolute_lift", "lift_lower", "lift_upper", "z_score", "p_value",
    "srm_chi_square", "srm_p_value", "has_sample_ratio_mismatch", "refund_rate", "refund_z", "is_guardrail_worse",
]  # fmt: skip


@pytest.fixture(scope="module")
def results(demo: Built) -> pd.DataFrame:
    rows = demo.rows(f"select {', '.join(COLUMNS)} from marts.fct_experiment_results")
    return pd.DataFrame(rows, columns=COLUMNS).set_index(["experiment_id", "variant"])


@pytest.fixture(scope="module")
def persons(demo: Built) -> pd.DataFrame:
    """Persons of each experiment, from the accepted assignments: first assignment and variants; accounts of one phone are one."""
    rows = demo.rows(
        """select experiment_id, coalesce(merged.person_id, 'user:' || assignments.user_id, 'device:' || device_id), variant, assigned_at
        from staging.stg_ecommerce__experiment_assignments as assignments
        left join intermediate.int_ecommerce__user_persons as merged on assignments.user_id = merged.user_id"""
    )
    found = pd.DataFrame(rows, columns=["experiment_id", "person_id", "variant", "assigned_at"])
    grouped = found.groupby(["experiment_id", "person_id"])
    return pd.DataFrame(
        {
            "variant": grouped["variant"].min(),
            "variants": grouped["variant"].nunique(),
            "assigned_at": grouped["assigned_at"].min(),
        }
    ).reset_index()


def test_experiments_are_those_of_the_story(results: pd.DataFrame) -> None:
    assert set(results.index) == {(name, variant) for name in EXPERIMENTS for variant in ("control", "treatment")}
    assert (results["is_control"] == (results.index.get_level_values("variant") == "control")).all()


def test_lost_records_are_a_sample_ratio_mismatch(results: pd.DataFrame) -> None:
    """Flagged where the treatment lost records, and nowhere else."""
    stats = library("scipy.stats")
    flagged = results.index[results["has_sample_ratio_mismatch"]].get_level_values("experiment_id").unique()
    assert list(flagged) == [name for name, (*_, lost) in EXPERIMENTS.items() if lost]
    for _, variants in results.groupby("experiment_id"):
        chi_square, p = stats.chisquare(variants["assigned_persons"])
        assert variants["srm_chi_square"].to_list() == pytest.approx([chi_square] * 2)
        assert variants["srm_p_value"].to_list() == pytest.approx([p] * 2, abs=2e-6)


def test_intervals_and_p_values_are_those_of_scipy(results: pd.DataFrame) -> None:
    """Difference of two proportions: interval unpooled, test pooled."""
    stats = library("scipy.stats")
    for name in EXPERIMENTS:
        control, treatment = results.loc[(name, "control")], results.loc[(name, "treatment")]
        sizes = treatment["observed_persons"], control["observed_persons"]
        rates = [row["converted_persons"] / row["observed_persons"] for row in (treatment, control)]
        error = sum(rate * (1 - rate) / size for rate, size in zip(rates, sizes, strict=True)) ** 0.5
        interval = stats.norm.interval(0.95, loc=rates[0] - rates[1], scale=error)
        assert (treatment["lift_lower"], treatment["lift_upper"]) == pytest.approx(interval, rel=1e-8)
        # without the correction for continuity the chi-square of the table is the square of z
        bought = [row["converted_persons"] for row in (treatment, control)]
        table = [bought, [size - count for size, count in zip(sizes, bought, strict=True)]]
        outcome = stats.chi2_contingency(table, correction=False)
        assert treatment["z_score"] ** 2 == pytest.approx(outcome.statistic)
        assert treatment["p_value"] == pytest.approx(outcome.pvalue, abs=2e-6)


def test_intervals_cover_what_was_planted(results: pd.DataFrame) -> None:
    """No difference of A against A; of the experiment that works, the lift by which it was made to convert more often."""
    for name, (*_, effect, lost) in EXPERIMENTS.items():
        if lost:
            continue
        both = results.loc[name]
        rate = both["converted_persons"].sum() / both["observed_persons"].sum()
        planted = rate * 2 * (effect - 1) / (effect + 1)
        treatment = both.loc["treatment"]
        assert treatment["lift_lower"] < planted < treatment["lift_upper"], name
        if effect == 1:
            assert treatment["p_value"] > 0.05
        else:
            assert treatment["absolute_lift"] > 0


def test_no_guardrail_was_planted_to_break(demo: Built, results: pd.DataFrame) -> None:
    """Chance differences of few orders are no alarm; the z of refunds is that of the two-by-two table of paid orders."""
    stats = library("scipy.stats")
    assert not results["is_guardrail_worse"].any()
    paid = {
        (name, variant): (orders, refunded)
        for name, variant, orders, refunded in demo.rows(
            """select experiment_id, variant, count(*), count(*) filter (where refund_count > 0)
            from intermediate.int_ecommerce__experiment_persons as persons
            inner join intermediate.int_ecommerce__orders as orders
                on persons.person_id = orders.person_id and paid_at between assigned_at and window_ends_at
            where is_mature and variant is not null group by all"""
        )
    }
    for name in EXPERIMENTS:
        (few, back), (others, others_back) = paid[name, "treatment"], paid[name, "control"]
        assert results.loc[(name, "treatment"), "refund_rate"] == pytest.approx(back / few)
        table = [[back, few - back], [others_back, others - others_back]]
        squared = stats.chi2_contingency(table, correction=False).statistic
        assert results.loc[(name, "treatment"), "refund_z"] ** 2 == pytest.approx(squared, abs=1e-5)


def test_immature_and_mixed_persons_are_out(demo: Built, results: pd.DataFrame, persons: pd.DataFrame) -> None:
    """Counts, converted persons, orders and sales worked out again by pandas."""
    ((as_of,),) = demo.rows("select as_of_utc from intermediate.int_ecommerce__as_of")
    orders = pd.DataFrame(
        demo.rows("select person_id, paid_at, paid_amount from intermediate.int_ecommerce__orders where is_valid"),
        columns=["person_id", "paid_at", "paid_amount"],
    )
    orders["paid_amount"] = orders["paid_amount"].astype(float)
    assert (persons["variants"] > 1).any()
    immature = persons["assigned_at"] + WINDOW > pd.Timestamp(as_of)
    assert set(persons.loc[immature, "experiment_id"]) == {"exp_simple_cart"}
    bought = persons.merge(orders, on="person_id")
    bought = bought[
        (bought["paid_at"] >= bought["assigned_at"]) & (bought["paid_at"] <= bought["assigned_at"] + WINDOW)
    ]
    young = bought["assigned_at"] + WINDOW > pd.Timestamp(as_of)
    assert young.any(), "nobody would be wrongly counted: the test is blind"
    single = persons[persons["variants"] == 1]
    counted = bought[(bought["variants"] == 1) & ~young]
    for (name, variant), row in results.iterrows():
        assigned = single[(single["experiment_id"] == name) & (single["variant"] == variant)]
        sales = counted[(counted["experiment_id"] == name) & (counted["variant"] == variant)]
        assert row["assigned_persons"] == len(assigned)
        assert row["immature_persons"] == immature[assigned.index].sum()
        assert row["observed_persons"] == (~immature[assigned.index]).sum()
        assert row["mixed_persons"] == ((persons["experiment_id"] == name) & (persons["variants"] > 1)).sum()
        assert row["converted_persons"] == sales["person_id"].nunique()
        assert row["valid_orders"] == len(sales)
        assert float(row["gmv"]) == pytest.approx(sales["paid_amount"].sum())
