"""Consumer credit: applications with their node logs since January 2026, a loan book since July 2025.

Applications are simulated in blocks, like the persons of the shop. A risk score is drawn per application; it
decides approval and later the odds of default, so scorecards discriminate and can drift.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kpi_warehouse.demo.sink import Sink, dates, generator, ids, masked, pick, times
from kpi_warehouse.demo.story import (
    DATA_END,
    DAY,
    HISTORY_START,
    HOUR,
    MINUTE,
    MONTH_STARTS,
    SECOND,
    UTC_OFFSET,
    Floats,
    Ints,
    during,
    incident,
    local,
    local_day,
    month_of,
    spread,
    spread_within,
)

Bools = NDArray[np.bool_]

BLOCK_SCALE = 6.0
"""Largest block, relative to the default size."""

APPLICATIONS = np.array([480, 440, 500, 510, 525, 535])
BOOKED_2025 = 400  # per month, July to December

STP = np.array([0.495, 0.500, 0.500, 0.560, 0.620, 0.668])
MANUAL = np.array([0.450, 0.445, 0.440, 0.390, 0.340, 0.302])
SUPPLEMENT = np.array([0.185, 0.180, 0.180, 0.155, 0.130, 0.112])
ATT_MEAN = np.array([2330.0, 2330.0, 2330.0, 1560.0, 1060.0, 760.0])
EXTERNAL = np.array([0.40, 0.40, 0.39, 0.35, 0.30, 0.265])
SUPPLEMENT_MEDIAN = np.array([58.0, 58.0, 56.0, 45.0, 34.0, 29.0])
RETURNED = np.array([0.36, 0.36, 0.35, 0.33, 0.31, 0.29])  # of applications that are not straight-through
WITHDRAWN = np.array([0.036, 0.036, 0.035, 0.029, 0.023, 0.018])
REVIEW_MEDIAN = np.array([20.0, 20.0, 19.5, 17.5, 15.5, 14.5])
ENGINE_P95 = np.array([390.0, 390.0, 380.0, 340.0, 305.0, 285.0])
BUREAU_P95 = np.array([3350.0, 3350.0, 3300.0, 3100.0, 2950.0, 2800.0])
STRICT = np.array([0.955, 0.955, 0.960, 0.970, 0.978, 0.985])
D1_REACHED = np.array([0.785, 0.785, 0.790, 0.815, 0.845, 0.872])
KEPT = np.array([0.66, 0.66, 0.67, 0.72, 0.76, 0.79])  # of promises of those who pay late
DEFAULT = np.array([0.0145, 0.0140, 0.0100, 0.0074, 0.0062, 0.0054])  # per instalment due
LATE = np.array([0.125, 0.125, 0.122, 0.114, 0.106, 0.098])  # paid 3 to 28 days late
FRAUD = np.array([0.135, 0.135, 0.13, 0.11, 0.09, 0.08])  # of defaulters

CHANNELS = ["own_app", "partner", "offline"]
TYPES = ["new", "returning"]
PRODUCTS = ["现金贷", "消费分期", "循环额度"]
NODES = ["kyc", "anti_fraud", "bureau", "scoring", "rules", "manual_review", "final_approval"]
REASONS = ["收入证明不全", "身份证照片模糊", "银行流水缺失", "联系人无法核实", "住址证明过期"]
CHARGE_OFF_DAYS = 150
NEVER = 1_000_000  # a day that does not come
MODELS = ["A1.4", "B2.0"]
BANDS = [
    ("E", None, 570.0),
    ("D", 570.0, 605.0),
    ("C", 605.0, 635.0),
    ("B", 635.0, 670.0),
    ("A", 670.0, None),
]
POLICIES = ["POL-LOWSCORE", "POL-DEVICE", "POL-CHANNEL"]
APIS = ["bureau", "anti_fraud", "risk_engine", "case_system"]
NAMES = [
    "submit",
    "enter_node",
    "leave_node",
    "request_supplement",
    "supplement_completed",
    "third_party_request",
    "third_party_response",
    "return_to_node",
    "withdraw",
    "final_decision",
    "loan_booked",
    "sms_sent",  # not in the contract's list
]
(SUBMIT, ENTER, LEAVE, ASK, GIVEN, TP_OUT, TP_IN, BACK, WITHDRAW, DECIDE, BOOK, SMS) = range(12)


def _score(z: Floats) -> Floats:
    return np.round(620 + 55 * z, 0)


def _risk(z: Floats) -> Floats:
    """Relative odds of default; its mean over standard normal ``z`` is one."""
    return np.exp(-1.15 * z - 0.5 * 1.15**2)


class _Block:
    """Applications of six months and the accounts that they and the second half of 2025 brought."""

    def __init__(self, sink: Sink, scale: float, seed: int, number: int) -> None:
        self.sink = sink
        self.scale = scale
        self.seed = seed
        self.number = number
        self.prefix = f"{number:03d}"

    def rng(self, topic: str) -> np.random.Generator:
        """The stream of a topic."""
        return generator(self.seed, "credit", topic, self.number)

    # ---- applications

    def applications(self) -> None:
        """Who applies, when, through what."""
        rng = self.rng("applications")
        counts = np.round(APPLICATIONS * self.scale).astype(int)
        submitted = []
        hourly = np.array([1, 1, 0, 0, 0, 1, 2, 4, 8, 12, 14, 13, 10, 11, 13, 13, 12, 11, 10, 11, 12, 10, 6, 3], float)
        for m, count in enumerate(counts):
            days = -(-(MONTH_STARTS[m + 1] - MONTH_STARTS[m]) // DAY)
            hour = rng.choice(24, count, p=hourly / hourly.sum())
            day = (spread(rng, count) * days).astype(np.int64)
            submitted.append(MONTH_STARTS[m] + day * DAY + hour * HOUR + rng.integers(0, HOUR, count))
        self.submitted = np.concatenate(submitted)
        self.submitted = self.submitted[self.submitted < DATA_END - 30 * MINUTE]
        n = len(self.submitted)
        self.n = n
        self.month = month_of(self.submitted)
        self.channel = rng.choice(3, n, p=[0.56, 0.29, 0.15])
        self.kind = (rng.random(n) < 0.36).astype(np.int64)
        self.product = rng.choice(3, n, p=[0.5, 0.35, 0.15])
        self.duplicate = rng.random(n) < 0.02
        self.customer = np.where(rng.random(n) < 0.05, rng.integers(0, n, n), np.arange(n))
        self.amount = np.round(rng.lognormal(9.0, 0.6, n), -2).clip(1000, 200_000)
        self.z = rng.standard_normal(n)
        self.application = ids(f"AP{self.prefix}", np.arange(n), 7)
        self.sink.write(
            "applications",
            {
                "application_id": self.application,
                "customer_id": ids(f"CU{self.prefix}", self.customer, 7),
                "submitted_at": times(self.submitted),
                "channel": pick(CHANNELS, self.channel),
                "customer_type": pick(TYPES, self.kind),
                "product_line": pick(PRODUCTS, self.product),
                "device_fingerprint": ids("DF", np.where(self.channel == 2, -1, self.customer % (n // 2 + 1)), 8),
                "is_duplicate": self.duplicate,
                "requested_amount": self.amount,
            },
            time="submitted_at",
            block=self.number,
            broken=[
                ("unknown_channel", {"channel": "kiosk", "is_duplicate": True}),
                ("missing_customer", {"customer_id": None}),
            ],
        )

    def journey(self) -> None:
        """The node log of every application, from submission to decision and booking."""
        rng = self.rng("journey")
        n, m = self.n, self.month
        straight = spread_within(rng, m) < STP[m]
        u = rng.random(n)
        manual = ~straight & (u < MANUAL[m] / (1 - STP[m]))
        only = 1 - STP[m] - MANUAL[m]
        asked = ~straight & (~manual | (rng.random(n) < (SUPPLEMENT[m] - only) / MANUAL[m]))
        returned = ~straight & (rng.random(n) < RETURNED[m])
        withdrawn = spread_within(rng, m) < WITHDRAWN[m] * 1.25
        slow = np.array([1.0, 1.1, 1.35])[self.channel]
        rows: dict[str, list[Any]] = {k: [] for k in ("app", "name", "at", "node", "actor", "outcome", "reason")}
        everyone = np.arange(n)
        human = np.zeros(n, dtype=np.int64)

        def log(
            app: Ints,
            name: int,
            at: Ints,
            node: int = -1,
            actor: Any = 0,
            outcome: Any = -1,
            reason: Any = -1,
        ) -> None:
            rows["app"].append(app)
            rows["name"].append(np.full(len(app), name))
            rows["at"].append(at)
            for key, value in (("node", node), ("actor", actor), ("outcome", outcome), ("reason", reason)):
                rows[key].append(np.broadcast_to(np.asarray(value, dtype=np.int64), len(app)))

        def pause(median: float, sigma: float = 0.6) -> Ints:
            return (median * rng.lognormal(0, sigma, n) * slow * SECOND).astype(np.int64)

        at = self.submitted.copy()
        log(everyone, SUBMIT, at)
        # Node by node: median seconds and spread of the visit, and the queue before it.
        engine = ENGINE_P95[m] / 1000
        visits = [
            (np.full(n, 26.0), 0.48),
            (np.full(n, 0.75), 0.5),
            (BUREAU_P95[m] / 1000 / 2.0, 0.42),
            (engine / 1.9, 0.38),
            (engine / 1.95, 0.38),
        ]
        self.node_time: dict[str, Ints] = {}
        for number, (median, sigma) in enumerate(visits):
            at = at + pause(110.0)
            spent = (median * rng.lognormal(0, sigma, n) * SECOND).astype(np.int64)
            if number == 2:
                outage = during("cr_bureau_timeouts", at)
                spent = np.where(outage, spent + (rng.exponential(180, n) * SECOND).astype(np.int64), spent)
            log(everyone, ENTER, at, number)
            self.node_time[NODES[number]] = at
            if number == 2:
                log(everyone, TP_OUT, at + spent // 20, number)
                log(everyone, TP_IN, at + spent * 9 // 10, number)
            at = at + spent
            log(everyone, LEAVE, at, number)
        at = at.copy()  # the log holds the array itself
        # Sent back to identity checking.
        again = np.flatnonzero(returned)
        log(again, BACK, at[again] + 5 * SECOND, 0)
        enter = at[again] + 4 * MINUTE
        leave = enter + (28 * rng.lognormal(0, 0.45, len(again)) * SECOND).astype(np.int64)
        log(again, ENTER, enter, 0)
        log(again, LEAVE, leave, 0)
        at[again] = leave
        # Material asked for.
        ask = np.flatnonzero(asked)
        reason = rng.choice(len(REASONS), len(ask), p=[0.34, 0.26, 0.2, 0.12, 0.08])
        begin = at[ask] + 3 * MINUTE
        log(ask, ASK, begin, 4, manual[ask].astype(np.int64), reason=reason)
        took = (SUPPLEMENT_MEDIAN[m[ask]] * rng.lognormal(0, 0.88, len(ask)) * MINUTE).astype(np.int64)
        log(ask, GIVEN, begin + took, 4, 0, reason=reason)
        at[ask] = begin + took
        # The queue before manual review is where the days go; part of it waits for employers and partners.
        review = np.flatnonzero(manual)
        share = MANUAL[m[review]]
        mean = (ATT_MEAN[m[review]] - 25) / share
        sigma = 0.75
        queue = mean * rng.lognormal(-(sigma**2) / 2, sigma, len(review)) * (slow[review] / 1.08)
        waits = rng.random(len(review)) < 0.62
        outside = np.where(
            waits,
            queue * np.clip(EXTERNAL[m[review]] / 0.62 * rng.uniform(0.75, 1.25, len(review)), 0, 0.95),
            0,
        )
        start = at[review]
        waiting = np.flatnonzero(waits)
        log(review[waiting], TP_OUT, start[waiting] + 6 * MINUTE, 5, 1)
        back = start[waiting] + 6 * MINUTE + (outside[waiting] * MINUTE).astype(np.int64)
        log(review[waiting], TP_IN, back, 5, 0)
        entered = start + (queue * MINUTE).astype(np.int64) + 10 * MINUTE
        spent = (REVIEW_MEDIAN[m[review]] * rng.lognormal(0, 0.42, len(review)) * MINUTE).astype(np.int64)
        log(review, ENTER, entered, 5, 1)
        log(review, LEAVE, entered + spent, 5, 1)
        at[review] = entered + spent
        human[review] = 1
        # Final approval and decision.
        at = at + pause(70.0)
        log(everyone, ENTER, at, 6, human)
        at = at + (rng.lognormal(1.2, 0.6, n) * SECOND).astype(np.int64) + np.where(manual, 3 * MINUTE, 0)
        log(everyone, LEAVE, at, 6, human)
        decided = at + SECOND
        drift = np.array([0.0, 0.0, 0.0, 0.0, -0.05, 0.0])[m]
        approved = self.z + 0.55 * rng.standard_normal(n) > -0.27 - drift + np.array([-0.05, 0.08, 0.0])[self.channel]
        log(everyone, DECIDE, decided, 6, human, np.where(approved, 0, 1))
        # A few are decided twice: a declined one that appealed.
        appeal = np.flatnonzero(~approved & manual & (rng.random(n) < 0.02))
        log(appeal, DECIDE, decided[appeal] + 26 * HOUR, 6, 1, 1)
        booked = decided + (rng.lognormal(1.0, 0.8, n) * HOUR).astype(np.int64)
        taken = approved & ~withdrawn & ~self.duplicate & (rng.random(n) < 0.93) & (booked < DATA_END)
        log(np.flatnonzero(taken), BOOK, booked[taken])
        merged = {k: np.concatenate(v) for k, v in rows.items()}
        merged = self._withdraw(rng, withdrawn, merged)
        self.decided, self.manual, self.taken, self.booked = decided, manual, taken, booked
        self.withdrawn = withdrawn
        self._write_events(merged)

    def _withdraw(self, rng: np.random.Generator, withdrawn: Bools, log: dict[str, Ints]) -> dict[str, Ints]:
        """Cut the log of those who withdraw; four in five had waited more than two hours for nothing."""
        who = np.flatnonzero(withdrawn)
        cut_at = np.full(self.n, np.iinfo(np.int64).max)
        cut_at[who] = self.node_time["rules"][who] + 30 * SECOND
        kept = log["at"] <= cut_at[log["app"]]
        patience = np.where(rng.random(len(who)) < 0.8, rng.uniform(125, 900, len(who)), rng.uniform(5, 100, len(who)))
        when = cut_at[who] + (patience * MINUTE).astype(np.int64)
        self.ended_early = when
        extra = {
            "app": who,
            "name": np.full(len(who), WITHDRAW),
            "at": when,
            "node": np.full(len(who), -1),
            "actor": np.ones(len(who), dtype=np.int64) * 0,
            "outcome": np.full(len(who), -1),
            "reason": np.full(len(who), -1),
        }
        return {k: np.concatenate([v[kept], extra[k]]) for k, v in log.items()}

    def _write_events(self, log: dict[str, Ints]) -> None:
        kept = log["at"] < DATA_END
        log = {k: v[kept] for k, v in log.items()}
        order = np.lexsort((log["at"], log["app"]))
        log = {k: v[order] for k, v in log.items()}
        n = len(log["app"])
        month = month_of(log["at"])
        reason = pick(REASONS, log["reason"])
        # Decisions before their submission: a clock that ran behind.
        self.sink.write(
            "application_events",
            {
                "event_id": ids(f"EV{self.prefix}", np.arange(n), 8),
                "application_id": self.application.take(pa.array(log["app"])),
                "event_name": pick(NAMES, log["name"]),
                "event_at": times(log["at"]),
                "node": pick(NODES, log["node"]),
                "actor": pick(["system", "human"], log["actor"]),
                "outcome": pick(["approved", "declined"], log["outcome"]),
                "reason": reason,
                "rule_version": pick(["r26.1", "r26.2", "r26.3"], month // 2),
            },
            time="event_at",
            block=self.number,
            files=2,
            broken=[
                (
                    "unknown_event",
                    {"event_name": "sms_sent", "node": None, "outcome": None, "actor": "system"},
                ),
                ("orphan", {"application_id": "AP-unknown", "event_name": "submit", "node": None}),
                ("missing_time", {"event_at": None}),
                (
                    "decision_before_submission",
                    {
                        "event_name": "final_decision",
                        "event_at": np.datetime64("2025-12-01", "us").item(),
                        "outcome": "declined",
                        "node": None,
                    },
                ),
            ],
        )
        self.wip_in, self.wip_out = self.submitted, np.where(self.withdrawn, 0, self.decided)
        self.wip_out[np.flatnonzero(self.withdrawn)] = self.ended_early

    def api_calls(self) -> None:
        """Calls of the four interfaces; the bureau times out for an afternoon."""
        rng = self.rng("api")
        parts: dict[str, list[Any]] = {k: [] for k in ("api", "at", "latency", "status")}
        sources = [("bureau", 0), ("anti_fraud", 1), ("scoring", 2), ("rules", 2), ("rules", 3)]
        for node, api in sources:
            at = self.node_time[node]
            m = month_of(at)
            if api == 3:
                at, m = at[self.manual], m[self.manual]
            p95 = [BUREAU_P95[m], np.full(len(m), 900.0), ENGINE_P95[m], np.full(len(m), 420.0)][api]
            latency = p95 / np.exp(1.645 * 0.45) * rng.lognormal(0, 0.45, len(at))
            u = rng.random(len(at))
            hit = during("cr_bureau_timeouts", at) & (api == 0)
            status = np.where(u < np.where(hit, 0.45, 0.006), 2, np.where(u > 0.996, 1, 0))
            latency = np.where(status == 2, 30_000 + rng.exponential(2000, len(at)), latency)
            latency = np.where((status == 0) & (rng.random(len(at)) < 0.0008), -latency, latency)
            self.sink.plant("api_calls", "negative_latency", int((latency < 0).sum()))
            for key, value in (
                ("api", np.full(len(at), api)),
                ("at", at),
                ("latency", latency),
                ("status", status),
            ):
                parts[key].append(value)
        merged = {k: np.concatenate(v) for k, v in parts.items()}
        merged = {k: v[merged["at"] < DATA_END] for k, v in merged.items()}
        n = len(merged["at"])
        self.sink.write(
            "api_calls",
            {
                "call_id": ids(f"CL{self.prefix}", np.arange(n), 8),
                "api": pick(APIS, merged["api"]),
                "called_at": times(merged["at"]),
                "latency_ms": merged["latency"].round(1),
                "status": pick(["ok", "error", "timeout"], merged["status"]),
            },
            time="called_at",
            block=self.number,
            broken=[("unknown_status", {"status": "retry", "api": "sandbox"})],
        )

    # ---- the loan book

    def accounts(self) -> None:
        """Accounts, their instalments, and how each was paid."""
        rng = self.rng("accounts")
        old = int(BOOKED_2025 * 6 * self.scale)
        begin = local("2025-07-01")
        old_booked = begin + (spread(rng, old) * (HISTORY_START - begin)).astype(np.int64)
        # The approved of 2025, whose applications were not migrated: only accounts and scores are left.
        old_z = rng.standard_normal(old * 3)
        old_z = old_z[old_z + 0.55 * rng.standard_normal(old * 3) > -0.27][:old]
        taken = np.flatnonzero(self.taken)
        self.acc_old = old
        self.booked_at = np.concatenate([old_booked, self.booked[taken]])
        self.acc_z = np.concatenate([old_z, self.z[taken]])
        self.acc_channel = np.concatenate([rng.choice(3, old, p=[0.56, 0.29, 0.15]), self.channel[taken]])
        self.acc_kind = np.concatenate([(rng.random(old) < 0.36).astype(np.int64), self.kind[taken]])
        self.acc_product = np.concatenate([rng.choice(3, old, p=[0.5, 0.35, 0.15]), self.product[taken]])
        n = len(self.booked_at)
        self.accounts_n = n
        self.acc_app = pa.concat_arrays(
            [ids(f"AP25{self.prefix}", np.arange(old), 7), self.application.take(pa.array(taken))]
        )
        self.acc_id = ids(f"AC{self.prefix}", np.arange(n), 7)
        customer = pa.concat_arrays(
            [ids(f"CX{self.prefix}", np.arange(old), 7), ids(f"CU{self.prefix}", self.customer[taken], 7)]
        )
        principal = np.round(rng.lognormal(8.9, 0.55, n), -2).clip(1000, 100_000)
        tenor = rng.choice([6, 9, 12], n, p=[0.3, 0.25, 0.45])
        # A small portfolio taken over in 2025 has no schedule, only the seller's own counts.
        self.bought = (np.arange(n) < old) & (np.arange(n) % 40 == 3)
        self._pay(rng, principal, tenor)
        disputed = rng.random(n) < 0.005
        dispute_from = self.booked_at + (rng.uniform(20, 120, n) * DAY).astype(np.int64)
        disputed &= dispute_from < DATA_END - 5 * DAY
        dispute_to = dispute_from + (rng.uniform(5, 60, n) * DAY).astype(np.int64)
        self.sink.write(
            "accounts",
            {
                "account_id": self.acc_id,
                "application_id": self.acc_app,
                "customer_id": customer,
                "booked_at": times(self.booked_at),
                "principal": principal,
                "channel": pick(CHANNELS, self.acc_channel),
                "customer_type": pick(TYPES, self.acc_kind),
                "product_line": pick(PRODUCTS, self.acc_product),
                "closed_at": times(self.closed, self.closed >= DATA_END),
                "charged_off_at": times(self.charged_off, self.charged_off >= DATA_END),
                "disputed_from": times(dispute_from, ~disputed),
                "disputed_to": times(dispute_to, ~disputed | (dispute_to >= DATA_END)),
            },
            time="booked_at",
            block=self.number,
            broken=[
                ("missing_principal", {"principal": None}),
                ("ends_before_start", {"closed_at": np.datetime64("2024-12-01", "us").item()}),
            ],
        )
        count = np.flatnonzero(self.bought)
        steps = np.arange(int(local_day(np.array([HISTORY_START]))[0]), int(DATA_END + UTC_OFFSET) // DAY, 15)
        who = np.repeat(count, len(steps))
        day = np.tile(steps, len(count))
        bad = who % 23 == 0
        dpd = np.where(bad, np.clip(day - steps[0] - 40, 0, None), np.where(rng.random(len(who)) < 0.05, 9, 0))
        if len(who):
            self.sink.write(
                "dpd_snapshots",
                {
                    "account_id": self.acc_id.take(pa.array(who)),
                    "snapshot_date": dates(day),
                    "days_past_due": dpd,
                },
                block=self.number,
            )

    def _pay(self, rng: np.random.Generator, principal: Floats, tenor: Ints) -> None:
        """Schedule and payments: on time, late, partial, early, reversed, never."""
        n = len(tenor)
        account = np.repeat(np.arange(n), tenor)
        number = np.arange(len(account)) - np.repeat(np.cumsum(tenor) - tenor, tenor) + 1
        book_day = local_day(self.booked_at)
        due = book_day[account] + np.round(number * 30.44).astype(np.int64)
        amount = np.round(principal[account] / tenor[account] * 1.07, 2)
        due_time = (due + 1) * DAY - UTC_OFFSET  # the end of the due day
        month = month_of(due_time)
        risk = _risk(self.acc_z) / _risk(self.acc_z).mean()
        risk *= np.array([0.80, 1.25, 1.15])[self.acc_channel] * np.array([1.12, 0.80])[self.acc_kind]
        defaults = spread_within(rng, month) < DEFAULT[month] * risk[account]
        # The first default is the one that counts.
        key = np.where(defaults, number, 99)
        first = np.full(n, 99)
        np.minimum.at(first, account, key)
        first[self.bought] = 99
        cures = rng.random(n) < 0.16
        gone = first[account] <= number
        default_due = np.full(n, NEVER)
        at_first = np.flatnonzero(number == first[account])
        default_due[account[at_first]] = due[at_first]
        cure_day = default_due + rng.integers(36, 95, n)
        late_rate = LATE[month] * np.where(number == 1, 0.22, 1.0) * np.where(self.acc_kind[account] == 1, 0.8, 1.1)
        u = spread_within(rng, month * 2 + (number == 1))
        delay = np.where(
            u < late_rate,
            np.clip(2.6 + rng.exponential(13.0, len(account)), 3, 28).astype(np.int64),
            np.where(u < late_rate + 0.05, rng.integers(1, 3, len(account)), -rng.integers(0, 6, len(account))),
        )
        pay_day = due + delay
        cured = gone & cures[account]
        pay_day = np.where(cured, np.maximum(pay_day, cure_day[account]), pay_day)
        never = gone & ~cures[account]
        pay_day = np.where(never, NEVER, pay_day)
        # Some settle everything at once, at the fourth instalment.
        settles = (rng.random(n) < 0.04) & (first == 99)
        settle_row = settles[account] & (number > 4)
        fourth = np.zeros(n, dtype=np.int64)
        at_four = np.flatnonzero(number == 4)
        fourth[account[at_four]] = pay_day[at_four]
        pay_day = np.where(settle_row, fourth[account], pay_day)
        moment = pay_day * DAY - UTC_OFFSET + rng.integers(8 * HOUR, 22 * HOUR, len(account))
        real = (pay_day < NEVER) & ~self.bought[account]
        self.inst_account, self.inst_due, self.inst_pay = account, due, pay_day
        self.inst_amount, self.inst_gone = amount, gone
        self.default_due, self.first = default_due, first
        # Closure at the last payment, charge-off of those who never pay again.
        last = np.zeros(n, dtype=np.int64)
        np.maximum.at(last, account, np.where(real, moment, np.iinfo(np.int64).max // 4))
        self.closed = np.where(last < DATA_END, last + HOUR, np.iinfo(np.int64).max // 4)
        off_day = default_due + CHARGE_OFF_DAYS + 1
        charged = ~cures & (first < 99)
        off_time = np.where(charged, np.minimum(off_day, 40_000) * DAY - UTC_OFFSET + 2 * HOUR, DATA_END)
        self.charged_off = np.minimum(off_time, DATA_END)
        scheduled = ~self.bought[account]
        self.sink.write(
            "instalments",
            {
                "account_id": self.acc_id.take(pa.array(account[scheduled])),
                "instalment_no": number[scheduled],
                "due_date": dates(due[scheduled]),
                "due_amount": amount[scheduled],
            },
            block=self.number,
            broken=[("missing_amount", {"due_amount": None})],
        )
        paid = np.flatnonzero(real & (moment < DATA_END))
        half = rng.random(len(paid)) < 0.02
        split = paid[half]
        whole = np.where(half, np.round(amount[paid] / 2, 2), amount[paid])
        rest = np.round(amount[split] - np.round(amount[split] / 2, 2), 2)
        rest_time = np.minimum(moment[split] + 3 * HOUR, DATA_END - SECOND)
        bounced = paid[rng.random(len(paid)) < 0.004]
        bounce_time = moment[bounced] + 30 * HOUR
        again_time = moment[bounced] + 4 * DAY
        row_account = np.concatenate([account[paid], account[split], account[bounced], account[bounced]])
        row_time = np.concatenate([moment[paid], rest_time, bounce_time, again_time])
        row_amount = np.concatenate([whole, rest, -amount[bounced], amount[bounced]])
        alive = row_time < DATA_END
        self.sink.plant("repayments", "reversal", int((bounce_time < DATA_END).sum()))
        self.sink.write(
            "repayments",
            {
                "repayment_id": ids(f"RP{self.prefix}", np.arange(int(alive.sum())), 8),
                "account_id": self.acc_id.take(pa.array(row_account[alive])),
                "posted_at": times(row_time[alive]),
                "amount": row_amount[alive],
            },
            time="posted_at",
            block=self.number,
            files=2,
            broken=[
                ("unparseable_number", {"amount": "¥1,000"}),
                ("unparseable_time", {"posted_at": "2026-02-30 10:00"}),
                ("orphan", {"account_id": "AC-unknown", "amount": "10.0"}),
            ],
        )

    def scores(self) -> None:
        """Scores of both models; B2.0 sees a shifted population in May."""
        rng = self.rng("scores")
        old = self.acc_old
        clean = np.flatnonzero(~self.duplicate & (self.node_time["scoring"] < DATA_END))
        at = self.node_time["scoring"][clean]
        z = self.z[clean]
        both = np.flatnonzero(at >= MONTH_STARTS[2])
        shift = np.where(during("cr_score_drift", at[both]), -0.62, np.where(at[both] >= MONTH_STARTS[5], -0.15, 0.0))
        z_second = 0.93 * z[both] + 0.37 * rng.standard_normal(len(both)) + shift
        dev = int(1500 * max(1.0, self.scale**0.5)) if self.number == 0 else 0
        dev_z = rng.standard_normal(2 * dev)
        z_all = np.concatenate([self.acc_z[:old], z, z_second, dev_z])
        model = np.concatenate(
            [
                np.zeros(old + len(z), dtype=np.int64),
                np.ones(len(both), dtype=np.int64),
                np.repeat([0, 1], dev),
            ]
        )
        when = np.concatenate(
            [self.booked_at[:old] - DAY, at, at[both] + SECOND, np.full(2 * dev, local("2025-05-15T12:00"))]
        )
        pd = np.clip(0.0135 * _risk(z_all), 0.0004, 0.6)
        n = len(z_all)
        self.sink.write(
            "scores",
            {
                "application_id": pa.concat_arrays(
                    [
                        self.acc_app.slice(0, old),
                        self.application.take(pa.array(clean)),
                        self.application.take(pa.array(clean[both])),
                        ids("DEV", np.arange(2 * dev), 7),
                    ]
                ),
                "model_version": pick(MODELS, model),
                "scored_at": times(when),
                "score": _score(z_all),
                "expected_pd": masked(pd.round(6), rng.random(n) < 0.005),
                "is_development_sample": np.arange(n) >= n - 2 * dev,
            },
            time="scored_at",
            block=self.number,
            broken=[("missing_score", {"score": None})],
        )

    def collections(self) -> None:
        """Contacts, promises and fraud flags."""
        rng = self.rng("collections")
        due, pay, account = self.inst_due, self.inst_pay, self.inst_account
        today = int((DATA_END + UTC_OFFSET) // DAY)
        # Nobody calls about what falls due after the charge-off.
        ordinal_gone = self.inst_gone & (due > self.default_due[account] + CHARGE_OFF_DAYS)
        unpaid = np.flatnonzero((pay > due) & (due + 1 < today) & ~ordinal_gone & ~self.bought[account])
        unpaid = unpaid[due[unpaid] >= local_day(np.array([HISTORY_START]))[0] - 30]
        month = month_of((due[unpaid] + 1) * DAY)
        reached = spread_within(rng, month) < D1_REACHED[month]
        parts_row = [unpaid]
        day = [due[unpaid] + 1]
        good = [reached]
        retry = unpaid[rng.random(len(unpaid)) < 0.5]
        parts_row.append(retry)
        day.append(due[retry] + 2 + rng.integers(0, 6, len(retry)))
        good.append(rng.random(len(retry)) < 0.55)
        row, when, hit = (np.concatenate(x) for x in (parts_row, day, good))
        moment = when * DAY - UTC_OFFSET + rng.integers(9 * HOUR, 20 * HOUR, len(row))
        alive = moment < DATA_END
        row, moment, hit = row[alive], moment[alive], hit[alive]
        self.sink.write(
            "collection_contacts",
            {
                "contact_id": ids(f"CC{self.prefix}", np.arange(len(row)), 7),
                "account_id": self.acc_id.take(pa.array(account[row])),
                "contacted_at": times(moment),
                "channel": pick(["phone", "sms", "app_push"], rng.choice(3, len(row), p=[0.5, 0.3, 0.2])),
                "reached": hit,
            },
            time="contacted_at",
            block=self.number,
            broken=[("missing_result", {"reached": None})],
        )
        late = unpaid[(pay[unpaid] - due[unpaid] >= 3)]
        late = late[rng.random(len(late)) < 0.5]
        m = month_of(due[late] * DAY)
        paying = pay[late] < NEVER
        keeps = paying & (rng.random(len(late)) < KEPT[m])
        promised_day = due[late] + 1
        until = np.where(keeps, np.minimum(pay[late], due[late] + 60) + rng.integers(0, 2, len(late)), due[late] + 2)
        until = np.maximum(until, promised_day)
        until = np.where(~keeps & ~paying, due[late] + rng.integers(3, 9, len(late)), until)
        moment = promised_day * DAY - UTC_OFFSET + rng.integers(9 * HOUR, 11 * HOUR, len(late))
        moment = np.minimum(moment, pay[late] * DAY - UTC_OFFSET + 7 * HOUR)
        alive = moment < DATA_END
        self.sink.write(
            "promises_to_pay",
            {
                "promise_id": ids(f"PP{self.prefix}", np.arange(int(alive.sum())), 7),
                "account_id": self.acc_id.take(pa.array(account[late[alive]])),
                "promised_at": times(moment[alive]),
                "due_date": dates(until[alive]),
                "amount": self.inst_amount[late[alive]],
            },
            time="promised_at",
            block=self.number,
            broken=[
                ("unparseable_number", {"amount": "全部"}),
                ("ends_before_start", {"due_date": "2024-01-01"}),
            ],
        )
        bad = np.flatnonzero(self.first < 99)
        flagged = bad[spread(rng, len(bad)) < FRAUD[month_of(self.default_due[bad] * DAY)]]
        cleared = rng.choice(self.accounts_n, max(2, self.accounts_n // 150), replace=False)
        flag_time = (self.default_due[flagged] + rng.integers(5, 25, len(flagged))) * DAY + rng.integers(
            0, DAY, len(flagged)
        )
        confirm = rng.random(len(flagged)) < 0.5
        clear_time = self.booked_at[cleared] + 6 * DAY
        who = np.concatenate([flagged, flagged[confirm], cleared, cleared])
        when = np.concatenate([flag_time, flag_time[confirm] + 9 * DAY, clear_time, clear_time + 4 * DAY])
        level = np.concatenate(
            [
                np.zeros(len(flagged)),
                np.ones(int(confirm.sum())),
                np.zeros(len(cleared)),
                np.full(len(cleared), 2),
            ]
        ).astype(np.int64)
        alive = when < DATA_END
        self.sink.write(
            "fraud_flags",
            {
                "account_id": self.acc_id.take(pa.array(who[alive])),
                "flagged_at": times(when[alive]),
                "level": pick(["suspected", "confirmed", "cleared"], level[alive]),
            },
            time="flagged_at",
            block=self.number,
            broken=[("orphan_unknown_level", {"level": "rumour"})],
        )

    def policies(self) -> None:
        """Stricter treatment of low scores, suspicious devices and one channel."""
        rng = self.rng("policies")
        clean = ~self.duplicate & (self.node_time["rules"] < DATA_END)
        groups = [
            np.flatnonzero(clean & (self.z < -0.9)),
            np.flatnonzero(clean & (self.customer % 19 == 0)),
            np.flatnonzero(clean & (self.channel == 1) & (self.kind == 0) & (self.z < 0)),
        ]
        app = np.concatenate(groups)
        policy = np.repeat(np.arange(3), [len(g) for g in groups])
        at = self.node_time["rules"][app]
        chance = np.where(during("cr_slow_rollout", at) & (policy == 2), 0.6, STRICT[month_of(at)])
        self.sink.write(
            "policy_decisions",
            {
                "application_id": self.application.take(pa.array(app)),
                "policy_id": pick(POLICIES, policy),
                "decided_at": times(at),
                "required_action": pick(["stricter_cutoff", "lower_limit"], policy % 2),
                "applied": rng.random(len(app)) < chance,
            },
            time="decided_at",
            block=self.number,
            broken=[("missing_outcome", {"applied": None})],
        )


def _shared(sink: Sink, seed: int, came: Ints, went: Ints) -> None:
    """Tables that no block owns: policy changes, bands, capacity."""
    rng = generator(seed, "credit", "shared")
    slow_start, slow_end = incident("cr_slow_rollout")
    announced = [local(f"2026-{m:02d}-{d:02d}T10:00") for m, d in ((1, 14), (2, 11), (3, 11), (4, 8), (4, 22), (6, 10))]
    effective = [a + int(rng.uniform(5, 22) * HOUR) for a in announced]
    sink.write(
        "policy_changes",
        {
            "policy_id": [POLICIES[i % 3] for i in range(len(announced))] + [POLICIES[2]],
            "announced_at": times([*announced, slow_start]),
            "fully_effective_at": times([*effective, slow_end]),
        },
        time="announced_at",
        broken=[("unparseable_time", {"announced_at": "发布中"})],
    )
    rows = [(m, *b) for m in MODELS for b in BANDS]
    sink.write(
        "score_bands",
        {
            "model_version": [r[0] for r in rows],
            "band": [r[1] for r in rows],
            "lower_bound": [r[2] for r in rows],
            "upper_bound": [r[3] for r in rows],
        },
        duplicates=0,
    )
    # Capacity is planned a little above the work in progress of the week before.
    ends = np.arange(HISTORY_START + DAY, DATA_END + DAY, DAY)
    load = np.searchsorted(np.sort(came), ends) - np.searchsorted(np.sort(went), ends)
    smooth = np.convolve(np.pad(load, (6, 0), mode="edge"), np.ones(7) / 7, mode="valid")
    target = np.array([0.97, 0.97, 0.96, 0.92, 0.88, 0.86])[month_of(ends - 1)]
    total = np.maximum(4, np.round(smooth / target)).astype(np.int64)
    day = local_day(ends - 1)
    manual = np.maximum(1, (total * 0.7).astype(np.int64))
    sink.write(
        "capacity_forecasts",
        {
            "forecast_date": dates(np.concatenate([day, day])),
            "queue": pick(["manual_review", "auto"], np.repeat([0, 1], len(day))),
            "daily_capacity": np.concatenate([manual, np.maximum(1, total - manual)]),
        },
        broken=[("unparseable_number", {"daily_capacity": "满员"})],
    )
    sink.empty("capacity_forecasts")


def write_credit(sink: Sink, *, scale: float, seed: int) -> None:
    """Write all credit tables.

    Args:
        sink: Where to.
        scale: Applications and accounts relative to the default size.
        seed: Seed of every stream.
    """
    blocks = max(1, int(np.ceil(scale / BLOCK_SCALE)))
    came, went = [], []
    for number in range(blocks):
        block = _Block(sink, min(BLOCK_SCALE, scale - number * BLOCK_SCALE), seed, number)
        block.applications()
        block.journey()
        block.api_calls()
        block.accounts()
        block.scores()
        block.collections()
        block.policies()
        came.append(block.wip_in)
        went.append(block.wip_out)
        if sink.progress:
            sink.progress(f"credit: block {number + 1} of {blocks}")
    _shared(sink, seed, np.concatenate(came), np.concatenate(went))
