"""The shared rules once more, in plain Python from the specification: slow, obvious, and without SQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

ORDER = ("phone", "device", "cookie", "fingerprint")
Link = tuple[str, str, str, str, dt.datetime, dt.datetime]


def sessions(times: Sequence[tuple[dt.datetime, str]], gap: dt.timedelta) -> dict[str, str]:
    """Event -> first event of its session, of one person's (time, event_id)."""
    found: dict[str, str] = {}
    previous = None
    start = ""
    for at, event in sorted(times):
        if previous is None or at - previous >= gap:
            start = event
        found[event] = start
        previous = at
    return found


def percentile(values: Sequence[float], p: float) -> float | None:
    """Linear interpolation between the neighbours of p * (n - 1)."""
    if not values:
        return None
    ordered = sorted(values)
    place = p * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def links_of(events: Iterable[Mapping], landed: Iterable[Link]) -> list[Link]:
    """Every sighting of a pair as (type_a, id_a, type_b, id_b, first, last), a user or device first."""
    found = []
    for event in events:
        ids = [(kind, event[kind]) for kind in ("user", *ORDER) if event[kind]]
        found += [(a, x, b, y, event["at"], event["at"]) for i, (a, x) in enumerate(ids) for b, y in ids[i + 1 :]]
    for a, x, b, y, first, last in landed:
        found += [(a, x, b, y, first, last), (b, y, a, x, first, last)]
    return found


def _linked(links: Iterable[Link], to: str, kind: str, value: str, at: dt.datetime, ttl: dt.timedelta) -> str | None:
    live = [
        link
        for link in links
        if link[0] == to and link[2] == kind and link[3] == value and link[4] - ttl <= at < link[5] + ttl
    ]
    seen = [(moment, link[1]) for link in live for moment in link[4:6]]
    before = [(moment, who) for moment, who in seen if moment <= at]
    if before:
        latest = max(moment for moment, _ in before)
        return min(who for moment, who in before if moment == latest)
    if seen:
        earliest = min(moment for moment, _ in seen)
        return min(who for moment, who in seen if moment == earliest)
    return None


def persons(events: Sequence[Mapping], landed: Sequence[Link], ttl: Mapping[str, dt.timedelta]) -> dict[str, str]:
    """Event id -> person: users that share a phone are one; others by their strongest live link, else anonymous."""
    links = links_of(events, landed)
    users = {link[1] for link in links if link[0] == "user"} | {event["user"] for event in events if event["user"]}
    group = {user: user for user in users}
    changed = True
    while changed:
        changed = False
        for phone in {link[3] for link in links if link[0] == "user" and link[2] == "phone"}:
            together = {link[1] for link in links if link[0] == "user" and link[2] == "phone" and link[3] == phone}
            least = min(group[user] for user in together)
            for user in together:
                if group[user] != least:
                    group[user], changed = least, True
    found = {}
    for event in events:
        user = event["user"]
        for kind in ORDER:
            if user is None and event[kind]:
                user = _linked(links, "user", kind, event[kind], event["at"], ttl[kind])
        if user is not None:
            found[event["id"]] = f"user:{group[user]}"
            continue
        device = event["device"]
        if device is None and event["cookie"]:
            device = _linked(links, "device", "cookie", event["cookie"], event["at"], ttl["cookie"])
        ids = {**event, "device": device}
        kind = next(kind for kind in ("device", "cookie", "fingerprint", "phone") if ids[kind])
        found[event["id"]] = f"{kind}:{ids[kind]}"
    return found


STRENGTH = {"running": 1, "stopped": 2, "planned_stop": 3, "changeover": 4}


def state_at(
    moment: dt.datetime, rows: Sequence[Mapping], changeovers: Sequence[tuple[dt.datetime, dt.datetime]]
) -> tuple[str, str | None]:
    """State and reason of a machine at an instant; rows: id, start, end, state, reason (ends set)."""
    covering = [
        (
            STRENGTH["stopped" if row["state"] == "changeover" else row["state"]],
            row["reason"] is not None, row["start"], row["id"], row,
        )
        for row in rows
        if row["state"] != "unknown" and row["start"] <= moment < row["end"]
    ]  # fmt: skip
    if any(start <= moment < end for start, end in changeovers):
        return "changeover", None
    if not covering:
        return "unrecorded", None
    winner = max(covering, key=lambda item: item[:4])[4]
    return ("stopped" if winner["state"] == "changeover" else winner["state"]), winner["reason"]


def days_past_due(
    booked: dt.date,
    ended: dt.date | None,
    last: dt.date,
    instalments: Sequence[tuple[dt.date, Decimal]],
    payments: Sequence[tuple[dt.date, Decimal]],
    snapshots: Mapping[dt.date, int],
    *,
    grace: int,
    tolerance: Decimal,
    max_age: int,
) -> dict[dt.date, int]:
    """DPD of an account at the end of every day on which it is open and not fully repaid.

    Without instalments the lender's last snapshot counts as it stands, for `max_age` days.
    """
    found = {}
    day = booked
    while day <= last and (ended is None or day < ended):
        if not instalments:
            young = [on for on in snapshots if day - dt.timedelta(max_age) <= on <= day]
            found[day] = snapshots[max(young)] if young else 0
            day += dt.timedelta(1)
            continue
        paid = sum((amount for on, amount in payments if on <= day), Decimal(0))
        due, oldest = Decimal(0), None
        for due_date, amount in sorted(instalments):
            due += amount
            if oldest is None and paid < due - tolerance:
                oldest = due_date
        if oldest is None:
            day += dt.timedelta(1)
            continue  # fully repaid as of this day
        late = (day - oldest).days if oldest < day else 0
        found[day] = 0 if late <= grace else late
        day += dt.timedelta(1)
    return found


def account_state(day: dt.date, closed: dt.date | None, charged_off: dt.date | None, is_in_arrears_table: bool) -> str:
    """State of a booked account at the end of a day; the last argument: it has a DPD on that day while it lives."""
    if charged_off is not None and charged_off <= day:
        return "charged_off"
    if closed is not None and closed <= day:
        return "closed"
    return "open" if is_in_arrears_table else "repaid"


def newest_flag(day: dt.date, flags: Sequence[tuple[dt.date, dt.datetime, str]]) -> bool:
    """Whether the newest of the (day, moment, level) flags up to a day says fraud."""
    seen = [(moment, level) for on, moment, level in flags if on <= day]
    return bool(seen) and max(seen)[1] in ("suspected", "confirmed")


def arrears_episodes(
    booked: dt.date, ended: dt.date | None, last: dt.date, alive: Mapping[dt.date, int], *, least: int, most: int
) -> dict[dt.date, dt.date | None]:
    """First day of each episode of `least` to `most` days past due, and the first day after it without any, if any.

    alive: DPD of every day as if the account never closed; a day not in it is fully repaid. On its last day the
    payments of that day still count, later they do not.
    """
    found: dict[dt.date, dt.date | None] = {}
    day = booked
    while day <= last and (ended is None or day < ended):
        before = alive.get(day - dt.timedelta(1), 0) if day > booked else 0
        if least <= alive.get(day, 0) <= most and before <= 0:
            later = day + dt.timedelta(1)
            while later <= last and (ended is None or later <= ended) and alive.get(later, 0) > 0:
                later += dt.timedelta(1)
            found[day] = later if later <= last and (ended is None or later <= ended) else None
        day += dt.timedelta(1)
    return found
