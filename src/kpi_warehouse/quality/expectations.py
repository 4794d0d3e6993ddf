"""Expectations on a built warehouse: suites as code, run by Great Expectations as SQL inside DuckDB.

Three checkpoints follow the layers: `raw` (every raw row as it was judged), `staging` (the accepted rows) and `marts`
(what is published). The suites of raw and staging follow from the input contract; what the contract cannot say
(orphans, sources that must agree, durations, published numbers) is listed here. Tables without rows are passed over.

Thresholds and severities stand in the dictionary (`dq_checks`). A failed check of severity `error` shuts the gate; one
of severity `warn` is told and published.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import duckdb
import yaml

from kpi_warehouse import marks
from kpi_warehouse.processes import die_with_parent, run_child
from kpi_warehouse.quality.judgement import fault, share
from kpi_warehouse.quality.rules import ERROR, FAIL, NOT_JUDGED, PASS, WARN, Rules
from kpi_warehouse.sql import LOCKED

if TYPE_CHECKING:
    from great_expectations.data_context import AbstractDataContext

#: Child column -> parent column; rows without their parent are kept and told.
ORPHANS = {
    "ecommerce": {
        "order_items.order_id": "orders.order_id",
        "refunds.order_id": "orders.order_id",
        "deliveries.order_id": "orders.order_id",
        "payment_attempts.order_id": "orders.order_id",
        "order_items.sku_id": "products.sku_id",
        "inventory_snapshots.sku_id": "products.sku_id",
        "campaign_audience.campaign_id": "campaigns.campaign_id",
        "messages.campaign_id": "campaigns.campaign_id",
        "orders.campaign_id": "campaigns.campaign_id",
        "service_tickets.order_id": "orders.order_id",
    },
    "manufacturing": {
        "unit_operations.work_order_id": "work_orders.work_order_id",
        "first_article_inspections.work_order_id": "work_orders.work_order_id",
        "inspections.unit_id": "unit_operations.unit_id",
        "rework_orders.unit_id": "unit_operations.unit_id",
        "scrap_reports.unit_id": "unit_operations.unit_id",
        "scans.unit_id": "unit_operations.unit_id",
        "machine_states.machine_id": "machines.machine_id",
        "counter_readings.machine_id": "machines.machine_id",
        "changeovers.machine_id": "machines.machine_id",
        "maintenance_orders.machine_id": "machines.machine_id",
        "work_orders.line_id": "shift_calendar.line_id",
    },
    "credit": {
        "application_events.application_id": "applications.application_id",
        "scores.application_id": "applications.application_id",
        "policy_decisions.application_id": "applications.application_id",
        "accounts.application_id": "applications.application_id",
        "instalments.account_id": "accounts.account_id",
        "repayments.account_id": "accounts.account_id",
        "dpd_snapshots.account_id": "accounts.account_id",
        "fraud_flags.account_id": "accounts.account_id",
        "collection_contacts.account_id": "accounts.account_id",
        "promises_to_pay.account_id": "accounts.account_id",
    },
}
#: Columns of staging that count or last and so are never negative.
NEVER_NEGATIVE = (
    "latency_ms", "quantity", "planned_qty", "total_count", "daily_capacity", "expected_count", "days_past_due",
    "seconds_per_piece", "standard_minutes", "sla_ms", "key_fields_expected", "key_fields_present",
)  # fmt: skip
#: Columns of marts with their least and greatest value.
RANGES: dict[str, dict[str, tuple[float | None, float | None]]] = {
    "fct_applications": {
        "turnaround_minutes": (0, None),
        "waiting_minutes": (0, None),
        "controllable_minutes": (0, None),
    },
    "fct_node_visits": {"visit_minutes": (0, None), "waiting_minutes": (0, None)},
    "fct_sessions": {"duration_seconds": (0, None), "events": (1, None)},
    "fct_stops": {"stop_seconds": (0, None), "seconds_in_ppt": (0, None)},
    "fct_attribution": {"credit": (-1e-9, 1 + 1e-9)},
    "fct_cohort_retention": {"retention_rate": (0, 1), "day_no": (0, None)},
    "fct_vintage_curve": {"dpd30_rate": (0, 1)},
    "fct_oee": {"ppt_seconds": (0, None), "run_seconds_v1": (0, None), "availability_v1": (0, 1), "quality": (0, 1)},
}
GRAINS = {
    "kpi_values": ["kpi_id", "version", "period_grain", "period_start", "dimension", "dimension_value"],
    "kpi_scorecard": ["kpi_id", "period_grain", "period_start", "dimension", "dimension_value"],
    "metric_dictionary": ["kpi_id", "version"],
    "fct_orders": ["order_id"],
    "fct_sessions": ["session_id"],
    "fct_applications": ["application_id"],
    "dim_persons": ["person_id"],
}
#: Conditions that no row of a mart fulfils: check -> (mart, kind, expected, condition).
FORBIDDEN = {
    "period_order": ("kpi_values", "order", "period_start before period_end", "period_end <= period_start"),
    "not_in_the_future": ("kpi_values", "order", "no period that starts after as_of", "period_start > as_of"),
    "finite": ("kpi_values", "validity", "finite numbers", "isnan(value) or isinf(value) or isinf(numerator)"),
    "no_value_over_nothing": ("kpi_values", "validity", "null over 0", "denominator = 0 and value is not null"),
    "final_is_over": ("kpi_values", "validity", "final rows of ended periods",
        "is_final and period_end > as_of and domain <> 'manufacturing'"),
    "paid_after_created": ("fct_orders", "order", "orders paid after they were created", "paid_at < created_at"),
    "session_order": ("fct_sessions", "order", "sessions end after they start",
        "ended_local_at < started_local_at"),
    "downtime_inside_planned_time": ("fct_oee", "reconciliation", "downtime within planned time",
        "downtime_seconds_v1 > ppt_seconds + 1e-6"),
}  # fmt: skip
#: Columns that say what a row is worth, the first that a table has.
WORTH = ("paid_amount", "amount", "due_amount", "principal", "requested_amount")


@dataclass(frozen=True)
class Agreement:
    """Sources that must agree.

    Attributes:
        domain: Domain of the tables.
        tables: Tables that must be landed; the first is the one that is checked.
        expected: In words; `{limit}` is the threshold of the rule that has the name of the check.
        rows: Query of the rows that are compared: `holds`, and `link` to the table that may lack its row.
        parent: `table.column` that `link` points to, where a refused row there explains a difference.
        at_most: The limit is the largest share of rows that do not hold, not the least of those that do.
    """

    domain: str
    tables: tuple[str, ...]
    expected: str
    rows: str
    parent: str | None = None
    at_most: bool = False


AGREEMENTS = {
    "purchases_have_their_event": Agreement(
        "ecommerce",
        ("orders", "events"),
        "at least {limit:.0%} of paid orders of the period of events have a purchase event",
        """select orders.order_id as link, seen.order_id is not null as holds
        from {batch} as orders
        cross join (
            select min(event_at) as first_at, max(event_at) as last_at from staging.stg_ecommerce__events
        ) as span
        left join (select distinct order_id from staging.stg_ecommerce__events where event_name = 'purchase') as seen
            on orders.order_id = seen.order_id
        where orders.paid_at between span.first_at and span.last_at""",
        "events.order_id",
    ),
    "purchases_have_their_order": Agreement(
        "ecommerce",
        ("events", "orders"),
        "at least {limit:.0%} of purchase events name a landed order",
        """select events.order_id as link, orders.order_id is not null as holds
        from {batch} as events
        left join staging.stg_ecommerce__orders as orders on events.order_id = orders.order_id
        where events.event_name = 'purchase'""",
        "orders.order_id",
    ),
    "payments_have_their_order_paid": Agreement(
        "ecommerce",
        ("payment_attempts", "orders"),
        "at least {limit:.0%} of successful payments belong to a paid order",
        """select attempts.order_id as link, orders.paid_at is not null as holds
        from {batch} as attempts
        left join staging.stg_ecommerce__orders as orders on attempts.order_id = orders.order_id
        where attempts.succeeded and attempts.order_id is not null""",
        "orders.order_id",
    ),
    "paid_orders_have_their_payment": Agreement(
        "ecommerce",
        ("orders", "payment_attempts"),
        "at least {limit:.0%} of paid orders of the period of payments have a successful payment",
        """select orders.order_id as link, paid.order_id is not null as holds
        from {batch} as orders
        cross join (
            select min(attempted_at) as first_at, max(attempted_at) as last_at
            from staging.stg_ecommerce__payment_attempts
        ) as span
        left join (
            select distinct order_id from staging.stg_ecommerce__payment_attempts where succeeded
        ) as paid on orders.order_id = paid.order_id
        where orders.paid_at between span.first_at and span.last_at""",
        "payment_attempts.order_id",
    ),
    "stops_are_coded": Agreement(
        "manufacturing",
        ("machine_states",),
        "at least {limit:.0%} of stops carry a reason",
        """select states.machine_id as link, reason_code is not null as holds from {batch} as states
        where state = 'stopped'""",
    ),
    "booked_loans_have_their_account": Agreement(
        "credit",
        ("application_events", "accounts"),
        "at least {limit:.0%} of booked loans have an account",
        """select events.application_id as link, accounts.application_id is not null as holds
        from (select distinct application_id from {batch} as rows_
            where event_name = 'loan_booked') as events
        left join (select distinct application_id from staging.stg_credit__accounts) as accounts
            on events.application_id = accounts.application_id""",
        "accounts.application_id",
    ),
    "few_jumps_over_days": Agreement(
        "credit",
        ("application_events",),
        "at most {limit:.0%} of applications with a jump over days between two events",
        """select application_id as link, coalesce(longest <= {jump_over_days}, true) as holds from (
            select application_id, max(date_diff('day', previous_at, event_at)) as longest from (
                select application_id, event_at,
                    lag(event_at) over (partition by application_id order by event_at) as previous_at
                from {batch} as rows_
            ) as steps group by application_id
        ) as applications""",
        at_most=True,
    ),
}


#: libyaml's loader where it is there: ten times as fast on the input contract.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Check:
    """One expectation.

    Attributes:
        check_id: Stable name.
        kind: What it looks at: uniqueness, completeness, enumeration, order, duration, orphans, freshness, volume, …
        expected: In words.
        severity: `error` shuts the gate, `warn` is told.
        type: Name of the Great Expectations class; empty where it cannot be judged.
        arguments: Its arguments.
        counts: Query of `checked` and `failed` rows (and `worth`, the share of money, `reason`, or `note` in place of
            both) where the expectation itself compares sums.
        explained: Query of the failed rows that follow from refused rows of the table `follows`.
        follows: Raw table whose refused rows explain failed ones.
        worth: Column that `worth` is the share of.
        reason: Why it cannot be judged.
    """

    check_id: str
    kind: str
    expected: str
    severity: str
    type: str
    arguments: Mapping[str, Any]
    counts: str = ""
    explained: str = ""
    follows: str = ""
    worth: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Suite:
    """The checks of one relation, in one checkpoint, and those that cannot be judged on it (`reason`)."""

    layer: str
    domain: str
    table: str
    relation: str
    checks: list[Check]
    rows: int = 0
    unjudged: list[Check] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """What a check found.

    Attributes:
        met: What was expected was found; None: it could not be judged.
        failed_rows: Rows that differ, not sums of them.
        checked_rows: Rows looked at; None where they were not counted.
        money_share: Share of the money that the failed rows hold, from 0 to 1.
        reason: Why it was not judged; of refused rows the commonest reason, as `reason:column`.
        follows_from: Check whose finding is the first cause of this one.
        had_to: It had to be judged and could not be: the gate stays shut.
    """

    check_id: str
    domain: str
    table: str
    kind: str
    severity: str
    expected: str
    observed: str
    met: bool | None
    failed_rows: int
    checked_rows: int | None = None
    money_share: float | None = None
    reason: str | None = None
    follows_from: str | None = None
    had_to: bool = False

    @property
    def status(self) -> str:
        """`pass`, `warn`, `fail` or `not_judged`."""
        if self.met is None:
            return NOT_JUDGED
        return PASS if self.met else FAIL if self.severity == ERROR else WARN

    @property
    def passed(self) -> bool:
        """What was expected was found: true for `pass` alone."""
        return self.status == PASS

    @property
    def shuts_gate(self) -> bool:
        """Nothing may be published."""
        return self.status == FAIL or self.had_to


@dataclass
class Report:
    """Results of all checkpoints and how long they took."""

    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def failed(self) -> list[Result]:
        """Checks that shut the gate."""
        return [result for result in self.results if result.shuts_gate]

    @property
    def warned(self) -> list[Result]:
        """Checks not met that do not shut it."""
        return [result for result in self.results if result.status == WARN]


#: Columns of `dq_results`, with their types.
RESULT_COLUMNS = {
    "check_id": "varchar",
    "domain": "varchar",
    "table": "varchar",
    "kind": "varchar",
    "expected": "varchar",
    "observed": "varchar",
    "status": "varchar",
    "reason": "varchar",
    "passed": "boolean",
    "failed_rows": "bigint",
    "checked_rows": "bigint",
    "failed_money_share": "double",
    "severity": "varchar",
    "shuts_gate": "boolean",
    "follows_from": "varchar",
    "as_of": "timestamp",
}


def _meta(item: Mapping[str, Any]) -> dict[str, Any]:
    return dict((item.get("config") or {}).get("meta") or {})


def contract(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Domain and declaration of every raw table."""
    for path in sorted((root / "models" / "staging").glob("*/_*__sources.yml")):
        source = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)["sources"][0]
        for table in source["tables"]:
            yield source["name"], table


class _Checks(list[Check]):
    """Checks of one relation, named after it; the rules of the dictionary say how severe each is."""

    def __init__(self, place: str, domain: str, rules: Rules) -> None:
        super().__init__()
        self.place, self.domain, self.rules = place, domain, rules
        self.without: list[Check] = []

    def limit(self, rule_id: str) -> float:
        """Threshold of a rule for the domain."""
        return self.rules.limit(rule_id, self.domain)

    def expect(
        self, name: str, kind: str, expected: str, type_: str, told: Mapping[str, str] | None = None, **arguments: Any
    ) -> None:
        check_id = f"expectation.{self.place}.{name}"
        rule = self.rules.of(check_id, self.domain)
        severity = rule.severity if rule else ERROR
        self.append(Check(check_id, kind, expected, severity, type_, arguments, **(told or {})))

    def no_rows(self, name: str, kind: str, expected: str, query: str, **told: str) -> None:
        # the batch is a subquery with a name of its own, and takes no other
        query = query.replace("{batch}", "(select * from {batch})")
        self.expect(name, kind, expected, "UnexpectedRowsExpectation", told, unexpected_rows_query=query)

    def unjudged(self, name: str, kind: str, expected: str, reason: str) -> None:
        """A check that cannot be judged here, and why."""
        self.expect(name, kind, expected, "", {"reason": reason})
        self.without.append(self.pop())


def _unique(checks: _Checks, name: str, expected: str, keys: list[str]) -> None:
    if len(keys) == 1:
        checks.expect(name, "uniqueness", expected, "ExpectColumnValuesToBeUnique", column=keys[0])
    else:
        type_ = "ExpectCompoundColumnsToBeUnique"
        checks.expect(name, "uniqueness", expected, type_, column_list=keys, ignore_row_if="never")


def _worth_column(table: dict[str, Any]) -> str:
    """The column that says what a row of the table is worth; empty: none does."""
    names = {column["name"] for column in table["columns"]}
    return next((name for name in WORTH if name in names), "")


def _worth(table: dict[str, Any], condition: str) -> str:
    """SQL: the share of the table's money in the rows that fulfil the condition."""
    column = _worth_column(table)
    if not column:
        return "cast(null as double)"
    amount = f"abs(cast({column} as double))"
    return f"sum({amount}) filter (where {condition}) / nullif(sum({amount}), 0)"


def raw_suite(domain: str, table: dict[str, Any], rows: int, rules: Rules) -> Suite:
    """Raw rows: refused, doubled, unread; how fresh the table is. How much of it arrived: `dq_anomalies`.

    Args:
        domain: Domain of the table.
        table: Its declaration.
        rows: Raw rows that it holds.
        rules: The rules of the dictionary.
    """
    name = table["name"]
    checks = _Checks(f"raw.{domain}.{name}", domain, rules)
    relation = f"staging.base_{domain}__{name}"
    for check, rule_id in (("few_reject_reason", "raw_refused"), ("usable", "raw_mostly_refused")):
        fewest = rules.get(rule_id, domain).min_rows or 0
        share = checks.limit(rule_id)
        expected = f"at most {share:.0%} of rows refused"
        if rows < fewest:
            checks.unjudged(check, "completeness", expected, f"too few rows: {rows} of {fewest}")
            continue
        # what lies beyond a given as_of is refused by the book: it says nothing of the table
        checks.no_rows(
            check, "completeness", expected,
            f"""select count(*) as rows_read, count(_reject_reason) as rows_refused from {{batch}} as rows_
            where _reject_reason is distinct from 'from_the_future'
            having count(_reject_reason) > {share} * count(*) and count(*) >= {fewest}""",
            counts=f"""select count(*) as checked, count(_reject_reason) as failed,
                {_worth(table, "_reject_reason is not null")} as worth,
                mode(concat_ws(':', _reject_reason, _reject_column)) filter (where _reject_reason is not null) as reason
            from {relation} where _reject_reason is distinct from 'from_the_future'""",
            worth=_worth_column(table),
        )  # fmt: skip
    fewest = rules.get("raw_unread", domain).min_rows or 0
    share = checks.limit("raw_unread")
    expected = f"at most {share:.0%} of rows with unreadable values"
    if rows >= fewest:
        checks.expect(
            "few_unparsed_columns", "validity", expected,
            "ExpectColumnValuesToBeNull", column="_unparsed_columns", mostly=1 - share,
        )  # fmt: skip
    else:
        checks.unjudged("few_unparsed_columns", "validity", expected, f"too few rows: {rows} of {fewest}")
    share = checks.limit("raw_doubled")
    checks.expect(
        "few_duplicates", "uniqueness", f"at most {share:.0%} of rows doubled",
        "ExpectColumnValuesToBeInSet", column="_is_duplicate", value_set=[False], mostly=1 - share,
    )  # fmt: skip
    if own_time := _meta(table).get("own_time"):
        hours, pauses = checks.limit("raw_fresh"), checks.limit("raw_fresh_pauses")
        checks.no_rows(
            "fresh", "freshness", f"newest row within {hours:g} h of as_of, or within its usual pauses",
            f"""with pauses as (
                select {own_time} as at, {own_time} - lag({own_time}) over (order by {own_time}) as pause
                from (select distinct {own_time} from {{batch}} as rows_ where _reject_reason is null) as times
            )
            select max(pauses.at) as newest_at, max(horizon.as_of_utc) as as_of_utc
            from pauses cross join intermediate.int_{domain}__as_of as horizon
            having max(horizon.as_of_utc) - max(pauses.at)
                > greatest(interval {hours:g} hour, {pauses:g} * coalesce(max(pauses.pause), interval 0 hour))""",
            counts=f"""select count(*) as checked, 1 as failed, 'newest row ' || max({own_time})
                || ' (UTC), data horizon ' || (select max(as_of_utc) from intermediate.int_{domain}__as_of) as note
            from {relation} where _reject_reason is null""",
        )  # fmt: skip
    return Suite("raw", domain, name, relation, checks, rows, checks.without)


def staging_suite(domain: str, table: dict[str, Any], filled: set[str], rules: Rules, rows: int = 0) -> Suite:
    """Accepted rows: key, required columns, enumerations, order of times, signs, orphans."""
    name = table["name"]
    checks = _Checks(f"staging.{domain}.{name}", domain, rules)
    columns = {column["name"]: column for column in table["columns"]}
    keys = [column for column, declared in columns.items() if _meta(declared).get("is_key")]
    _unique(checks, "key", "one row per key", keys)
    unknown = checks.limit("staging_known")
    for column, declared in columns.items():
        if _meta(declared).get("is_required"):
            checks.expect(
                f"{column}.present", "completeness", "never null", "ExpectColumnValuesToNotBeNull", column=column
            )
        if accepted := _meta(declared).get("accepted"):
            checks.expect(
                f"{column}.member", "enumeration", "a member or unknown",
                "ExpectColumnValuesToBeInSet", column=column, value_set=[*accepted, "unknown"],
            )  # fmt: skip
            checks.expect(
                f"{column}.known", "enumeration", f"at most {unknown:.0%} unknown",
                "ExpectColumnValuesToNotBeInSet", column=column, value_set=["unknown"], mostly=1 - unknown,
            )  # fmt: skip
        if column in NEVER_NEGATIVE:
            type_ = "ExpectColumnValuesToBeBetween"
            checks.expect(f"{column}.sign", "duration", "never negative", type_, column=column, min_value=0)
    for start, end in _meta(table).get("spans") or []:
        if columns[start]["data_type"] == columns[end]["data_type"]:
            checks.expect(
                f"{start}.{end}.ordered", "order", f"{end} not before {start}",
                "ExpectColumnPairValuesAToBeGreaterThanB", column_A=end, column_B=start, or_equal=True,
                ignore_row_if="either_value_is_missing",
            )  # fmt: skip
    relation = f"staging.stg_{domain}__{name}"
    for child, parent in ORPHANS[domain].items():
        (child_table, child_column), (parent_table, parent_column) = child.split("."), parent.split(".")
        if child_table != name:
            continue
        check, expected = f"{child_column}.has_{parent_table}", f"{child_column} is landed in {parent_table}"
        if f"{domain}.{parent_table}" not in filled:
            checks.unjudged(check, "orphans", expected, f"{parent_table} holds no accepted rows")
            continue
        orphans = f"""select {child_column} as link from {{batch}} as child where {child_column} is not null
            and not exists (select 1 from staging.stg_{domain}__{parent_table} as parent
            where parent.{parent_column} = child.{child_column})"""
        checks.no_rows(
            check, "orphans", expected, orphans, follows=parent_table,
            explained=_explained(domain, parent, orphans.replace("{batch}", relation)),
        )  # fmt: skip
    for check, agreement in AGREEMENTS.items():
        if agreement.domain != domain or agreement.tables[0] != name:
            continue
        limit = checks.limit(check)
        expected = agreement.expected.format(limit=limit)
        if absent := [needed for needed in agreement.tables if f"{domain}.{needed}" not in filled]:
            checks.unjudged(check, "comparison", expected, f"{', '.join(absent)} holds no accepted rows")
            continue
        compared = agreement.rows.replace("{jump_over_days}", f"{rules.get('jump_over_days', 'credit').threshold:g}")
        sums = "select count(*) as checked, count(*) filter (where not holds) as failed from ({rows}) as compared"
        differs = f"failed > {limit:g} * checked" if agreement.at_most else f"checked - failed < {limit:g} * checked"
        of_relation = compared.replace("{batch}", relation)
        told = {"counts": sums.format(rows=of_relation)}
        if agreement.parent:
            missing = f"select link from ({of_relation}) as compared where not holds"
            told["follows"] = agreement.parent.split(".")[0]
            told["explained"] = _explained(domain, agreement.parent, missing)
        checks.no_rows(
            check, "comparison", expected,
            f"select * from ({sums.format(rows=compared)}) as sums where {differs}", **told,
        )  # fmt: skip
    return Suite("staging", domain, name, relation, checks, rows, checks.without)


def _explained(domain: str, parent: str, links: str) -> str:
    """SQL: how many of these links point to a row that was refused, and to none that was accepted."""
    table, column = parent.split(".")
    return f"""select count(*) from ({links}) as missing where link in (
        select {column} from staging.base_{domain}__{table}
        where _reject_reason is not null and {column} is not null)"""


def marts_suites(marts: Mapping[str, int], rules: Rules) -> Iterator[Suite]:
    """Published tables: grain, ranges, order, and numbers that fit each other. marts: rows by table."""
    for name, rows in marts.items():
        checks = _Checks(f"marts.{name}", _domain_of(name), rules)
        if keys := GRAINS.get(name):
            _unique(checks, "grain", "one row per " + ", ".join(keys), keys)
        for column, (least, greatest) in RANGES.get(name, {}).items():
            checks.expect(
                f"{column}.range", "duration" if greatest is None else "validity",
                f"{column} from {least} to {greatest or 'any'}",
                "ExpectColumnValuesToBeBetween", column=column, min_value=least, max_value=greatest,
            )  # fmt: skip
        for check, (mart, kind, expected, condition) in FORBIDDEN.items():
            if mart == name:
                checks.no_rows(check, kind, expected, f"select * from {{batch}} as rows_ where {condition}")
        if name == "kpi_values" and "metric_dictionary" in marts:
            checks.no_rows(
                "ratio_is_its_parts", "validity", "a ratio is its numerator over its denominator",
                """select rows_.* from {batch} as rows_ inner join marts.metric_dictionary as dictionary
                    on rows_.kpi_id = dictionary.kpi_id and rows_.version = dictionary.version
                where dictionary.kpi_kind = 'ratio' and rows_.denominator <> 0
                    and abs(rows_.value - rows_.numerator / rows_.denominator)
                        > 1e-9 * greatest(1, abs(rows_.value))""",
            )  # fmt: skip
        if checks and rows:
            yield Suite("marts", _domain_of(name), name, f"marts.{name}", checks, rows)


def _domain_of(mart: str) -> str:
    domains = {
        "ecommerce": ("fct_orders", "fct_sessions", "fct_attribution", "fct_cohort_retention", "dim_persons"),
        "manufacturing": ("fct_oee", "fct_stops"),
        "credit": ("fct_applications", "fct_node_visits", "fct_vintage_curve"),
    }
    return next((domain for domain, names in domains.items() if mart in names), "governance")


def suites(root: Path, warehouse: Path) -> list[Suite]:
    """The suites of a warehouse, for relations that are there and hold rows."""
    rules = Rules(root)
    with duckdb.connect(str(warehouse), read_only=True, config=LOCKED) as db:
        there = {
            f"{schema}.{name}"
            for schema, name in db.execute("select table_schema, table_name from information_schema.tables").fetchall()
        }

        def rows(relation: str) -> int:
            found = db.execute(f"select count(*) from {relation}").fetchone() if relation in there else None
            return int(found[0]) if found else 0

        tables = [
            (domain, table, count)
            for domain, table in contract(root)
            if (count := rows(f"staging.base_{domain}__{table['name']}"))
            and f"intermediate.int_{domain}__as_of" in there
        ]
        accepted = {f"{domain}.{t['name']}": rows(f"staging.stg_{domain}__{t['name']}") for domain, t, _ in tables}
        filled = {name for name, count in accepted.items() if count}
        marts = {
            name: rows(f"marts.{name}") for name in sorted({*GRAINS, *RANGES, *(f[0] for f in FORBIDDEN.values())})
        }
    found = [raw_suite(domain, table, count, rules) for domain, table, count in tables]
    found += [
        staging_suite(domain, t, filled, rules, accepted[f"{domain}.{t['name']}"])
        for domain, t, _ in tables
        if f"{domain}.{t['name']}" in filled
    ]
    found += marts_suites({name: count for name, count in marts.items() if count}, rules)
    return found


def _context(docs: Path | None) -> AbstractDataContext:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="great_expectations")
    warnings.filterwarnings("ignore", module="duckdb_engine")
    try:
        import great_expectations as gx
        from duckdb_engine import Dialect
    except ImportError as error:
        raise click.ClickException(f"{error.name} is missing: install the project with its extra `quality`") from None
    # DuckDB has no transaction to end on a connection that only reads
    for name in ("do_begin", "do_commit", "do_rollback"):
        setattr(Dialect, name, lambda self, connection: None)
    context: AbstractDataContext = (
        gx.get_context(mode="file", project_root_dir=str(docs)) if docs else gx.get_context(mode="ephemeral")
    )
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}  # type: ignore[assignment]
    return context


def run(root: Path, warehouse: Path, docs: Path | None = None) -> Report:
    """Runs every checkpoint on a warehouse; writes nothing into it.

    Great Expectations keeps its connections to the file for as long as the process lives: see `check`, which counts
    rows where the expectation compares sums and adds what could not be judged.

    Args:
        root: The project folder.
        warehouse: The DuckDB file that a build wrote.
        docs: Folder for the Data Docs; None: none are built.

    Returns:
        One result per check.
    """
    started = time.monotonic()
    planned = suites(root, warehouse)
    report = Report()
    with tempfile.TemporaryDirectory() as scratch:
        context = _context(Path(scratch) if docs else None)
        import great_expectations as gx

        source = context.data_sources.add_or_update_sql(
            "warehouse",
            connection_string=f"duckdb:///{warehouse.resolve()}",
            create_temp_table=False,
            kwargs={"connect_args": {"read_only": True, "config": LOCKED}},  # type: ignore[call-arg]
        )
        for layer in ("raw", "staging", "marts"):
            definitions = [_definition(context, source, suite) for suite in planned if suite.layer == layer]
            if not definitions:
                continue
            checkpoint = context.checkpoints.add_or_update(
                gx.Checkpoint(
                    name=layer,
                    validation_definitions=definitions,
                    result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
                )
            )
            for outcome in checkpoint.run().run_results.values():
                report.results.extend(_result(item) for item in outcome.results)
        if docs:
            _write_docs(context, Path(scratch), docs)
    report.seconds = time.monotonic() - started
    return report


def _counted(warehouse: Path, planned: Sequence[Suite], results: Sequence[Result]) -> list[Result]:
    """The results with rows counted (not sums), first causes named, and the checks that could not be judged."""
    known = {check.check_id: (suite, check) for suite in planned for check in suite.checks}
    unmet = {result.check_id for result in results if result.met is False}
    found = []
    with duckdb.connect(str(warehouse), read_only=True) as db:
        for result in results:
            suite, check = known[result.check_id]
            # a comparison of two sources may hold because there was nothing to compare
            if result.met is None or (result.met and not (check.counts and suite.layer == "staging")):
                found.append(replace(result, checked_rows=suite.rows))
                continue
            found.append(_with_counts(db, suite, check, result, unmet))
    found += [
        Result(
            check.check_id, suite.domain, suite.table, check.kind, check.severity, check.expected,
            f"not judged, {check.reason}", None, 0, suite.rows, reason=check.reason,
        )
        for suite in planned for check in suite.unjudged
    ]  # fmt: skip
    return found


def _with_counts(db: duckdb.DuckDBPyConnection, suite: Suite, check: Check, result: Result, unmet: set[str]) -> Result:
    checked, failed, worth, reason, note = suite.rows, result.failed_rows, None, None, None
    if check.counts:
        counts = db.execute(check.counts)
        names = [column[0] for column in counts.description or []]
        row = dict(zip(names, counts.fetchone() or [], strict=True))
        checked, failed = int(row["checked"]), int(row["failed"])
        worth, reason, note = row.get("worth"), row.get("reason"), row.get("note")
        if not checked:
            nothing = "no rows to compare"
            return replace(
                result, met=None, observed=f"not judged, {nothing}", failed_rows=0, checked_rows=0, reason=nothing
            )
    if result.met:
        return replace(result, checked_rows=checked)
    parts = [share(failed / checked)] if checked and failed <= checked else []
    if worth is not None:
        parts.append(f"{share(worth)} of {check.worth}")
    what = "refused" if reason else "differ"
    observed = f"{failed:,} of {checked:,} rows {what}" + (f" ({', '.join(parts)})" if parts else "")
    if note:
        observed = str(note)
    if reason:
        observed += f": {fault(reason)}"
    follows_from = None
    if check.explained:
        row_ = db.execute(check.explained).fetchone()
        explained = int(row_[0]) if row_ else 0
        if explained:
            observed += f"; {explained:,} follow from refused rows of {check.follows}"
        if 2 * explained > failed:
            refused = f"expectation.raw.{suite.domain}.{check.follows}.few_reject_reason"
            follows_from = refused if refused in unmet else f"landing.{suite.domain}.{check.follows}.quarantined"
    return replace(
        result, observed=f"{result.severity}, {observed}", failed_rows=failed, checked_rows=checked,
        money_share=worth, reason=reason, follows_from=follows_from,
    )  # fmt: skip


def _definition(context: AbstractDataContext, source: Any, suite: Suite) -> Any:
    import great_expectations as gx
    from great_expectations import expectations

    name = f"{suite.layer}.{suite.domain}.{suite.table}"
    asset = source.add_query_asset(name, query=f"select * from {suite.relation}")
    batch = asset.add_batch_definition_whole_table("all")
    built = [
        getattr(expectations, check.type)(
            **check.arguments,
            severity="critical" if check.severity == ERROR else "warning",
            meta={
                "check_id": check.check_id, "domain": suite.domain, "table": suite.table, "kind": check.kind,
                "severity": check.severity, "expected": check.expected,
            },
        )
        for check in suite.checks
    ]  # fmt: skip
    expected = context.suites.add_or_update(gx.ExpectationSuite(name=name, expectations=built))
    return context.validation_definitions.add_or_update(gx.ValidationDefinition(name=name, data=batch, suite=expected))


def _result(item: Any) -> Result:
    meta = item.expectation_config.meta
    found = item.result or {}
    failed = int(found.get("unexpected_count") or 0)
    if item.expectation_config.type == "unexpected_rows_expectation":
        failed = int(found.get("observed_value") or 0)
    raised = [
        info["exception_message"]
        for info in (item.exception_info or {}).values()
        if isinstance(info, dict) and info.get("raised_exception")
    ]
    if raised:
        reason = f"could not be checked: {raised[0][:300]}"
        return Result(
            meta["check_id"], meta["domain"], meta["table"], meta["kind"], ERROR, meta["expected"],
            f"not judged, {reason}", None, 0, reason=reason, had_to=True,
        )  # fmt: skip
    prefix = "" if item.success else f"{meta['severity']}, "
    return Result(
        meta["check_id"], meta["domain"], meta["table"], meta["kind"], meta["severity"],
        meta["expected"], prefix + f"{failed:,} rows differ", bool(item.success), failed,
    )  # fmt: skip


def _write_docs(context: AbstractDataContext, scratch: Path, docs: Path) -> None:
    import shutil

    context.build_data_docs()
    shutil.copytree(scratch / "gx" / "uncommitted" / "data_docs" / "local_site", docs, dirs_exist_ok=True)


def record(warehouse: Path, results: Sequence[Result]) -> None:
    """Puts the results into `marts.dq_results` in place of those of an earlier run.

    Args:
        warehouse: The DuckDB file; no other connection may hold it.
        results: One per check.
    """
    with duckdb.connect(str(warehouse)) as db:
        db.execute("create schema if not exists marts")
        db.execute(
            "create table if not exists marts.dq_results ("
            + ", ".join(f'"{name}" {type_}' for name, type_ in RESULT_COLUMNS.items())
            + ")"
        )
        # a table of an older version, or of another project, gains what it lacks
        for name, type_ in RESULT_COLUMNS.items():
            db.execute(f'alter table marts.dq_results add column if not exists "{name}" {type_}')
        db.execute(
            """update marts.dq_results set
                status = case when passed is not true then 'fail'
                    when observed like 'warn,%' then 'warn' else 'pass' end,
                severity = case when passed and observed like 'warn,%' then 'warn' else 'error' end,
                shuts_gate = passed is not true, passed = passed and observed not like 'warn,%'
            where status is null"""
        )
        horizons = dict(
            db.execute("select domain, max(as_of) from marts.kpi_values group by domain").fetchall()
            if db.execute("select 1 from information_schema.tables where table_name = 'kpi_values'").fetchall()
            else []
        )
        with marks.resealing(db):
            db.execute("begin")
            db.execute("delete from marts.dq_results where check_id like 'expectation.%'")
            if results:
                names = ", ".join(f'"{name}"' for name in RESULT_COLUMNS)
                db.executemany(
                    f"insert into marts.dq_results ({names}) values ({', '.join('?' * len(RESULT_COLUMNS))})",
                    [
                        [
                            *(
                                r.check_id,
                                r.domain,
                                r.table,
                                r.kind,
                                r.expected,
                                r.observed,
                                r.status,
                                r.reason,
                                r.passed,
                            ),
                            *(r.failed_rows, r.checked_rows, r.money_share, r.severity, r.shuts_gate, r.follows_from),
                            horizons.get(r.domain),
                        ]
                        for r in results
                    ],
                )
            db.execute("commit")


def check(root: Path, warehouse: Path, docs: Path | None = None) -> Report:
    """Runs the expectations in a process of its own and records them in the warehouse.

    Raises:
        click.ClickException: They could not be run.
    """
    with tempfile.TemporaryDirectory() as scratch:
        answer = Path(scratch) / "results.json"
        command = [
            sys.executable,
            "-m",
            __name__,
            str(root),
            str(warehouse),
            str(answer),
            *([str(docs)] if docs else []),
        ]
        done = run_child(command)
        if done.returncode:
            raise click.ClickException("the expectations could not be run: " + "\n".join(done.stderr.splitlines()[-3:]))
        found = json.loads(answer.read_text(encoding="utf-8"))
    # Great Expectations keeps its own connections to the file: rows are counted in this process
    found_here = [Result(**row) for row in found["results"]]
    report = Report(_counted(warehouse, suites(root, warehouse), found_here), found["seconds"])
    record(warehouse, report.results)
    return report


if __name__ == "__main__":
    die_with_parent(int(os.environ.get("KPI_PARENT") or os.getppid()))
    _found = run(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[4]) if len(sys.argv) > 4 else None)
    Path(sys.argv[3]).write_text(json.dumps(asdict(_found)), encoding="utf-8")
