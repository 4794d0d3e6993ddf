"""Mutation: wrong operators and dropped exclusions in the SQL must be seen by some test.

The score is printed (`pytest -s -m long`); survivors are listed. `KPI_MUTANTS` bounds the mutants per model.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from . import test_properties as properties
from .support.bench import Bench
from .support.lander import Lander
from .support.mutants import Mutant, mutants

LIMIT = int(os.environ.get("KPI_MUTANTS", "6"))
QUICK = settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
#: Shared rules: bench fixture, its mutated models, the property and its cases.
RULES = {
    "session_bench": (
        ["int_ecommerce__event_sessions"],
        properties.test_sessions_are_cut_where_the_gap_is_reached,
        properties.SESSION_CASES,
    ),
    "identity_bench": (
        ["int_ecommerce__sightings", "int_ecommerce__user_persons", "int_ecommerce__event_persons"],
        properties.test_events_find_their_person,
        properties.IDENTITY_CASES,
    ),
    "timeline_bench": (
        ["int_manufacturing__state_timeline"],
        properties.test_the_strongest_state_wins_at_every_instant,
        properties.TIMELINE_CASES,
    ),
    "dpd_bench": (
        ["int_credit__coverage", "int_credit__schedule", "int_credit__dpd_spells"],
        properties.test_days_past_due_of_every_day,
        properties.DPD_CASES,
    ),
}

session_bench = properties.session_bench
identity_bench = properties.identity_bench
timeline_bench = properties.timeline_bench
dpd_bench = properties.dpd_bench


def sample(found: list[Mutant], count: int, seed: str) -> list[Mutant]:
    """At most `count` mutants, the same ones every time."""
    return sorted(random.Random(seed).sample(found, min(count, len(found))), key=lambda mutant: mutant.line)


def report(title: str, killed: int, survivors: list[str]) -> float:
    total = killed + len(survivors)
    score = killed / total if total else 1.0
    print(f"\n{title}: {killed} of {total} mutants seen ({score:.0%})")
    for survivor in survivors:
        print(f"    survived: {survivor}")
    return score


def test_the_operators_change_what_they_should() -> None:
    sql = "select a\nfrom t\nwhere a >= 1\n    and b is not null\n-- where c < 2\n{% if x < 1 %}\ngroup by a\n"
    assert [mutant.change for mutant in mutants(sql)] == [
        "where a >= 1  =>  where a > 1",
        "where a >= 1  =>  where true",
        "and b is not null  =>  and b is null",
        "and b is not null  =>  and true",
    ]


@pytest.mark.long
@pytest.mark.parametrize("bench_name", RULES)
def test_properties_see_mutants_of_the_shared_rules(bench_name: str, request: pytest.FixtureRequest) -> None:
    bench: Bench = request.getfixturevalue(bench_name)
    models, check, cases = RULES[bench_name]
    inner = settings(QUICK)(given(*cases)(check.hypothesis.inner_test))
    killed, survivors = 0, []
    for model in models:
        original = bench.sql[model]
        for mutant in sample(list(mutants(original)), 2 * LIMIT, model):
            bench.sql[model] = mutant.text
            try:
                inner(bench)
                survivors.append(f"{model}:{mutant.line} {mutant.change}")
            except Exception:
                killed += 1
            finally:
                bench.sql[model] = original
    assert report(bench_name, killed, survivors) >= 0.9


@pytest.mark.long
def test_unit_tests_see_mutants_of_the_kpi_models(lander: Lander) -> None:
    """One mutant of every KPI model at a time: unit tests give each model its inputs, so mutants do not meet."""
    lander.clear()
    lander.models("path:models")  # unit tests read the columns of the relations
    manifest = lander.manifest
    tested = {test.model for test in manifest.unit_tests.values()}
    models = {
        node.name: node
        for node in manifest.nodes.values()
        if node.resource_type == "model" and node.fqn[1] == "kpis" and node.name in tested
    }
    assert unit_failures(lander) == set(), "unit tests fail without any mutant"
    chosen = {name: sample(list(mutants(node.raw_code)), LIMIT, name) for name, node in models.items()}
    original = {name: node.raw_code for name, node in models.items()}
    killed: dict[str, int] = defaultdict(int)
    survivors = []
    for turn in range(LIMIT):
        playing = {name: found[turn] for name, found in chosen.items() if turn < len(found)}
        for name, mutant in playing.items():
            models[name].raw_code = mutant.text
        seen = unit_failures(lander)
        for name, mutant in playing.items():
            models[name].raw_code = original[name]
            if name in seen:
                killed[name] += 1
            else:
                survivors.append(f"{name}:{mutant.line} {mutant.change}")
    assert report("unit tests of KPI models", sum(killed.values()), survivors) >= 0.9


def unit_failures(lander: Lander) -> set[str]:
    """Names of the KPI models of which a unit test fails."""
    from dbt.cli.main import dbtRunner

    root = Path(__file__).resolve().parents[2]
    with lander._environment():
        result = dbtRunner(manifest=lander.manifest).invoke(
            ["test", "--select", "path:models/kpis,test_type:unit", "--project-dir", str(root),
             "--profiles-dir", str(root), "--quiet", "--log-level", "none"]
        )  # fmt: skip
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        DuckDBConnectionManager.close_all_connections()
    assert result.result is not None, result.exception
    return {
        node.node.tested_node_unique_id.split(".")[2]
        if hasattr(node.node, "tested_node_unique_id")
        else node.node.model
        for node in result.result.results
        if str(node.status) not in ("pass", "success")
    }
