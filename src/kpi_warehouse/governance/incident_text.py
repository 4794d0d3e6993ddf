"""Incidents in words, English or Chinese: names, values in their unit, limits, where, what to do and until when."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence

from kpi_warehouse.governance.incidents import BY_ITSELF
from kpi_warehouse.governance.store import Row, Store, period_label, show
from kpi_warehouse.governance.words import DIMENSIONS, GRAINS, IMPACT_UNITS, INCIDENT_WORDS, MEMBERS
from kpi_warehouse.output import clean

#: Slices listed before the rest is only counted.
SHOWN = 6
#: What marks up a text in HTML or Markdown, and the letters that look like it: ids and notes come from data.
_HARMLESS = str.maketrans(
    {"<": "‹", ">": "›", "`": "ʼ", "*": "∗", "[": "［", "]": "］", "|": "¦", "\\": "⧵", "&": "＆"}
)

#: Slices of an incident: dimension and value, the longest first.
Slices = Mapping[str, Sequence[tuple[str, str]]]


def harmless(text: str) -> str:
    """Text from data that steers no terminal and marks nothing up in HTML or Markdown."""
    return clean(text).translate(_HARMLESS)


def slices_of(ledger: Store, incidents: Sequence[Row]) -> Slices:
    """The slices that each incident takes in, by id; its own is left out."""
    own = {row["incident_id"]: (row["dimension"], row["dimension_value"]) for row in incidents}
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    rows = ledger.rows(
        """select parent_incident_id, dimension, dimension_value, sum(periods) as periods from incidents
        where parent_incident_id is not null and dimension <> 'all'
            and coalesce(closed_by, '') not in ('merged', 'gone')
        group by all order by periods desc, dimension, dimension_value"""
    )
    for row in rows:
        incident_id, part = row["parent_incident_id"], (row["dimension"], row["dimension_value"])
        if incident_id in own and part != own[incident_id]:
            found[incident_id].append(part)
    return found


class Speaker:
    """Says what stands in an incident, in one language."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.words = INCIDENT_WORDS[lang]
        self.colon = "：" if lang == "zh" else ": "
        self.comma = "、" if lang == "zh" else ", "

    def say(self, key: str, **values: object) -> str:
        """A phrase with its values."""
        return self.words[key].format(**values)

    def of(self, incident: Row, name: str) -> str:
        """A text that stands in both languages: the one asked for, else the other."""
        other = "en" if self.lang == "zh" else "zh"
        return incident[f"{name}_{self.lang}"] or incident[f"{name}_{other}"] or ""

    def part(self, dimension: str, value: str) -> str:
        """A slice: `line L1`, 产线 L1."""
        if dimension == "all":
            return MEMBERS[self.lang]["all"]
        if dimension == "machine+stop":
            machine, _, start = value.rpartition("+")
            value = f"{machine} {start[:16]} UTC"
        names = DIMENSIONS[self.lang]
        named = "+".join(names.get(one, one.replace("_", " ")) for one in dimension.split("+"))
        named = names.get(dimension, named)
        members = MEMBERS[self.lang]
        if self.lang == "en" and value in members:
            return f"{named} {members[value]}"
        return f"{named} {harmless(members.get(value, value))}"

    def name(self, incident: Row) -> str:
        """What it is about: the KPI, or the rows of a table."""
        if incident["dimension"] == "table":
            return self.say("rows_of", name=harmless(incident["dimension_value"]))
        return self.of(incident, "title") or self.kpi(incident)

    def kpi(self, incident: Row) -> str:
        """The name of its KPI."""
        return self.of(incident, "kpi_name") or incident["kpi_id"] or incident["rule_id"]

    def title(self, incident: Row) -> str:
        """The KPI and the slice."""
        if incident["dimension"] == "kpi":
            return f"{self.name(incident)} · {self.kpi(incident)}"
        if incident["dimension"] in ("all", "table"):
            return self.name(incident)
        return f"{self.name(incident)} · {self.part(incident['dimension'], incident['dimension_value'])}"

    def owner(self, incident: Row) -> str:
        """Who must act: the one it was assigned to, else the role of the rule."""
        if incident["assigned_to"] and incident["assigned_to"] != incident["owner"]:
            return harmless(incident["assigned_to"])
        return self.of(incident, "owner") or incident["owner"]

    def value(self, incident: Row, name: str) -> str:
        """One of its values in the unit of the KPI."""
        return show(incident[name], incident["unit"] or "", difference=bool(incident["is_difference"]), lang=self.lang)

    def limit(self, incident: Row) -> str:
        """The threshold, and on which side it must stay."""
        kind = {"<": "at_least", "<=": "at_least", ">": "at_most", ">=": "at_most"}.get(incident["comparison"], "usual")
        return self.say(kind, value=self.value(incident, "threshold_value"))

    def values(self, incident: Row) -> str:
        """The worst and the latest value against the limit."""
        limit, worst = self.limit(incident), self.value(incident, "worst_value")
        latest = self.value(incident, "latest_value")
        if latest == worst:
            return self.say("one_value", worst=worst, limit=limit)
        return self.say("value", worst=worst, latest=latest, limit=limit)

    def when(self, incident: Row) -> str:
        """Its periods: the first, the last, how many."""
        grain = incident["period_grain"]
        opened, last = (period_label(grain, incident[name]).replace("T", " ") for name in ("opened_at", "last_seen"))
        plural = "s" if self.lang == "en" and incident["periods"] != 1 else ""
        counted = f"{incident['periods']} {GRAINS[self.lang].get(grain, grain)}{plural}"
        if opened == last:
            return opened if incident["periods"] == 1 else f"{opened} ({counted})"
        key = "since" if incident["state"] != "closed" else "over"
        return f"{self.say(key, at=opened, opened=opened, last=last)} ({counted})"

    def impact(self, incident: Row) -> str:
        """What it cost, as far as it is known; empty: not known, or less than one."""
        if incident["impact"] is None or not incident["impact_unit"] or abs(incident["impact"]) < 0.5:
            return ""
        unit = IMPACT_UNITS[self.lang].get(incident["impact_unit"], incident["impact_unit"])
        return self.say("impact_text", impact=f"{incident['impact']:,.0f} {unit}")

    def is_overdue(self, incident: Row) -> bool:
        """Its term has passed at the data horizon, and it is not closed."""
        due, as_of = incident["due_at"], incident["as_of"]
        return incident["state"] != "closed" and due is not None and as_of is not None and due < as_of

    def due(self, incident: Row) -> str:
        """Until when it must be dealt with."""
        if incident["due_at"] is None:
            return ""
        return self.say("overdue" if self.is_overdue(incident) else "due", at=moment(incident["due_at"]))

    def where(self, parts: Sequence[tuple[str, str]]) -> str:
        """The slices that it takes in, the first few by name."""
        named = self.comma.join(self.part(*part) for part in parts[:SHOWN])
        return named + (f" {self.say('more', count=self.rest(parts))}" if len(parts) > SHOWN else "")

    def rest(self, parts: Sequence[tuple[str, str]]) -> int:
        """How many slices `more` speaks of: in Chinese of all of them, in English of those not named."""
        return len(parts) if self.lang == "zh" else len(parts) - SHOWN

    def state(self, incident: Row) -> str:
        """Its state, and whose it is."""
        if incident["state"] == "closed":
            by = incident["closed_by"] or ""
            why = self.words[f"by_{by}"] if by in BY_ITSELF else self.say("closed_by", by=harmless(by))
            return f"{self.words['closed']} ({why})"
        told = [self.words["open" if incident["state"] == "open" else "acknowledged"]]
        if incident["assigned_to"]:
            told.append(self.say("assigned_to", to=harmless(incident["assigned_to"])))
        if incident["acknowledged_by"]:
            told.append(self.say("taken_by", by=harmless(incident["acknowledged_by"])))
        return self.comma.join(told)

    def lines(self, incident: Row, parts: Sequence[tuple[str, str]] = (), *, whole: bool = False) -> list[str]:
        """What a person needs to act: value and limit, when and how much, where, what to do, until when."""
        facts = [self.values(incident), self.when(incident), self.impact(incident)]
        told = [" · ".join(fact for fact in facts if fact)]
        if parts:
            told.append(f"{self.say('details')}{self.colon}{self.where(parts)}")
        if whole:
            told.append(f"{self.say('rule')}{self.colon}{self.of(incident, 'rule')}")
            told.append(f"{self.say('effect')}{self.colon}{self.of(incident, 'effect')}")
        told.append(f"{self.say('action')}{self.colon}{self.of(incident, 'action')}")
        told.append(f"{self.say('cause')}{self.colon}{self.of(incident, 'cause')}")
        states = [self.due(incident)] if incident["state"] != "closed" else []
        if incident["state"] != "open":
            states.append(self.state(incident))
        told += [" · ".join(state for state in states if state)] if any(states) else []
        return told


def moment(at: dt.datetime) -> str:
    """A time to the minute."""
    return f"{at:%Y-%m-%d %H:%M}"
