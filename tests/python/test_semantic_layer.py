"""The semantic layer says what `kpi_values` says: every metric, at its grains and by its dimensions."""

from __future__ import annotations

import datetime as dt
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest
import yaml

from .conftest import ROOT, Built
from .support.metrics import Engine

Key = tuple[dt.date, str]

CALENDAR = ("day", "week", "month", "quarter")
DAYS = ("day", "week", "month")
#: Grains of `kpi_values` that are not named like the semantic layer's.
TIMES = {"cohort_week": "week", "cohort_month": "month"}


@dataclass(frozen=True)
class Check:
    """A metric and the rows of `kpi_values` that must say the same.

    Attributes:
        metric: The metric.
        kpi_id: The KPI.
        version: Version of the definition.
        grains: Period grains of `kpi_values` to hold it against.
        by: What to group by, for each dimension of `kpi_values`.
        counts: No row means 0, on either side.
        member_of: The metric is grouped by dimension and member; only members of this dimension are compared.
    """

    metric: str
    kpi_id: str
    version: int = 1
    grains: Sequence[str] = CALENDAR
    by: dict[str, str] = field(default_factory=dict)
    counts: bool = False
    member_of: str | None = None


PLATFORM = {"platform": "platform"}
MACHINES = {"line": "line", "station": "station", "machine": "machine"}
SEGMENTS = {
    "customer_type": "customer_type",
    "channel": "channel",
    "product_line": "product_line",
    "customer_type+channel": "customer_type,channel",
}
ACCOUNTS = {"customer_type": "customer_type", "channel": "channel", "product_line": "product_line"}
OEE = MACHINES | {"shift_name": "shift", "line+station": "line,station"}
COHORTS = ("cohort_week", "cohort_month")
BUYERS = {
    "member_status": "buyer__member_status",
    "first_category": "buyer__first_category",
    "platform": "platform",
    "entry": "entry",
    "delivery": "buyer__delivery",
}
SOURCES = PLATFORM | {"entry": "entry", "utm_source": "utm_source"}

CHECKS = [
    # e-commerce, over facts
    Check("ec_gmv", "ec_gmv", by=PLATFORM),
    Check("ec_aov", "ec_aov", by=PLATFORM),
    Check("ec_member_sales_share", "ec_member_sales_share", by=PLATFORM),
    Check("ec_repeat_gmv_share", "ec_repeat_gmv_share", by=PLATFORM),
    Check("ec_gross_margin_rate", "ec_gross_margin_rate", by=PLATFORM),
    Check("ec_refund_rate", "ec_refund_rate", by=PLATFORM),
    Check("ec_mta_coverage_rate", "ec_mta_coverage_rate", grains=("week", "month", "quarter")),
    Check("ec_cvr", "ec_cvr", 2, by=SOURCES),
    Check("ec_cvr_v1", "ec_cvr", 1, by=SOURCES),
    Check("ec_identity_match_rate", "ec_identity_match_rate", grains=DAYS, by=PLATFORM),
    Check("ec_search_success_rate", "ec_search_success_rate", grains=DAYS, by=PLATFORM),
    Check("ec_pdp_atc_rate", "ec_pdp_atc_rate", by=PLATFORM | {"category": "event__category"}),
    Check("ec_page_crash_rate", "ec_page_crash_rate", by=PLATFORM),
    Check("ec_atc_checkout_rate", "ec_atc_checkout_rate", by=PLATFORM),
    Check("ec_checkout_paid_rate", "ec_checkout_paid_rate", by=PLATFORM),
    Check("ec_service_bad_rating_rate", "ec_service_bad_rating_rate", by=PLATFORM),
    Check("ec_complaint_rate", "ec_complaint_rate", by=PLATFORM),
    Check("ec_on_time_delivery_rate", "ec_on_time_delivery_rate", by={"platform": "order__platform"}),
    Check("ec_repurchase_rate_30d", "ec_repurchase_rate_30d", grains=COHORTS, by=BUYERS),
    Check("ec_repurchase_rate_60d", "ec_repurchase_rate_60d", grains=COHORTS, by=BUYERS),
    Check("ec_repurchase_rate_90d", "ec_repurchase_rate_90d", grains=COHORTS, by=BUYERS),
    # manufacturing, over facts
    Check("mf_availability", "mf_availability", 2, DAYS, OEE),
    Check("mf_availability_v1", "mf_availability", 1, DAYS, OEE),
    Check("mf_performance", "mf_performance", 2, DAYS, OEE | {"product_family": "speed__product_family"}),
    Check("mf_performance_v1", "mf_performance", 1, DAYS, OEE | {"product_family": "speed__product_family"}),
    Check("mf_quality", "mf_quality", 1, DAYS, OEE | {"product_family": "pass_count__product_family"}),
    Check("mf_oee", "mf_oee", 2, DAYS, OEE),
    Check("mf_oee_v1", "mf_oee", 1, DAYS, OEE),
    Check("mf_cycle_time_attainment", "mf_cycle_time_attainment", 1, DAYS, MACHINES),
    Check("mf_unplanned_downtime_rate", "mf_unplanned_downtime_rate", 1, DAYS, MACHINES),
    Check(
        "mf_downtime_coding_rate",
        "mf_downtime_coding_rate",
        1,
        DAYS,
        {"line": "line", "machine": "machine", "shift_name": "shift"},
    ),
    Check("mf_microstop_count", "mf_microstop_count", 1, DAYS, MACHINES, counts=True),
    Check("mf_microstop_minutes", "mf_microstop_minutes", 1, DAYS, MACHINES, counts=True),
    Check("mf_mtbf_hours", "mf_mtbf_hours", 1, ("week", "month"), {"line": "line", "machine": "machine"}),
    Check(
        "mf_fpy",
        "mf_fpy",
        1,
        DAYS,
        {
            "line": "line",
            "product_family": "unit__product_family",
            "shift_name": "shift",
            "line+shift_name": "line,shift",
            "work_order": "work_order",
        },
    ),
    Check("mf_output_units", "mf_output_units", 1, DAYS, {"line": "line", "station": "station"}),
    Check("mf_scan_compliance_rate", "mf_scan_compliance_rate", 1, DAYS, {"line": "line"}),
    Check("mf_rework_rate", "mf_rework_rate", 1, DAYS, {"line": "line"}),
    Check("mf_scrap_rate", "mf_scrap_rate", 1, DAYS, {"line": "line"}),
    Check(
        "mf_scrap_cost",
        "mf_scrap_cost",
        1,
        DAYS,
        {"line": "line", "station": "station", "defect_category": "scrap__defect_category"},
    ),
    Check("mf_loss_cost", "mf_loss_cost", 1, DAYS, {"line": "line", "station": "station"}),
    Check("mf_station_fpy", "mf_station_fpy", 1, DAYS, {"station": "station", "line+station": "line,station"}),
    Check("mf_first_article_pass_rate", "mf_first_article_pass_rate", 1, DAYS, {"line": "line", "shift_name": "shift"}),
    # credit, over facts
    Check("cr_applications", "cr_applications", 1, DAYS, {"channel": "channel", "customer_type": "customer_type"}),
    Check("cr_controllable_time_ratio", "cr_controllable_time_ratio", 1, DAYS, SEGMENTS),
    Check("cr_stp_rate", "cr_stp_rate", 1, DAYS, SEGMENTS),
    Check("cr_manual_review_rate", "cr_manual_review_rate", 1, DAYS, SEGMENTS),
    Check("cr_supplement_rate", "cr_supplement_rate", 1, DAYS, SEGMENTS),
    Check("cr_first_time_pass_rate", "cr_first_time_pass_rate", 1, DAYS, SEGMENTS),
    Check("cr_approval_rate", "cr_approval_rate", 1, DAYS, {"channel": "channel", "customer_type": "customer_type"}),
    Check("cr_node_sla_rate", "cr_node_sla_rate", 1, DAYS, {"node": "node", "channel": "channel"}),
    Check(
        "cr_active_accounts", "cr_active_accounts", 1, CALENDAR, ACCOUNTS | {"fraud_type": "account_stock__fraud_type"}
    ),
    Check("cr_disputed_accounts", "cr_disputed_accounts", 1, CALENDAR, ACCOUNTS, counts=True),
    Check("cr_dpd30_rate", "cr_dpd30_rate", 2, CALENDAR, ACCOUNTS),
    Check("cr_dpd30_rate_v1", "cr_dpd30_rate", 1, CALENDAR, ACCOUNTS),
    Check("cr_fraud_share_of_dpd30", "cr_fraud_share_of_dpd30", 1, ("month",), {"channel": "channel"}),
    Check("cr_wip", "cr_wip", 1, ("day",), {"channel": "channel"}),
    Check("cr_vintage_mob3_dpd30_rate", "cr_vintage_mob3_dpd30_rate", 1, ("cohort_month",), ACCOUNTS),
    Check(
        "cr_fpd7_rate", "cr_fpd7_rate", 1, ("cohort_month",), {"channel": "channel", "customer_type": "customer_type"}
    ),
    Check(
        "cr_fpd30_rate", "cr_fpd30_rate", 1, ("cohort_month",), {"channel": "channel", "customer_type": "customer_type"}
    ),
    Check(
        "cr_dpd1_rate_7d",
        "cr_dpd1_rate_7d",
        1,
        ("week", "month"),
        {"channel": "channel", "customer_type": "customer_type"},
    ),
    Check(
        "cr_dpd1_rate_14d",
        "cr_dpd1_rate_14d",
        1,
        ("week", "month"),
        {"channel": "channel", "customer_type": "customer_type"},
    ),
    Check(
        "cr_roll_rate_1_29_to_30",
        "cr_roll_rate_1_29_to_30",
        1,
        ("month",),
        {"channel": "channel", "customer_type": "customer_type"},
    ),
    Check("cr_ptp_kept_rate", "cr_ptp_kept_rate", 1, DAYS, {"channel": "channel"}),
    Check("cr_cure_rate_1_29", "cr_cure_rate_1_29", 1, DAYS, {"channel": "channel"}),
    # over the rows of kpi_values: the finest grain added up must give the coarser ones
    Check("ec_fast_first_screen_share", "ec_fast_first_screen_share", grains=DAYS),
    Check("ec_key_sku_availability", "ec_key_sku_availability", grains=DAYS),
    Check("ec_key_sku_stockouts", "ec_key_sku_stockouts", grains=DAYS),
    Check("ec_price_competitiveness", "ec_price_competitiveness", grains=DAYS),
    Check("ec_payment_failure_rate", "ec_payment_failure_rate", grains=DAYS),
    Check("ec_event_completeness", "ec_event_completeness", grains=DAYS),
    Check("ec_member_net_adds", "ec_member_net_adds", grains=("month",)),
    Check("ec_member_enrolment_rate", "ec_member_enrolment_rate", grains=("cohort_month",)),
    Check("cr_api_failure_rate", "cr_api_failure_rate", grains=DAYS),
    Check("cr_timeout_abandon_rate", "cr_timeout_abandon_rate", grains=DAYS),
    Check("cr_d1_contact_rate", "cr_d1_contact_rate", grains=DAYS),
    Check("cr_policy_rollout_24h_rate", "cr_policy_rollout_24h_rate", grains=("month",)),
    Check("cr_strict_policy_rate", "cr_strict_policy_rate", grains=("month",)),
    Check("mf_capa_on_time_rate", "mf_capa_on_time_rate", grains=("month",)),
    Check("mf_changeover_minutes", "mf_changeover_minutes", grains=("month",)),
    Check("mf_changeover_standard_rate", "mf_changeover_standard_rate", grains=("month",)),
    Check("mf_mttr_minutes", "mf_mttr_minutes", grains=("month",)),
    Check("mf_data_completeness_rate", "mf_data_completeness_rate", grains=DAYS),
    Check("mf_data_latency_rate", "mf_data_latency_rate", grains=DAYS),
]


def by_slice(kpi_id: str, *dimensions: str, grains: Sequence[str] = DAYS) -> list[Check]:
    """Checks of `<kpi>_by_slice`, a dimension each."""
    by = "kpi_row__sliced_by,kpi_row__member"
    return [Check(f"{kpi_id}_by_slice", kpi_id, 1, grains, {name: by}, member_of=name) for name in dimensions]


CHECKS += [
    *by_slice("ec_fast_first_screen_share", "platform"),
    *by_slice("ec_key_sku_availability", "category", "sku"),
    *by_slice("ec_key_sku_stockouts", "category", "sku"),
    *by_slice("ec_price_competitiveness", "category"),
    *by_slice("ec_payment_failure_rate", "gateway"),
    *by_slice("ec_event_completeness", "event_name", "platform"),
    *by_slice("cr_api_failure_rate", "api"),
    *by_slice("cr_timeout_abandon_rate", "channel"),
    *by_slice("cr_d1_contact_rate", "channel"),
    *by_slice("cr_policy_rollout_24h_rate", "policy", grains=("month",)),
    *by_slice("cr_strict_policy_rate", "policy", grains=("month",)),
    *by_slice("mf_capa_on_time_rate", "defect_category", grains=("month",)),
    *by_slice("mf_changeover_minutes", "line", "machine", grains=("month",)),
    *by_slice("mf_changeover_standard_rate", "line", "machine", grains=("month",)),
    *by_slice("mf_mttr_minutes", "line", "machine", grains=("month",)),
    *by_slice("mf_data_completeness_rate", "source"),
    *by_slice("mf_data_latency_rate", "source"),
]

#: KPIs that no metric states, and why (docs/semantic-layer.md says the same).
NOT_ADDITIVE = {
    "cr_att_avg_minutes": "trimmed",
    "cr_att_p50_minutes": "percentile",
    "cr_att_p90_minutes": "percentile",
    "cr_supplement_cycle_p90_minutes": "percentile",
    "cr_api_p95_latency_ms": "percentile",
    "ec_ttp_median_days": "percentile",
    "ec_dashboard_latency_minutes": "percentile",
    "cr_auc": "statistic",
    "cr_ks": "statistic",
    "cr_psi": "statistic",
    "cr_calibration_deviation": "statistic",
    "mf_rty": "statistic",
    "ec_key_category_cvr": "distinct",
    "ec_message_open_rate": "distinct",
    "ec_message_click_rate": "distinct",
    "ec_winback_conversion_rate": "distinct",
    "ec_member_net_growth_rate": "stock",
    "cr_wip_utilisation": "stock",
}


@pytest.fixture(scope="module")
def engine(demo: Built) -> Engine:
    return Engine(Path(demo.environment["DBT_TARGET_PATH"]) / "semantic_manifest.json")


@pytest.fixture(scope="module")
def warehouse(demo: Built) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(demo.warehouse), read_only=True) as db:
        yield db


def published(db: duckdb.DuckDBPyConnection, check: Check, grain: str, dimension: str) -> dict[Key, tuple[float, bool]]:
    """Value and finality of `kpi_values` by day of the period's start and member."""
    rows = db.execute(
        """select cast(period_start as date), dimension_value, value, is_final from marts.kpi_values
        where kpi_id = ? and version = ? and period_grain = ? and dimension = ? and value is not null""",
        [check.kpi_id, check.version, grain, dimension],
    ).fetchall()
    return {(start, member): (value, final) for start, member, value, final in rows}


def measured(
    db: duckdb.DuckDBPyConnection, engine: Engine, check: Check, grain: str, dimension: str
) -> dict[Key, float]:
    """What the semantic layer answers, keyed alike."""
    groups = check.by[dimension].split(",") if dimension != "all" else []
    cursor = db.execute(engine.sql([check.metric], [f"metric_time__{TIMES.get(grain, grain)}", *groups]))
    names = [column[0] for column in cursor.description]
    found = {}
    for cells in cursor.fetchall():
        row = dict(zip(names, cells, strict=True))
        start, value = row.pop(names[0]), row.pop(check.metric)
        if check.member_of and row.pop("kpi_row__sliced_by") != check.member_of:
            continue
        if start is None or value is None:
            continue
        members = [row[name] for name in groups if name in row]
        member = "+".join("unknown" if part is None else str(part) for part in members) or "all"
        found[start.date() if isinstance(start, dt.datetime) else start, member] = float(value)
    return found


def disagreements(
    db: duckdb.DuckDBPyConnection, engine: Engine, check: Check, grain: str, dimension: str
) -> list[tuple[Key, float | None, float | None]]:
    """Period and member, published, measured: where they differ in a final period, or one side lacks it."""
    expected = published(db, check, grain, dimension)
    assert any(final for _, final in expected.values()), f"{check.kpi_id}: no final {grain} by {dimension} to check"
    got = measured(db, engine, check, grain, dimension)
    wrong: list[tuple[Key, float | None, float | None]] = []
    for key, (value, final) in expected.items():
        found = got.get(key, 0.0 if check.counts else None)
        if final and (found is None or not math.isclose(value, found, rel_tol=1e-9, abs_tol=1e-9)):
            wrong.append((key, value, found))
    final_periods = {start for (start, _), (_, final) in expected.items() if final}
    wrong += [
        (key, None, value)
        for key, value in got.items()
        if key not in expected and key[0] in final_periods and not (check.counts and value == 0)
    ]
    return wrong


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.metric}-{check.member_of or check.version}")
def test_metrics_agree_with_the_published_figures(
    engine: Engine, warehouse: duckdb.DuckDBPyConnection, check: Check
) -> None:
    """The coarsest grain, the whole (a metric by slice: its members)."""
    assert disagreements(warehouse, engine, check, check.grains[-1], check.member_of or "all") == []


@pytest.mark.long
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.metric}-{check.member_of or check.version}")
def test_metrics_agree_at_every_grain_and_by_every_dimension(
    engine: Engine, warehouse: duckdb.DuckDBPyConnection, check: Check
) -> None:
    for grain in check.grains:
        for dimension in [check.member_of] if check.member_of else ["all", *check.by]:
            assert disagreements(warehouse, engine, check, grain, dimension) == [], (grain, dimension)


def test_a_wrong_metric_is_found_out(engine: Engine, warehouse: duckdb.DuckDBPyConnection) -> None:
    """The comparison itself: a metric held against another KPI disagrees."""
    assert disagreements(warehouse, engine, Check("ec_cvr", "ec_cvr", 1), "month", "all")
    assert disagreements(warehouse, engine, Check("ec_gmv", "ec_aov"), "month", "all")


def test_every_additive_kpi_has_a_metric_and_every_metric_a_check(
    engine: Engine, warehouse: duckdb.DuckDBPyConnection
) -> None:
    dictionary = dict(
        warehouse.execute("select kpi_id, kpi_kind from marts.metric_dictionary where status <> 'draft'").fetchall()
    )
    stated = {name: engine.kpi_of(name, dictionary) for name in engine.metrics}
    assert {kpi for kpi in stated.values() if kpi} | set(NOT_ADDITIVE) == set(dictionary)
    assert not {kpi for kpi in stated.values() if kpi} & set(NOT_ADDITIVE)
    assert {name for name, kpi in stated.items() if kpi} == {check.metric for check in CHECKS}
    kinds = {"percentile": {"percentile"}, "statistic": {"statistic"}, "trimmed": {"mean"}}
    for kpi_id, reason in NOT_ADDITIVE.items():
        assert dictionary[kpi_id] in kinds.get(reason, {"ratio"}), kpi_id


def test_the_document_lists_what_is_not_in_it() -> None:
    text = (ROOT / "docs" / "semantic-layer.md").read_text(encoding="utf-8")
    assert [kpi_id for kpi_id in NOT_ADDITIVE if f"`{kpi_id}`" not in text] == []


def test_windows_in_expressions_are_those_of_the_dictionary(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Expressions hold a number only where the KPI's name says it; the dictionary must say the same."""
    parameters = {
        (kpi_id, name): value
        for kpi_id, name, value in warehouse.execute(
            "select metric_id, parameter, value from staging.stg_dictionary__parameters where version = 1"
        ).fetchall()
    }
    for days in (30, 60, 90):
        assert parameters[f"ec_repurchase_rate_{days}d", "window_days"] == days
    assert parameters["cr_vintage_mob3_dpd30_rate", "mob"] == 3
    assert parameters["cr_stp_rate", "final_decisions"] == 1


def test_metrics_stand_in_files_of_their_own() -> None:
    """Metrics nested under models make dbt parse every file anew."""
    for path in (ROOT / "models").rglob("*.yml"):
        content = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader) or {}
        nested = [model["name"] for model in content.get("models", []) if {"metrics", "semantic_model"} & set(model)]
        assert not nested, (path, nested)
        if path.parent.name != "semantic":
            assert not {"metrics", "semantic_models"} & set(content), path


@pytest.mark.long
def test_the_command_of_the_document_answers(demo: Built, project_copy: Path, tmp_path: Path) -> None:
    """`mf query` as the document shows it, in a project of its own."""
    # other tests read the warehouse meanwhile; a copy keeps its name, for views refer to it
    warehouse = tmp_path / demo.warehouse.name
    shutil.copyfile(demo.warehouse, warehouse)
    environment = {
        **os.environ,
        **demo.environment,
        "KPI_WAREHOUSE": str(warehouse),
        "DBT_TARGET_PATH": "target",
        "DBT_LOG_PATH": str(tmp_path / "logs"),
    }
    tools = Path(sys.executable).parent
    subprocess.run(
        [str(tools / "dbt"), "parse", "--quiet"], cwd=project_copy, env=environment, check=True, capture_output=True
    )
    out = tmp_path / "out.csv"
    text = (ROOT / "docs" / "semantic-layer.md").read_text(encoding="utf-8")
    command = re.search(r"^mf (query .*)$", text, re.MULTILINE)
    assert command
    subprocess.run(
        [str(tools / "mf"), *shlex.split(command[1]), "--csv", str(out)],
        cwd=project_copy,
        env=environment,
        check=True,
        capture_output=True,
    )
    lines = out.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("metric_time__month") and len(lines) > 3
