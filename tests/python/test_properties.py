"""Properties of the shared rules: the models against small Python oracles, on cases that Hypothesis invents."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .support import oracles
from .support.bench import Bench, parameter_rows
from .support.lander import Lander

EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
BASE = dt.datetime(2026, 4, 1, 20)
PARAMETERS = "metric_id varchar, parameter varchar, value double"
HORIZON = "as_of_utc timestamp, as_of timestamp, is_given boolean"


# --------------------------------------------------------------------------- sessions


@pytest.fixture(scope="module")
def session_bench(lander: Lander) -> Bench:
    return Bench(
        lander,
        ["int_ecommerce__event_sessions"],
        {
            "int_ecommerce__traffic": "event_id varchar, event_at timestamp, refused_because varchar",
            "int_ecommerce__event_persons": "request_id varchar, person_id varchar",
            "stg_dictionary__parameters": PARAMETERS,
        },
    )


SESSION_CASES = (
    st.lists(
        st.tuples(
            st.sampled_from("pq"),
            st.one_of(st.integers(0, 6).map(lambda n: n * 1800), st.integers(0, 12000), st.just(1799), st.just(3599)),
            st.booleans(),
        ),
        max_size=25,
    ),
)


@EXAMPLES
@given(*SESSION_CASES)
def test_sessions_are_cut_where_the_gap_is_reached(session_bench: Bench, drawn: list[tuple[str, int, bool]]) -> None:
    events = [
        (f"e{number:02}", person, BASE + dt.timedelta(seconds=second), refused)
        for number, (person, second, refused) in enumerate(drawn)
    ]
    limit = 3
    got = session_bench.run(
        {
            "int_ecommerce__traffic": [(e, at, "bot" if refused else None) for e, _, at, refused in events],
            "int_ecommerce__event_persons": [(e, person) for e, person, _, refused in events if not refused],
            "stg_dictionary__parameters": parameter_rows(
                ec_rule_session__gap_minutes=30, ec_rule_traffic__max_events_per_session=limit
            ),
        },
        "select event_id, person_id, session_id, is_over_limit from int_ecommerce__event_sessions",
    )
    want = []
    for person in "pq":
        mine = [(at, e) for e, who, at, refused in events if who == person and not refused]
        cut = oracles.sessions(mine, dt.timedelta(minutes=30))
        sizes = {start: list(cut.values()).count(start) for start in cut.values()}
        want += [(e, person, start, sizes[start] > limit) for e, start in cut.items()]
    assert sorted(got) == sorted(want)


# --------------------------------------------------------------------------- identity

TTL = {"phone": 40, "device": 20, "cookie": 10, "fingerprint": 5}
#: Distances that meet the ends of the lives above exactly, and others.
DAYS = st.sampled_from([0, 1, 2, 5, 6, 7, 10, 11, 12, 15, 20, 21, 22, 30, 40, 41, 42, 55])
HALVES = st.tuples(DAYS, st.sampled_from([0, 0, 0, 1])).map(lambda d: BASE + dt.timedelta(days=d[0], seconds=d[1]))


def ids(prefix: str, count: int) -> st.SearchStrategy:
    return st.sampled_from([None, *(f"{prefix}{n}" for n in range(1, count + 1))])


EVENT = st.fixed_dictionaries(
    {
        "user": ids("u", 3),
        "phone": ids("p", 2),
        "device": ids("d", 2),
        "cookie": ids("c", 2),
        "fingerprint": ids("f", 1),
        "at": HALVES,
    }
).filter(lambda event: any(event[kind] for kind in ("user", *oracles.ORDER)))
POOL = {"user": 3, "phone": 2, "device": 2, "cookie": 2, "fingerprint": 1}
LINK = (
    st.tuples(
        st.sampled_from([("user", kind) for kind in oracles.ORDER] + [("device", "cookie"), ("cookie", "fingerprint")]),
        st.integers(1, 3),
        st.integers(1, 2),
        HALVES,
        HALVES,
        st.booleans(),
    )
    .map(
        lambda d: (
            (d[0][0], f"{d[0][0][0]}{min(d[1], POOL[d[0][0]])}", d[0][1], f"{d[0][1][0]}{min(d[2], POOL[d[0][1]])}"),
            min(d[3], d[4]),
            max(d[3], d[4]),
            d[5],
        )
    )
    .map(lambda d: (*(d[0][2:] + d[0][:2] if d[3] else d[0]), d[1], d[2]))
)


@pytest.fixture(scope="module")
def identity_bench(lander: Lander) -> Bench:
    return Bench(
        lander,
        ["int_ecommerce__sightings", "int_ecommerce__user_persons", "int_ecommerce__event_persons"],
        {
            "stg_ecommerce__events": "event_id varchar, event_at timestamp, user_id varchar, phone_hash varchar, "
            "device_id varchar, cookie_id varchar, fingerprint_id varchar",
            "stg_ecommerce__identity_links": "id_type_a varchar, id_a varchar, id_type_b varchar, id_b varchar, "
            "first_seen_at timestamp, last_seen_at timestamp",
            "int_ecommerce__traffic": "event_id varchar, refused_because varchar",
            "stg_dictionary__parameters": PARAMETERS,
        },
    )


IDENTITY_CASES = (
    st.lists(EVENT, min_size=1, max_size=10),
    st.lists(LINK, max_size=5),
)


@EXAMPLES
@given(*IDENTITY_CASES)
def test_events_find_their_person(identity_bench: Bench, drawn: list[dict], links: list[tuple]) -> None:
    events = [{**event, "id": f"e{number}"} for number, event in enumerate(drawn)]
    got = identity_bench.run(
        {
            "stg_ecommerce__events": [
                (e["id"], e["at"], e["user"], e["phone"], e["device"], e["cookie"], e["fingerprint"]) for e in events
            ],
            "stg_ecommerce__identity_links": links,
            "int_ecommerce__traffic": [(e["id"], None) for e in events],
            "stg_dictionary__parameters": parameter_rows(
                **{f"ec_rule_identity__ttl_days_{kind}": days for kind, days in TTL.items()}
            ),
        },
        "select request_id, person_id from int_ecommerce__event_persons",
    )
    want = oracles.persons(events, links, {kind: dt.timedelta(days=days) for kind, days in TTL.items()})
    assert dict(got) == want and len(got) == len(events)


# --------------------------------------------------------------------------- state timeline

STEP = dt.timedelta(minutes=10)
LAST = 60  # as_of, in steps: ten hours, over a UTC midnight
ROW = st.tuples(
    st.integers(0, LAST - 1),
    st.one_of(st.none(), st.integers(0, 30)),
    st.sampled_from(["running", "stopped", "planned_stop", "changeover", "unknown"]),
    st.sampled_from([None, "R1", "R2"]),
)


@pytest.fixture(scope="module")
def timeline_bench(lander: Lander) -> Bench:
    return Bench(
        lander,
        ["int_manufacturing__state_timeline"],
        {
            "stg_manufacturing__machine_states": "state_id varchar, machine_id varchar, started_at timestamp, "
            "ended_at timestamp, state varchar, reason_code varchar",
            "int_manufacturing__changeovers": "changeover_id varchar, machine_id varchar, starts_at timestamp, until_at timestamp",
            "stg_manufacturing__downtime_reasons": "reason_code varchar, level1 varchar",
            "int_manufacturing__as_of": HORIZON,
        },
    )


TIMELINE_CASES = (
    st.lists(ROW, max_size=12),
    st.lists(st.tuples(st.integers(0, LAST), st.integers(0, 12)), max_size=2),
)


@EXAMPLES
@given(*TIMELINE_CASES)
def test_the_strongest_state_wins_at_every_instant(timeline_bench: Bench, drawn: list, changes: list) -> None:
    as_of = BASE + LAST * STEP
    rows = [
        {
            "id": f"s{number:02}",
            "start": BASE + start * STEP,
            "end": None if length is None else min(BASE + (start + length) * STEP, as_of),
            "state": state,
            "reason": reason,
        }
        for number, (start, length, state, reason) in enumerate(drawn)
    ]
    changeovers = [(BASE + a * STEP, min(BASE + (a + n) * STEP, as_of)) for a, n in changes]
    got = timeline_bench.run(
        {
            "stg_manufacturing__machine_states": [
                (r["id"], "m", r["start"], r["end"], r["state"], r["reason"]) for r in rows
            ],
            "int_manufacturing__changeovers": [(f"c{i}", "m", a, b) for i, (a, b) in enumerate(changeovers)],
            "stg_manufacturing__downtime_reasons": [("R1", "safety")],
            "int_manufacturing__as_of": [(as_of, as_of, False)],
        },
        "select starts_at, ends_at, state, reason_code from int_manufacturing__state_timeline order by 1",
    )
    closed = [{**row, "end": row["end"] or as_of} for row in rows]
    known = [row["start"] for row in rows if row["state"] != "unknown"]
    if not known:
        assert got == []
        return
    assert [row[1] for row in got[:-1]] == [row[0] for row in got[1:]], "segments leave a gap or overlap"
    assert (got[0][0], got[-1][1]) == (min(known), as_of)
    moment = min(known)
    while moment < as_of:
        segment = next(row for row in got if row[0] <= moment < row[1])
        want = oracles.state_at(moment, closed, changeovers)
        assert segment[2] == want[0] and (want[0] == "changeover" or segment[3] == want[1]), moment
        moment += STEP


# --------------------------------------------------------------------------- days past due

MONEY = st.sampled_from(["100", "50", "99.995", "99.99", "0.005", "0.01", "-100", "-50", "300"]).map(Decimal)
DAY = st.integers(0, 25)


@pytest.fixture(scope="module")
def dpd_bench(lander: Lander) -> Bench:
    return Bench(
        lander,
        [
            "int_credit__accounts",
            "int_credit__schedule",
            "int_credit__payment_days",
            "int_credit__coverage",
            "int_credit__dpd_spells",
            "int_credit__daily_stocks",
            "int_credit__arrears_episodes",
            "fct_dpd_daily",
        ],
        {
            "stg_credit__accounts": "account_id varchar, application_id varchar, channel varchar, customer_type varchar, "
            "product_line varchar, principal money, booked_at timestamp, closed_at timestamp, charged_off_at timestamp, "
            "disputed_from timestamp, disputed_to timestamp",
            "stg_credit__instalments": "account_id varchar, instalment_no bigint, due_date date, due_amount money",
            "stg_credit__repayments": "account_id varchar, posted_at timestamp, amount money",
            "stg_credit__dpd_snapshots": "account_id varchar, snapshot_date date, days_past_due bigint",
            "stg_credit__fraud_flags": "account_id varchar, flagged_at timestamp, level varchar",
            "int_credit__as_of": HORIZON,
            "stg_credit__landed": "table_name varchar, column_name varchar, has_rows boolean",
            "stg_dictionary__parameters": "metric_id varchar, parameter varchar, value double, version bigint",
        },
    )


LEVEL = st.sampled_from(["suspected", "confirmed", "cleared"])
DPD_CASES = (
    st.lists(
        st.tuples(
            DAY,
            st.tuples(st.one_of(st.none(), DAY), st.one_of(st.none(), DAY)),
            st.lists(st.tuples(DAY, st.sampled_from([Decimal(100), Decimal(50)])), max_size=4),
            st.lists(st.tuples(DAY, MONEY, st.sampled_from([4, 17])), max_size=6),
            st.dictionaries(DAY, st.sampled_from([0, 1, 2, 29, 30]), max_size=3),
            st.tuples(st.one_of(st.none(), DAY), st.one_of(st.none(), DAY)),
            st.dictionaries(st.tuples(DAY, st.sampled_from([4, 5, 17])), LEVEL, max_size=3),
        ),
        min_size=1,
        max_size=3,
    ),
)


@EXAMPLES
@given(*DPD_CASES)
def test_days_past_due_of_every_day(dpd_bench: Bench, drawn: list) -> None:
    day0 = dt.date(2026, 4, 1)
    last = day0 + dt.timedelta(26)

    def at(day: int | None, hour: int = 4) -> dt.datetime | None:  # 17:00 UTC is 01:00 of the next day in Shanghai
        return None if day is None else dt.datetime.combine(day0 + dt.timedelta(day), dt.time(hour))

    def on(day: int | None, hour: int = 4) -> dt.date | None:
        return None if day is None else day0 + dt.timedelta(day + (hour == 17))

    accounts, instalments, repayments, snapshots, flags = [], [], [], [], []
    daily, states, episodes = {}, {}, {}
    for number, (booked, ends, schedule, paid, counted, disputed, flagged) in enumerate(drawn):
        name = f"a{number}"
        closed, charged_off = (None if day is None or day < booked else day for day in ends)
        since, until = disputed
        until = None if since is None or (until is not None and until < since) else until
        accounts.append(
            (name, None, "partner", "new", "cash", Decimal(300), *map(at, (booked, closed, charged_off, since, until)))
        )
        instalments += [(name, i + 1, on(day), amount) for i, (day, amount) in enumerate(schedule)]
        repayments += [(name, at(day, hour), amount) for day, amount, hour in paid]
        snapshots += [(name, on(day), days) for day, days in counted.items()]
        flags += [(name, at(day, hour), level) for (day, hour), level in flagged.items()]
        alive = oracles.days_past_due(
            on(booked),
            None,
            last,
            [(on(day), amount) for day, amount in schedule],
            [(on(day, hour), amount) for day, amount, hour in paid],
            {on(day): days for day, days in counted.items()},
            grace=2,
            tolerance=Decimal("0.005"),
            max_age=5,
        )
        seen = [(on(day, hour), at(day, hour), level) for (day, hour), level in flagged.items()]
        for day in (on(booked) + dt.timedelta(n) for n in range((last - on(booked)).days + 1)):
            state = oracles.account_state(day, on(closed), on(charged_off), day in alive)
            states[name, day] = state
            if state == "open":
                in_dispute = since is not None and on(since) <= day and (until is None or on(until) > day)
                daily[name, day] = (alive[day], in_dispute, oracles.newest_flag(day, seen))
        ended = min((on(day) for day in (closed, charged_off) if day is not None), default=None)
        found = oracles.arrears_episodes(on(booked), ended, last, alive, least=1, most=6)
        episodes.update({(name, began): recovered for began, recovered in found.items()})
    as_of = dt.datetime.combine(last, dt.time(12))
    buckets = {"b1_min": 1, "b30_min": 30, "b60_min": 60, "b90_min": 90}
    got = dpd_bench.run(
        {
            "stg_credit__accounts": accounts,
            "stg_credit__instalments": instalments,
            "stg_credit__repayments": repayments,
            "stg_credit__dpd_snapshots": snapshots,
            "stg_credit__fraud_flags": flags,
            "int_credit__as_of": [(as_of - dt.timedelta(hours=8), as_of, False)],
            "stg_credit__landed": [("fraud_flags", "level", True)],
            "stg_dictionary__parameters": [
                (*row, 1)
                for row in parameter_rows(
                    cr_rule_dpd__grace_days=2,
                    cr_rule_dpd__coverage_tolerance=0.005,
                    cr_rule_snapshots__max_age_days=5,
                    cr_dpd30_rate__dpd_min=2,
                    cr_dpd30_rate__dpd_max=6,
                    cr_cure_rate_1_29__dpd_min=1,
                    cr_cure_rate_1_29__dpd_max=6,
                    cr_cure_rate_1_29__window_days=5,
                    **{f"cr_rule_buckets__{name}": value for name, value in buckets.items()},
                )
            ]
            + [("cr_dpd30_rate", "dpd_min", 7.0, 2)],
        },
        """select 'day' as kind, account_id, day_date, day_date, null, dpd, is_disputed, is_fraud from fct_dpd_daily
        union all
        select 'spell', account_id, valid_from_date, valid_to_date, state, null, null, null from int_credit__dpd_spells
        union all
        select 'episode', account_id, began_date, recovered_date, null, null, is_cured, is_over from int_credit__arrears_episodes
        union all
        select 'stock', stock, day_date, day_date, fraud_type, version, null, accounts > 0 from int_credit__daily_stocks
        cross join range(accounts) as one
        order by 1, 2, 3""",
    )
    days = {row[1:3]: row[5:] for row in got if row[0] == "day"}
    assert days == daily and len(days) == sum(row[0] == "day" for row in got)
    spans = [row[1:5] for row in got if row[0] == "spell"]
    held = [
        ((name, start + dt.timedelta(n)), state) for name, start, end, state in spans for n in range((end - start).days)
    ]
    assert dict(held) == states and len(held) == len(states)
    cures = sorted(row[1:4] + row[6:] for row in got if row[0] == "episode")
    five = dt.timedelta(5)
    assert cures == sorted(
        (
            (*key, recovered, recovered is not None and recovered <= key[1] + five, key[1] + five < last)
            for key, recovered in episodes.items()
        ),
        key=lambda row: row[:2],
    )
    stocks = Counter((row[1], row[5], row[4], row[2]) for row in got if row[0] == "stock")
    want = Counter()
    for (_, day), (dpd, in_dispute, is_fraud) in daily.items():
        kind = "fraud" if is_fraud else "credit"
        want["disputed" if in_dispute else "active", 1, kind, day] += 1
        for version, least, most in ((1, 2, 6), (2, 7, 999)):
            if not in_dispute and least <= dpd <= most:
                want["cr_dpd30_rate", version, kind, day] += 1
    assert stocks == want


# --------------------------------------------------------------------------- percentiles


@pytest.fixture(scope="module")
def percentile_sql(lander: Lander) -> str:
    """An aggregate over the table `given` (x), at 0, 0.5, 0.9, 0.95 and 1."""
    calls = ", ".join("{{ percentile_cont('x', " + str(p) + ") }}" for p in (0, 0.5, 0.9, 0.95, 1))
    result = lander.dbt("compile", "--inline", f"select {calls} from given")
    return result.results[0].node.compiled_code


@settings(EXAMPLES, max_examples=200)
@given(st.lists(st.one_of(st.none(), st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6)), max_size=40))
def test_percentiles_interpolate_linearly(percentile_sql: str, values: list) -> None:
    with duckdb.connect() as db:
        db.execute("create table given (x double)")
        if values:
            db.executemany("insert into given values (?)", [[value] for value in values])
        got = db.execute(percentile_sql).fetchone()
    present = [float(value) for value in values if value is not None]
    want = [oracles.percentile(present, p) for p in (0, 0.5, 0.9, 0.95, 1)]
    assert got == pytest.approx(want, rel=1e-9, abs=1e-9) if present else all(value is None for value in got)
