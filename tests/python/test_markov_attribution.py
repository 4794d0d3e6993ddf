"""The Markov removal effects of the warehouse against an independent matrix computation and a published library."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict

import duckdb
import numpy as np
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager

from tests.python.support.reference import library
from tests.python.support.replay import Replayer

CHANNELS = ["sem", "seo", "kol", "email", "社交"]
PAID_HOUR = 12


def landed(seed: int) -> tuple[dict[str, list[dict]], list[tuple[list[str], str | None]]]:
    """Raw tables of one month and their paths (channels in order, order_id or None), drawn at random."""
    rng = np.random.default_rng(seed)
    orders, touches, paths = [], [], []
    for person in range(60):
        path = [CHANNELS[i] for i in rng.integers(0, len(CHANNELS), size=rng.integers(1, 7))]
        order_id = f"o{person}" if rng.random() < 0.4 else None
        for place, channel in enumerate(path):
            touches.append(
                {
                    "touch_id": f"t{person}-{place}",
                    "touched_at": f"2025-03-1{place}T08:00:00",
                    "kind": "click",
                    "user_id": f"u{person}",
                    "device_id": None,
                    "cookie_id": None,
                    "channel": channel,
                }
            )
        if order_id:
            orders.append(
                {
                    "order_id": order_id,
                    "user_id": f"u{person}",
                    "created_at": f"2025-03-16T{PAID_HOUR}:00:00",
                    "paid_at": f"2025-03-16T{PAID_HOUR}:00:00",
                    "gross_amount": 50.0,
                    "paid_amount": 50.0,
                }
            )
        paths.append((path, order_id))
    return {"orders": orders, "ad_touches": touches}, paths


def removal_effects(paths: list[tuple[list[str], str | None]]) -> dict[str, float]:
    """Removal effect of every channel: the chain solved anew with all moves into the channel lost."""
    index = {channel: place for place, channel in enumerate(CHANNELS)}
    size = len(CHANNELS) + 1
    inner, converting = np.zeros((size, size)), np.zeros(size)
    counts = np.zeros(size)
    for path, order_id in paths:
        states = [0] + [index[channel] + 1 for channel in path]
        for here, there in itertools.pairwise(states):
            inner[here, there] += 1
            counts[here] += 1
        counts[states[-1]] += 1
        converting[states[-1]] += order_id is not None
    inner, converting = inner / counts[:, None], converting / counts

    def conversion(matrix: np.ndarray) -> float:
        return float(np.linalg.solve(np.eye(size) - matrix, converting)[0])

    whole = conversion(inner)
    effects = {}
    for channel, place in index.items():
        without = inner.copy()
        without[:, place + 1] = 0
        effects[channel] = 1 - conversion(without) / whole
    return effects


Found = tuple[list[tuple[list[str], str | None]], dict[str, float], list[tuple[str, int, float]]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Paths drawn at random, what the warehouse says of their channels, and the credits of their touches."""
    tables, paths = landed(seed=7)
    replayer = Replayer(tmp_path_factory.mktemp("markov"))
    replayer.prepare()
    replayer.land("ecommerce", tables)
    as_of = json.dumps({"as_of": "2025-03-31 16:00:00"})
    replayer.dbt("run", "--select", "path:models/staging/dictionary", "+fct_attribution", "--vars", as_of)
    DuckDBConnectionManager.close_all_connections()
    with duckdb.connect(str(replayer.warehouse), read_only=True) as warehouse:
        effects = dict(
            warehouse.sql("select channel, removal_effect from intermediate.int_ecommerce__removal_effects").fetchall()
        )
        credits = warehouse.sql(
            "select order_id, touch_no, credit from marts.fct_attribution where model = 'markov'"
        ).fetchall()
    return paths, effects, credits


def test_effects_agree_with_do_attribution(found: Found) -> None:
    """A library's absorbing chain of first order; a removed channel's moves are lost."""
    paths, effects, _ = found
    model = library("do_attribution.markov").MarkovAttribution(order=1, removal_strategy="redirect_to_null")
    result = model.fit([" > ".join(path) for path, _ in paths], [int(order_id is not None) for _, order_id in paths])
    assert effects == pytest.approx(result["removal_effects"], rel=1e-9)


def test_markov_credits_agree_with_matrix_solution(found: Found) -> None:
    """Effects per channel and credits per touch, to nine digits."""
    paths, effects, credits = found
    expected = removal_effects(paths)
    assert effects == pytest.approx(expected, rel=1e-9)
    per_order: dict[str, dict[int, float]] = defaultdict(dict)
    for order_id, touch_no, credit in credits:
        per_order[order_id][touch_no] = credit
    assert set(per_order) == {order_id for _, order_id in paths if order_id}
    for path, order_id in paths:
        if order_id:
            total = sum(expected[channel] for channel in path)
            wanted = {place + 1: expected[channel] / total for place, channel in enumerate(path)}
            assert per_order[order_id] == pytest.approx(wanted, rel=1e-9)
