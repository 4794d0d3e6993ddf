"""Mutation: a wrong operator, a dropped exclusion or a shifted window in the SQL must be seen by some test.

Every mutant of every model below `FOLDERS` is tried, in process, against the dbt unit tests of its model, then against the
properties (`test_properties.py`) of the shared rules, then, in KPI models, against the rule of absent tables
(`test_absent_tables.py`). `pytest -s -m long tests/python/test_mutation.py` prints the score of each model and the survivors.

`equivalent_mutants.csv` names the mutants that no test can see, each with the reason. It may only become shorter: a mutant
in it that is seen after all, or is no more, fails the test.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from . import test_properties as properties
from .support.bench import Bench
from .support.lander import Lander
from .support.landing_bench import LandingBench
from .support.mutants import Mutant, marked, mutants, mutated, unmarked
from .support.unit_bench import UnitBench
from .test_absent_tables import ABSENCES, COUNTS, EMPTIED, FOLLOWS, silent

#: Folders below models/, and `macros`, with the least share of their mutants (but the equivalent ones) that tests see. What the
#: KPIs are made of comes first; facts and governance, most of which the build's accounting identities hold too, are scored for themselves.
LEAST = {"kpis": 0.9, "intermediate": 0.9, "macros": 0.9, "marts": 0.9, "governance": 0.8}
FOLDERS = tuple(part for part in LEAST if part != "macros")
#: What the models share.
MACROS = ("kpi", "manufacturing", "ecommerce")
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.csv")
#: The list does not grow: a new survivor gets a test (or its condition is taken out of the model).
MOST_EQUIVALENT = 88
DRAW = settings(
    max_examples=80,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
#: Property, cases, and whether many cases make one (of many accounts), by the fixture of its bench.
PROPERTIES = {
    "session_bench": (properties.test_sessions_are_cut_where_the_gap_is_reached, properties.SESSION_CASES, False),
    "identity_bench": (properties.test_events_find_their_person, properties.IDENTITY_CASES, False),
    "timeline_bench": (properties.test_the_strongest_state_wins_at_every_instant, properties.TIMELINE_CASES, False),
    "dpd_bench": (properties.test_days_past_due_of_every_day, properties.DPD_CASES, True),
}

session_bench = properties.session_bench
identity_bench = properties.identity_bench
timeline_bench = properties.timeline_bench
dpd_bench = properties.dpd_bench

Verdicts = dict[str, list[tuple[Mutant, str]]]


def test_the_operators_change_what_they_should() -> None:
    sql = """select min(a) as a, {{ count_where('not b') }}, {{ add_days('c', 1) }}, {{ add_days('c', 'n') }}
from t
where a >= 1
    and b is not null  -- where c < 2
    and c between 1 and 2
    and metric_id = 'x'
{% if x < 1 %}
"""
    found = mutants(sql)
    assert [sql[mutant.start : mutant.end] + " => " + mutant.new for mutant in found] == [
        "min => max",
        "not => ",
        "1 => 2",
        "n => (n) + 1",
        "a >= 1 => true",
        ">= => >",
        "b is not null => true",
        "is not null => is null",
        "c between 1 and 2 => (c > 1 and c <= 2)",
        "c between 1 and 2 => (c >= 1 and c < 2)",
        "c between 1 and 2 => true",
    ]
    text = marked(sql, found)
    assert unmarked(text) == sql.replace(", 1) }}", ', "1") }}')
    assert "where a  >  1" in mutated(text, found[5])


@pytest.fixture(scope="module")
def unit_bench(landing_bench: LandingBench, lander: Lander) -> UnitBench:
    """Made after the landing bench: its run leaves the relations of which unit tests read the columns."""
    lander.models("path:models/governance")
    return UnitBench(lander, FOLDERS, MACROS)


@pytest.fixture(scope="module")
def verdicts(unit_bench: UnitBench, landing_bench: LandingBench, request: pytest.FixtureRequest) -> Verdicts:
    """What all tests together say of every mutant."""
    found = {name: [unit_bench.verdict(mutant) for mutant in unit_bench.mutants[name]] for name in unit_bench.mutants}
    for name in PROPERTIES:
        seen_by_properties(unit_bench, request.getfixturevalue(name), *PROPERTIES[name], found)
    seen_by_absence(unit_bench, landing_bench, found)
    return {name: list(zip(unit_bench.mutants[name], found[name], strict=True)) for name in found}


def cases_of(strategies: tuple, together: bool) -> list[tuple]:
    """What Hypothesis draws, always the same; together: the lists drawn are one list."""
    drawn: list[tuple] = []
    DRAW(given(st.tuples(*strategies))(lambda case: drawn.append(case)))()
    return [([item for (items,) in drawn for item in items],)] if together else drawn


def seen_by_properties(
    unit_bench: UnitBench, bench: Bench, check: Callable, strategies: tuple, together: bool, found: dict[str, list[str]]
) -> None:
    """Marks the survivors that break a property, in a model of the bench or in a macro that it calls."""
    cases = cases_of(strategies, together)
    original = dict(bench.sql)

    def holds() -> bool:
        try:
            for case in cases:
                check.hypothesis.inner_test(bench, *case)
        except Exception:
            return False
        return True

    assert holds(), "the property fails without any mutant"
    for name, verdicts in found.items():
        for place, mutant in enumerate(unit_bench.mutants[name]):
            mark = f"/*<{mutant.number}*/"
            touched = [model for model in bench.models if mark in unit_bench.compiled.get(model, "")]
            if verdicts[place] == "survived" and touched:
                bench.sql.update({model: mutated(unit_bench.compiled[model], mutant) for model in touched})
                verdicts[place] = "survived" if holds() else "killed"
                bench.sql.update(original)


def seen_by_absence(unit_bench: UnitBench, bench: LandingBench, found: dict[str, list[str]]) -> None:
    """Marks the survivors that let a KPI speak where a table that it counts is absent, or fall silent where it is not."""
    models = {name: node.fqn[2] for name, node in unit_bench.models.items() if node.fqn[1] == "kpis"}
    published = {name: set(bench.kpis_of(unmarked(unit_bench.compiled[name]))) for name in models}
    left = {
        (name, place): [model for model in models if f"/*<{mutant.number}*/" in unit_bench.compiled[model]]
        for name, verdicts in found.items()
        for place, mutant in enumerate(unit_bench.mutants[name])
        if verdicts[place] == "survived"
    }
    for domain, absence, emptied in [*((*case, False) for case in ABSENCES), *((*case, True) for case in EMPTIED)]:
        tables = set(re.findall(r"\w+", absence))
        concerned = {kpi for kpi, parts in COUNTS[domain].items() if tables & set(re.findall(r"\w+", str(parts)))}
        gone = silent(domain, absence) | FOLLOWS.get((domain, absence), set())
        tried = [
            (name, place, model)
            for (name, place), touched in left.items()
            for model in touched
            if models[model] == domain and concerned & published[model]
        ]
        if tried:
            with bench.without(domain, absence.split(), emptied=emptied, kpi_models=False):
                for name, place, model in tried:
                    if found[name][place] == "survived":
                        sql = mutated(unit_bench.compiled[model], unit_bench.mutants[name][place])
                        if kpis_or_nothing(bench, sql) != published[model] - gone:
                            found[name][place] = "killed"
        left = {key: touched for key, touched in left.items() if found[key[0]][key[1]] == "survived"}


def kpis_or_nothing(bench: LandingBench, sql: str) -> set[str] | None:
    """The KPIs of which the SQL of a model publishes rows; None where it fails."""
    try:
        return set(bench.kpis_of(sql))
    except duckdb.Error:
        return None


def listed() -> dict[tuple[str, str], str]:
    """The equivalent mutants: (model, change) and the reason."""
    with EQUIVALENT.open(encoding="utf-8", newline="") as file:
        return {(row["model"], row["change"]): row["reason"] for row in csv.DictReader(file)}


@pytest.mark.long
@pytest.mark.parametrize("part", LEAST)
def test_mutants_are_seen(part: str, verdicts: Verdicts, unit_bench: UnitBench) -> None:
    equivalent = listed()
    lines, survivors = [], []
    killed, counted, explained = 0, 0, 0
    for name, found in sorted(verdicts.items()):
        if part != (unit_bench.models[name].fqn[1] if name in unit_bench.models else "macros"):
            continue
        real = [(mutant, verdict) for mutant, verdict in found if verdict in ("killed", "survived")]
        open_ones = [
            mutant for mutant, verdict in real if verdict == "survived" and (name, mutant.change) not in equivalent
        ]
        seen = sum(verdict == "killed" for _, verdict in real)
        killed, counted = killed + seen, counted + len(real)
        explained += len(real) - seen - len(open_ones)
        lines.append(f"    {name}: {seen} of {len(real)} seen, {len(real) - seen - len(open_ones)} equivalent")
        survivors += [f"    survived: {name}:{mutant.line} {mutant.change}" for mutant in open_ones]
    print(f"\n{part}: {killed} of {counted} mutants seen ({killed / counted:.1%}), {explained} equivalent", end=", ")
    print(f"{killed / (counted - explained):.1%} of the others")
    print("\n".join(lines + survivors))
    assert killed / (counted - explained) >= LEAST[part]


@pytest.mark.long
def test_equivalent_mutants_are_still_there_and_unseen(verdicts: Verdicts) -> None:
    unseen = {
        (model, mutant.change)
        for model, found in verdicts.items()
        for mutant, verdict in found
        if verdict == "survived"
    }
    assert {case for case in listed() if case not in unseen} == set(), "take these out of equivalent_mutants.csv"
    assert all(listed().values()) and len(listed()) <= MOST_EQUIVALENT
