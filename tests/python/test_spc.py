"""Control charts, capability and OEE against published worked examples, from raw measurements to the marts.

Sources:
    MONTGOMERY: D. C. Montgomery, Introduction to Statistical Quality Control, inside diameters of piston rings,
        phase I, 25 samples of 5 (2nd edition, 1991, pp. 206-213), and the table of factors for control charts
        (appendix VI). The piston-ring results are those that the R package qcc gives for the same data
        (Scrucca, R News 4/1, 2004).
    NIST: NIST/SEMATECH e-Handbook of Statistical Methods, 6.1.6 (capability), 6.3.2 (Western Electric rules),
        6.3.2.2 (individuals).
    SAS: SAS/QC User's Guide, SHEWHART procedure: gap widths of 21 samples of 5 (data set Partgaps), their limits (data set
        Gaplim, "Saving Control Limits") and "Tests for Special Causes Applied to Gap Width Data".
    OEE: the worked example of oee.com (Vorne Industries), "How to calculate OEE".
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from .support.lander import Lander

START = datetime(2026, 3, 2)

PISTON_RINGS = """
74.030 74.002 74.019 73.992 74.008  73.995 73.992 74.001 74.011 74.004  73.988 74.024 74.021 74.005 74.002
74.002 73.996 73.993 74.015 74.009  73.992 74.007 74.015 73.989 74.014  74.009 73.994 73.997 73.985 73.993
73.995 74.006 73.994 74.000 74.005  73.985 74.003 73.993 74.015 73.988  74.008 73.995 74.009 74.005 74.004
73.998 74.000 73.990 74.007 73.995  73.994 73.998 73.994 73.995 73.990  74.004 74.000 74.007 74.000 73.996
73.983 74.002 73.998 73.997 74.012  74.006 73.967 73.994 74.000 73.984  74.012 74.014 73.998 73.999 74.007
74.000 73.984 74.005 73.998 73.996  73.994 74.012 73.986 74.005 74.007  74.006 74.010 74.018 74.003 74.000
73.984 74.002 74.003 74.005 73.997  74.000 74.010 74.013 74.020 74.003  73.988 74.001 74.009 74.005 73.996
74.004 73.999 73.990 74.006 74.009  74.010 73.989 73.990 74.009 74.014  74.015 74.008 73.993 74.000 74.010
73.982 73.984 73.995 74.017 74.013
"""

#: SAS, samples of five in their order.
GAP_WIDTHS = """
255 270 268 290 267  260 240 265 262 263  238 236 260 250 256  260 242 281 254 263  268 260 279 289 269  270 249 265 253 263
280 260 256 256 243  229 266 250 243 252  250 270 245 273 262  248 258 247 266 256  280 251 252 270 287  245 253 243 279 245
268 260 289 275 273  264 286 275 271 279  271 257 263 247 247  291 250 273 265 266  228 253 240 260 264  270 260 269 245 276
259 257 246 271 257  252 244 230 266 248  254 251 239 233 263
"""

#: NIST 6.3.2.2, flow rate of ten batches.
FLOW_RATE = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]

#: MONTGOMERY, appendix VI: subgroup size -> A2, D3, D4 (three decimals).
FACTORS = {
    2: (1.880, 0, 3.267), 3: (1.023, 0, 2.574), 4: (0.729, 0, 2.282), 5: (0.577, 0, 2.114), 6: (0.483, 0, 2.004),
    7: (0.419, 0.076, 1.924), 8: (0.373, 0.136, 1.864), 9: (0.337, 0.184, 1.816), 10: (0.308, 0.223, 1.777),
    15: (0.223, 0.347, 1.653), 20: (0.180, 0.415, 1.585), 25: (0.153, 0.459, 1.541),
}  # fmt: skip

#: Means in standard errors, marked by hand with the rules of NIST 6.3.2 that end there (1: beyond 3 sigma, 2: two of
#: three beyond 2, 3: four of five beyond 1, 4: eight in a row on one side). The mirrored half puts the mean at 0.
MARKED_HALF = [
    (0.5, ""), (2.5, ""), (-0.5, ""), (2.2, "2"),  # the third of three, one between on the other side
    (-0.5, ""), (-2.5, ""), (0.5, ""), (0.5, ""), (-2.5, ""),  # four apart: two of three no more
    (3.2, "1"), (-0.1, ""), (2.1, "2"),  # a point beyond 3 counts as one beyond 2
    (-0.2, ""), (1.5, ""), (1.5, ""), (-0.5, ""), (1.5, ""), (1.5, "3"), (0.5, ""), (-0.5, ""),
    (0.9, ""), (0.9, ""), (0.9, ""), (0.9, ""), (0.9, ""), (0.9, ""), (0.9, ""), (0.9, "4"), (0.1, "4"), (-0.4, ""),
]  # fmt: skip
MARKED = MARKED_HALF + [(-z, rules) for z, rules in MARKED_HALF]


def measure(rows: list[dict], characteristic: str, subgroups: list[list[float]]) -> None:
    """Adds the measurements of a machine that bears the characteristic's name; subgroups of one stand alone."""
    for number, values in enumerate(subgroups):
        for place, value in enumerate(values):
            rows.append(
                {
                    "measurement_id": f"{characteristic}-{number:03d}-{place:02d}",
                    "machine_id": f"M-{characteristic}",
                    "characteristic": characteristic,
                    "measured_at": (START + timedelta(minutes=number, seconds=place)).isoformat(" "),
                    "subgroup_id": f"G{number:03d}" if len(values) > 1 else None,
                    "measured_value": value,
                }
            )


def constant_range(size: int, mean: float, spread: float) -> list[float]:
    """A subgroup of that mean and range."""
    return [mean - spread / 2, mean + spread / 2] + [mean] * (size - 2)


def oee_example() -> dict[str, list[dict]]:
    """8 h shift, two breaks of 15 min and one of 30, 47 min down, ideal cycle 1.0 s, 19,271 pieces, 423 rejects."""
    at = lambda minutes, seconds=0.0: (START + timedelta(minutes=minutes, seconds=seconds)).isoformat(" ")  # noqa: E731
    breaks = [(120, 135), (240, 270), (360, 375)]
    states = [
        ("running", 0, 120),
        ("running", 135, 240),
        ("running", 270, 300),
        ("stopped", 300, 347),
        ("running", 347, 360),
        ("running", 375, 480),
    ]
    running = [(start, end) for state, start, end in states if state == "running"]
    seconds_run = sum(end - start for start, end in running) * 60
    completions = []
    for start, end in running:
        pieces = round(19_271 * (end - start) * 60 / seconds_run)
        completions += [(start, (end - start) * 60 * (n + 0.5) / pieces) for n in range(pieces)]
    completions = completions[:19_271] + [(476, 0.001 * n) for n in range(19_271 - len(completions))]
    units = [f"U{number:05d}" for number in range(19_271)]
    return {
        "shift_calendar": [{"line_id": "L1", "production_date": "2026-03-02", "shift_name": "day", "starts_at": at(0), "ends_at": at(480), "time_zone": "UTC"}],
        "calendar_breaks": [{"line_id": "L1", "starts_at": at(start), "ends_at": at(end), "kind": "break"} for start, end in breaks],
        "machines": [{"machine_id": "M1", "station_id": "S1", "line_id": "L1"}],
        "machine_states": [
            {"state_id": f"T{number}", "machine_id": "M1", "started_at": at(start), "ended_at": at(end), "state": state, "reason_code": "R11" if state == "stopped" else None}
            for number, (state, start, end) in enumerate(states)
        ],
        "work_orders": [{"work_order_id": "W1", "line_id": "L1", "product_id": "P1", "product_family": "F1", "released_at": at(0)}],
        "routings": [{"product_family": "F1", "step_no": 1, "station_id": "S1", "is_final_station": True, "inspection_required": False}],
        "ideal_cycle_times": [{"product_family": "F1", "machine_id": "M1", "seconds_per_piece": 1.0, "valid_from": "2026-01-01"}],
        "unit_operations": [
            {"operation_id": f"O{unit}", "unit_id": unit, "work_order_id": "W1", "station_id": "S1", "machine_id": "M1", "entered_at": at(minutes, seconds), "completed_at": at(minutes, seconds)}
            for unit, (minutes, seconds) in zip(units, completions, strict=True)
        ],
        "scrap_reports": [{"scrap_id": f"X{unit}", "unit_id": unit, "station_id": "S1", "scrapped_at": at(479), "quantity": 1} for unit in units[:423]],
        "sensor_records": [{"record_id": "N1", "source": "PLC", "occurred_at": at(600), "received_at": at(600), "key_fields_expected": 1, "key_fields_present": 1}],
    }  # fmt: skip


@pytest.fixture(scope="module")
def marts(lander: Lander) -> Lander:
    """The examples, landed as raw tables and built into the marts."""
    rings = [float(value) for value in PISTON_RINGS.split()]
    measurements: list[dict] = []
    measure(measurements, "piston_ring", [rings[start : start + 5] for start in range(0, len(rings), 5)])
    gaps = [float(value) for value in GAP_WIDTHS.split()]
    measure(measurements, "gap_width", [gaps[start : start + 5] for start in range(0, len(gaps), 5)])
    measure(measurements, "flow_rate", [[value] for value in FLOW_RATE])
    measure(measurements, "nist_capability", [[14.0], [18.0], [16.0]])
    for size in FACTORS:
        measure(measurements, f"factors_{size:02d}", [constant_range(size, 10, 1.0)] * 3)
    # subgroups of 2 with range d2 * sqrt(2): a standard error of 1 (d2 of 2 is 2 / sqrt(pi) exactly)
    measure(measurements, "rules", [constant_range(2, z, 1.1283791670955126 * 2**0.5) for z, _ in MARKED])
    lander.clear()
    tables = oee_example()
    tables["measurements"] = measurements
    tables["characteristic_specs"] = [
        {"characteristic": "piston_ring", "lower_limit": 73.95, "target": 74.0, "upper_limit": 74.05},
        {"characteristic": "nist_capability", "lower_limit": 8.0, "target": 14.0, "upper_limit": 20.0},
    ]
    for table, rows in tables.items():
        lander.write("manufacturing", table, "part-0.parquet", rows)
    models = ("fct_control_chart", "fct_process_capability", "fct_oee", "kpi_mf_oee", "fct_losses")
    lander.models("path:models/staging/dictionary", *(f"+{model}" for model in models))
    return lander


def limits(marts: Lander, characteristic: str, panel: str) -> tuple[float, float, float]:
    """Lower limit, centre line and upper limit, the same at every point."""
    rows = marts.rows(
        """select distinct lower_limit, centre_line, upper_limit from marts.fct_control_chart
        where series_kind = 'measurement' and characteristic = ? and panel = ?""",
        [characteristic, panel],
    )
    first = rows[0]
    assert all(row == pytest.approx(first, rel=1e-12) for row in rows)
    return first


def test_piston_ring_limits(marts: Lander) -> None:
    """MONTGOMERY, as qcc gives them: centre 74.00118, limits 73.98805 and 74.0143; range 0.02276, 0 to 0.04812533."""
    assert limits(marts, "piston_ring", "location") == pytest.approx((73.98805, 74.00118, 74.0143), abs=1e-5)
    assert limits(marts, "piston_ring", "spread") == pytest.approx((0, 0.02276, 0.04812533), abs=2e-6)


def test_piston_rings_are_in_control(marts: Lander) -> None:
    """Phase I raises no signal; at two sigma the first and the fourteenth sample would (as in qcc)."""
    rows = marts.rows(
        """select panel, point_number, (charted_value - centre_line) / sigma_of_point, is_out_of_control, subgroup_size
        from marts.fct_control_chart where characteristic = 'piston_ring' order by panel, point_number"""
    )
    assert len(rows) == 50
    assert not any(out for *_, out, _ in rows)
    assert [(n, z > 0) for panel, n, z, *_ in rows if panel == "location" and abs(z) > 2] == [(1, True), (14, False)]
    assert {size for *_, size in rows} == {5}


def test_piston_ring_capability(marts: Lander) -> None:
    """As in qcc for 74 +- 0.05: standard deviation 0.009785039, Cp 1.703, Cpk 1.663."""
    ((pieces, mean, sigma, cp, cpk),) = marts.rows(
        """select measured_pieces, mean_value, sigma_within, cp, cpk from marts.fct_process_capability
        where characteristic = 'piston_ring' and machine_id = 'M-piston_ring'"""
    )
    assert pieces == 125
    assert mean == pytest.approx(74.00118, abs=1e-5)
    assert sigma == pytest.approx(0.009785039, rel=1e-4)  # qcc: d2 of three decimals
    assert (round(cp, 3), round(cpk, 3)) == (1.703, 1.663)


def test_gap_width_limits(marts: Lander) -> None:
    """SAS: means 242.087, 259.667, 277.246; ranges 0, 30.4762, 64.4419."""
    assert limits(marts, "gap_width", "location") == pytest.approx((242.087, 259.667, 277.246), abs=1e-3)
    assert limits(marts, "gap_width", "spread") == pytest.approx((0, 30.4762, 64.4419), abs=2e-3)


def test_gap_width_signals_at_sample_14(marts: Lander) -> None:
    """SAS: of one beyond 3 sigma, nine on one side and two of three in zone A, only the last is positive, at sample 14."""
    rows = marts.rows(
        """select point_number, is_beyond_limits, is_long_run, is_two_of_three from marts.fct_control_chart
        where characteristic = 'gap_width' and panel = 'location' order by point_number"""
    )
    assert len(rows) == 21
    assert [row for row in rows if any(row[1:])] == [(14, False, False, True)]


def test_individuals_of_nist(marts: Lander) -> None:
    """NIST 6.3.2.2: centre 50.81, limits 45.8159 and 55.8041 from a mean moving range of 1.8778, none beyond."""
    assert limits(marts, "flow_rate", "location") == pytest.approx((45.8159, 50.81, 55.8041), abs=2e-3)
    lower, centre, upper = limits(marts, "flow_rate", "spread")
    assert centre == pytest.approx(1.8778, abs=5e-5)
    assert (lower, upper) == pytest.approx((0, 3.267 * 1.8778), abs=3e-3)
    assert marts.rows(
        "select count(*) from marts.fct_control_chart where characteristic = 'flow_rate' and is_beyond_limits"
    ) == [(0,)]
    assert marts.rows("select distinct chart from marts.fct_control_chart where characteristic = 'flow_rate'") == [
        ("i_mr",)
    ]


def test_capability_of_nist(marts: Lander) -> None:
    """NIST 6.1.6: 8 to 20, mean 16, s = 2 gives 1.0 and 0.6667: with the overall s these are Pp and Ppk."""
    ((mean, sigma, pp, ppk),) = marts.rows(
        """select mean_value, sigma_overall, pp, ppk from marts.fct_process_capability
        where characteristic = 'nist_capability' and machine_id = 'all'"""
    )
    assert (mean, sigma, pp) == pytest.approx((16, 2, 1))
    assert round(ppk, 4) == 0.6667


@pytest.mark.parametrize("size", FACTORS)
def test_factors(marts: Lander, size: int) -> None:
    """Subgroups of range 1: the limits are the tabled factors A2, D3 and D4 themselves."""
    a2, d3, d4 = FACTORS[size]
    lower, centre, upper = limits(marts, f"factors_{size:02d}", "location")
    assert (upper - centre, centre - lower) == pytest.approx((a2, a2), abs=6e-4)
    assert limits(marts, f"factors_{size:02d}", "spread") == pytest.approx((d3, 1, d4), abs=1.2e-3)


def test_western_electric_rules(marts: Lander) -> None:
    rows = marts.rows(
        """select point_number, (charted_value - centre_line) / sigma_of_point,
            is_beyond_limits, is_two_of_three, is_four_of_five, is_long_run, is_out_of_control
        from marts.fct_control_chart where characteristic = 'rules' and panel = 'location' order by point_number"""
    )
    assert [z for _, z, *_ in rows] == pytest.approx([z for z, _ in MARKED], abs=2e-4)
    found = ["".join(name for name, fired in zip("1234", rules[:4], strict=True) if fired) for _, _, *rules in rows]
    differing = [(n + 1, MARKED[n], found[n]) for n in range(len(MARKED)) if MARKED[n][1] != found[n]]
    assert not differing
    assert [bool(rules) for _, rules in MARKED] == [row[-1] for row in rows]
    assert {rule for _, rules in MARKED for rule in rules} == set("1234")


def test_worked_example_of_oee(marts: Lander) -> None:
    """OEE: 420 min planned, 373 min run: 88.81 %, 86.11 %, 97.80 %, 74.79 %."""
    kpis = marts.rows(
        """select version, kpi_id, value from kpis.kpi_mf_oee
        where period_grain = 'shift' and dimension = 'line' and dimension_value = 'L1'"""
    )
    percent = {(version, kpi_id): round(100 * value, 2) for version, kpi_id, value in kpis}
    for version in (1, 2):
        assert percent[version, "mf_availability"] == 88.81
        assert percent[version, "mf_performance"] == 86.11
        assert percent[version, "mf_oee"] == 74.79
    assert percent[1, "mf_quality"] == 97.80
    ((shift, breaks, planned, down, run, pieces, good, net, good_seconds),) = marts.rows(
        """select shift_seconds, break_seconds, ppt_seconds, downtime_seconds_v1, run_seconds_v1, pieces, good_passes,
            net_run_seconds, good_seconds from marts.fct_oee"""
    )
    assert (shift / 60, breaks / 60, planned / 60, down / 60, run / 60) == (480, 60, 420, 47, 373)
    assert (pieces, good) == (19_271, 18_848)
    assert (net, good_seconds) == pytest.approx((19_271, 18_848))


def test_losses_of_the_worked_example(marts: Lander) -> None:
    """47 min of failure, 22,380 - 19,271 s of speed, 423 s of rejects: with the good pieces the planned 25,200 s."""
    losses = dict(marts.rows("select loss_type, sum(loss_seconds) from marts.fct_losses group by loss_type"))
    assert losses["equipment_failure"] == 2_820
    assert losses["reduced_speed"] == pytest.approx(3_109)
    assert losses["bad_passes"] == pytest.approx(423)
    assert sum(seconds for seconds in losses.values() if seconds) + 18_848 == pytest.approx(25_200)
