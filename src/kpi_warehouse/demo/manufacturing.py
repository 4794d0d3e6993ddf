"""Manufacturing: three lines, their shifts, machines, units and losses, from March to the end of June 2026.

Everything hangs on the machine-shift: its stops are drawn first, run time follows from them, pieces from run
time and units from the shift. Line L3 stands in Berlin, so its clock jumps on 29 March.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kpi_warehouse.demo.sink import Sink, dates, generator, ids, masked, pick, times
from kpi_warehouse.demo.story import (
    DATA_END,
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Floats,
    Ints,
    during,
    incident,
    month_of,
    spread_within,
)

Bools = NDArray[np.bool_]

FIRST_DAY = date(2026, 3, 1)
LAST_DAY = date(2026, 7, 1)

# January to June by month index (3 to 5 are M1 to M3); the history of this domain begins in March.
FPY = np.array([0.930, 0.930, 0.930, 0.9385, 0.9450, 0.9520])
DOWN_MINUTES = np.array([60.0, 60.0, 60.0, 54.0, 49.0, 44.0])  # unplanned downtime per machine-shift
SPEED = np.array([0.790, 0.790, 0.790, 0.796, 0.803, 0.812])
MICRO_STOPS = np.array([3.6, 3.6, 3.6, 3.3, 2.9, 2.5])
CODED = np.array([0.78, 0.78, 0.80, 0.865, 0.915, 0.945])
CHANGE_MEAN = np.array([1.06, 1.06, 1.05, 1.02, 0.97, 0.92])  # of the standard
FIRST_ARTICLE = np.array([0.955, 0.955, 0.958, 0.968, 0.978, 0.985])
SCANNED = np.array([0.930, 0.930, 0.935, 0.955, 0.972, 0.984])
REPAIR = np.array([1.0, 1.0, 1.0, 0.95, 0.89, 0.82])
CAPA_ON_TIME = np.array([0.72, 0.72, 0.74, 0.78, 0.82, 0.86])
COMPLETE = np.array([0.984, 0.984, 0.985, 0.990, 0.992, 0.9935])
PROMPT = np.array([0.970, 0.970, 0.972, 0.980, 0.984, 0.988])
SCRAP_SHARE = np.array([0.16, 0.16, 0.16, 0.145, 0.13, 0.12])

UNITS_PER_SHIFT = 19.0
"""Units (trays) that a line makes per shift at scale 1."""

LINES: dict[str, tuple[str, list[str]]] = {
    "L1": ("Asia/Shanghai", ["FA", "FB"]),
    "L2": ("Asia/Shanghai", ["FB", "FC"]),
    "L3": ("Europe/Berlin", ["FD", "FE"]),
}
STATIONS = ["S10", "S20", "S30", "S40"]
# machine, station, ideal seconds per piece at scale 1; None: no counter, pieces are passes of units
MACHINES: dict[str, list[tuple[str, str, float | None]]] = {
    "L1": [
        ("L1-M11", "S10", 24.0),
        ("L1-M21", "S20", 31.0),
        ("L1-M31", "S30", 28.0),
        ("L1-M41", "S40", None),
    ],
    "L2": [
        ("L2-M11", "S10", 22.0),
        ("L2-M21", "S20", 33.0),
        ("L2-M31", "S30", 30.0),
        ("L2-M41", "S40", None),
    ],
    "L3": [
        ("L3-M11", "S10", 40.0),
        ("L3-M21", "S20", 46.0),
        ("L3-M31", "S30", 44.0),
        ("L3-M41", "S40", 42.0),
    ],
}
FAIL_SHARE = np.array([0.14, 0.42, 0.24, 0.20])  # of first-pass failures by station
DEFECTS = {
    0: ["D11", "D31", "D32"],
    1: ["D21", "D22", "D31", "D71"],
    2: ["D21", "D23", "D61"],
    3: ["D41", "D51", "D81", "D91"],
}
DEFECT_CATEGORIES = [
    "material",
    "assembly",
    "dimension",
    "function",
    "electrical",
    "surface",
    "contamination",
]
SHIFTS = [("早班", 6, 14), ("中班", 14, 22), ("夜班", 22, 30)]
REASONS = [  # code, share of stops, relative length, equipment failure
    ("R11", 0.17, 1.2, True),
    ("R12", 0.10, 1.4, True),
    ("R13", 0.08, 0.9, True),
    ("R14", 0.05, 1.0, True),
    ("R21", 0.10, 0.8, False),
    ("R31", 0.17, 1.0, False),
    ("R41", 0.09, 1.0, False),
    ("R51", 0.14, 0.7, False),
    ("R61", 0.04, 1.3, False),
    ("R71", 0.02, 0.8, False),
    ("R81", 0.04, 1.0, False),
]
CHARACTERISTICS = [
    ("weld_nugget_diameter_mm", "L1-M21", 5.6, 0.11, 5.0, 6.2),
    ("shaft_diameter_mm", "L2-M31", 24.005, 0.0042, 23.985, 24.025),
    ("sealing_force_n", "L3-M31", 182.0, 3.4, 170.0, 195.0),
]


@dataclass
class _Shifts:
    """The shift calendar in arrays; one row per line and shift."""

    line: Ints
    day: list[date]
    name: Ints
    start: Ints
    end: Ints
    local_start: list[datetime]
    local_end: list[datetime]
    pause: Ints
    """UTC start of the 30-minute break."""
    cleaning: Ints
    """UTC start of the 10-minute 5S before the end of the early shift, else -1."""


def _utc(moment: datetime, zone: ZoneInfo) -> int:
    return int(moment.replace(tzinfo=zone).timestamp()) * SECOND


def _shifts() -> _Shifts:
    rows: list[tuple[Any, ...]] = []
    for line, (zone_name, _) in enumerate(LINES.values()):
        zone = ZoneInfo(zone_name)
        today = FIRST_DAY
        while today <= LAST_DAY:
            midnight = datetime.combine(today, datetime.min.time())
            # Six days a week (Saturday night on L3 meets the change of clocks); 1 and 2 May are holidays.
            works = today.weekday() != 6 and today not in {date(2026, 5, 1), date(2026, 5, 2)}
            for shift, (_, begin, finish) in enumerate(SHIFTS):
                starts, ends = midnight + timedelta(hours=begin), midnight + timedelta(hours=finish)
                start, end = _utc(starts, zone), _utc(ends, zone)
                if works and start < DATA_END:
                    pause = start + 4 * HOUR
                    rows.append((line, today, shift, start, end, starts, ends, pause, end - 10 * MINUTE))
            today += timedelta(days=1)
    rows.sort(key=lambda r: (r[0], r[3]))
    columns: list[Any] = list(zip(*rows, strict=True))
    name = np.array(columns[2])
    return _Shifts(
        np.array(columns[0]),
        list(columns[1]),
        name,
        np.array(columns[3]),
        np.array(columns[4]),
        list(columns[5]),
        list(columns[6]),
        np.array(columns[7]),
        np.where(name == 0, np.array(columns[8]), -1),
    )


class _Plant:
    """The whole plant; methods write the tables from cause to effect."""

    def __init__(self, sink: Sink, scale: float, seed: int) -> None:
        self.sink = sink
        self.scale = min(scale, 40.0)
        self.seed = seed
        self.shifts = _shifts()
        self.lines = list(LINES)
        self.machines = [(m, s, ideal, i) for i, x in enumerate(self.lines) for m, s, ideal in MACHINES[x]]
        self.machine_line = np.array([m[3] for m in self.machines])
        self.station = np.array([STATIONS.index(m[1]) for m in self.machines])

    def rng(self, topic: str) -> np.random.Generator:
        """The stream of a topic."""
        return generator(self.seed, "manufacturing", topic)

    # ---- calendar and reference tables

    def calendar(self) -> None:
        """Shift calendar and breaks in the lines' own wall-clock time."""
        s = self.shifts
        self.sink.write(
            "shift_calendar",
            {
                "line_id": pick(self.lines, s.line),
                "production_date": pa.array(s.day),
                "shift_name": pick([x[0] for x in SHIFTS], s.name),
                "starts_at": pa.array(s.local_start, pa.timestamp("us")),
                "ends_at": pa.array(s.local_end, pa.timestamp("us")),
                "time_zone": pick([x[0] for x in LINES.values()], s.line),
            },
            duplicates=0.002,
        )
        rows: list[tuple[str, datetime, datetime, str]] = []
        for i in range(len(s.line)):
            line = self.lines[s.line[i]]
            zone = ZoneInfo(LINES[line][0])
            for start, minutes, kind in ((s.pause[i], 30, "break"), (s.cleaning[i], 10, "five_s")):
                if start >= 0:
                    begin = datetime.fromtimestamp(start / SECOND, zone).replace(tzinfo=None)
                    rows.append((line, begin, begin + timedelta(minutes=minutes), kind))
            if s.day[i].weekday() == 2 and s.name[i] == 1 and s.day[i].day <= 7:
                # Monthly training overlaps the break: their union counts.
                begin = s.local_start[i] + timedelta(hours=3, minutes=45)
                rows.append((line, begin, begin + timedelta(minutes=30), "training"))
        self.sink.plant("calendar_breaks", "overlapping", sum(1 for r in rows if r[3] == "training"))
        self.sink.write(
            "calendar_breaks",
            {
                "line_id": [r[0] for r in rows],
                "starts_at": pa.array([r[1] for r in rows], pa.timestamp("us")),
                "ends_at": pa.array([r[2] for r in rows], pa.timestamp("us")),
                "kind": [r[3] for r in rows],
            },
            broken=[("ends_before_start", {"ends_at": "2026-01-01 00:00:00"})],
        )

    def _families(self, line: int) -> list[str]:
        return LINES[self.lines[line]][1]

    def ideal(self, machine: int, family: int) -> float:
        """Ideal seconds per piece of a machine for the first or second family of its line."""
        given = self.machines[machine][2]
        if given is None:
            # Passes of units: the shift's run time at the usual speed makes the usual number of units.
            given = 0.805 * 23_200 / (UNITS_PER_SHIFT * self.scale)
        else:
            given = given / max(1.0, self.scale / 4)
        return round(given * (1.0 if family == 0 else 1.12), 4)

    def references(self) -> None:
        """Machines, routings, cycle times, standards, costs and limits."""
        begin = int(np.datetime64("2025-01-01", "D").astype(int))
        april = int(np.datetime64("2026-04-01", "D").astype(int))
        machines = self.machines
        self.sink.write(
            "machines",
            {
                "machine_id": [m[0] for m in machines],
                "station_id": [m[1] for m in machines],
                "line_id": [self.lines[m[3]] for m in machines],
            },
            duplicates=0,
        )
        families = sorted({f for _, fs in LINES.values() for f in fs})
        steps = [(f, i, s) for f in families for i, s in enumerate(STATIONS)]
        self.sink.write(
            "routings",
            {
                "product_family": [x[0] for x in steps],
                "step_no": [(x[1] + 1) * 10 for x in steps],
                "station_id": [x[2] for x in steps],
                "is_final_station": [x[1] == 3 for x in steps],
                "inspection_required": [x[1] in (1, 3) for x in steps],
                "scan_node": [["上线扫描", None, None, "下线扫描"][x[1]] for x in steps],
                "scan_required": [x[1] in (0, 3) for x in steps],
            },
            duplicates=0,
        )
        cycles: list[tuple[str, str, float, int, int | None]] = []
        standards: list[tuple[str, str, str, float, int, int | None]] = []
        for number, (machine, _, _, line) in enumerate(machines):
            names = self._families(line)
            for i, name in enumerate(names):
                cycles.append((name, machine, self.ideal(number, i), begin, None))
                for j, other in enumerate(names):
                    if i != j:
                        # Standards were tightened with the SMED workshops of the programme.
                        standards.append((machine, name, other, self.standard(number, False), begin, april))
                        standards.append((machine, name, other, self.standard(number, True), april, None))
        self.sink.write(
            "ideal_cycle_times",
            {
                "product_family": [c[0] for c in cycles],
                "machine_id": [c[1] for c in cycles],
                "seconds_per_piece": [c[2] for c in cycles],
                "valid_from": dates([c[3] for c in cycles]),
                "valid_to": pa.array([c[4] for c in cycles], pa.int32()).cast(pa.date32()),
            },
            duplicates=0,
        )
        self.sink.write(
            "changeover_standards",
            {
                "machine_id": [c[0] for c in standards],
                "from_family": [c[1] for c in standards],
                "to_family": [c[2] for c in standards],
                "standard_minutes": [c[3] for c in standards],
                "valid_from": dates([c[4] for c in standards]),
                "valid_to": pa.array([c[5] for c in standards], pa.int32()).cast(pa.date32()),
            },
            duplicates=0,
        )
        products = [f"{f}-{k}" for f in families for k in (1, 2)]
        self.sink.write(
            "standard_costs",
            {
                "product_id": products,
                "material_cost": [180.0 + 23.5 * i for i in range(len(products))],
                "labour_cost": [42.0 + 5.5 * i for i in range(len(products))],
                "valid_from": dates([begin] * len(products)),
                "valid_to": pa.nulls(len(products), pa.date32()),
            },
            duplicates=0,
        )
        self.sink.write(
            "machine_hour_costs",
            {
                "machine_id": [m[0] for m in machines],
                "cost_per_hour": [260.0 + 45.0 * self.station[i] + 60.0 * m[3] for i, m in enumerate(machines)],
                "valid_from": dates([begin] * len(machines)),
                "valid_to": pa.nulls(len(machines), pa.date32()),
            },
            duplicates=0,
        )
        self.sink.write(
            "characteristic_specs",
            {
                "characteristic": [c[0] for c in CHARACTERISTICS],
                "lower_limit": [c[4] for c in CHARACTERISTICS],
                "target": [c[2] for c in CHARACTERISTICS],
                "upper_limit": [c[5] for c in CHARACTERISTICS],
            },
            duplicates=0,
        )

    def standard(self, machine: int, tightened: bool) -> float:
        """Standard minutes of a changeover."""
        return float([24, 32, 28, 18][self.station[machine]] - (2 if tightened else 0))

    # ---- work orders and changeovers

    def orders(self) -> None:
        """One work order per line and shift; the family changes every few shifts."""
        rng, s = self.rng("orders"), self.shifts
        n = len(s.line)
        self.month = month_of(s.start)
        family = np.zeros(n, dtype=np.int64)
        product = np.zeros(n, dtype=np.int64)
        changed = np.zeros(n, dtype=bool)
        for i in range(n):
            if i and s.line[i] == s.line[i - 1]:
                changed[i] = rng.random() < 0.34
                family[i] = family[i - 1] ^ int(changed[i])
                product[i] = product[i - 1] if not changed[i] else rng.integers(1, 3)
            else:
                product[i] = 1
        self.family, self.changed = family, changed
        self.family_name = [self._families(int(x))[f] for x, f in zip(s.line, family, strict=True)]
        self.product_name = [f"{f}-{p}" for f, p in zip(self.family_name, product, strict=True)]
        self.work_order = ids("WO26", np.arange(n), 5)
        self.sink.write(
            "work_orders",
            {
                "work_order_id": self.work_order,
                "line_id": pick(self.lines, s.line),
                "product_id": self.product_name,
                "product_family": self.family_name,
                "planned_qty": np.full(n, round(UNITS_PER_SHIFT * self.scale * 1.05)),
                "released_at": times(s.start - 20 * MINUTE),
            },
            time="released_at",
            broken=[
                ("unparseable_time", {"released_at": "待定"}),
                ("unparseable_number", {"planned_qty": "约20", "released_at": None}),
            ],
        )

    def changeovers(self) -> None:
        """A changeover per machine of the line at the beginning of a shift whose family differs."""
        rng, s = self.rng("changeovers"), self.shifts
        at = np.flatnonzero(self.changed)
        per = len(STATIONS)
        shift = np.repeat(at, per)
        machine = s.line[shift] * per + np.tile(np.arange(per), len(at))
        month = self.month[shift]
        standard = np.array([self.standard(int(m), bool(x >= 3)) for m, x in zip(machine, month, strict=True)])
        minutes = standard * (CHANGE_MEAN[month] * np.exp(rng.normal(-0.01, 0.14, len(shift))) - 0.04)
        start = s.start[shift] + (rng.uniform(3, 14, len(shift)) * MINUTE).astype(np.int64)
        end = start + (minutes * MINUTE).astype(np.int64)
        self.change_shift, self.change_machine = shift, machine
        self.change_start, self.change_end = start, end
        previous = shift - 1
        product = np.array(self.product_name)
        running = end > DATA_END
        self.sink.write(
            "changeovers",
            {
                "changeover_id": ids("CO", np.arange(len(shift)), 6),
                "machine_id": pick([m[0] for m in self.machines], machine),
                "from_product_id": product[previous],
                "to_product_id": product[shift],
                "last_good_at": times(start),
                "first_good_at": times(end, running),
            },
            time="last_good_at",
            broken=[
                ("missing_start", {"last_good_at": None}),
                ("ends_before_start", {"first_good_at": np.datetime64("2026-01-05", "us").item()}),
            ],
        )
        # First article: one per changeover of the line, at its second station, repeated until it passes.
        key = np.flatnonzero(machine % per == 1)
        passed = spread_within(rng, month[key]) < FIRST_ARTICLE[month[key]]
        again = key[~passed]
        rows = np.concatenate([key, again])
        attempt = np.concatenate([np.ones(len(key), dtype=np.int64), np.full(len(again), 2)])
        self.sink.write(
            "first_article_inspections",
            {
                "inspection_id": ids("FA", np.arange(len(rows)), 6),
                "work_order_id": self.work_order.take(pa.array(shift[rows])),
                "line_id": pick(self.lines, s.line[shift[rows]]),
                "machine_id": pick([m[0] for m in self.machines], machine[rows]),
                "changeover_id": ids("CO", rows, 6),
                "inspected_at": times(np.minimum(end[rows] + attempt * 12 * MINUTE, DATA_END - MINUTE)),
                "attempt_no": attempt,
                "passed": np.concatenate([passed, np.ones(len(again), dtype=bool)]),
            },
            time="inspected_at",
            broken=[("missing_result", {"passed": None})],
        )

    # ---- machine states

    def states(self) -> None:
        """Stops of every machine-shift, the running time between them, and what SCADA made of it."""
        rng, s = self.rng("states"), self.shifts
        per = len(STATIONS)
        shifts = np.repeat(np.arange(len(s.line)), per)
        machine = s.line[shifts] * per + np.tile(np.arange(per), len(s.line))
        begin, end = s.start[shifts], np.minimum(s.end[shifts], DATA_END)
        month = self.month[shifts]
        cells = len(shifts)
        self.cell_shift, self.cell_machine = shifts, machine
        # What interrupts a machine-shift, by precedence: changeover, breaks, long stops, micro-stops.
        changes = self.change_shift * per + self.change_machine % per
        cell_parts = [changes]
        start_parts = [self.change_start]
        length_parts = [self.change_end - self.change_start]
        kind_parts = [np.zeros(len(changes), dtype=np.int64)]

        def add(cell: Ints, start: Ints, length: Ints, kind: int) -> None:
            cell_parts.append(cell)
            start_parts.append(start)
            length_parts.append(length)
            kind_parts.append(np.full(len(cell), kind))

        every = np.arange(cells)
        add(every, s.pause[shifts], np.full(cells, 30 * MINUTE), 1)
        cleans = np.flatnonzero(s.cleaning[shifts] >= 0)
        add(cleans, s.cleaning[shifts][cleans], np.full(len(cleans), 10 * MINUTE), 1)
        mean_stop = 24.0
        # Station S20 (welding) is the bottleneck; L2 is the weakest line.
        burden = np.array([0.9, 1.25, 1.0, 0.8])[self.station[machine]] * np.array([0.97, 1.12, 0.92])[s.line[shifts]]
        stops = rng.poisson(DOWN_MINUTES[month] * burden / mean_stop)
        cell = np.repeat(every, stops)
        reason = rng.choice(len(REASONS), len(cell), p=_shares())
        length = rng.lognormal(np.log(mean_stop) - 0.30, 0.75, len(cell)) * np.array([r[2] for r in REASONS])[reason]
        where = begin[cell] + ((end - begin)[cell] * rng.uniform(0.04, 0.94, len(cell))).astype(np.int64)
        add(cell, where, (np.maximum(length, 5.2) * MINUTE).astype(np.int64), 2)
        breakdown_start, breakdown_end = incident("mf_press_breakdown")
        broken_cells = np.flatnonzero((machine == 0) & (begin <= breakdown_start) & (end > breakdown_start))
        cell_parts.insert(0, broken_cells)
        start_parts.insert(0, np.full(len(broken_cells), breakdown_start))
        length_parts.insert(0, np.full(len(broken_cells), breakdown_end - breakdown_start))
        kind_parts.insert(0, np.full(len(broken_cells), 2))
        micros = rng.poisson(MICRO_STOPS[month] * np.where(self.station[machine] == 1, 1.3, 0.95))
        cell = np.repeat(every, micros)
        where = begin[cell] + ((end - begin)[cell] * rng.uniform(0.03, 0.97, len(cell))).astype(np.int64)
        add(cell, where, (np.clip(rng.exponential(85, len(cell)), 12, 280) * SECOND).astype(np.int64), 3)
        all_reason = np.concatenate(
            [
                np.zeros(len(broken_cells), dtype=np.int64),
                np.zeros(len(changes), dtype=np.int64),
                np.zeros(cells + len(cleans), dtype=np.int64),
                reason,
                np.zeros(len(cell), dtype=np.int64),
            ]
        )
        cell = np.concatenate(cell_parts)
        start = np.concatenate(start_parts)
        finish = start + np.concatenate(length_parts)
        kind = np.concatenate(kind_parts)
        finish = np.minimum(finish, end[cell])
        # The breakdown of the press goes before everything else.
        rank = np.where(np.arange(len(kind)) < len(broken_cells), -1, kind)
        inside = (start < finish) & (start >= begin[cell])
        cell, start, finish, kind, why, rank = (x[inside] for x in (cell, start, finish, kind, all_reason, rank))
        kept = _without_overlap(cell, start - begin[cell], finish - begin[cell], rank)
        cell, start, finish, kind, why = (x[kept] for x in (cell, start, finish, kind, why))
        order = np.lexsort((start, cell))
        cell, start, finish, kind, why = (x[order] for x in (cell, start, finish, kind, why))
        self._running(every, begin, end, cell, start, finish)
        self._write_states(rng, cell, start, finish, kind, why)
        self._maintenance(cell, start, finish, kind, why)

    def _running(
        self,
        every: Ints,
        begin: Ints,
        end: Ints,
        cell: Ints,
        start: Ints,
        finish: Ints,
    ) -> None:
        """Running intervals: the complement of the interruptions within each machine-shift."""
        all_cell = np.concatenate([cell, every])
        # Where a machine-shift begins, and after each interruption, running begins.
        from_ = np.concatenate([finish, begin])
        order = np.lexsort((from_, all_cell))
        run_cell, run_start = all_cell[order], from_[order]
        stop_cell = np.concatenate([cell, every])
        to = np.concatenate([start, end])
        order = np.lexsort((to, stop_cell))
        run_end = to[order]
        kept = run_end > run_start
        self.run_cell, self.run_start, self.run_end = run_cell[kept], run_start[kept], run_end[kept]
        self.run_seconds = np.bincount(
            self.run_cell, weights=(self.run_end - self.run_start) / SECOND, minlength=len(every)
        )

    def _write_states(
        self, rng: np.random.Generator, cell: Ints, start: Ints, finish: Ints, kind: Ints, why: Ints
    ) -> None:
        codes = np.array([r[0] for r in REASONS])
        month = month_of(start)
        coded = rng.random(len(cell)) < np.where(kind == 2, CODED[month], 0.25)
        code_no = np.where((kind == 2) | (kind == 3), why, -1)
        code_no = np.where(kind == 3, rng.choice(len(REASONS), len(cell), p=_shares()), code_no)
        # A slip now and then: a code that the dictionary does not know.
        odd = (kind == 2) & (rng.random(len(cell)) < 0.006)
        self.sink.plant("machine_states", "unknown_reason", int(odd.sum()))
        shown = np.where(coded & (kind >= 2), code_no, -1)
        reason = pick([*codes, "X99"], np.where(odd, len(codes), shown))
        state = pick(["changeover", "planned_stop", "stopped", "stopped", "running"], kind)
        total = len(cell) + len(self.run_cell)
        all_cell = np.concatenate([cell, self.run_cell])
        begin = np.concatenate([start, self.run_start])
        end = np.concatenate([finish, self.run_end])
        names = pick([m[0] for m in self.machines], self.cell_machine[all_cell])
        running = pick(["running"], np.zeros(len(self.run_cell), dtype=np.int64))
        nothing = pa.nulls(len(self.run_cell), pa.string())
        code_time = times(start + (rng.exponential(11, len(cell)) * MINUTE).astype(np.int64), shown < 0)
        fault = pick(["E101", "E204", "E310", "E415"], np.where((kind == 2) & (why < 4), why, -1))
        line = self.shifts.line[self.cell_shift[all_cell]]
        # SCADA of L3 was silent for six hours: no rows at all, so that time is unrecorded.
        gap = during("mf_scada_gap", begin) & (line == 2)
        gap_start, _ = incident("mf_scada_gap")
        crosses = (line == 2) & (begin < gap_start) & (end > gap_start)
        end = np.where(crosses, gap_start, end)
        self.sink.plant("machine_states", "missing_interval", int(gap.sum()))
        kept = pa.array(np.flatnonzero(~gap))
        columns: dict[str, Any] = {
            "state_id": ids("ST", np.arange(total), 8),
            "machine_id": names,
            "started_at": times(begin),
            "ended_at": times(end),
            "state": pa.concat_arrays([state, running]),
            "reason_code": pa.concat_arrays([reason, nothing]),
            "reason_coded_at": pa.concat_arrays([code_time, pa.nulls(len(self.run_cell), pa.timestamp("us"))]),
            "fault_code": pa.concat_arrays([fault, nothing]),
        }
        columns = {k: v.take(kept) for k, v in columns.items()}
        # Overlaps: a running row that goes on into the stop that follows; the stronger state wins.
        late = np.flatnonzero((rng.random(len(kept)) < 0.004) & (np.arange(len(kept)) > len(cell)))
        moved = np.asarray(columns["ended_at"].cast(pa.int64())).copy()
        moved[late] += 40 * SECOND
        columns["ended_at"] = times(np.minimum(moved, DATA_END))
        # The last row of each machine is still open.
        last = np.flatnonzero(moved >= DATA_END)
        columns["ended_at"] = times(np.minimum(moved, DATA_END), np.isin(np.arange(len(moved)), last))
        self.sink.plant("machine_states", "overlapping", len(late))
        self.sink.plant("machine_states", "open_at_the_end", len(last))
        self.sink.write(
            "machine_states",
            columns,
            time="started_at",
            files=3,
            broken=[
                ("ends_before_start", {"ended_at": np.datetime64("2026-02-01", "us").item()}),
                ("unknown_state", {"state": "blinking"}),
                ("missing_machine", {"machine_id": None}),
            ],
        )
        self.sink.empty("machine_states")

    def _maintenance(self, cell: Ints, start: Ints, finish: Ints, kind: Ints, why: Ints) -> None:
        rng = self.rng("maintenance")
        failures = np.flatnonzero((kind == 2) & np.array([r[3] for r in REASONS])[why])
        failures = failures[rng.random(len(failures)) < 0.55]
        reported = start[failures] + rng.integers(30, 240, len(failures)) * SECOND
        reported = np.minimum(reported, finish[failures])
        month = month_of(reported)
        work = (finish - start)[failures] * REPAIR[month] * rng.uniform(0.9, 1.3, len(failures))
        repaired = reported + work.astype(np.int64)
        arrived = reported + (work * rng.uniform(0.1, 0.35, len(failures))).astype(np.int64)
        weekly = np.flatnonzero((self.shifts.name[self.cell_shift] == 0) & (np.arange(len(self.cell_shift)) % 11 == 0))
        planned = self.shifts.start[self.cell_shift[weekly]] + 90 * MINUTE
        n = len(failures) + len(weekly)
        machine = np.concatenate([self.cell_machine[cell[failures]], self.cell_machine[weekly]])
        when = np.concatenate([reported, planned])
        done = np.concatenate([repaired, planned + 40 * MINUTE])
        came = np.concatenate([arrived, planned])
        self.sink.write(
            "maintenance_orders",
            {
                "maintenance_id": ids("MT", np.arange(n), 6),
                "machine_id": pick([m[0] for m in self.machines], machine),
                "kind": pick(["breakdown", "preventive"], np.arange(n) >= len(failures)),
                "reported_at": times(np.minimum(when, DATA_END - SECOND)),
                "arrived_at": times(came, came >= DATA_END),
                "repaired_at": times(done, done >= DATA_END),
                "fault_code": pick(
                    ["E101", "E204", "E310", "E415"],
                    np.concatenate([why[failures] % 4, np.full(len(weekly), -1)]),
                ),
            },
            time="reported_at",
            broken=[("ends_before_start", {"repaired_at": np.datetime64("2026-01-01", "us").item()})],
        )

    # ---- counters

    def counters(self) -> None:
        """Cumulative counters read hourly: run seconds times speed over the ideal cycle."""
        rng = self.rng("counters")
        parts: dict[str, list[Any]] = {k: [] for k in ("machine", "at", "total", "good", "shift")}
        for number, (_, _, ideal, line) in enumerate(self.machines):
            if ideal is None:
                continue
            cells = np.flatnonzero(self.cell_machine == number)
            shifts = self.cell_shift[cells]
            begin = self.shifts.start[shifts]
            end = np.minimum(self.shifts.end[shifts], DATA_END)
            hours = np.arange(8)
            at = begin[:, None] + (hours[None, :] + 1) * HOUR - 5 * SECOND
            at = np.where(hours[None, :] == 7, end[:, None] - 5 * SECOND, at)
            valid = at < end[:, None] - np.where(hours == 7, 0, MINUTE)[None, :]
            # The first reading of all lies before the first shift, so that no piece is lost.
            at = np.concatenate([[begin[0] - MINUTE], at[valid]])
            shift = np.concatenate([[shifts[0]], np.repeat(shifts, valid.sum(axis=1))])
            mine = np.isin(self.run_cell, cells)
            starts, ends = self.run_start[mine], self.run_end[mine]
            order = np.argsort(starts)
            starts, ends = starts[order], ends[order]
            done = np.concatenate([[0], np.cumsum(ends - starts)])
            place = np.searchsorted(starts, at, side="right")
            partial = np.where(place > 0, np.minimum(at, ends[place - 1]) - starts[place - 1], 0)
            seconds = np.where(place > 0, done[np.maximum(place - 1, 0)] + partial, 0) / SECOND
            worked = np.diff(seconds, prepend=seconds[0])
            month = month_of(at)
            pace = SPEED[month] * np.array([1.0, 0.97, 1.02])[line] * np.where(self.station[number] == 1, 0.97, 1.01)
            cycle = np.array([self.ideal(number, int(f)) for f in (0, 1)])[self.family[shift]]
            pieces = np.floor(worked * pace * rng.normal(1, 0.02, len(at)) / cycle).astype(np.int64).clip(0)
            total = 40_000 + 7_000 * number + np.cumsum(pieces)
            # Resets: the PLC restarts and counts from nought.
            for reset in np.sort(rng.choice(np.arange(10, len(at)), 2, replace=False)):
                total[reset:] -= total[reset] - pieces[reset]
            self.sink.plant("counter_readings", "reset", 2)
            parts["machine"].append(np.full(len(at), number))
            parts["at"].append(at)
            parts["total"].append(total)
            parts["good"].append((total * 0.96).astype(np.int64))
            parts["shift"].append(shift)
        merged = {k: np.concatenate(v) for k, v in parts.items()}
        products = np.array(self.product_name)[merged["shift"]]
        self.sink.write(
            "counter_readings",
            {
                "machine_id": pick([m[0] for m in self.machines], merged["machine"]),
                "read_at": times(merged["at"]),
                "total_count": merged["total"],
                "good_count": merged["good"],
                "product_id": masked(products, rng.random(len(products)) < 0.01),
            },
            time="read_at",
            broken=[("missing_count", {"total_count": None})],
            files=2,
        )

    # ---- units

    def units(self) -> None:
        """Units through their stations, with failures, rework, scrap, inspections and scans."""
        rng, s = self.rng("units"), self.shifts
        per = len(STATIONS)
        seconds = self.run_seconds.reshape(-1, per).mean(axis=1)
        month = self.month
        wanted = seconds / 23_200 * UNITS_PER_SHIFT * self.scale * SPEED[month] / 0.805
        wanted = wanted / np.where(self.family == 0, 1.0, 1.12)
        count = np.floor(wanted + rng.random(len(wanted))).astype(np.int64)
        shift = np.repeat(np.arange(len(count)), count)
        n = len(shift)
        nth = np.arange(n) - np.repeat(np.cumsum(count) - count, count)
        span = (np.minimum(s.end, DATA_END) - s.start)[shift] - 80 * MINUTE
        span = np.maximum(span, 10 * MINUTE)
        enter = s.start[shift] + ((nth + rng.random(n)) / count[shift] * span).astype(np.int64)
        length = rng.uniform(11, 16, (n, per)) * MINUTE
        gap = rng.uniform(0.5, 3, (n, per)) * MINUTE
        offsets = np.cumsum(length + gap, axis=1)
        done = enter[:, None] + offsets.astype(np.int64)
        entered = done - length.astype(np.int64)
        self.unit_shift, self.unit_line = shift, s.line[shift]
        unit_month = month_of(enter)
        line_bonus = np.array([0.003, -0.006, 0.005])[self.unit_line] + np.array([0.003, 0.001, -0.005])[s.name[shift]]
        good_rate = FPY[unit_month] + line_bonus
        weld = during("mf_weld_batch", enter) & (self.unit_line == 1)
        good_rate = np.where(weld, 0.84, good_rate)
        fails = spread_within(rng, unit_month * 3 + self.unit_line) >= good_rate
        at = rng.choice(per, n, p=FAIL_SHARE)
        at = np.where(weld, 1, at)
        at = np.where(fails, at, -1)
        scrapped = fails & (rng.random(n) < SCRAP_SHARE[unit_month])
        # A scrapped unit leaves the line where it failed; one in ten still reaches the end, to be dissected.
        stops_at = np.where(scrapped & (rng.random(n) > 0.1), at, per)
        unit = ids("SN26", np.arange(n), 7)
        self.unit, self.unit_done, self.fails_at, self.stops_at = unit, done, at, stops_at
        rows, station = np.nonzero(np.arange(per)[None, :] <= stops_at[:, None])
        reworked = np.flatnonzero(fails & ~scrapped)
        finish = done[rows, station]
        again_end = done[reworked, at[reworked]] + (rng.uniform(14, 40, len(reworked)) * MINUTE).astype(np.int64)
        again_start = again_end - 9 * MINUTE
        all_unit = np.concatenate([rows, reworked])
        all_station = np.concatenate([station, at[reworked]])
        all_enter = np.concatenate([entered[rows, station], again_start])
        all_done = np.concatenate([finish, again_end])
        alive = all_enter < DATA_END
        all_unit, all_station, all_enter, all_done = (x[alive] for x in (all_unit, all_station, all_enter, all_done))
        rework = (np.arange(len(rows) + len(reworked)) >= len(rows))[alive]
        machine = self.unit_line[all_unit] * per + all_station
        self.sink.write(
            "unit_operations",
            {
                "operation_id": ids("OP", np.arange(len(all_unit)), 9),
                "unit_id": unit.take(pa.array(all_unit)),
                "work_order_id": self.work_order.take(pa.array(shift[all_unit])),
                "station_id": pick(STATIONS, all_station),
                "machine_id": masked(
                    np.array([m[0] for m in self.machines])[machine], rng.random(len(machine)) < 0.001
                ),
                "entered_at": times(all_enter),
                "completed_at": times(all_done, all_done >= DATA_END),
                "is_rework": rework,
            },
            time="entered_at",
            broken=[
                ("ends_before_start", {"completed_at": np.datetime64("2026-02-01", "us").item()}),
                ("missing_unit", {"unit_id": None}),
                ("orphan", {"work_order_id": "WO-unknown", "unit_id": "SN-unknown", "machine_id": None}),
            ],
            files=3,
        )
        self._quality(reworked, np.flatnonzero(scrapped), again_end)
        self._scans(unit_month)

    def _defects(self, rng: np.random.Generator, station: Ints) -> pa.Array:
        names = sorted({d for values in DEFECTS.values() for d in values})
        choice = np.full(len(station), -1)
        for at, values in DEFECTS.items():
            mask = station == at
            weights = np.arange(len(values), 0, -1.0)
            picked = rng.choice(len(values), int(mask.sum()), p=weights / weights.sum())
            choice[mask] = np.array([names.index(v) for v in values])[picked]
        choice = np.where(rng.random(len(station)) < 0.01, len(names), choice)
        return pick([*names, "D00"], choice)

    def _quality(self, reworked: Ints, scrapped: Ints, again_end: Ints) -> None:
        rng = self.rng("quality")
        n = len(self.unit)
        done, at = self.unit_done, self.fails_at
        rows: dict[str, list[Any]] = {k: [] for k in ("unit", "station", "kind", "required", "when", "passed")}

        def add(unit: Ints, station: Ints, kind: int, required: bool, when: Ints, passed: Any) -> None:
            rows["unit"].append(unit)
            rows["station"].append(station)
            rows["kind"].append(np.full(len(unit), kind))
            rows["required"].append(np.full(len(unit), required))
            rows["when"].append(when)
            rows["passed"].append(np.broadcast_to(np.asarray(passed), len(unit)))

        every = np.arange(n)
        for station, kind in ((1, 0), (3, 1)):
            unit = every[(self.stops_at >= station) & (rng.random(n) > 0.0015)]
            add(
                unit,
                np.full(len(unit), station),
                kind,
                True,
                done[unit, station] - 20 * SECOND,
                at[unit] != station,
            )
        # Stations without a required inspection find their failures by sampling or report them without one.
        sampled = every[(self.stops_at >= 2) & (rng.random(n) < 0.08)]
        add(sampled, np.full(len(sampled), 2), 2, False, done[sampled, 2] - 20 * SECOND, at[sampled] != 2)
        found = every[np.isin(at, [0, 2])]
        found = found[rng.random(len(found)) < 0.7]
        add(found, at[found], 2, False, done[found, at[found]], False)
        checked = rng.random(len(reworked)) < 0.97
        add(reworked[checked], at[reworked[checked]], 0, False, again_end[checked] + MINUTE, True)
        merged = {k: np.concatenate(v) for k, v in rows.items()}
        alive = merged["when"] < DATA_END
        merged = {k: v[alive] for k, v in merged.items()}
        codes = self._defects(rng, np.where(merged["passed"], -1, merged["station"]))
        clean = pa.array(merged["passed"])
        self.sink.write(
            "inspections",
            {
                "inspection_id": ids("IN", np.arange(len(merged["unit"])), 8),
                "unit_id": self.unit.take(pa.array(merged["unit"])),
                "station_id": pick(STATIONS, merged["station"]),
                "kind": pick(["in_process", "final", "sampling"], merged["kind"]),
                "is_required": merged["required"],
                "inspected_at": times(merged["when"]),
                "passed": merged["passed"],
                "defect_code": pa.array(
                    [None if ok else c for ok, c in zip(clean.to_pylist(), codes.to_pylist(), strict=True)],
                    pa.string(),
                ),
            },
            time="inspected_at",
            broken=[
                ("missing_result", {"passed": None}),
                ("unknown_kind", {"kind": "目检", "unit_id": "SN-unknown"}),
            ],
            files=2,
        )
        alive = again_end < DATA_END
        opened = done[reworked, at[reworked]]
        usable = opened < DATA_END
        self.sink.write(
            "rework_orders",
            {
                "rework_id": ids("RW", np.arange(int(usable.sum())), 7),
                "unit_id": self.unit.take(pa.array(reworked[usable])),
                "station_id": pick(STATIONS, at[reworked[usable]]),
                "opened_at": times(opened[usable]),
                "closed_at": times(again_end[usable], ~alive[usable]),
                "defect_code": self._defects(rng, at[reworked[usable]]),
                "reinspected": checked[usable],
            },
            time="opened_at",
            broken=[("ends_before_start", {"closed_at": np.datetime64("2026-02-01", "us").item()})],
        )
        when = done[scrapped, at[scrapped]] + 5 * MINUTE
        scrapped, when = scrapped[when < DATA_END], when[when < DATA_END]
        self.sink.write(
            "scrap_reports",
            {
                "scrap_id": ids("SC", np.arange(len(scrapped)), 7),
                "unit_id": self.unit.take(pa.array(scrapped)),
                "station_id": pick(STATIONS, at[scrapped]),
                "scrapped_at": times(when),
                "quantity": masked(np.ones(len(scrapped), dtype=np.int64), rng.random(len(scrapped)) < 0.05),
                "defect_code": self._defects(rng, at[scrapped]),
            },
            time="scrapped_at",
            broken=[("unparseable_time", {"scrapped_at": "夜班"}), ("missing_unit", {"unit_id": None})],
        )

    def _scans(self, month: Ints) -> None:
        rng = self.rng("scans")
        n = len(self.unit)
        complete = spread_within(rng, month) < SCANNED[month]
        lost = rng.random(n) < 0.3
        first = np.flatnonzero(complete | ~lost)
        last = np.flatnonzero((complete | lost) & (self.stops_at >= 3))
        unit = np.concatenate([first, last])
        when = np.concatenate([self.unit_done[first, 0] - 10 * MINUTE, self.unit_done[last, 3] + 30 * SECOND])
        node = np.concatenate([np.zeros(len(first), dtype=np.int64), np.ones(len(last), dtype=np.int64)])
        alive = when < DATA_END
        self.sink.write(
            "scans",
            {
                "scan_id": ids("SN", np.arange(int(alive.sum())), 8),
                "unit_id": self.unit.take(pa.array(unit[alive])),
                "scan_node": pick(["上线扫描", "下线扫描"], node[alive]),
                "scanned_at": times(when[alive]),
            },
            time="scanned_at",
            broken=[("missing_unit", {"unit_id": None})],
            files=2,
        )

    # ---- the rest

    def capa(self) -> None:
        """Corrective actions: about a dozen a month."""
        rng = self.rng("capa")
        opened = np.sort(rng.integers(self.shifts.start.min() - 30 * DAY, DATA_END - 3 * DAY, 62))
        due = opened + rng.integers(14, 31, len(opened)) * DAY
        on_time = spread_within(rng, month_of(due)) < CAPA_ON_TIME[month_of(due)]
        closed = np.where(
            on_time, due - rng.integers(1, 6, len(opened)) * DAY, due + rng.integers(2, 20, len(opened)) * DAY
        )
        still = closed >= DATA_END
        category = rng.choice(len(DEFECT_CATEGORIES), len(opened), p=[0.08, 0.30, 0.25, 0.14, 0.07, 0.10, 0.06])
        self.sink.write(
            "capa_actions",
            {
                "capa_id": ids("CA", np.arange(len(opened)), 5),
                "defect_category": pick(DEFECT_CATEGORIES, category),
                "opened_at": times(opened),
                "due_at": times(due),
                "closed_at": times(closed, still),
                "effectiveness_verified": masked(rng.random(len(opened)) < 0.97, still),
            },
            time="opened_at",
            broken=[
                ("unparseable_time", {"due_at": "月底前"}),
                ("ends_before_start", {"closed_at": "2025-06-01 00:00:00"}),
            ],
        )

    def measurements(self) -> None:
        """Subgroups of five every two hours; one characteristic drifts for nine days, one jumps for a day."""
        rng = self.rng("measurements")
        parts: dict[str, list[Any]] = {k: [] for k in ("machine", "name", "at", "group", "value")}
        names = [m[0] for m in self.machines]
        for number, (_, machine, centre, sigma, _, _) in enumerate(CHARACTERISTICS):
            line = self.machines[names.index(machine)][3]
            mine = np.flatnonzero((self.shifts.line == line) & (self.shifts.end <= DATA_END))
            at = (self.shifts.start[mine][:, None] + np.arange(1, 8, 2)[None, :] * HOUR).reshape(-1)
            mean = np.full(len(at), centre)
            if number == 0:
                mean -= np.where(month_of(at) < 3, 0.4, 0.1) * sigma
            if number == 1:
                mean += (
                    sigma
                    * 1.6
                    * np.clip((at - (incident("mf_press_breakdown")[0] - 9 * DAY)) / (9 * DAY), 0, 1)
                    * (at < incident("mf_press_breakdown")[0])
                )
            if number == 2:
                mean += np.where(during("mf_gateway_delay", at), 3.2 * sigma, 0)
            value = np.repeat(mean, 5) + rng.normal(0, sigma, len(at) * 5)
            parts["machine"].append(np.full(len(value), names.index(machine)))
            parts["name"].append(np.full(len(value), number))
            parts["at"].append(np.repeat(at, 5) + np.tile(np.arange(5), len(at)) * 20 * SECOND)
            parts["group"].append(np.repeat(np.arange(len(at)), 5) + 100_000 * number)
            parts["value"].append(value.round(4))
        merged = {k: np.concatenate(v) for k, v in parts.items()}
        n = len(merged["at"])
        self.sink.write(
            "measurements",
            {
                "measurement_id": ids("ME", np.arange(n), 8),
                "unit_id": pa.nulls(n, pa.string()),
                "machine_id": pick(names, merged["machine"]),
                "characteristic": pick([c[0] for c in CHARACTERISTICS], merged["name"]),
                "measured_at": times(merged["at"]),
                "subgroup_id": ids("SG", merged["group"], 7),
                "measured_value": merged["value"],
            },
            time="measured_at",
            broken=[("missing_value", {"measured_value": None})],
        )

    def sensors(self) -> None:
        """Key records for the data-quality KPIs; one gateway is late for a day."""
        rng = self.rng("sensors")
        per = 4
        cell = np.repeat(np.arange(len(self.cell_shift)), per)
        shift = self.cell_shift[cell]
        end = np.minimum(self.shifts.end[shift], DATA_END - 4 * HOUR)
        at = self.shifts.start[shift] + ((end - self.shifts.start[shift]) * rng.random(len(cell))).astype(np.int64)
        at = np.minimum(at, DATA_END - HOUR)
        source = np.tile(np.arange(per) % 3, len(self.cell_shift))
        month = month_of(at)
        prompt = rng.random(len(at)) < PROMPT[month]
        slow = during("mf_gateway_delay", at) & (source == 2)
        lag = np.where(prompt & ~slow, rng.gamma(2.0, 6.0, len(at)).clip(0, 58), rng.uniform(70, 900, len(at)))
        early = rng.random(len(at)) < 0.001
        lag = np.where(early, -15.0, lag)
        self.sink.plant("sensor_records", "received_before_occurred", int(early.sum()))
        whole = rng.random(len(at)) < COMPLETE[month]
        self.sink.write(
            "sensor_records",
            {
                "record_id": ids("SR", np.arange(len(at)), 8),
                "machine_id": pick([m[0] for m in self.machines], self.cell_machine[cell]),
                "source": pick(["PLC", "SCADA", "MES"], source),
                "occurred_at": times(at),
                "received_at": times(at + (lag * SECOND).astype(np.int64)),
                "key_fields_expected": np.full(len(at), 8),
                "key_fields_present": np.where(whole, 8, rng.integers(5, 8, len(at))),
            },
            time="occurred_at",
            broken=[("missing_source", {"source": None})],
        )


def _shares() -> Floats:
    share = np.array([r[1] for r in REASONS])
    return np.asarray(share / share.sum(), dtype=np.float64)


def _without_overlap(cell: Ints, start: Ints, finish: Ints, kind: Ints) -> Ints:
    """Positions of the intervals kept: none overlaps (or nearly touches) another one kept."""
    order = np.lexsort((start, cell))
    kept = np.ones(len(cell), dtype=bool)
    while True:
        index = order[kept[order]]
        left, right = index[:-1], index[1:]
        clash = (cell[left] == cell[right]) & (start[right] < finish[left] + 45 * SECOND)
        if not clash.any():
            break
        # Only the weaker of two clashing neighbours goes, then look again.
        loser = np.where(kind[left] <= kind[right], right, left)[clash]
        kept[np.unique(loser)] = False
    return np.flatnonzero(kept)


def write_manufacturing(sink: Sink, *, scale: float, seed: int) -> None:
    """Write all manufacturing tables.

    Args:
        sink: Where to.
        scale: Units relative to the default size; machine time does not scale.
        seed: Seed of every stream.
    """
    plant = _Plant(sink, scale, seed)
    plant.calendar()
    plant.references()
    plant.orders()
    plant.changeovers()
    plant.states()
    plant.counters()
    plant.units()
    plant.capa()
    plant.measurements()
    plant.sensors()
