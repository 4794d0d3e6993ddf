"""The rules of the dictionary, the issue list and the reports on data quality."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from kpi_warehouse.project import project_root
from kpi_warehouse.quality.command import quality_command
from kpi_warehouse.quality.expectations import RESULT_COLUMNS
from kpi_warehouse.quality.issues import keep_issues
from kpi_warehouse.quality.judgement import fault, share, summary
from kpi_warehouse.quality.rules import SEED, Rules

from .conftest import Built
from .test_publish import rows_of

MONDAY = dt.datetime(2026, 7, 6, 9)
DAY = dt.timedelta(days=1)


# --------------------------------------------------------------------------- rules


@pytest.fixture(scope="module")
def rules() -> Rules:
    return Rules(project_root())


@pytest.mark.parametrize(
    ("check_id", "domain", "rule_id", "severity", "owner"),
    [
        ("expectation.raw.credit.scores.few_reject_reason", "credit", "raw_refused", "warn", "data"),
        ("expectation.raw.ecommerce.orders.usable", "ecommerce", "raw_mostly_refused", "error", "ecommerce_data_platform"),
        ("expectation.staging.ecommerce.orders.key", "ecommerce", "staging_key", "error", "ecommerce_data_platform"),
        ("expectation.marts.kpi_values.finite", "governance", "marts_validity", "error", "data_governance"),
        ("expectation.marts.fct_orders.paid_after_created", "ecommerce", "marts_paid_after_created", "warn", "ecommerce_payments"),
        ("dbt.warn_mf_pass_off_routing", "manufacturing", "dbt_warning", "warn", "mf_data_engineering"),
        ("dbt.unique_combination_fct_oee", "manufacturing", "any", "error", "mf_data_engineering"),
        ("landing.credit.scores.quarantined", "credit", "landing_quarantined", "warn", "data"),
        ("measured.device_match", "manufacturing", "device_match", "warn", "mf_data_engineering"),
        ("measured.alarm_follow_up", "manufacturing", "alarm_follow_up", "warn", "equipment"),
        ("measured.kpi.ec_identity_match_rate", "ecommerce", "kpi_target", "warn", "ecommerce_data_platform"),
        ("measured.floor.ec_event_completeness", "ecommerce", "floor_ec_event_completeness", "error", "ecommerce_data_platform"),
    ],
)  # fmt: skip
def test_the_longest_pattern_governs(
    rules: Rules, check_id: str, domain: str, rule_id: str, severity: str, owner: str
) -> None:
    rule = rules.of(check_id, domain)
    assert rule is not None and (rule.rule_id, rule.severity) == (rule_id, severity)
    assert rules.owner(check_id, domain) == owner


def test_a_rule_that_is_not_there_is_named(rules: Rules) -> None:
    with pytest.raises(KeyError, match="no_such_rule"):
        rules.limit("no_such_rule")
    with pytest.raises(KeyError, match="has no threshold"):
        rules.limit("kpi_target", "credit")


def test_a_threshold_changes_in_the_dictionary_alone(project_copy: Path) -> None:
    seed = project_copy / SEED
    rows = list(csv.DictReader(seed.open(encoding="utf-8", newline="")))
    for row in rows:
        if row["rule_id"] == "raw_refused":
            row["threshold"], row["severity"] = "0.25", "error"
    with seed.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    from kpi_warehouse.quality.expectations import contract, raw_suite

    table = next(t for domain, t in contract(project_copy) if domain == "ecommerce" and t["name"] == "orders")
    suite = raw_suite("ecommerce", table, 1000, Rules(project_copy))
    check = next(check for check in suite.checks if check.check_id.endswith("few_reject_reason"))
    assert check.severity == "error" and "> 0.25 * count(*)" in check.arguments["unexpected_rows_query"]
    small = raw_suite("ecommerce", table, 99, Rules(project_copy))
    assert not any(check.check_id.endswith(".usable") for check in small.checks)
    assert [(check.check_id, check.reason) for check in small.unjudged] == [
        ("expectation.raw.ecommerce.orders.usable", "too few rows: 99 of 100")
    ]


# --------------------------------------------------------------------------- issues


def warehouse_with(path: Path, *unmet: tuple[str, bool]) -> Path:
    """A warehouse whose dq_results hold a sound check, one that was not judged, and these: (check, told only)."""
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as db:
        db.execute("create schema marts")
        columns = ", ".join(f'"{name}" {type_}' for name, type_ in RESULT_COLUMNS.items())
        db.execute(f"create table marts.dq_results ({columns})")
        found = [("dbt.sound", "pass", "error", 0), ("landing.credit.scores.present", "not_judged", "warn", 0)]
        found += [(check, "warn" if told else "fail", "warn" if told else "error", 3) for check, told in unmet]
        for check_id, status, severity, failed in found:
            db.execute(
                """insert into marts.dq_results by name select ? as check_id, 'ecommerce' as domain, 'orders' as "table",
                    'test' as kind, '0' as expected, ? || ', 3 failing rows' as observed, ? as status,
                    ? = 'pass' as passed, ? as failed_rows, ? as severity, ? = 'fail' as shuts_gate""",
                [check_id, status, status, status, failed, severity, status],
            )
    return path


ERROR_CHECK, WARN_CHECK = "expectation.staging.ecommerce.orders.key", "expectation.raw.ecommerce.orders.few_duplicates"


def kept(folder: Path, when: dt.datetime, *unmet: tuple[str, bool], is_complete: bool = True) -> dict[str, tuple]:
    """The list after a run that found these: check -> state, first seen, due, overdue (days from Monday)."""
    warehouse = warehouse_with(folder / "w.duckdb", *unmet)
    keep_issues(project_root(), warehouse, folder / "ledger.duckdb", is_complete=is_complete, now=when)
    rows = rows_of(
        warehouse,
        "select check_id, state, first_seen_at_run, repair_due_at_run, is_overdue_at_run from marts.dq_issues",
    )
    return {row[0]: (row[1], (row[2] - MONDAY).days, (row[3] - MONDAY).days, row[4]) for row in rows}


def test_an_issue_keeps_its_first_day_through_new_warehouses(tmp_path: Path) -> None:
    both = ((ERROR_CHECK, False), (WARN_CHECK, True))
    assert kept(tmp_path, MONDAY, *both) == {
        ERROR_CHECK: ("open", 0, 1, False),
        WARN_CHECK: ("open", 0, 7, False),
    }
    assert kept(tmp_path, MONDAY + 2 * DAY, *both) == {
        ERROR_CHECK: ("open", 0, 1, True),
        WARN_CHECK: ("open", 0, 7, False),
    }
    # repaired, and broken again: a new term
    assert kept(tmp_path, MONDAY + 3 * DAY, (WARN_CHECK, True))[ERROR_CHECK] == ("resolved", 0, 1, False)
    assert kept(tmp_path, MONDAY + 9 * DAY, *both) == {
        ERROR_CHECK: ("open", 9, 10, False),
        WARN_CHECK: ("open", 0, 7, True),
    }


def test_a_run_that_broke_off_resolves_nothing(tmp_path: Path) -> None:
    kept(tmp_path, MONDAY, (ERROR_CHECK, False))
    after = kept(tmp_path, MONDAY + DAY, (WARN_CHECK, True), is_complete=False)
    assert (after[ERROR_CHECK][0], after[WARN_CHECK][0]) == ("open", "open")


def test_a_clock_set_back_does_not_turn_the_list_round(tmp_path: Path) -> None:
    kept(tmp_path, MONDAY, (ERROR_CHECK, False))
    assert kept(tmp_path, MONDAY - 30 * DAY, (ERROR_CHECK, False))[ERROR_CHECK] == ("open", 0, 1, False)
    assert (
        kept(tmp_path, MONDAY - 29 * DAY)[ERROR_CHECK][0] == "open"
        or kept(tmp_path, MONDAY + DAY)[ERROR_CHECK][0] == "resolved"
    )


def test_a_warehouse_without_results_has_no_list(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    duckdb.connect(str(path)).close()
    assert keep_issues(project_root(), path, tmp_path / "ledger.duckdb", is_complete=True) is None


def test_the_owner_and_the_severity_come_from_the_dictionary(tmp_path: Path) -> None:
    warehouse = warehouse_with(tmp_path / "w.duckdb", (ERROR_CHECK, False), (WARN_CHECK, True))
    keep_issues(project_root(), warehouse, tmp_path / "ledger.duckdb", is_complete=True, now=MONDAY)
    assert rows_of(warehouse, "select check_id, severity, owner, failed_rows from marts.dq_issues order by 2") == [
        (ERROR_CHECK, "error", "ecommerce_data_platform", 3),
        (WARN_CHECK, "warn", "ecommerce_data_platform", 3),
    ]


# --------------------------------------------------------------------------- the sentence


def found(check_id: str, status: str, **more: object) -> dict[str, object]:
    """A row of dq_results as the sentence reads it."""
    table = check_id.split(".")[3]
    row = {"check_id": check_id, "domain": "ecommerce", "table": table, "status": status, "failed_rows": 0}
    return {**row, "checked_rows": None, "failed_money_share": None, "reason": None, "follows_from": None, **more}


def refusal(table: str, failed: int, checked: int, reason: str, check: str = "few_reject_reason") -> dict[str, object]:
    """The warning of refused rows of a table."""
    check_id = f"expectation.raw.ecommerce.{table}.{check}"
    return found(check_id, "warn", failed_rows=failed, checked_rows=checked, reason=reason, failed_money_share=0.155)


ORDERS = refusal("orders", 3528, 22050, "missing_required:user_id")
ORPHANS = found("expectation.staging.ecommerce.refunds.order_id.has_orders", "warn", follows_from=ORDERS["check_id"])


def test_the_sentence_tells_failed_warned_and_not_judged_apart() -> None:
    rows = [
        ORDERS,
        refusal("orders", 3528, 22050, "missing_required:user_id", "usable"),
        ORPHANS,
        *[found(f"dbt.x.y.{name}", "pass") for name in "ab"],
        *[found(f"landing.x.{name}.present", "not_judged", reason="absent or empty") for name in "abc"],
    ]
    assert summary(rows) == (
        "0 failed, 3 warned (1 of them for refused rows), 3 not judged; 16 % of orders refused: missing user_id"
    )
    assert summary(rows, "zh") == (
        "0项未通过，3项警告(其中1项源自被拒收的记录)，3项未判定；orders有16%的记录被拒收：缺少user_id"
    )
    assert summary(rows, worth={"orders": "paid_amount"}).endswith("missing user_id (16 % of paid_amount)")
    assert summary([found("dbt.x.y.z", "fail")]) == "1 failed, 0 warned, 0 not judged"
    assert summary([]) == "0 failed, 0 warned, 0 not judged"


def test_the_largest_refusals_are_named_and_the_others_counted() -> None:
    rows = [refusal(f"t{rows}", rows, 1000, "unparseable:paid_at") for rows in (60, 70, 80, 90, 100)]
    rows.append(refusal("tiny", 1, 2, "no_such_reason:column"))
    told = summary(rows)
    assert told.split("; ")[1:] == [
        "10 % of t100 refused: unreadable paid_at",
        "9.0 % of t90 refused: unreadable paid_at",
        "8.0 % of t80 refused: unreadable paid_at",
        "3 more tables with refused rows",
    ]
    assert fault("no_such_reason:column") == "no such reason column"


def test_a_part_is_never_told_as_nothing_nor_as_all() -> None:
    parts = (0, 0.0001, 0.0004, 0.001, 0.071, 0.0994, 0.1, 0.157, 0.9949, 0.9951, 0.9996, 0.99999, 1)
    assert [share(part) for part in parts] == [
        "0 %", "< 0.1 %", "< 0.1 %", "0.1 %", "7.1 %", "9.9 %", "10 %", "16 %", "99 %", "99.5 %", "> 99.9 %", "> 99.9 %",
        "100 %",
    ]  # fmt: skip
    assert share(0.0001, "zh") == "<0.1%"


# --------------------------------------------------------------------------- the demonstration


def test_every_measured_check_is_in_the_results(demo: Built) -> None:
    missing = demo.rows(
        "select check_id from marts.dq_measured_checks where check_id not in (select check_id from marts.dq_results)"
    )
    assert missing == []
    assert {kind for (kind,) in demo.rows("select distinct split_part(check_id, '.', 2) from marts.dq_measured_checks")} >= {
        "kpi", "ready", "floor", "anomaly", "device_match", "alarm_follow_up", "reinspection", "in_routing",
    }  # fmt: skip


def test_every_unmet_check_is_an_issue_with_an_owner(demo: Built) -> None:
    unmet = {check for (check,) in demo.rows("select check_id from marts.dq_results where observed like 'warn,%'")}
    issues = demo.rows(
        "select check_id, owner, repair_due_at_run > first_seen_at_run, state from marts.dq_issues", published=True
    )
    assert unmet and {check for check, *_ in issues} == unmet
    assert [row for row in issues if not row[1] or not row[2] or row[3] != "open"] == []
    roles = {
        row["role"] for row in csv.DictReader((project_root() / "seeds/dictionary/owners.csv").open(encoding="utf-8"))
    }
    assert {owner for _, owner, *_ in issues} <= roles


def test_suspensions_are_the_missed_months_of_the_same_figures(demo: Built) -> None:
    """From the published values and targets, without the model that appraisal reads."""
    worked_out = set(
        demo.rows(
            """select distinct domain, cast(period_start as date) from marts.kpi_scorecard
            where kpi_id in ('mf_downtime_coding_rate', 'mf_scan_compliance_rate', 'mf_data_completeness_rate',
                    'mf_data_latency_rate', 'ec_identity_match_rate', 'ec_event_completeness', 'ec_dashboard_latency_minutes')
                and period_grain = 'month' and dimension = 'all' and status in ('amber', 'red')"""
        )
    )
    suspended = {
        (domain, month): missed.split(", ")
        for domain, month, missed in demo.rows(
            "select domain, month_start, missed_checks from marts.kpi_appraisal_suspensions"
        )
    }
    assert worked_out and worked_out <= set(suspended)
    assert all(len(missed) == len(set(missed)) for missed in suspended.values())
    wrong = demo.rows(
        """select kpi_id, period_start from marts.kpi_scorecard as scorecard
        left join marts.kpi_appraisal_suspensions as suspensions
            on scorecard.domain = suspensions.domain
            and date_trunc('month', scorecard.period_start) = suspensions.month_start
        where scorecard.period_grain = 'month' and scorecard.appraisal_suspended <> (suspensions.domain is not null)"""
    )
    assert wrong == []


def test_anomalies_are_those_of_the_story(demo: Built) -> None:
    """In the last eight weeks told incidents fire, no normal week does (docs/demo.md); each is a sentence in two languages."""
    found = demo.rows(
        "select kind, series, cast(worst_date as varchar), told_en, told_zh from marts.dq_anomalies where is_anomaly"
    )
    told = {
        **{f"2026-05-{day:02}": "stock-out, weld batch" for day in range(8, 15)},
        "2026-05-20": "WeChat Pay", "2026-05-26": "360 events of one address", "2026-05-27": "MES gateway",
        "2026-06-09": "breakdown of L1-M11",
    }  # fmt: skip
    assert [row for row in found if row[2] not in told] == []
    assert ("value", "mf_data_latency_rate", "2026-05-27") in {row[:3] for row in found}
    assert all("2026" in row[3] and "通常" in row[4] + "通常" * (row[0] in ("hours", "gap", "step")) for row in found)
    assert demo.rows("select count(*) > 3000 from marts.dq_anomalies where verdict = 'usual'") == [(True,)]
    assert demo.rows(
        "select distinct verdict, reason from marts.dq_anomalies where kind = 'value' and expected_because is not null"
    ) == [("not_judged", "occasion")]
    unjudged = demo.rows(
        "select distinct status, passed from marts.dq_results where observed like 'not judged%no_history%'"
    )
    assert unjudged == [("not_judged", False)]


def test_a_shopping_festival_excuses_the_shop_only(demo: Built) -> None:
    """Each day of the calendar, and no other, has its occasion in the domains that it concerns."""
    days = """select distinct domain, business_date from marts.dq_anomalies as judged
        where period_grain = 'day' and kind = 'volume' and {} exists (
        select 1 from {}.business_calendar as calendar where judged.business_date between first_date and last_date
        and (kind <> 'shopping_festival' or domain = 'ecommerce'))"""
    ((schema,),) = demo.rows("select schema_name from duckdb_tables() where table_name = 'business_calendar'")
    for word, told in (("", "is null"), ("not", "is not null")):
        wrong = (
            "select domain, business_date from marts.dq_anomalies "
            f"where period_grain = 'day' and kind = 'volume' and expected_because {told}"
        )
        assert demo.rows(f"{days.format(word, schema)} intersect {wrong}") == []
    assert demo.rows("select count(distinct domain) from marts.dq_anomalies where expected_because is not null") == [
        (3,)
    ]


def test_the_weekly_report_accounts_for_the_rows(demo: Built) -> None:
    assert demo.rows(
        "select sum(rows_read) <= (select sum(rows_read) from marts.dq_reconciliation) from marts.dq_weekly_report"
    ) == [(True,)]
    days = " union all ".join(
        f"select domain, table_name, sum(rows_read), sum(rows_accepted), sum(rows_deduplicated), sum(rows_quarantined) "
        f"from staging.stg_{domain}__days group by all"
        for domain in ("ecommerce", "manufacturing", "credit")
    )
    assert (
        demo.rows(
            f"{days} except select domain, table_name, rows_read, rows_accepted, rows_deduplicated, rows_quarantined "
            "from marts.dq_reconciliation"
        )
        == []
    )


def test_the_shift_report_tells_the_published_rates(demo: Built) -> None:
    """Summed over lines and shifts, the records of the report are those of MF-16 of the month."""
    report = demo.rows(
        """select sum(records), sum(records * key_field_completeness) from marts.dq_shift_report
        where production_date between '2026-06-01' and '2026-06-30'"""
    )
    shifts = demo.rows(
        """select sum(denominator), sum(numerator) from marts.kpi_values
        where kpi_id = 'mf_data_completeness_rate' and period_grain = 'shift' and dimension = 'all'
            and period_start >= '2026-06-01' and period_start < '2026-07-01'"""
    )
    assert report[0][0] == shifts[0][0] and report[0][1] == pytest.approx(shifts[0][1])
    assert demo.rows("select count(*) from marts.dq_shift_report where checks_failed > 0")[0][0] > 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report"], ["Data quality by week", "credit", "cr_ready_process_events"]),
        (["report", "--domain", "manufacturing", "--weeks", "2"], ["manufacturing", "mf_scan_compliance_rate"]),
        (["report", "--anomalies", "--lang", "zh"], ["异常", "mf_data_latency_rate", "2026-05-27", "通常", "已判断"]),
        (["report", "--shifts", "--line", "L2"], ["Data quality by shift", "L2", "%"]),
        (["issues", "--domain", "manufacturing"], ["Issues", "measured.device_match", "mf_data_engineering"]),
    ],
)
def test_the_reports_are_printed(demo: Built, arguments: list[str], words: list[str]) -> None:
    done = CliRunner().invoke(quality_command, arguments, env={**demo.environment, "COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    assert [word for word in words if word not in done.output] == []


def test_a_report_without_a_publication_says_what_to_do(tmp_path: Path) -> None:
    done = CliRunner().invoke(quality_command, ["report"], env={"KPI_PUBLISHED": str(tmp_path / "kpi.duckdb")})
    assert done.exit_code == 1 and "run `kpi build`" in done.output
