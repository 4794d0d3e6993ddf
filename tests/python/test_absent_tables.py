"""A KPI has no rows where a table that it counts is missing or empty, or lacks the optional column that it counts.

What each KPI counts is written down here once more, from the specification: never an error, never a zero, and nothing
else falls silent with it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .support.lander import Lander
from .support.landing_bench import LandingBench

pytestmark = pytest.mark.long

#: Days past due: accounts, and instalments with repayments or the lender's own snapshots.
DPD = ["accounts", "instalments dpd_snapshots", "repayments dpd_snapshots"]
PROCESS = ["applications", "application_events"]
#: What must be there for each KPI; words in one text: one of them is enough.
COUNTS: dict[str, dict[str, list[str]]] = {
    "ecommerce": {
        "ec_cvr": ["events", "orders"],
        "ec_key_category_cvr": ["events", "orders", "order_items", "products", "key_categories"],
        "ec_repurchase_rate_30d": ["orders"],
        "ec_repurchase_rate_60d": ["orders"],
        "ec_repurchase_rate_90d": ["orders"],
        "ec_repeat_gmv_share": ["orders"],
        "ec_pdp_atc_rate": ["events"],
        "ec_atc_checkout_rate": ["events"],
        "ec_checkout_paid_rate": ["events", "orders"],
        "ec_search_success_rate": ["events"],
        "ec_fast_first_screen_share": ["events", "events.latency_ms"],
        "ec_key_sku_availability": ["inventory_snapshots", "products", "products.is_key_sku"],
        "ec_key_sku_stockouts": ["inventory_snapshots", "products", "products.is_key_sku"],
        "ec_price_competitiveness": ["events", "price_comparisons", "products", "products.is_key_sku"],
        "ec_payment_failure_rate": ["payment_attempts"],
        "ec_ttp_median_days": ["orders"],
        "ec_member_net_adds": ["members"],
        "ec_member_net_growth_rate": ["members"],
        "ec_member_enrolment_rate": ["members", "orders"],
        "ec_message_open_rate": ["messages", "messages.opened_at"],
        "ec_message_click_rate": ["messages", "messages.clicked_at"],
        "ec_winback_conversion_rate": ["campaigns", "campaign_audience", "orders", "messages events"],
        "ec_identity_match_rate": ["events"],
        "ec_event_completeness": ["events", "server_event_counts"],
        "ec_dashboard_latency_minutes": ["dashboard_refreshes"],
        "ec_mta_coverage_rate": ["orders", "ad_touches"],
        "ec_gmv": ["orders"],
        "ec_aov": ["orders"],
        "ec_gross_margin_rate": ["orders", "orders.cost_amount order_items"],
        "ec_refund_rate": ["orders", "refunds"],
        "ec_member_sales_share": ["orders", "members"],
        "ec_service_bad_rating_rate": ["service_tickets", "service_tickets.rating"],
        "ec_complaint_rate": ["service_tickets", "orders"],
        "ec_on_time_delivery_rate": ["deliveries"],
        "ec_page_crash_rate": ["events"],
    },
    "manufacturing": {
        "mf_fpy": ["unit_operations", "inspections", "routings", "work_orders"],
        "mf_oee": ["machine_states", "shift_calendar", "machines", "unit_operations", "ideal_cycle_times"],
        "mf_availability": ["machine_states", "shift_calendar", "machines"],
        "mf_performance": [
            "machine_states", "shift_calendar", "machines", "ideal_cycle_times", "counter_readings unit_operations",
        ],
        "mf_quality": ["unit_operations", "shift_calendar", "machines"],
        "mf_station_fpy": ["unit_operations"],
        "mf_rty": ["unit_operations"],
        "mf_rework_rate": ["rework_orders", "unit_operations", "routings", "work_orders"],
        "mf_scrap_rate": ["scrap_reports", "unit_operations", "routings", "work_orders"],
        "mf_scrap_cost": ["scrap_reports", "standard_costs"],
        "mf_capa_on_time_rate": [
            "inspections", "capa_actions", "capa_actions.closed_at", "capa_actions.effectiveness_verified",
        ],
        "mf_first_article_pass_rate": ["first_article_inspections"],
        "mf_unplanned_downtime_rate": ["machine_states", "shift_calendar", "machines"],
        "mf_mtbf_hours": ["machine_states", "shift_calendar", "machines"],
        "mf_mttr_minutes": ["maintenance_orders"],
        "mf_cycle_time_attainment": [
            "machine_states", "shift_calendar", "machines", "ideal_cycle_times", "counter_readings unit_operations",
        ],
        "mf_microstop_count": ["machine_states", "shift_calendar", "machines"],
        "mf_microstop_minutes": ["machine_states", "shift_calendar", "machines"],
        "mf_changeover_minutes": ["changeovers", "changeovers.first_good_at"],
        "mf_changeover_standard_rate": ["changeovers", "changeovers.first_good_at", "changeover_standards"],
        "mf_downtime_coding_rate": ["machine_states", "shift_calendar", "machines"],
        "mf_scan_compliance_rate": [
            "scans", "unit_operations", "routings", "work_orders", "routings.scan_node", "routings.scan_required",
        ],
        "mf_data_completeness_rate": ["sensor_records"],
        "mf_data_latency_rate": ["sensor_records"],
        "mf_output_units": ["unit_operations", "routings", "work_orders"],
        "mf_loss_cost": [
            "scrap_reports", "standard_costs", "machine_states", "ideal_cycle_times", "machine_hour_costs",
            "counter_readings unit_operations",
        ],
    },
    "credit": {
        **dict.fromkeys(("cr_att_avg_minutes", "cr_att_p50_minutes", "cr_att_p90_minutes", "cr_controllable_time_ratio", "cr_stp_rate", "cr_supplement_rate", "cr_timeout_abandon_rate"), PROCESS),
        "cr_approval_rate": [*PROCESS, "application_events.outcome"],
        "cr_manual_review_rate": [*PROCESS, "application_events.node"],
        "cr_first_time_pass_rate": [*PROCESS, "application_events.node"],
        "cr_applications": ["applications"],
        "cr_supplement_cycle_p90_minutes": ["application_events"],
        "cr_node_sla_rate": ["application_events", "application_events.node"],
        "cr_api_p95_latency_ms": ["api_calls", "api_calls.latency_ms"],
        "cr_api_failure_rate": ["api_calls", "api_calls.latency_ms"],
        "cr_wip": ["application_events"],
        "cr_wip_utilisation": ["application_events", "capacity_forecasts"],
        "cr_dpd30_rate": DPD,
        "cr_active_accounts": ["accounts"],
        "cr_disputed_accounts": ["accounts", "accounts.disputed_from"],
        "cr_vintage_mob3_dpd30_rate": DPD,
        **{
            kpi: ["accounts", "instalments", "repayments"]
            for kpi in ("cr_fpd7_rate", "cr_fpd30_rate", "cr_dpd1_rate_7d", "cr_dpd1_rate_14d")
        },
        "cr_roll_rate_1_29_to_30": DPD,
        "cr_calibration_deviation": [*DPD, "scores", "scores.expected_pd"],
        "cr_psi": ["scores", "scores.is_development_sample", "score_bands"],
        "cr_ks": [*DPD, "scores"],
        "cr_auc": [*DPD, "scores"],
        "cr_fraud_share_of_dpd30": [*DPD, "fraud_flags"],
        "cr_d1_contact_rate": ["accounts", "instalments", "repayments", "collection_contacts"],
        "cr_ptp_kept_rate": ["promises_to_pay", "repayments"],
        "cr_cure_rate_1_29": DPD,
        "cr_strict_policy_rate": ["policy_decisions"],
        "cr_policy_rollout_24h_rate": ["policy_changes", "policy_changes.fully_effective_at"],
    },
}  # fmt: skip
#: What falls silent although it does not count the table: there is nothing left that it could say.
FOLLOWS = {
    ("credit", "instalments"): {
        "cr_ks",
        "cr_auc",
        "cr_fraud_share_of_dpd30",
    },  # no account of 30 days by snapshots alone
    ("manufacturing", "unit_operations"): {"mf_scrap_cost"},  # no product, no valid cost
    ("manufacturing", "counter_readings unit_operations"): {"mf_scrap_cost"},
    ("manufacturing", "work_orders"): {"mf_scrap_cost", "mf_changeover_standard_rate"},  # no family, no standard
}
#: Tables that only add to what others say, or exclude: without them every KPI speaks.
ADDITIONS = [
    ("ecommerce", "identity_links"),
    ("manufacturing", "counter_readings"),
    ("manufacturing", "calendar_breaks"),
    ("credit", "dpd_snapshots"),
]
ABSENCES = ADDITIONS + sorted(
    {(domain, part) for domain, kpis in COUNTS.items() for parts in kpis.values() for part in parts}
)
#: Landed without a row: each way in which a model asks for its tables once.
EMPTIED = [
    ("ecommerce", "orders"), ("ecommerce", "messages events"), ("ecommerce", "ad_touches"), ("ecommerce", "members"),
    ("ecommerce", "service_tickets"), ("manufacturing", "sensor_records"), ("manufacturing", "inspections"),
    ("credit", "accounts"), ("credit", "fraud_flags"),
]  # fmt: skip


def silent(domain: str, absence: str) -> set[str]:
    """The KPIs that have no rows where these tables or columns are not there."""
    gone = set(absence.split())

    def is_gone(part: str) -> bool:
        return part in gone or part.partition(".")[0] in gone

    return {kpi for kpi, parts in COUNTS[domain].items() if any(all(map(is_gone, part.split())) for part in parts)}


def test_every_kpi_is_written_down_and_has_rows(landing_bench: LandingBench) -> None:
    for domain, kpis in COUNTS.items():
        assert set(landing_bench.kpis(domain)) == set(kpis)


def speaking(bench: LandingBench, domain: str, absence: str) -> set[str]:
    """The KPIs that have rows and should not, or have none and should."""
    quiet = set(COUNTS[domain]) - set(bench.kpis(domain))
    return quiet ^ (silent(domain, absence) | FOLLOWS.get((domain, absence), set()))


@pytest.mark.parametrize(("domain", "absence"), ABSENCES)
def test_what_counts_an_absent_table_says_nothing(landing_bench: LandingBench, domain: str, absence: str) -> None:
    with landing_bench.without(domain, absence.split()):
        assert speaking(landing_bench, domain, absence) == set()


@pytest.mark.parametrize(("domain", "absence"), EMPTIED)
def test_an_empty_table_is_as_an_absent_one(landing_bench: LandingBench, domain: str, absence: str) -> None:
    with landing_bench.without(domain, absence.split(), emptied=True):
        assert speaking(landing_bench, domain, absence) == set()


def test_a_raw_root_without_the_table_says_the_same(tmp_path: Path, demo_raw: Path) -> None:
    """The bench takes rows out of staging; here the files themselves are missing."""
    lander = Lander(tmp_path)
    lander.prepare()
    for table in ("accounts", "instalments", "repayments"):
        for file in (demo_raw / "credit" / table).iterdir():
            lander.write("credit", table, file.name, file.read_bytes())
    layers = (f"tag:credit,path:models/{layer}" for layer in ("staging", "intermediate", "marts", "kpis"))
    lander.models("path:models/staging/dictionary", *layers)
    tables = "select table_name from information_schema.tables where table_schema = 'kpis'"
    names = [name for (name,) in lander.rows(tables)]
    union = " union all ".join(f"select kpi_id from kpis.{name}" for name in names)
    got = {kpi for (kpi,) in lander.rows(f"select distinct kpi_id from ({union})")}
    landed = {"accounts", "instalments", "repayments"}
    counted = {part for parts in COUNTS["credit"].values() for part in " ".join(parts).split()}
    gone = {part for part in counted if part.partition(".")[0] not in landed}
    assert set(COUNTS["credit"]) - got == silent("credit", " ".join(gone))
