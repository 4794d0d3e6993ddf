"""The seeds of the metric dictionary agree with each other and with the governance rules."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from datetime import date
from pathlib import Path
from statistics import NormalDist

import duckdb
import numpy as np
import pytest
import yaml

from kpi_warehouse.governance.words import IMPACT_UNITS

from .conftest import shared

SEEDS = Path(__file__).parents[2] / "seeds" / "dictionary"
DOMAINS = ("ecommerce", "manufacturing", "credit")
PREFIX = {"ecommerce": "ec_", "manufacturing": "mf_", "credit": "cr_"}
GRAINS = {
    "quarter_hour", "hour", "shift", "day", "week", "month", "quarter", "cohort_week", "cohort_month",
}  # fmt: skip
# What the specification ships with two versions and in real time; changes under governance may add to it.
TWO_VERSIONS = {"ec_cvr", "mf_oee", "mf_availability", "mf_performance", "cr_dpd30_rate"}
REAL_TIME = {
    "ec_cvr",
    "ec_checkout_paid_rate",
    "ec_payment_failure_rate",
    "ec_fast_first_screen_share",
    "ec_key_sku_availability",
}
WITHOUT_ALL = {"mf_rty", "cr_psi"}
# The quarter target of net growth is stated by the source, the KPI is published by week and month.
UNPUBLISHED_TARGET_GRAINS = {("ec_member_net_growth_rate", "quarter")}

Row = dict[str, str]


def read(name: str) -> list[Row]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def read_all(name: str) -> list[Row]:
    return [row for domain in DOMAINS for row in read(f"{name}_{domain}")]


def day(text: str, default: date) -> date:
    return date.fromisoformat(text) if text else default


def split(text: str) -> list[str]:
    return text.split("|") if text else []


DEFINITIONS = read_all("metric_definitions")
PARAMETERS = read_all("metric_parameters")
APPROVALS = read_all("metric_approvals")
TARGETS = read_all("kpi_targets")
ALERTS = read_all("alert_rules")
OWNERS = {row["role"]: row for row in read("owners")}
KPIS = {row["kpi_id"] for row in DEFINITIONS}
VERSIONS = {(row["kpi_id"], row["version"]): row for row in DEFINITIONS}

KEYS = {
    **{f"metric_definitions_{d}": ("kpi_id", "version") for d in DOMAINS},
    **{f"metric_parameters_{d}": ("metric_id", "version", "parameter") for d in DOMAINS},
    **{f"metric_approvals_{d}": ("kpi_id", "version", "role") for d in DOMAINS},
    **{f"kpi_targets_{d}": ("target_id",) for d in DOMAINS},
    **{f"alert_rules_{d}": ("rule_id",) for d in DOMAINS},
    "alert_terms": ("term",),
    "metric_changelog": ("kpi_id", "version"),
    "metric_translations": ("kpi_id", "version"),
    "required_approvals": ("domain", "role"),
    "source_contradictions": ("contradiction_id",),
    "kpi_dq_dependencies": ("kpi_prefix", "depends_on_kpi_id"),
    "owners": ("role",),
    "bottleneck_stations": ("station_id", "kpi_id", "valid_from"),
    "dq_checks": ("rule_id", "domain"),
    "released_checksums": ("kpi_id", "version"),
    "plausible_ranges": ("kpi_id", "version"),
    "kpi_components": ("kpi_id", "version", "component_kpi_id", "component_version"),
    "distinct_person_kpis": ("kpi_id",),
}


def test_every_seed_file_is_known() -> None:
    assert {path.stem for path in SEEDS.glob("*.csv")} == set(KEYS)


@pytest.mark.parametrize(("name", "key"), KEYS.items())
def test_keys_are_unique_and_set(name: str, key: tuple[str, ...]) -> None:
    rows = read(name)
    assert rows
    counts = Counter(tuple(row[column] for column in key) for row in rows)
    assert [k for k, n in counts.items() if n > 1] == []
    assert [k for k in counts if not all(k)] == []


@pytest.mark.parametrize("name", KEYS)
def test_files_are_clean_csv(name: str) -> None:
    raw = (SEEDS / f"{name}.csv").read_bytes()
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in raw
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    assert [row for row in rows if len(row) != len(header)] == []
    assert [cell for row in rows for cell in row if cell != cell.strip()] == []


def test_properties_describe_every_column() -> None:
    properties = yaml.safe_load((SEEDS / "_dictionary__seeds.yml").read_text(encoding="utf-8"))
    described = {seed["name"]: seed for seed in properties["seeds"]}
    assert set(described) == set(KEYS)
    for name, seed in described.items():
        with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
            header = next(csv.reader(handle))
        assert [column["name"] for column in seed["columns"]] == header
        assert list(seed["config"]["column_types"]) == header
        assert all(column["description"] for column in seed["columns"])


# --------------------------------------------------------------------------- definitions


def test_ids_lie_in_their_domain() -> None:
    for domain in DOMAINS:
        for row in read(f"metric_definitions_{domain}"):
            assert row["domain"] == domain
            assert row["kpi_id"].startswith(PREFIX[domain])


def test_no_text_is_empty() -> None:
    optional = {"parallel_from", "effective_from", "effective_to", "supersedes_version"}
    empty = [
        (row["kpi_id"], row["version"], column)
        for row in DEFINITIONS
        for column, value in row.items()
        if column not in optional and not value
    ]
    assert empty == []


def test_chinese_texts_are_chinese() -> None:
    def has_han(text: str) -> bool:
        return re.search("[一-鿿]", text) is not None

    texts = [(row["kpi_id"], row[c]) for row in DEFINITIONS for c in ("kpi_name_zh", "definition_zh")]
    texts += [(row["rule_id"], row["response_zh"]) for row in ALERTS]
    texts += [(row["contradiction_id"], row["topic_zh"]) for row in read("source_contradictions")]
    texts += [(role, row["name_zh"]) for role, row in OWNERS.items()]
    only_latin_names = {"cr_att_p50_minutes", "cr_att_p90_minutes"}
    assert [t for t in texts if not has_han(t[1]) and t[0] not in only_latin_names] == []
    assert [t for t in texts if not t[1]] == []


def test_grains_and_dimensions_are_well_formed() -> None:
    for row in DEFINITIONS:
        grains, dimensions = split(row["grains"]), split(row["dimensions"])
        assert grains and set(grains) <= GRAINS, row["kpi_id"]
        assert len(set(grains)) == len(grains)
        assert len(set(dimensions)) == len(dimensions)
        if row["kpi_id"] in WITHOUT_ALL:
            assert "all" not in dimensions
        else:
            assert dimensions[0] == "all", row["kpi_id"]
        joined = [part for dimension in dimensions for part in dimension.split("+")]
        assert all(re.fullmatch("[a-z_0-9]+", part) for part in joined)


def test_the_five_have_real_time_grains() -> None:
    for row in DEFINITIONS:
        grains = set(split(row["grains"]))
        assert ("quarter_hour" in grains) == ("hour" in grains) or row["seed_code"] == "CR-08", row["kpi_id"]
        assert row["kpi_id"] not in REAL_TIME or "quarter_hour" in grains


def test_versions_of_a_kpi_share_their_shape() -> None:
    later = [row for row in DEFINITIONS if row["supersedes_version"]]
    for second in later:
        first = VERSIONS[second["kpi_id"], second["supersedes_version"]]
        for column in ("kpi_kind", "unit", "direction", "domain", "seed_code"):
            assert first[column] == second[column], second["kpi_id"]
        said = ("definition_en", "formula", "edge_cases")
        assert any(first[column] != second[column] for column in said), second["kpi_id"]
        assert second["change_reason"] != first["change_reason"], second["kpi_id"]


def test_vocabularies() -> None:
    uses = {"process_control", "budget", "risk_warning", "appraisal"}
    for row in DEFINITIONS:
        assert split(row["use_cases"]) and set(split(row["use_cases"])) <= uses
        assert all(source.startswith(f"{row['domain']}.") for source in split(row["data_sources"]))
        assert {row["owner_role"], row["data_owner_role"]} <= set(OWNERS)


def test_rates_have_a_denominator_and_counts_none() -> None:
    for row in DEFINITIONS:
        none = row["denominator_definition"].startswith("None")
        assert none == (row["kpi_kind"] not in {"ratio", "mean"}), row["kpi_id"]


# --------------------------------------------------------------------------- versions and approvals


def test_versions_are_counted_from_one_without_a_gap() -> None:
    for kpi in KPIS:
        numbers = sorted(int(version) for k, version in VERSIONS if k == kpi)
        assert numbers == list(range(1, len(numbers) + 1)), kpi
        assert kpi not in TWO_VERSIONS or len(numbers) > 1, kpi


def test_one_version_is_under_way_at_most() -> None:
    under_way = Counter(row["kpi_id"] for row in DEFINITIONS if row["status"] in {"draft", "parallel"})
    assert [kpi for kpi, n in under_way.items() if n > 1] == []


def test_versions_in_force_neither_overlap_nor_leave_a_gap() -> None:
    for kpi in KPIS:
        spans = sorted(
            (day(r["effective_from"], date.min), day(r["effective_to"], date.max))
            for (k, _), r in VERSIONS.items()
            if k == kpi and r["status"] in {"active", "retired"}
        )
        assert all(start < end for start, end in spans), kpi
        assert all(a[1] == b[0] for a, b in itertools.pairwise(spans)), kpi
        # a KPI may end without a successor, but not begin later than its figures
        assert not spans or spans[0][0] == date.min, kpi


def test_later_versions_run_in_parallel_for_a_month() -> None:
    later = [row for row in DEFINITIONS if row["version"] != "1"]
    assert later
    for row in later:
        assert row["supersedes_version"] == str(int(row["version"]) - 1)
        parallel, effective = (date.fromisoformat(row[c]) for c in ("parallel_from", "effective_from"))
        months = (effective.year - parallel.year) * 12 + effective.month - parallel.month
        assert months - (effective.day < parallel.day) >= 1, row["kpi_id"]


def test_released_versions_have_every_approval_in_time() -> None:
    required = {(r["domain"], r["role"]) for r in read("required_approvals")}
    given = {(r["kpi_id"], r["version"], r["role"]): date.fromisoformat(r["approved_on"]) for r in APPROVALS}
    for (kpi, version), row in VERSIONS.items():
        roles = {role for domain, role in required if domain == row["domain"]}
        assert len(roles) >= 2
        if row["status"] == "draft":
            continue  # approvals are being gathered
        for role in roles:
            approved = given[kpi, version, role]
            assert approved < day(row["parallel_from"] or row["effective_from"], date.max)


def test_approvals_name_known_versions_and_roles() -> None:
    assert [a for a in APPROVALS if (a["kpi_id"], a["version"]) not in VERSIONS] == []
    assert {a["role"] for a in APPROVALS} <= set(OWNERS)


def test_drafts_are_not_released() -> None:
    drafts = [row for row in DEFINITIONS if row["status"] == "draft"]
    assert not any(row["effective_to"] for row in drafts)
    used = {(row["kpi_id"], row["version"] or "1") for row in (*TARGETS, *ALERTS)}
    assert not used & {(row["kpi_id"], row["version"]) for row in drafts}


def test_every_change_has_a_line_in_the_changelog() -> None:
    logged = {(row["kpi_id"], row["version"]): row for row in read("metric_changelog")}
    assert set(logged) == {key for key, row in VERSIONS.items() if row["supersedes_version"]}
    for key, row in logged.items():
        approvals = [a["approved_on"] for a in APPROVALS if (a["kpi_id"], a["version"]) == key]
        assert all(row["changed_on"] <= approved_on for approved_on in approvals), key


def test_every_version_has_a_chinese_reading() -> None:
    rows = {(row["kpi_id"], row["version"]): row for row in read("metric_translations")}
    assert set(rows) == set(VERSIONS)
    for key, row in rows.items():
        if VERSIONS[key]["status"] == "draft":
            continue  # still being written
        texts = {column: text for column, text in row.items() if column.endswith("_zh")}
        assert len(texts) == 4 and [c for c, text in texts.items() if not re.search("[一-鿿]", text)] == [], key
        # a figure without a denominator has none in Chinese either
        none = VERSIONS[key]["denominator_definition"].startswith("None")
        assert none == row["denominator_definition_zh"].startswith("无"), key


# --------------------------------------------------------------------------- parameters

# Every value that the KPI specification keeps in brackets, or names as a constant of a definition.
CONSTANTS = [
    ("ec_rule_identity", 1, "ttl_days_phone", 3650),
    ("ec_rule_identity", 1, "ttl_days_device", 180),
    ("ec_rule_identity", 1, "ttl_days_cookie", 30),
    ("ec_rule_identity", 1, "ttl_days_fingerprint", 7),
    ("ec_rule_traffic", 1, "max_events_per_ip_minute", 300),
    ("ec_rule_traffic", 1, "max_events_per_session", 500),
    ("ec_rule_session", 1, "gap_minutes", 30),
    ("ec_rule_realtime", 1, "window_hours", 48),
    ("ec_key_category_cvr", 1, "view_window_days", 7),
    ("ec_repurchase_rate_30d", 1, "window_days", 30),
    ("ec_repurchase_rate_60d", 1, "window_days", 60),
    ("ec_repurchase_rate_90d", 1, "window_days", 90),
    ("ec_fast_first_screen_share", 1, "latency_max_ms", 2000),
    ("ec_key_sku_availability", 1, "snapshot_max_hours", 24),
    ("ec_price_competitiveness", 1, "comparison_max_hours", 24),
    ("ec_member_enrolment_rate", 1, "window_days", 30),
    ("ec_message_open_rate", 1, "window_hours", 72),
    ("ec_message_click_rate", 1, "window_hours", 72),
    ("ec_winback_conversion_rate", 1, "click_window_days", 7),
    ("ec_dashboard_latency_minutes", 1, "percentile", 0.95),
    ("mf_rule_stops", 1, "micro_stop_seconds", 300),
    ("mf_data_latency_rate", 1, "latency_max_seconds", 60),
    ("mf_capa_on_time_rate", 1, "top_categories", 3),
    ("mf_oee", 1, "overrun_is_downtime", 0),
    ("mf_oee", 2, "overrun_is_downtime", 1),
    ("mf_availability", 1, "overrun_is_downtime", 0),
    ("mf_availability", 2, "overrun_is_downtime", 1),
    ("mf_performance", 1, "overrun_is_downtime", 0),
    ("mf_performance", 2, "overrun_is_downtime", 1),
    ("cr_rule_dpd", 1, "grace_days", 2),
    ("cr_rule_dpd", 1, "coverage_tolerance", 0.005),
    ("cr_rule_snapshots", 1, "max_age_days", 31),
    ("cr_att_avg_minutes", 1, "trim_percentile", 0.99),
    ("cr_att_p50_minutes", 1, "percentile", 0.5),
    ("cr_att_p90_minutes", 1, "percentile", 0.9),
    ("cr_supplement_cycle_p90_minutes", 1, "percentile", 0.9),
    ("cr_api_p95_latency_ms", 1, "latency_max_ms", 30000),
    ("cr_api_failure_rate", 1, "latency_max_ms", 30000),
    ("cr_timeout_abandon_rate", 1, "timeout_minutes", 120),
    ("cr_dpd30_rate", 1, "dpd_min", 30),
    ("cr_dpd30_rate", 1, "dpd_max", 59),
    ("cr_dpd30_rate", 2, "dpd_min", 30),
    ("cr_fpd7_rate", 1, "window_days", 7),
    ("cr_fpd30_rate", 1, "window_days", 30),
    ("cr_dpd1_rate_7d", 1, "window_days", 7),
    ("cr_dpd1_rate_14d", 1, "window_days", 14),
    ("cr_psi", 1, "empty_band_share", 0.0001),
    ("cr_auc", 1, "tie_weight", 0.5),
    ("cr_cure_rate_1_29", 1, "window_days", 30),
    ("cr_policy_rollout_24h_rate", 1, "window_hours", 24),
]


@pytest.mark.parametrize(("metric", "version", "parameter", "value"), CONSTANTS)
def test_constant_is_kept_as_a_parameter(metric: str, version: int, parameter: str, value: float) -> None:
    found = {(p["metric_id"], int(p["version"]), p["parameter"]): float(p["value"]) for p in PARAMETERS}
    assert found[metric, version, parameter] == value


def test_version_two_of_dpd30_has_no_upper_bound() -> None:
    names = {p["parameter"] for p in PARAMETERS if (p["metric_id"], p["version"]) == ("cr_dpd30_rate", "2")}
    assert "dpd_max" not in names


def test_parameters_belong_to_a_version_or_a_rule() -> None:
    for p in PARAMETERS:
        if "_rule_" in p["metric_id"]:
            assert p["version"] == "1"
        else:
            assert (p["metric_id"], p["version"]) in VERSIONS, p["metric_id"]
        assert p["unit"] and p["description_en"]


# --------------------------------------------------------------------------- targets


def test_targets_fit_their_kpi() -> None:
    for t in TARGETS:
        definition = VERSIONS[t["kpi_id"], t["version"] or "1"]
        assert t["dimension"] in split(definition["dimensions"]), t["target_id"]
        if (t["kpi_id"], t["period_grain"]) not in UNPUBLISHED_TARGET_GRAINS:
            assert t["period_grain"] in split(definition["grains"]), t["target_id"]
        assert (t["dimension"] == "all") == (t["dimension_value"] == "all"), t["target_id"]
        assert t["seed_reference"]


def test_a_target_states_exactly_one_thing() -> None:
    kinds = ("target_value", "relative_to_baseline", "points_to_baseline", "change_on_previous", "monthly_step")
    for t in TARGETS:
        assert sum(bool(t[kind]) for kind in kinds) == 1, t["target_id"]
        assert bool(t["change_on_previous"]) == bool(t["change_is_relative"]), t["target_id"]


def test_targets_over_distinct_persons_bind_one_grain() -> None:
    binding = {row["kpi_id"]: row["binding_grain"] for row in read("distinct_person_kpis")}
    stated = [t for t in TARGETS if t["kpi_id"] in binding]
    assert {t["kpi_id"] for t in stated} == set(binding)
    assert [t["target_id"] for t in stated if t["period_grain"] != binding[t["kpi_id"]]] == []


def test_a_target_against_a_measured_past_names_its_period() -> None:
    for t in TARGETS:
        against = t["relative_to_baseline"] or t["points_to_baseline"] or t["monthly_step"]
        own = t["condition"] in ("margin_budget", "same_month_last_year")
        assert bool(against and not own) == bool(t["baseline_from"] and t["baseline_to"]), t["target_id"]
        assert bool(t["monthly_step"]) == bool(t["end_value"]), t["target_id"]


def test_comparators_suit_the_direction() -> None:
    allowed = {"higher_is_better": {">=", ">"}, "lower_is_better": {"<=", "<"}, "in_range": {"between"}}
    for t in TARGETS:
        assert t["comparator"] in allowed[VERSIONS[t["kpi_id"], "1"]["direction"]], t["target_id"]
        if t["comparator"] == "between":
            assert float(t["target_value"]) < float(t["target_value_upper"])
        else:
            assert not t["target_value_upper"]


def test_rates_are_fractions() -> None:
    for t in TARGETS:
        if VERSIONS[t["kpi_id"], "1"]["unit"] != "ratio":
            continue
        for column in ("target_value", "baseline_value", "points_to_baseline", "tolerance"):
            assert not t[column] or abs(float(t[column])) <= 1, t["target_id"]


def test_absolute_targets_improve_on_their_baseline() -> None:
    for t in TARGETS:
        if t["target_value"] and t["baseline_value"]:
            better = float(t["target_value"]) - float(t["baseline_value"])
            assert better * (1 if t["comparator"].startswith(">") else -1) >= 0, t["target_id"]


def test_validity_and_stages_do_not_overlap() -> None:
    slices: dict[tuple[str, ...], list[Row]] = {}
    for t in TARGETS:
        if t["target_value"]:
            key = ("kpi_id", "version", "dimension", "dimension_value", "period_grain", "condition")
            slices.setdefault(tuple(t[c] for c in key), []).append(t)
    for key, rows in slices.items():
        spans = sorted((day(t["valid_from"], date.min), day(t["valid_to"], date.max)) for t in rows)
        stages = sorted((int(t["stage_from_month"] or 0), int(t["stage_to_month"] or 999)) for t in rows)
        assert all(start < end for start, end in spans)
        assert all(start <= end for start, end in stages)
        by_date = all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
        by_stage = all(a[1] < b[0] for a, b in itertools.pairwise(stages))
        assert by_date or by_stage, key


def test_monthly_series_of_the_programmes() -> None:
    def series(kpi: str, dimension: str = "all") -> list[float]:
        rows = [
            t
            for t in TARGETS
            if t["kpi_id"] == kpi
            and t["dimension"] == dimension
            and t["period_grain"] == "month"
            and re.fullmatch(r"M\d", t["stage"])
            and t["target_value"]
        ]
        assert all(t["stage"] == f"M{t['stage_from_month']}" for t in rows)
        return [float(t["target_value"]) for t in sorted(rows, key=lambda t: t["stage"])]

    for dimension in ("all", "line"):
        assert series("mf_fpy", dimension) == [0.94, 0.945, 0.95, 0.953, 0.956, 0.96]
        assert series("mf_oee", dimension) == [0.695, 0.71, 0.725, 0.735, 0.742, 0.75]
    assert series("cr_att_avg_minutes") == [1440, 960, 720]
    assert series("cr_dpd30_rate") == [0.03, 0.028, 0.026]
    assert series("mf_downtime_coding_rate") == [0.85, 0.95, 0.98]


def test_targets_of_dpd30_are_on_a_version_without_an_upper_bound() -> None:
    rows = [r for r in (*TARGETS, *ALERTS) if r["kpi_id"] == "cr_dpd30_rate"]
    assert rows and all(r["version"] for r in rows)
    bounded = {p["version"] for p in PARAMETERS if (p["metric_id"], p["parameter"]) == ("cr_dpd30_rate", "dpd_max")}
    assert not {r["version"] for r in rows} & bounded


def test_quality_kpis_have_standing_targets() -> None:
    """Suspension of appraisal needs an unconditional target at day or shift grain from some day on."""
    for row in read("kpi_dq_dependencies"):
        kpi = row["depends_on_kpi_id"]
        if kpi.startswith(("cr_check_", "cr_ready_")):
            continue
        assert kpi.startswith(row["kpi_prefix"])
        grains = {
            t["period_grain"]
            for t in TARGETS
            if t["kpi_id"] == kpi and t["dimension"] == "all" and not t["condition"] and not t["valid_to"]
        }
        assert grains >= set(split(VERSIONS[kpi, "1"]["grains"])), kpi


def test_bottlenecks_have_targets_and_a_baseline_where_these_need_one() -> None:
    rows = read("bottleneck_stations")
    for row in rows:
        targets = [t for t in TARGETS if (t["condition"], t["kpi_id"]) == ("bottleneck_station", row["kpi_id"])]
        assert targets, row
        needed = any(t["points_to_baseline"] or t["relative_to_baseline"] for t in targets)
        assert not needed or row["baseline_value"], row
        assert day(row["valid_from"], date.min) < day(row["valid_to"], date.max) and row["named_by"] in OWNERS
    spans: dict[tuple[str, str], list[tuple[date, date]]] = {}
    for row in rows:
        span = (day(row["valid_from"], date.min), day(row["valid_to"], date.max))
        spans.setdefault((row["station_id"], row["kpi_id"]), []).append(span)
    assert all(a[1] <= b[0] for own in spans.values() for a, b in itertools.pairwise(sorted(own)))


CONDITIONS = {"campaign_day", "key_category", "bottleneck_station", "margin_budget", "same_month_last_year"}


def test_every_condition_is_one_that_the_scorecard_applies() -> None:
    assert {t["condition"] for t in TARGETS} - {""} <= CONDITIONS
    sql = (SEEDS.parents[1] / "models" / "governance" / "kpi_target_status.sql").read_text(encoding="utf-8")
    assert [name for name in CONDITIONS if f"'{name}'" not in sql] == []
    for t in TARGETS:
        # the value a year before is a month's
        assert t["condition"] != "same_month_last_year" or t["period_grain"] == "month", t["target_id"]


# --------------------------------------------------------------------------- alerts and the rest


def test_alert_rules_fit_their_kpi() -> None:
    for a in ALERTS:
        assert bool(a["kpi_id"]) == (a["kind"] not in {"feed", "suspect"}), a["rule_id"]
        if a["kpi_id"]:
            definition = VERSIONS[a["kpi_id"], a["version"] or "1"]
            assert a["period_grain"] in split(definition["grains"]), a["rule_id"]
            if a["dimension"]:
                assert a["dimension"].split("=")[0] in split(definition["dimensions"]), a["rule_id"]
            assert set(split(a["detail_dimensions"])) <= set(split(definition["dimensions"])) - {a["dimension"]}, a[
                "rule_id"
            ]
        assert a["owner_role"] in OWNERS
        assert a["response_en"] and a["description_en"] and a["seed_reference"]
        assert (a["comparison"] == "outside") == (a["kind"] in {"sigma3", "western_electric", "feed", "suspect"})
        assert bool(a["baseline_window"]) == (a["kind"] in {"sigma3", "western_electric", "vs_baseline"})
        assert bool(a["guardrail_of"]) == (a["kind"] == "guardrail_change")
        assert not a["guardrail_of"] or a["guardrail_of"] in KPIS


def test_every_alert_rule_says_how_it_is_handled() -> None:
    """Words in both languages, a term, a day from which it is in force, and what an impact counts."""
    terms = {row["term"] for row in read("alert_terms")}
    rules = {a["rule_id"]: a for a in ALERTS}
    for a in ALERTS:
        words = ("description", "cause", "effect", "response")
        assert all(a[f"{word}_{lang}"] for word in words for lang in ("en", "zh")), a["rule_id"]
        assert a["term"] in terms
        assert a["in_force"] in {"always", "programme"} or date.fromisoformat(a["in_force"])
        assert int(a["min_sample"]) >= 0
        assert bool(a["impact_unit"]) == bool(a["impact_factor"])
        assert all(a["impact_unit"] in IMPACT_UNITS[lang] for lang in ("en", "zh") if a["impact_unit"]), a["rule_id"]
        assert bool(a["false_alarm_rate"]) == (a["kind"] in {"sigma3", "western_electric"})
        if above := a["detail_of_rule"]:
            assert rules[above]["kpi_id"] == a["kpi_id"] and not rules[above]["detail_of_rule"], a["rule_id"]


def test_shares_of_cases_are_judged_by_an_interval() -> None:
    """A ratio of counts is compared with its chance; time shares, percentiles and amounts have a least sample alone."""
    z = {a["interval_z"] for a in ALERTS} - {""}
    assert [round(NormalDist().cdf(float(value)), 6) for value in z] == [0.95]
    for a in ALERTS:
        if a["interval_z"]:
            assert VERSIONS[a["kpi_id"], a["version"] or "1"]["unit"] == "ratio", a["rule_id"]
            assert a["kind"] in {
                "level",
                "vs_target",
                "change_on_previous",
                "guardrail_change",
                "deviation_from_target",
            }


@pytest.mark.parametrize("kind", ["sigma3", "western_electric"])
def test_false_alarm_rates_are_those_of_charts_on_which_nothing_happens(kind: str) -> None:
    """A hundred thousand points of independent normal charts, judged as `kpi_rule_readings` judges them."""
    for a in ALERTS:
        if a["kind"] != kind:
            continue
        window, sigmas = int(a["baseline_window"]), float(a["threshold_value"])
        limits = {p["parameter"]: float(p["value"]) for p in PARAMETERS if p["metric_id"] == "mf_rule_spc"}
        values = np.random.default_rng(20260401).standard_normal((100, 1000 + window))
        past = np.lib.stride_tricks.sliding_window_view(values, window, axis=1)[:, :-1]
        z = (values[:, window:] - past.mean(axis=2)) / past.std(axis=2, ddof=1)
        fires = np.zeros_like(z, dtype=bool)
        for side in (z, -z):
            two, four = side > limits["we_two_of_three_sigma"], side > limits["we_four_of_five_sigma"]
            length = np.zeros(len(side))
            for place in range(side.shape[1]):
                length = np.where(side[:, place] > 0, length + 1, 0)
                fires[:, place] |= two[:, place] & (two[:, max(place - 2, 0) : place + 1].sum(axis=1) >= 2)
                fires[:, place] |= four[:, place] & (four[:, max(place - 4, 0) : place + 1].sum(axis=1) >= 4)
                fires[:, place] |= length >= limits["we_run_length"]
        rate = float((np.abs(z) > sigmas).mean() if kind == "sigma3" else fires.mean())
        assert float(a["false_alarm_rate"]) == pytest.approx(rate, rel=0.1), a["rule_id"]


def test_every_kind_of_rule_is_evaluated() -> None:
    """`level` is the value itself; every other kind is named where rules are worked out."""
    sql = (SEEDS.parents[1] / "models" / "governance" / "kpi_rule_readings.sql").read_text(encoding="utf-8")
    kinds = {a["kind"] for a in ALERTS}
    assert kinds and [kind for kind in kinds - {"level"} if f"'{kind}'" not in sql] == []


def test_the_reminder_comes_when_the_rule_fires() -> None:
    limits = {p["value"] for p in PARAMETERS if p["parameter"] == "uncoded_reminder_minutes"}
    assert limits == {a["threshold_value"] for a in ALERTS if a["kind"] == "uncoded_stop"}


def test_live_rules_read_shifts_or_real_time() -> None:
    live = [a for a in ALERTS if a["is_live"] == "true"]
    assert live
    overdue = {a["rule_id"] for a in live if a["response_zh"].startswith("逾期红灯")}  # red as soon as it is overdue
    assert {a["period_grain"] for a in live if a["rule_id"] not in overdue} <= {"shift", "hour", "quarter_hour"}
    assert {a["is_live"] for a in ALERTS} == {"true", "false"}


def test_rules_on_targets_find_a_target() -> None:
    for a in ALERTS:
        if a["kind"] not in {"vs_target", "deviation_from_target"}:
            continue
        assert [
            t
            for t in TARGETS
            if t["kpi_id"] == a["kpi_id"]
            and t["period_grain"] == a["period_grain"]
            and a["dimension"] in ("", t["dimension"])
            and (t["target_value"] or t["condition"] == "margin_budget")
        ], a["rule_id"]


def test_contradictions_name_known_kpis() -> None:
    rows = read("source_contradictions")
    assert sum(row["contradiction_id"].startswith("rulings_") for row in rows) == 5
    for row in rows:
        assert set(split(row["kpi_ids"])) <= KPIS
        assert all(row.values())


def test_every_owner_is_used_and_reachable() -> None:
    used = {row[c] for row in DEFINITIONS for c in ("owner_role", "data_owner_role")}
    used |= {row["role"] for row in read("required_approvals")} | {a["owner_role"] for a in ALERTS}
    assert used == set(OWNERS)
    assert all(re.fullmatch(r"[a-z-]+@example\.com", row["contact"]) for row in OWNERS.values())


# --------------------------------------------------------------------------- what is plausible

RANGES = {(row["kpi_id"], row["version"]): row for row in read("plausible_ranges")}
#: Stocks of an account or a queue: a longer period holds its last day alone.
STOCKS = {"cr_dpd30_rate", "cr_active_accounts", "cr_disputed_accounts"}


def test_every_version_has_a_least_and_a_greatest_plausible_value() -> None:
    assert set(RANGES) == set(VERSIONS)
    for key, row in RANGES.items():
        assert float(row["least"]) < float(row["greatest"]), key
        assert int(row["min_sample"]) >= 0 and row["basis"] in ("flow", "stock"), key
        assert re.search("[一-鿿]", row["reason_zh"]) and len(row["reason_en"]) > 15, key
        assert (row["basis"] == "stock") == (key[0] in STOCKS), key


def test_what_is_a_part_of_a_whole_is_judged_however_few_rows_there_are() -> None:
    shares = [row for row in RANGES.values() if (row["least"], row["greatest"]) == ("0", "1")]
    assert len(shares) > 50
    assert {row["kpi_id"] for row in shares if row["min_sample"] != "0"} == {
        "ec_cvr", "ec_key_category_cvr", "ec_complaint_rate",
    }  # fmt: skip


def test_targets_lie_inside_what_is_plausible() -> None:
    """No target asks for the impossible, nor is a tolerance wider than the range."""
    for target in TARGETS:
        for key, row in RANGES.items():
            if key[0] != target["kpi_id"] or target["version"] not in ("", key[1]):
                continue
            for column in ("target_value", "target_value_upper", "baseline_value"):
                if target[column]:
                    value = float(target[column])
                    assert float(row["least"]) <= value <= float(row["greatest"]), (target["target_id"], column)


def test_components_are_known_versions_and_at_most_three_steps_deep() -> None:
    steps: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for row in read("kpi_components"):
        key, part = (row["kpi_id"], row["version"]), (row["component_kpi_id"], row["component_version"])
        assert {key, part} <= set(VERSIONS) and key[0] != part[0], row
        assert VERSIONS[key]["domain"] == VERSIONS[part]["domain"]
        steps.setdefault(key, set()).add(part)

    def depth(key: tuple[str, str], above: tuple[tuple[str, str], ...] = ()) -> int:
        assert key not in above, f"{key} rests on itself"
        return max((1 + depth(part, (*above, key)) for part in steps.get(key, ())), default=0)

    assert max(depth(key) for key in steps) <= 3
    assert {part[0] for key, parts in steps.items() if key[0] == "mf_oee" for part in parts} == {
        "mf_availability", "mf_performance", "mf_quality",
    }  # fmt: skip


@pytest.mark.parametrize("case", ["case_a", "case_b"])
def test_reference_answers_are_plausible_or_impossible(case: str) -> None:
    """What lies beyond is a machine that ran at more than one and a half times the speed it was built for."""
    answers = shared("conformance", case) / "expected.parquet"
    bounds = ", ".join(
        f"('{kpi_id}', {version}, {row['least']}, {row['greatest']}, {row['min_sample']})"
        for (kpi_id, version), row in RANGES.items()
    )
    beyond = duckdb.execute(
        f"""select distinct kpi_id from read_parquet('{answers}') as answers
        inner join (values {bounds}) as ranges(kpi_id, version, least, greatest, min_sample) using (kpi_id, version)
        where (value > greatest + 1e-9 or value < least - 1e-9)
            -- the denominator of a margin is money and tells no sample
            and (min_sample = 0 or denominator >= min_sample and kpi_id <> 'ec_gross_margin_rate')"""
    ).fetchall()
    assert {kpi_id for (kpi_id,) in beyond} <= {"mf_performance", "mf_cycle_time_attainment", "mf_oee"}
