"""Mutation: a wrong operator, a dropped exclusion or a shifted window in the SQL must be seen by some test.

Every mutant of every model below `FOLDERS` is tried, in process, against the dbt unit tests of its model, then against the
properties (`test_properties.py`) of the shared rules, then, in KPI models, against the rule of absent tables
(`test_absent_tables.py`). `pytest -s -m long tests/python/test_mutation.py` prints the score of each model and the survivors.

`equivalent_mutants.csv` names the mutants that no test can see, each with the reason. It may only become shorter: a mutant
in it that is seen after all, or is no more, fails the test.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from . import test_properties as properties
from .support.bench import Bench
from .support.lander import Lander
from .support.landing_bench import LandingBench
from .support.mutants import Mutant, marked, mutants, mutated, unmarked
from .support.unit_bench import UnitBench
from .test_absent_tables import ABSENCES, EMPTIED, FOLLOWS, silent

FOLDERS = ("kpis", "intermediate")
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.csv")
QUICK = settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
#: Property and cases by the fixture of its bench.
PROPERTIES = {
    "session_bench": (properties.test_sessions_are_cut_where_the_gap_is_reached, properties.SESSION_CASES),
    "identity_bench": (properties.test_events_find_their_person, properties.IDENTITY_CASES),
    "timeline_bench": (properties.test_the_strongest_state_wins_at_every_instant, properties.TIMELINE_CASES),
    "dpd_bench": (properties.test_days_past_due_of_every_day, properties.DPD_CASES),
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
    return UnitBench(lander, FOLDERS)


@pytest.fixture(scope="module")
def verdicts(unit_bench: UnitBench, landing_bench: LandingBench, request: pytest.FixtureRequest) -> Verdicts:
    """What all tests together say of every mutant."""
    found = {
        name: [unit_bench.verdict(name, m) for m in unit_bench.mutants[name]] for name in sorted(unit_bench.models)
    }
    for name in PROPERTIES:
        seen_by_properties(unit_bench, request.getfixturevalue(name), *PROPERTIES[name], found)
    seen_by_absence(unit_bench, landing_bench, found)
    return {name: list(zip(unit_bench.mutants[name], found[name], strict=True)) for name in found}


def seen_by_properties(unit_bench: UnitBench, bench: Bench, check, cases, found: dict[str, list[str]]) -> None:
    """Marks the survivors that break a property."""
    inner = settings(QUICK)(given(*cases)(check.hypothesis.inner_test))
    inner(bench)
    for model in set(bench.models) & set(found):
        original = bench.sql[model]
        for place, mutant in enumerate(unit_bench.mutants[model]):
            if found[model][place] == "survived":
                bench.sql[model] = mutated(unit_bench.compiled[model], mutant)
                try:
                    inner(bench)
                except Exception:
                    found[model][place] = "killed"
        bench.sql[model] = original


def seen_by_absence(unit_bench: UnitBench, bench: LandingBench, found: dict[str, list[str]]) -> None:
    """Marks the survivors in KPI models that speak where a table that they count is absent, or are silent where it is not."""
    published = {}
    for name, node in unit_bench.models.items():
        if node.fqn[1] == "kpis":
            published[name] = (node.fqn[2], set(bench.kpis_of(unmarked(unit_bench.compiled[name]))))
    cases = [("", "", False), *((*case, False) for case in ABSENCES), *((*case, True) for case in EMPTIED)]
    for domain, absence, emptied in cases:
        gone = silent(domain, absence) if domain else set()
        left = [
            (name, place)
            for name, (home, kpis) in published.items()
            if (not domain or (home == domain and gone & kpis))
            for place, verdict in enumerate(found[name])
            if verdict == "survived"
        ]
        if not left:
            continue
        gone |= FOLLOWS.get((domain, absence), set())
        with bench.without(domain or "credit", absence.split(), emptied=emptied, kpi_models=False):
            for name, place in left:
                want = published[name][1] - gone
                try:
                    got = set(bench.kpis_of(mutated(unit_bench.compiled[name], unit_bench.mutants[name][place])))
                except Exception:
                    got = None
                if got != want:
                    found[name][place] = "killed"


def listed() -> dict[tuple[str, str], str]:
    """The equivalent mutants: (model, change) and the reason."""
    with EQUIVALENT.open(encoding="utf-8", newline="") as file:
        return {(row["model"], row["change"]): row["reason"] for row in csv.DictReader(file)}


@pytest.mark.long
@pytest.mark.parametrize("folder", FOLDERS)
def test_mutants_are_seen(folder: str, verdicts: Verdicts, unit_bench: UnitBench) -> None:
    equivalent = listed()
    killed, total, survivors = 0, 0, []
    by_model: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for model, found in verdicts.items():
        if unit_bench.models[model].fqn[1] != folder:
            continue
        for mutant, verdict in found:
            if verdict == "stillborn" or (model, mutant.change) in equivalent:
                continue
            by_model[model][0] += verdict == "killed"
            by_model[model][1] += 1
            killed += verdict == "killed"
            total += 1
            if verdict == "survived":
                survivors.append(f"{model}:{mutant.line} {mutant.change}")
    print(f"\n{folder}: {killed} of {total} mutants seen ({killed / total:.1%})")
    for model, (seen, made) in sorted(by_model.items()):
        print(f"    {model}: {seen} of {made} ({seen / made:.0%})")
    for survivor in survivors:
        print(f"    survived: {survivor}")
    assert killed / total >= 0.9


@pytest.mark.long
def test_equivalent_mutants_are_still_there_and_unseen(verdicts: Verdicts) -> None:
    unseen = {
        (model, mutant.change)
        for model, found in verdicts.items()
        for mutant, verdict in found
        if verdict == "survived"
    }
    assert {case for case in listed() if case not in unseen} == set(), "take these out of equivalent_mutants.csv"
    assert all(reason for reason in listed().values())
