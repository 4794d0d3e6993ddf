"""Conformance: the built KPIs against answers that an independent program worked out."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from .conftest import Built, shared
from .support.replay import Replayer, differences

CASES = {"case_a": [], "case_b": ["--as-of", "2025-04-30 16:00:00"]}
KEY = ["kpi_id", "version", "period_grain", "period_start", "dimension", "dimension_value"]


def differing(folder: Path, built: Built) -> pd.DataFrame:
    """Rows that differ from the answers, by the rules of `compare.py` itself (one row per difference)."""
    spec = importlib.util.spec_from_file_location("compare", folder.parent / "compare.py")
    compare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(compare)
    want = compare.tidy(pd.read_parquet(folder / "expected.parquet"))
    with duckdb.connect(str(built.warehouse), read_only=True) as db:
        got = db.sql(f"select {', '.join(KEY + compare.NUMBERS + ['is_final'])} from marts.kpi_values").df()
    assert not got.duplicated(KEY).any()
    got = compare.tidy(got)
    # slices that came after the answers are held by identities
    added = json.loads((folder.parent / "added_slices.json").read_text(encoding="utf-8"))
    late = [
        dimension in added.get(kpi, []) or grain in added.get(kpi, [])
        for kpi, dimension, grain in zip(got["kpi_id"], got["dimension"], got["period_grain"], strict=True)
    ]
    got = got[~np.array(late, dtype=bool)]
    both = want.merge(got, on=KEY, how="outer", suffixes=("_want", "_got"), indicator=True)
    wrong = (both["_merge"] != "both") | (both["is_final_want"].astype(object) != both["is_final_got"].astype(object))
    for column in compare.NUMBERS:
        a, b = both[f"{column}_want"], both[f"{column}_got"]
        wrong |= ~(np.isclose(a, b, rtol=1e-9, atol=1e-9) | (a.isna() & b.isna()))
    assert len(both) > 10_000, "the case holds answers"
    return both[wrong]


@pytest.mark.parametrize("case", CASES)
def test_case_shows_no_difference(case: str, build_in: Callable[..., Built]) -> None:
    folder = shared("conformance", case)
    rows = differing(folder, build_in(case, folder / "raw", "--no-publish", *CASES[case]))
    assert rows.empty, rows.head(40).to_string()


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
