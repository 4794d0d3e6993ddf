"""How the incidents of a build compare with the story of the demonstration."""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import duckdb

from kpi_warehouse.demo.story import INCIDENTS, PROGRAMME_START, SHOWS

DOMAINS = {"ec": "ecommerce", "mf": "manufacturing", "cr": "credit"}


@dataclass(frozen=True)
class Score:
    """Found: planted incident → titles of the incidents that name its slices and days. Openings: by owner, per day."""

    found: dict[str, list[str]]
    opened: int
    explained: int
    open_at_end: int
    most_a_day: dict[str, int]
    median_a_day: dict[str, float]

    @property
    def recall(self) -> float:
        """Share of the planted incidents that were found."""
        return sum(map(bool, self.found.values())) / len(self.found)

    @property
    def precision(self) -> float:
        """Share of the incidents that overlap a planted one in days, slice and KPI."""
        return self.explained / self.opened

    def table(self) -> str:
        """What is printed."""
        lines = [f"{name}: {'; '.join(titles) or 'NOT FOUND'}" for name, titles in self.found.items()]
        lines.append(f"recall {self.recall:.0%} of {len(self.found)}, precision {self.precision:.1%} of {self.opened}")
        lines.append(f"open at the end: {self.open_at_end}")
        lines += [
            f"{owner}: at most {most} openings a day, {self.median_a_day[owner]:g} on the median day"
            for owner, most in sorted(self.most_a_day.items())
        ]
        return "\n".join(lines)


def score(warehouse: Path) -> Score:
    """Compares `kpi_incidents` of a warehouse with what the demonstration planted."""
    with duckdb.connect(str(warehouse), read_only=True) as db:
        cursor = db.execute("select * from marts.kpi_incidents")
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
        ((horizon,),) = db.execute("select max(as_of) from marts.kpi_incidents").fetchall()
    family: dict[str, list[dict]] = {}
    for row in rows:
        family.setdefault(row["parent_incident_id"] or row["incident_id"], []).append(row)
    tops = [row for row in rows if row["parent_incident_id"] is None]
    found: dict[str, list[str]] = {}
    explained: set[str] = set()
    for name, (start, end) in INCIDENTS.items():
        # by days: the clock of a line is not that of the story
        begun, over = (dt.datetime.fromisoformat(text) for text in (start, end))
        first = dt.datetime.combine(begun.date(), dt.time())
        last = dt.datetime.combine((over - dt.timedelta(seconds=1)).date() + dt.timedelta(days=1), dt.time())
        slices, kpis = SHOWS[name]
        found[name] = []
        for top in tops:
            if top["domain"] != DOMAINS[name[:2]] or top["opened_at"] >= last or top["last_seen_end"] <= first:
                continue
            members = [
                row
                for row in family[top["incident_id"]]
                if row["kpi_id"] in kpis and row["opened_at"] < last and row["last_seen_end"] > first
            ]
            if {(row["dimension"], row["dimension_value"]) for row in members} >= set(slices):
                what = f"{top['dimension']}={top['dimension_value']} {top['opened_at']:%d %b}–{top['last_seen']:%d %b}"
                found[name].append(f"{top['rule_id']} {what}")
            if {(row["dimension"], row["dimension_value"]) for row in members} & set(slices):
                explained.add(top["incident_id"])
    since = dt.datetime.combine(PROGRAMME_START, dt.time())
    live = [row for row in tops if row["known_at"] >= since]
    days = [since.date() + dt.timedelta(days=n) for n in range((horizon.date() - since.date()).days + 1)]
    a_day = Counter((row["owner"], row["known_at"].date()) for row in live)
    owners = sorted({row["owner"] for row in live})
    return Score(
        found=found,
        opened=len(live),
        explained=len(explained & {row["incident_id"] for row in live}),
        open_at_end=sum(row["state"] == "open" and row["is_newest"] for row in tops),
        most_a_day={owner: max(a_day[owner, day] for day in days) for owner in owners},
        median_a_day={owner: statistics.median(a_day[owner, day] for day in days) for owner in owners},
    )
