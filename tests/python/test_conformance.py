"""Conformance: the built KPIs against answers that an independent program worked out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Built, shared
from .support.replay import Replayer, differences

CASES = {"case_a": [], "case_b": ["--as-of", "2025-04-30 16:00:00"]}


@pytest.mark.parametrize("case", CASES)
def test_case_shows_no_difference(case: str, build_in: Callable[..., Built]) -> None:
    folder = shared("conformance", case)
    built = build_in(case, folder / "raw", "--no-publish", *CASES[case])
    done = subprocess.run(
        [sys.executable, str(folder.parent / "compare.py"), str(folder), str(built.warehouse)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.long
def test_every_hand_worked_scenario(tmp_path: Path) -> None:
    scenarios = json.loads(shared("conformance", "scenarios.json").read_text(encoding="utf-8"))
    replayer = Replayer(tmp_path)
    replayer.prepare()
    wrong = {}
    for scenario in scenarios:
        got = replayer.run(scenario["domain"], scenario["tables"], scenario["as_of_utc"])
        if found := differences(scenario, got):
            wrong[f"{scenario['domain']}: {scenario['name']}"] = found
    assert not wrong, json.dumps(wrong, indent=2, ensure_ascii=False)
