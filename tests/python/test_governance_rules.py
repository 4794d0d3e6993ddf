"""The governance tests of the build fail where their rule is broken: each on tables made to break it."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from .support.lander import Lander

FOLDER = "tests/data/governance"
DAY = dt.date
#: Columns of the tables that the tests read.
COLUMNS = {
    "stg_dictionary__definitions": "kpi_id varchar, version int, domain varchar, status varchar, parallel_from date, "
    "effective_from date, effective_to date, supersedes_version int, data_sources varchar",
    "stg_dictionary__approvals": "kpi_id varchar, version int, role varchar, approved_on date",
    "required_approvals": "domain varchar, role varchar",
    "kpi_drivers": "kpi_id varchar, version int, period_grain varchar, period_start timestamp, dimension varchar, "
    "dimension_value varchar, split_by varchar, member varchar, contribution double, change double",
    "metric_changelog": "kpi_id varchar, version int, effect_periods int, effect_mean_abs double",
    "stg_dictionary__parameters": "metric_id varchar, version int, parameter varchar, value double",
    "kpi_values": "kpi_id varchar, version int, domain varchar",
    "landed": "domain varchar, table_name varchar, column_name varchar, has_rows boolean",
    "happenings": "domain varchar, table_name varchar, column_name varchar, row_key varchar, happened_at timestamp",
    "as_of": "as_of_utc timestamp, as_of timestamp, is_given boolean",
}
RULES = [
    (f"{prefix}_rule_{rule}", 1, parameter, value)
    for prefix in ("ec", "mf", "cr")
    for rule, parameter, value in (
        ("governance", "min_parallel_months", 1),
        ("landing", "as_of_max_gap_days", 7),
        ("landing", "as_of_gap_percentile", 0.999),
    )
]


@pytest.fixture(scope="module")
def compiled(lander: Lander) -> Mapping[str, str]:
    """The SQL of each test, by name."""
    lander.models("path:models/staging/dictionary")
    result = lander.dbt("compile", "--select", f"path:{FOLDER}", "stg_dictionary__parameters")
    return {node.node.name: node.node.compiled_code for node in result.results}


def failing_rows(sql: str, tables: Mapping[str, Sequence[tuple]]) -> list[dict[str, Any]]:
    """Rows that a test's SQL finds in tables made here (absent ones are empty)."""
    rows = {"stg_dictionary__parameters": RULES, **tables}
    with duckdb.connect() as db:
        db.execute("attach ':memory:' as replay")
        for schema, name in set(re.findall(r'"replay"\."(\w+)"\."(\w+)"', sql)):
            columns = COLUMNS.get(name) or COLUMNS[name.split("__")[1]]
            db.execute(f'create schema if not exists replay."{schema}"')
            db.execute(f'create table replay."{schema}"."{name}" ({columns})')
            for row in rows.get(name, []):
                marks = ", ".join("?" for _ in row)
                db.execute(f'insert into replay."{schema}"."{name}" values ({marks})', list(row))
        cursor = db.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def version(number: int, status: str = "active", *, parallel=None, start=None, end=None, replaces=None) -> tuple:
    return ("ec_x", number, "ecommerce", status, parallel, start, end, replaces, "ecommerce.orders")


FIRST = version(1, end=DAY(2026, 4, 1))


@pytest.mark.parametrize(
    ("versions", "found"),
    [
        ([FIRST, version(2, start=DAY(2026, 4, 1))], 0),
        ([FIRST, version(2, start=DAY(2026, 3, 31))], 1),
        ([FIRST, version(2)], 1),
        ([version(1), version(2, start=DAY(2030, 1, 1))], 1),
        ([version(1), version(2, "parallel")], 0),
    ],
)
def test_overlapping_active_versions(compiled: Mapping[str, str], versions: list[tuple], found: int) -> None:
    sql = compiled["dictionary_active_versions_do_not_overlap"]
    assert len(failing_rows(sql, {"stg_dictionary__definitions": versions})) == found


@pytest.mark.parametrize(
    ("status", "approved_on", "missing"),
    [
        ("active", {"kpi_owner": DAY(2026, 3, 31), "data_governance": DAY(2026, 3, 1)}, []),
        ("active", {"kpi_owner": DAY(2026, 3, 31)}, ["data_governance"]),
        ("active", {"kpi_owner": DAY(2026, 4, 1), "data_governance": DAY(2026, 3, 1)}, ["kpi_owner"]),
        ("active", {}, ["data_governance", "kpi_owner"]),
        ("parallel", {}, []),
    ],
)
def test_missing_or_late_approvals(
    compiled: Mapping[str, str], status: str, approved_on: dict[str, DAY], missing: list[str]
) -> None:
    tables = {
        "stg_dictionary__definitions": [version(2, status, start=DAY(2026, 4, 1))],
        "stg_dictionary__approvals": [("ec_x", 2, role, day) for role, day in approved_on.items()],
        "required_approvals": [("ecommerce", "kpi_owner"), ("ecommerce", "data_governance"), ("credit", "compliance")],
    }
    rows = failing_rows(compiled["dictionary_active_versions_are_approved"], tables)
    assert sorted(row["role"] for row in rows) == missing


@pytest.mark.parametrize(
    ("second", "found"),
    [
        (version(2, parallel=DAY(2026, 3, 1), start=DAY(2026, 4, 1), replaces=1), 0),
        (version(2, parallel=DAY(2026, 3, 2), start=DAY(2026, 4, 1), replaces=1), 1),
        (version(2, parallel=None, start=DAY(2026, 4, 1), replaces=1), 1),
        (version(2, parallel=DAY(2026, 1, 1), start=None, replaces=1), 1),
        (version(2, parallel=DAY(2026, 1, 1), start=DAY(2026, 4, 1), replaces=None), 1),
        (version(2, parallel=DAY(2026, 1, 1), start=DAY(2026, 4, 2), replaces=1), 1),  # a day without a version
        (version(2, "parallel", parallel=DAY(2026, 3, 30), replaces=1), 0),
    ],
)
def test_a_new_version_needs_its_parallel_run(compiled: Mapping[str, str], second: tuple, found: int) -> None:
    sql = compiled["dictionary_new_versions_ran_in_parallel"]
    assert len(failing_rows(sql, {"stg_dictionary__definitions": [FIRST, second]})) == found


@pytest.mark.parametrize(
    ("second", "logged", "found"),
    [
        (version(2, replaces=1), [("ec_x", 2, 12, 0.0)], 0),
        (version(2, replaces=1), [("ec_x", 2, None, None)], 1),
        (version(2, replaces=1), [("ec_x", 2, 0, 0.1)], 1),
        (version(2, replaces=1), [("ec_y", 2, 12, 0.1)], 1),
        (version(2, "retired", replaces=1), [], 1),
        (version(2, "parallel", replaces=1), [], 0),  # it is computed when the parallel run is over
    ],
)
def test_a_change_without_its_effect(compiled: Mapping[str, str], second: tuple, logged: list, found: int) -> None:
    tables = {"stg_dictionary__definitions": [FIRST, second], "metric_changelog": logged}
    assert len(failing_rows(compiled["dictionary_changes_state_their_effect"], tables)) == found


@pytest.mark.parametrize(
    ("published", "found"),
    [
        (("ec_x", 1, "ecommerce"), 0),
        (("ec_x", 3, "ecommerce"), 1),
        (("ec_y", 1, "ecommerce"), 1),
        (("ec_x", 1, "credit"), 1),
        (("ec_x", 2, "ecommerce"), 1),  # a draft
    ],
)
def test_published_versions_outside_the_dictionary(compiled: Mapping[str, str], published: tuple, found: int) -> None:
    tables = {"stg_dictionary__definitions": [version(1), version(2, "draft")], "kpi_values": [published, published]}
    rows = failing_rows(compiled["dictionary_lists_every_published_version"], tables)
    assert len(rows) == found and all(row["published_rows"] == 2 for row in rows)


def test_versions_without_a_model(compiled: Mapping[str, str]) -> None:
    rows = [version(1), ("ec_gmv", 1, "ecommerce", "active", None, None, None, None, ""), version(2, "draft")]
    found = failing_rows(compiled["dictionary_versions_have_a_model"], {"stg_dictionary__definitions": rows})
    assert [(row["kpi_id"], row["version"]) for row in found] == [("ec_x", 1)]


@pytest.mark.parametrize(
    ("has_rows", "published", "found"), [(True, [], 1), (False, [], 0), (True, [("ec_x", 1, "ecommerce")], 0)]
)
def test_versions_without_rows(compiled: Mapping[str, str], has_rows: bool, published: list, found: int) -> None:
    tables = {
        "stg_dictionary__definitions": [version(1)],
        "stg_ecommerce__landed": [("ecommerce", "orders", c, has_rows) for c in ("order_id", "user_id")],
        "kpi_values": published,
    }
    assert len(failing_rows(compiled["dictionary_versions_have_rows"], tables)) == found


@pytest.mark.parametrize(("last_part", "found"), [(0.25, 0), (0.25 + 1e-12, 0), (0.2501, 1)])
def test_drivers_that_do_not_add_up(compiled: Mapping[str, str], last_part: float, found: int) -> None:
    key = ("ec_cvr", 2, "month", dt.datetime(2026, 4, 1), "all", "all", "platform")
    rows = [(*key, "app", 0.5, 0.75), (*key, "web", last_part, 0.75)]
    assert len(failing_rows(compiled["drivers_add_up_to_the_change"], {"kpi_drivers": rows})) == found


@pytest.mark.parametrize(
    ("last", "given", "found"),
    [
        (dt.timedelta(days=7), False, []),  # the percentile lies just after the bulk: 7 days later is not yet too far
        (dt.timedelta(days=9), False, ["typo"]),
        (dt.timedelta(days=366), False, ["typo"]),
        (dt.timedelta(days=366), True, []),
    ],
)
def test_a_mistyped_year_is_named(compiled: Mapping[str, str], last: dt.timedelta, given: bool, found: list) -> None:
    bulk = dt.datetime(2026, 4, 1)
    rows = [("credit", "repayments", "posted_at", f"r{n}", bulk) for n in range(1999)]
    rows.append(("credit", "repayments", "posted_at", "typo", bulk + last))
    tables = {"stg_credit__happenings": rows, "int_credit__as_of": [(bulk + last, bulk + last, given)]}
    found_rows = failing_rows(compiled["landing_default_as_of_is_near_the_events"], tables)
    assert [row["row_key"] for row in found_rows] == found


def test_every_governance_test_is_tried(compiled: Mapping[str, str]) -> None:
    """A test without a failing fixture could never fail."""
    here = Path(__file__).read_text(encoding="utf-8")
    names = {name for name in compiled if name.startswith(("dictionary_", "landing_", "drivers_"))}
    assert names and [name for name in sorted(names) if f'"{name}"' not in here] == [], json.dumps(sorted(names))


def test_the_tests_that_the_document_names_exist() -> None:
    tests = Path(__file__).parents[1]
    text = (tests.parent / "docs" / "governance.md").read_text(encoding="utf-8")
    section = text.split("## Rules, and what fails without them")[1].split("\n## ")[0]
    functions = re.findall(r"`(test_\w+\.py)::(test_\w+)`", section)
    assert len(functions) > 30
    missing = [
        f"{file}::{name}"
        for file, name in functions
        if f"def {name}(" not in (tests / "python" / file).read_text(encoding="utf-8")
    ]
    properties = "".join(
        path.read_text(encoding="utf-8") for path in (tests.parent / "models/governance").glob("*.yml")
    )
    missing += [name for name in re.findall(r"`(\w+__\w+)`", section) if f"- name: {name}\n" not in properties]
    for line in section.splitlines():
        for part in re.findall(r"data tests? ((?:`\w+`(?:, )?)+)", line):
            found = re.findall(r"`(\w+)`", part)
            missing += [name for name in found if not (tests / f"data/governance/{name}.sql").exists()]
    assert not missing
