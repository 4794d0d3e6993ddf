"""Maven Analytics' bottling line: batches and their downtime -> the manufacturing tables.

Mapping, and why:

- The set is one line: line L1, station L1-S1, machine L1-M1. It names no time zone: its clock is taken as
  UTC.
- **Times.** `Date` is the day on which a batch starts; an end before its start lies on the next day.
- **Shifts.** Planned production time is the time of the batches and nothing else: between batches and
  overnight the line was not scheduled. A shift is one operator's unbroken run of batches on a date and
  bears the operator's name (a second run of the day: "Dee 2"), so that shifts never overlap, sum to the
  minutes of all batches, and the slice `shift_name` compares operators.
- **Stops.** The set gives minutes per batch and factor, not when they fell. A batch first runs, then stops:
  one `stopped` row per factor, one after another in the factors' order, up to the batch's end. (At its
  start they would run together with the unrecorded night before, and the stop would begin outside all
  shifts.) Adjacent rows form one stop, split over its reasons row by row, so no short row falls under the
  micro-stop limit unless a batch's whole downtime does. Rates and reasons do not depend on the placing;
  times of day of a stop do, and so would the count of stops (MTBF) if the factors of a batch were apart.
- **Reasons.** The factor's number is the code. Level 1 is the contract's list: see `_LEVEL1`; what fits
  none ("Other") is `unknown`. Level 2 says whether the publisher calls it an operator error, level 3 is its
  description.
- **Pieces.** A batch is one piece of its product, its minimum batch time the ideal cycle. It completes a
  second before its end, because a shift ends where the next begins and [start, end) would give it to the
  next operator.
"""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path

import pandas as pd

from kpi_warehouse.adapters.base import (
    UNKNOWN,
    Adapter,
    LandError,
    Reading,
    find_file,
    parse_numbers,
    reject,
    require_columns,
)

_LINE, _STATION, _MACHINE, _ZONE = "L1", "L1-S1", "L1-M1", "UTC"
_READS = (
    "Manufacturing_Line_Productivity.xlsx with the sheets Line productivity (Date, Product, Batch, Operator, "
    "Start Time, End Time), Products (Product, Min batch time), Downtime factors (Factor, Description, "
    "Operator Error) and Line downtime (Batch, minutes per factor)"
)
_SHEETS = {
    "Line productivity": ("Date", "Product", "Batch", "Operator", "Start Time", "End Time"),
    "Products": ("Product", "Min batch time"),
    "Downtime factors": ("Factor", "Description", "Operator Error"),
    "Line downtime": ("Batch",),
}
#: Header row of a sheet, where it is not the first.
_HEADER = {"Line downtime": 1}

#: Level 1 of a factor, by its description.
_LEVEL1 = {
    "emergency stop": "safety",
    "batch change": "changeover",
    "labeling error": "quality_hold",
    "inventory shortage": "material_shortage",
    "product spill": "safety",
    "machine adjustment": "changeover",  # set-up and adjustment are one of the six big losses
    "machine failure": "equipment_failure",
    "batch coding error": "quality_hold",
    "conveyor belt jam": "equipment_failure",
    "calibration error": "quality_hold",
    "label switch": "changeover",
}


def read(source: Path) -> Reading:
    """Maps the workbook; see the module's docstring.

    Raises:
        LandError: Not the workbook, a sheet or column is missing, batches overlap, or downtime fits no batch.
    """
    sheets = _read_sheets(find_file(source, ("*.xlsx",), _READS))
    batches = _batches(sheets)
    stops = _stops(sheets, batches)
    runs = batches.assign(run_to=batches["end"] - pd.to_timedelta(_downtime(batches, stops), unit="min"))
    running = runs[runs["start"] < runs["run_to"]]
    states = pd.concat(
        [
            pd.DataFrame(
                {
                    "state_id": stops["batch"] + "-F" + stops["factor"],
                    "started_at": stops["started_at"],
                    "ended_at": stops["ended_at"],
                    "state": "stopped",
                    "reason_code": stops["factor"],
                }
            ),
            pd.DataFrame(
                {
                    "state_id": running["batch"] + "-RUN",
                    "started_at": running["start"],
                    "ended_at": running["run_to"],
                    "state": "running",
                    "reason_code": None,
                }
            ),
        ],
        ignore_index=True,
    ).assign(machine_id=_MACHINE)

    minutes = batches["minutes"].sum()
    down = stops["minutes"].sum()
    after = batches["end"].max().to_period("M").end_time.normalize() + pd.Timedelta(days=1)
    notes = [
        f"{len(batches)} batches, {minutes:,.0f} min in all = {minutes - down:,.0f} running + "
        f"{down:,.0f} downtime in {len(stops)} rows",
    ]
    missed = int((batches["minutes"] - _downtime(batches, stops) != batches["ideal_minutes"]).sum())
    if missed:
        notes.append(f"{missed} batches ran longer or shorter than their minimum batch time")
    return Reading(
        {
            "work_orders": pd.DataFrame(
                {
                    "work_order_id": batches["batch"],
                    "line_id": _LINE,
                    "product_id": batches["product"],
                    "product_family": batches["product"],
                    "planned_qty": 1,
                    "released_at": batches["start"],
                }
            ),
            "unit_operations": pd.DataFrame(
                {
                    "operation_id": batches["batch"],
                    "unit_id": batches["batch"],
                    "work_order_id": batches["batch"],
                    "station_id": _STATION,
                    "machine_id": _MACHINE,
                    "entered_at": batches["start"],
                    "completed_at": batches["end"] - pd.Timedelta(seconds=1),
                    "is_rework": False,
                }
            ),
            "machine_states": states,
            "shift_calendar": _shifts(batches),
            "machines": pd.DataFrame([{"machine_id": _MACHINE, "station_id": _STATION, "line_id": _LINE}]),
            "routings": pd.DataFrame(
                {
                    "product_family": sorted(batches["product"].unique()),
                    "step_no": 1,
                    "station_id": _STATION,
                    "is_final_station": True,
                    "inspection_required": False,
                }
            ),
            "ideal_cycle_times": pd.DataFrame(
                {
                    "product_family": sheets["Products"]["Product"],
                    "machine_id": _MACHINE,
                    "seconds_per_piece": parse_numbers(sheets["Products"], "Products", "Min batch time") * 60,
                    "valid_from": batches["date"].min(),
                }
            ),
            "downtime_reasons": _reasons(sheets["Downtime factors"]),
        },
        notes,
        as_of=f"{after:%Y-%m-%d %H:%M:%S}",
    )


def _read_sheets(path: Path) -> dict[str, pd.DataFrame]:
    """The four sheets, with their columns checked and batch and factor numbers as text."""
    try:
        with pd.ExcelFile(path, engine="openpyxl") as book:
            missing = [name for name in _SHEETS if name not in book.sheet_names]
            if missing:
                raise LandError(
                    f"the sheet is missing; found: {', '.join(map(str, book.sheet_names))}",
                    f"Expected: {_READS}",
                    table=missing[0],
                )
            sheets = {name: pd.read_excel(book, sheet_name=name, header=_HEADER.get(name, 0)) for name in _SHEETS}
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise LandError(f"{path.name} is no Excel workbook ({error})", f"Expected: {_READS}") from error
    for name, columns in _SHEETS.items():
        require_columns(sheets[name], name, columns)
        sheets[name].index += _HEADER.get(name, 0)  # rows are named by their line in the sheet
        sheets[name] = sheets[name].dropna(how="all")
    for name in ("Line productivity", "Line downtime"):
        sheets[name]["Batch"] = parse_numbers(sheets[name], name, "Batch", whole=True).astype(str)
        twice = sheets[name]["Batch"].duplicated()
        reject(sheets[name], twice, name, "Batch", "batch {} is there twice", "Keep one row per batch")
    return sheets


def _batches(sheets: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per batch by start: batch, date, product, operator, start, end, minutes, ideal_minutes."""
    name = "Line productivity"
    rows = sheets[name]
    dates = pd.to_datetime(rows["Date"], errors="coerce")
    reject(rows, dates.isna(), name, "Date", "{} is no date", "Correct the cell")
    for column in ("Product", "Operator"):
        reject(rows, rows[column].isna(), name, column, "the cell is empty", "Fill it in or take the row out")
    clock = {}
    for column in ("Start Time", "End Time"):
        is_time = rows[column].map(lambda cell: isinstance(cell, dt.time))
        reject(rows, ~is_time, name, column, "{} is no time of day", "Format the cell as a time (hh:mm)")
        clock[column] = pd.to_timedelta(rows[column].map(str))
    start, end = dates + clock["Start Time"], dates + clock["End Time"]
    end = end.where(end > start, end + pd.Timedelta(days=1))
    ideal = sheets["Products"].set_index("Product")["Min batch time"]
    reject(
        rows,
        ~rows["Product"].isin(ideal.index),
        name,
        "Product",
        "product {} is not in the sheet Products",
        "Add it there with its Min batch time",
    )
    batches = pd.DataFrame(
        {
            "batch": rows["Batch"],
            "date": dates,
            "product": rows["Product"],
            "operator": rows["Operator"].astype(str),
            "start": start.dt.as_unit("us"),
            "end": end.dt.as_unit("us"),
            "minutes": (end - start).dt.total_seconds() / 60,
            "ideal_minutes": rows["Product"].map(ideal),
        }
    ).sort_values(["start", "batch"])
    overlap = batches["start"] < batches["end"].shift()
    reject(
        batches.rename(columns={"batch": "Batch"}),
        overlap,
        name,
        "Batch",
        "batch {} starts before the one before it has ended",
        "A line makes one batch at a time: correct Date, Start Time or End Time",
    )
    return batches


def _stops(sheets: dict[str, pd.DataFrame], batches: pd.DataFrame) -> pd.DataFrame:
    """One row per batch and factor with downtime, laid out up to the batch's end."""
    name = "Line downtime"
    wide = sheets[name]
    reject(
        wide,
        ~wide["Batch"].isin(batches["batch"]),
        name,
        "Batch",
        "batch {} is not in the sheet Line productivity",
        "Add it there with its times, or take the row out",
    )
    listed = sheets["Downtime factors"]
    known = set(parse_numbers(listed, "Downtime factors", "Factor", whole=True).astype(int))
    factors = [column for column in wide.columns if column != "Batch"]
    unknown = [factor for factor in factors if not (isinstance(factor, int | float) and factor in known)]
    if unknown:
        raise LandError(
            "the factor is not in the sheet Downtime factors",
            "Add it there, or name the column by its number",
            table=name,
            column=str(unknown[0]),
        )
    for factor in factors:
        given = wide[wide[factor].notna()]
        minutes = parse_numbers(given, name, factor)
        reject(given, minutes < 0, name, factor, "{} minutes are less than none", "Correct the cell")
    long = wide.melt(id_vars="Batch", value_vars=factors, var_name="factor", value_name="minutes")
    long["minutes"] = pd.to_numeric(long["minutes"])
    long = long[long["minutes"] > 0].astype({"factor": int}).sort_values(["Batch", "factor"])
    by_batch = long.groupby("Batch")["minutes"]
    left = by_batch.transform("sum") - by_batch.cumsum()
    batch_end = long["Batch"].map(batches.set_index("batch")["end"])
    stops = pd.DataFrame(
        {
            "batch": long["Batch"],
            "factor": long["factor"].astype(str),
            "minutes": long["minutes"],
            "started_at": batch_end - pd.to_timedelta(left + long["minutes"], unit="min"),
            "ended_at": batch_end - pd.to_timedelta(left, unit="min"),
        }
    )
    too_long = batches[_downtime(batches, stops) > batches["minutes"]]
    if len(too_long):
        first = too_long.iloc[0]
        raise LandError(
            f"batch {first['batch']} has more downtime than its {first['minutes']:.0f} minutes",
            "Correct its minutes here or its times in Line productivity",
            table=name,
            row=int(wide.index[wide["Batch"] == first["batch"]][0]) + 2,
        )
    return stops


def _downtime(batches: pd.DataFrame, stops: pd.DataFrame) -> pd.Series:
    """Minutes of downtime of each batch, aligned with `batches`."""
    return batches["batch"].map(stops.groupby("batch")["minutes"].sum()).fillna(0.0)


def _shifts(batches: pd.DataFrame) -> pd.DataFrame:
    """The shift calendar: one row per unbroken run of an operator's batches on a date."""
    before = batches.shift()
    new = (
        (batches["date"] != before["date"])
        | (batches["operator"] != before["operator"])
        | (batches["start"] != before["end"])
    )
    shifts = batches.groupby(new.cumsum()).agg(
        production_date=("date", "first"),
        shift_name=("operator", "first"),
        starts_at=("start", "first"),
        ends_at=("end", "last"),
    )
    turn = shifts.groupby(["production_date", "shift_name"]).cumcount() + 1
    shifts["shift_name"] += turn.map(lambda count: "" if count == 1 else f" {count}")
    return shifts.assign(line_id=_LINE, time_zone=_ZONE)


def _reasons(factors: pd.DataFrame) -> pd.DataFrame:
    """The reason dictionary, from the publisher's factors."""
    name = "Downtime factors"
    descriptions = factors["Description"].astype(str).str.strip()
    operator = factors["Operator Error"].astype(str).str.strip().str.lower() == "yes"
    return pd.DataFrame(
        {
            "reason_code": parse_numbers(factors, name, "Factor", whole=True).astype(str),
            "level1": descriptions.str.lower().map(_LEVEL1).fillna(UNKNOWN),
            "level2": operator.map({True: "operator_error", False: "not_operator_error"}),
            "level3": descriptions,
        }
    )


ADAPTER = Adapter(
    name="maven",
    domain="manufacturing",
    title="Maven Analytics: one bottling line, 38 batches, 12 downtime factors",
    reads=_READS,
    read=read,
    tables=(
        "work_orders",
        "unit_operations",
        "machine_states",
        "shift_calendar",
        "machines",
        "routings",
        "ideal_cycle_times",
        "downtime_reasons",
    ),
    filled={
        "line, station, machine": f"{_LINE}, {_STATION}, {_MACHINE} (the set is one line)",
        "work_orders.released_at": "the start of the batch",
        "work_orders.product_family": "the product",
        "shift_calendar.shift_name": "the operator (a shift is an operator's unbroken run of batches)",
        "shift_calendar.time_zone": "UTC (the set names none)",
        "machine_states.started_at": "stops laid at the end of their batch (the set gives minutes only)",
        "downtime_reasons.level1": "this adapter's reading of the description; `unknown` for Other",
    },
    kpis=(
        "mf_unplanned_downtime_rate",
        "mf_availability",
        "mf_performance",
        "mf_quality",
        "mf_oee",
        "mf_cycle_time_attainment",
        "mf_downtime_coding_rate",
        "mf_mtbf_hours",
        "mf_microstop_count",
        "mf_microstop_minutes",
        "mf_output_units",
        "mf_station_fpy",
        "mf_rty",
    ),
    kpis_with_care={
        "mf_quality, mf_station_fpy, mf_rty": "read 1 (no rejects recorded); OEE is availability x P",
        "mf_performance": "a piece is a batch; running time is the minimum batch time throughout",
        "mf_mtbf_hours": "the factors of a batch count as one stop",
    },
    kpis_left_out={
        "mf_fpy": "no inspections",
        "mf_rework_rate, mf_scrap_*": "no rework or scrap",
        "mf_mttr_minutes": "no maintenance orders",
        "mf_changeover_*": "batch changes are minutes of downtime here, not changeovers with times",
        "mf_scan_*, mf_data_*, mf_capa_*, mf_first_article_*": "not recorded",
    },
)
