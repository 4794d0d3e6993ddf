"""The expectations of the gate: they hold on a sound build, and each kind of damage is found and named."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from kpi_warehouse.project import project_root
from kpi_warehouse.quality.expectations import ERROR, Report, Result, check

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
    recorded = demo.rows("select check_id, shuts_gate from marts.dq_results where check_id like 'expectation.%'")
    assert len(recorded) > 300 and not any(shut for _, shut in recorded)
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
    assert result.severity == severity and result.failed_rows > 0 and not result.passed
    assert (result.status, result.shuts_gate) == (("fail", True) if severity == ERROR else ("warn", False))


def test_rows_beyond_the_horizon_are_not_held_against_a_table(damaged: tuple[Report, Path]) -> None:
    checks = {result.check_id: result for result in damaged[0].results}
    for name in ("usable", "few_reject_reason"):
        result = checks[f"expectation.raw.manufacturing.measurements.{name}"]
        assert result.passed and result.failed_rows == 0


def test_results_replace_those_of_the_run_before(damaged: tuple[Report, Path]) -> None:
    report, copy = damaged
    with duckdb.connect(str(copy), read_only=True) as db:
        rows = db.execute(
            "select count(*), count(distinct check_id), count(*) filter (where shuts_gate) "
            "from marts.dq_results where check_id like 'expectation.%'"
        ).fetchone()
    assert rows == (len(report.results), len(report.results), len(report.failed))


def test_a_warning_has_not_passed_and_leaves_the_gate_open(demo: Built) -> None:
    """All four are told apart, by tests, landing, measured checks and expectations alike."""
    told = demo.rows(
        """select split_part(check_id, '.', 1), status, passed, shuts_gate, count(*), count(reason) from marts.dq_results
        group by all"""
    )
    assert {status for _, status, *_ in told} == {"pass", "warn", "not_judged"}
    assert {kind for kind, *_ in told} == {"dbt", "landing", "measured", "expectation"}
    assert [row for row in told if row[2] is not (row[1] == "pass") or row[3]] == []
    assert [row for row in told if row[1] == "not_judged" and row[4] != row[5]] == []
    wrong = demo.rows(
        """select check_id, status, observed from marts.dq_results
        where (observed like 'warn,%') <> (status = 'warn') or failed_rows > checked_rows"""
    )
    assert wrong == []


@pytest.fixture(scope="module")
def refused(demo: Built, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Every sixth order refused for want of a user, and one refund of an order that nobody knows: check -> result."""
    copy = tmp_path_factory.mktemp("refused") / demo.warehouse.name
    shutil.copy(demo.warehouse, copy)
    with duckdb.connect(str(copy)) as db:
        db.execute(
            """update staging.base_ecommerce__orders set _reject_reason = 'missing_required', _reject_column = 'user_id'
            where _reject_reason is null and hash(order_id) % 6 = 0"""
        )
        db.execute(
            """update staging.base_ecommerce__refunds set order_id = 'nobody'
            where refund_id = (select min(refund_id) from staging.stg_ecommerce__refunds)"""
        )
        db.execute("update staging.base_ecommerce__deliveries set order_id = 'lost ' || order_id")
    report = check(project_root(), copy)
    with duckdb.connect(str(copy), read_only=True) as db:
        counts = db.execute(
            """select count(*), count(_reject_reason), sum(paid_amount) filter (where _reject_reason is not null)
                / sum(paid_amount) from staging.base_ecommerce__orders"""
        ).fetchone()
    assert counts is not None
    found = {result.check_id.removeprefix("expectation."): result for result in report.results}
    first = found["raw.ecommerce.orders.few_reject_reason"]
    assert (first.checked_rows, first.failed_rows) == counts[:2]
    assert first.money_share == pytest.approx(float(counts[2]))
    return found


def test_refused_rows_are_counted_with_their_money_and_their_reason(refused: dict[str, Result]) -> None:
    first = refused["raw.ecommerce.orders.few_reject_reason"]
    assert first.status == "warn" and first.follows_from is None and first.reason == "missing_required:user_id"
    assert f"{first.failed_rows:,} of {first.checked_rows:,} rows refused (" in first.observed
    assert first.observed.endswith("of paid_amount): missing user_id")


@pytest.mark.parametrize(
    "name",
    [
        "staging.ecommerce.order_items.order_id.has_orders",
        "staging.ecommerce.refunds.order_id.has_orders",
        "staging.ecommerce.payment_attempts.order_id.has_orders",
        "staging.ecommerce.payment_attempts.payments_have_their_order_paid",
        "staging.ecommerce.events.purchases_have_their_order",
    ],
)
def test_what_follows_from_refused_rows_names_their_check(refused: dict[str, Result], name: str) -> None:
    result = refused[name]
    assert result.status == "warn" and result.failed_rows > 1
    assert result.follows_from == "expectation.raw.ecommerce.orders.few_reject_reason"
    assert "follow from refused rows of orders" in result.observed


def test_orphans_of_rows_that_nobody_knows_are_a_first_cause(refused: dict[str, Result]) -> None:
    result = refused["staging.ecommerce.deliveries.order_id.has_orders"]
    assert result.status == "warn" and result.follows_from is None and "follow" not in result.observed


def test_a_sum_over_no_rows_is_not_judged(demo: Built, tmp_path: Path) -> None:
    copy = tmp_path / demo.warehouse.name
    shutil.copy(demo.warehouse, copy)
    with duckdb.connect(str(copy)) as db:
        db.execute("update staging.base_ecommerce__payment_attempts set succeeded = false")
        db.execute("delete from staging.base_credit__accounts")
    found = {result.check_id.removeprefix("expectation."): result for result in check(project_root(), copy).results}
    told = {
        name: (found[name].status, found[name].reason, found[name].shuts_gate)
        for name in (
            "staging.ecommerce.payment_attempts.payments_have_their_order_paid",
            "staging.credit.application_events.booked_loans_have_their_account",
            "staging.credit.repayments.account_id.has_accounts",
        )
    }
    assert list(told.values()) == [
        ("not_judged", "no rows to compare", False),
        ("not_judged", "accounts holds no accepted rows", False),
        ("not_judged", "accounts holds no accepted rows", False),
    ]
