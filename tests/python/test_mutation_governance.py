"""Mutation of what the council reads: a wrong operator in targets, scorecard, alerts or drivers is seen by a unit test."""

from __future__ import annotations

import pytest

from .support.lander import Lander
from .support.landing_bench import LandingBench
from .support.unit_bench import UnitBench

#: Mutants that no test sees, by model; none may be added. What is left is no other query: the greatest of one row against the
#: least of it, a condition that a later step repeats, and the points that lie on a limit of one sigma to the last digit.
UNSEEN = {
    "kpi_alerts": 10,
    "kpi_appraisal_suspensions": 0,
    "kpi_drivers": 10,
    "kpi_official_values": 0,
    "kpi_scorecard": 4,
    "kpi_targets": 0,
    "metric_version_comparison": 0,
}


@pytest.fixture(scope="module")
def bench(landing_bench: LandingBench, lander: Lander) -> UnitBench:
    """Made after the landing bench: the models run once more leave the relations of which unit tests read the columns."""
    lander.models("+path:models/governance")
    return UnitBench(lander, ("governance",))


@pytest.mark.long
@pytest.mark.parametrize("model", UNSEEN)
def test_mutants_are_seen(bench: UnitBench, model: str) -> None:
    verdicts = [(mutant, bench.verdict(mutant)) for mutant in bench.mutants[model]]
    survivors = [f"{mutant.line} {mutant.change}" for mutant, verdict in verdicts if verdict == "survived"]
    seen = sum(verdict == "killed" for _, verdict in verdicts)
    print(f"\n{model}: {seen} of {seen + len(survivors)} mutants seen")
    assert seen and len(survivors) <= UNSEEN[model], "\n".join(survivors)
