"""The expectations of the gate: they hold on a sound build, and each kind of damage is found and named."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from kpi_warehouse.project import project_root
from kpi_warehouse.quality.expectations import ERROR, Report, check

from .conftest import Built

#: Damage done to a built warehouse -> the check that must name it and its severity.
DAMAGE = {
    "insert into marts.kpi_values select * from marts.kpi_values limit 1": ("marts.kpi_values.grain", "error"),
    "update marts.kpi_values set value = 'inf' where rowid = 10": ("marts.kpi_values.finite", "error"),
    "update marts.kpi_values set period_end = period_start where rowid = 20": (
        "marts.kpi_values.period_order",
        "error",
    ),
    "update marts.kpi_values set period_start = as_of + interval 1 day, period_end = as_of + interval 2 day, "
    "is_final = false where rowid = 30": ("marts.kpi_values.not_in_the_future", "error"),
    "update marts.kpi_values set denominator = 0, value = 1 where rowid = 40": (
        "marts.kpi_values.no_value_over_nothing",
        "error",
    ),
    "update marts.kpi_values set value = value + 0.1 where kpi_id = 'cr_approval_rate' and denominator > 0": (
        "marts.kpi_values.ratio_is_its_parts",
        "error",
    ),
    "update marts.fct_applications set turnaround_minutes = -1 where rowid = 1": (
        "marts.fct_applications.turnaround_minutes.range",
        "error",
    ),
    "insert into marts.fct_orders select * from marts.fct_orders limit 1": ("marts.fct_orders.grain", "error"),
    "update marts.fct_sessions set ended_local_at = started_local_at - interval 1 second where rowid = 1": (
        "marts.fct_sessions.session_order",
        "error",
    ),
    "insert into staging.base_ecommerce__refunds select * from staging.base_ecommerce__refunds "
    "where _reject_reason is null and not _is_duplicate limit 1": ("staging.ecommerce.refunds.key", "error"),
    "update staging.base_ecommerce__orders set user_id = null where _reject_reason is null": (
        "staging.ecommerce.orders.user_id.present",
        "error",
    ),
    "update staging.base_credit__applications set channel = 'phone' where _reject_reason is null": (
        "staging.credit.applications.channel.member",
        "error",
    ),
    "update staging.base_manufacturing__unit_operations set completed_at = entered_at - interval 1 minute": (
        "staging.manufacturing.unit_operations.entered_at.completed_at.ordered",
        "error",
    ),
    "update staging.base_credit__repayments set account_id = 'nobody'": (
        "staging.credit.repayments.account_id.has_accounts",
        "warn",
    ),
    "update staging.base_ecommerce__products set _reject_reason = 'missing_required'": (
        "raw.ecommerce.products.few_reject_reason",
        "warn",
    ),
    "delete from staging.base_credit__api_calls where called_at > "
    "(select as_of_utc from intermediate.int_credit__as_of) - interval 20 day": ("raw.credit.api_calls.fresh", "warn"),
    "update staging.base_ecommerce__campaign_audience set _reject_reason = 'missing_required'": (
        "raw.ecommerce.campaign_audience.usable",
        "error",
    ),
    "update staging.base_ecommerce__payment_attempts set succeeded = false": (
        "staging.ecommerce.orders.paid_orders_have_their_payment",
        "warn",
    ),
    "update staging.base_credit__application_events set event_at = event_at - interval 40 day where event_name = 'submit'": (
        "staging.credit.application_events.few_jumps_over_days",
        "warn",
    ),
    "update staging.base_ecommerce__events set order_id = 'none' where event_name = 'purchase'": (
        "staging.ecommerce.events.purchases_have_their_order",
        "warn",
    ),
}

#: Beyond the horizon that a build was given: no fault of the table.
BEYOND = "update staging.base_manufacturing__measurements set _reject_reason = 'from_the_future'"


@pytest.fixture(scope="module")
def damaged(demo: Built, tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    """All damage at once in a copy of a sound warehouse (views name the file, so it keeps its name)."""
    copy = tmp_path_factory.mktemp("damaged") / demo.warehouse.name
    shutil.copy(demo.warehouse, copy)
    with duckdb.connect(str(copy)) as db:
        for statement in [*DAMAGE, BEYOND]:
            db.execute(statement)
    return check(project_root(), copy), copy


def test_a_sound_build_meets_every_error_and_is_recorded(demo: Built) -> None:
    recorded = demo.rows("select check_id, passed from marts.dq_results where check_id like 'expectation.%'")
    assert len(recorded) > 300 and all(passed for _, passed in recorded)
    assert {check_id.split(".")[1] for check_id, _ in recorded} == {"raw", "staging", "marts"}
    assert len({check_id for check_id, _ in recorded}) == len(recorded)
    could_not = demo.rows(
        "select check_id, observed from marts.dq_results where observed like '%could not be checked%'"
    )
    assert could_not == []


@pytest.mark.parametrize("statement", DAMAGE, ids=lambda text: DAMAGE[text][0])
def test_damage_is_named(damaged: tuple[Report, Path], statement: str) -> None:
    name, severity = DAMAGE[statement]
    found = {result.check_id: result for result in [*damaged[0].failed, *damaged[0].warned]}
    assert f"expectation.{name}" in found
    result = found[f"expectation.{name}"]
    assert result.severity == severity and result.failed_rows > 0 and result.passed == (severity != ERROR)


def test_rows_beyond_the_horizon_are_not_held_against_a_table(damaged: tuple[Report, Path]) -> None:
    checks = {result.check_id: result for result in damaged[0].results}
    for name in ("usable", "few_reject_reason"):
        result = checks[f"expectation.raw.manufacturing.measurements.{name}"]
        assert result.passed and result.failed_rows == 0


def test_results_replace_those_of_the_run_before(damaged: tuple[Report, Path]) -> None:
    report, copy = damaged
    with duckdb.connect(str(copy), read_only=True) as db:
        rows = db.execute(
            "select count(*), count(distinct check_id), count(*) filter (where not passed) "
            "from marts.dq_results where check_id like 'expectation.%'"
        ).fetchone()
    assert rows == (len(report.results), len(report.results), len(report.failed))
