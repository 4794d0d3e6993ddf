"""Calendar and curves of the story that the demonstration tells.

Every curve has six values, January to June 2026; the programme starts on 1 April, so the last three are its
M1 to M3. Dates here are business-local (UTC+8) unless they say otherwise; the raw tables hold UTC.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

DAY = 86_400_000_000  # microseconds
HOUR = DAY // 24
MINUTE = HOUR // 60
SECOND = MINUTE // 60
UTC_OFFSET = 8 * HOUR

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PROGRAMME_START = date(2026, 4, 1)
MONTHS = [date(2026, m, 1) for m in range(1, 7)]


def local(text: str) -> int:
    """Microseconds since the epoch, UTC, of a business-local ISO time such as ``2026-05-20T20:00``."""
    return int(np.datetime64(text, "us").astype(np.int64)) - UTC_OFFSET


# The data end when June is over on every clock: its last night shift, in Berlin, ends at noon of 1 July here.
DATA_END = local("2026-07-01T13:00")
# What little there is of July counts to June here.
MONTH_STARTS: list[int] = [local(f"2026-{m:02d}-01") for m in range(1, 7)] + [DATA_END]
HISTORY_START = MONTH_STARTS[0]
DAYS = 182
"""Local days from the start of the history to the end of the data, the last one begun."""


def month_of(times: Ints) -> Ints:
    """Index 0 (January, and anything earlier) to 5 (June) of UTC times in microseconds."""
    found = np.searchsorted(np.asarray(MONTH_STARTS), times, side="right") - 1
    return np.clip(found, 0, 5).astype(np.int64)


def local_day(times: Ints) -> Ints:
    """Days since the epoch on the business-local calendar."""
    return (times + UTC_OFFSET) // DAY


def spread(rng: np.random.Generator, n: int) -> Floats:
    """Return ``n`` uniforms in [0, 1) in random order, one per stratum.

    Stratified draws keep realised rates close to the rates of the story even where a month has few rows.
    """
    if n == 0:
        return np.zeros(0)
    return rng.permutation((np.arange(n) + rng.random(n)) / n)


def spread_within(rng: np.random.Generator, group: Ints) -> Floats:
    """Like ``spread``, stratified within each group (a month, say), so that each group keeps its rate."""
    size = len(group)
    result = np.zeros(size)
    if size == 0:
        return result
    shuffled = rng.permutation(size)
    order = shuffled[np.argsort(group[shuffled], kind="stable")]
    counts = np.bincount(group - group.min())
    counts = counts[counts > 0]
    rank = np.arange(size) - np.repeat(np.cumsum(counts) - counts, counts)
    result[order] = (rank + rng.random(size)) / np.repeat(counts, counts)
    return result


# The incidents, as business-local half-open windows.
INCIDENTS: dict[str, tuple[str, str]] = {
    "ec_gateway_outage": ("2026-05-20T20:00", "2026-05-20T23:00"),
    "ec_slow_cdn": ("2026-06-05T18:00", "2026-06-06T00:00"),
    "ec_stockout": ("2026-05-08T10:00", "2026-05-12T18:00"),
    "ec_tracking_loss": ("2026-04-21T00:00", "2026-04-22T00:00"),
    "mf_weld_batch": ("2026-05-12T06:00", "2026-05-14T06:00"),
    "mf_press_breakdown": ("2026-06-09T09:30", "2026-06-09T14:00"),
    "mf_scada_gap": ("2026-04-23T14:00", "2026-04-23T20:00"),
    "mf_gateway_delay": ("2026-05-27T06:00", "2026-05-28T06:00"),
    "cr_bureau_timeouts": ("2026-05-06T10:00", "2026-05-06T15:00"),
    "cr_score_drift": ("2026-05-01T00:00", "2026-06-01T00:00"),
    "cr_slow_rollout": ("2026-05-18T09:00", "2026-05-20T15:00"),
}


def incident(name: str) -> tuple[int, int]:
    """UTC microseconds of the start and end of an incident."""
    start, end = INCIDENTS[name]
    return local(start), local(end)


def during(name: str, times: Ints) -> NDArray[np.bool_]:
    """Mask of the times that lie inside an incident."""
    start, end = incident(name)
    return (times >= start) & (times < end)


# Where each incident shows: the slices (dimension, value) and the KPIs that it moves.
SHOWS: dict[str, tuple[tuple[tuple[str, str], ...], tuple[str, ...]]] = {
    "ec_gateway_outage": ((("gateway", "wechatpay"),), ("ec_payment_failure_rate",)),
    "ec_slow_cdn": ((("all", "all"),), ("ec_fast_first_screen_share",)),
    "ec_stockout": (
        (("category", "C01"), *(("sku", f"SKU{number:05d}") for number in range(4))),
        ("ec_key_sku_availability",),
    ),
    "ec_tracking_loss": ((("platform", "web"),), ("ec_event_completeness",)),
    "mf_weld_batch": ((("line", "L2"),), ("mf_fpy",)),
    "mf_press_breakdown": (
        (("line", "L1"), ("machine", "L1-M11")),
        ("mf_availability", "mf_unplanned_downtime_rate", "mf_oee"),
    ),
    "mf_scada_gap": ((("line", "L3"),), ("mf_downtime_coding_rate", "mf_availability")),
    "mf_gateway_delay": ((("source", "MES"),), ("mf_data_latency_rate",)),
    "cr_bureau_timeouts": ((("node", "bureau"),), ("cr_api_failure_rate", "cr_node_sla_rate")),
    "cr_score_drift": ((("model_version", "B2.0"),), ("cr_psi",)),
    "cr_slow_rollout": ((("policy", "POL-CHANNEL"),), ("cr_policy_rollout_24h_rate", "cr_strict_policy_rate")),
}
