"""4TU production log, as carried by Simod -> the manufacturing tables.

The log is one factory's orders (cases) and the operations done on them, each with a start and a complete
row. Mapping, and why:

- **Line and machines.** The factory is one line, `plant`. The Simod copy names the resource that recorded
  an operation (a worker's id; the machine's name is lost), so the resource serves as the machine, and the
  task that it did most often as its station. A pass keeps its own task as its station.
- **Time zone.** All times bear one fixed offset (-05:00, in summer too), so the calendar uses it:
  Etc/GMT+5.
- **Shifts.** None are recorded. The calendar covers every date of the log with one shift `day` from
  midnight to midnight, so each piece has its shift; availability is then the share of the *calendar* in
  which the resource had an operation.
- **Passes.** An operation is one pass of its order (the unit is the batch) through its task. Start and
  complete rows that agree in order, task, resource, report type and quantities are paired in the order of
  time.
- **Pieces.** `Qty_Completed` is added up per resource into counter readings at the time of completion, from
  a reading of zero one second before its first operation. All pieces count, those of set-up reports too.
- **States.** A resource is `running` during its operations. What lies between them is unrecorded, hence
  downtime without a reason.
- **Scrap** is `Qty_Rejected`, **rework** the flag `Rework` (which also marks the pass), both at the
  operation's task: the log does not say where a defect arose. `Qty_for_MRB` awaits a decision and is left
  out.
- **Not guessed:** routes (orders end at many different tasks), ideal cycles, products, inspections'
  results.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from kpi_warehouse.adapters.base import (
    UNKNOWN,
    Adapter,
    LandError,
    Reading,
    find_file,
    parse_numbers,
    parse_times,
    read_text,
    reject,
)

_LINE = "plant"
_TABLE = "Production_simod"
_CASE, _TASK, _TRANSITION = "case:concept:name", "concept:name", "lifecycle:transition"
_RESOURCE, _TIME = "org:resource", "time:timestamp"
_QUANTITIES = {"Qty_Completed": "completed", "Qty_Rejected": "rejected"}
_COLUMNS = (_CASE, _TASK, _TRANSITION, _RESOURCE, _TIME, "Report_Type", *_QUANTITIES, "Rework")
_READS = "Production_simod.csv (or .csv.gz), columns " + ", ".join(_COLUMNS)

#: Tasks that only mark the start and end of an order.
_MARKERS = ("Start", "End")


def read(source: Path) -> Reading:
    """Maps the log; see the module's docstring.

    Raises:
        LandError: Not the log, a value that cannot be read, an operation without its start or completion, or
            times of several offsets.
    """
    path = find_file(source, ("Production_simod.csv*", "*.csv", "*.csv.gz"), _READS)
    log = read_text(path, _TABLE, _COLUMNS)
    for column in (_CASE, _TASK, _TRANSITION, _RESOURCE):
        missing = log[column].isna()
        reject(log, missing, _TABLE, column, "the value is missing", "Fill it in or take the row out")
    zone = _zone(log)
    log = log[~log[_TASK].isin(_MARKERS)]
    operations = _operations(log)
    orders = operations.groupby("order", as_index=False)["start"].min()
    machines = _machines(operations)
    rejected = operations[operations["rejected"] > 0]
    reworked = operations[operations["is_rework"]]
    readings = _readings(operations)
    notes = (
        f"{len(orders)} orders, {len(operations):,} operations: {operations['completed'].sum():,} pieces "
        f"completed, {operations['rejected'].sum():,} rejected, {len(reworked)} operations flagged as rework",
    )
    return Reading(
        {
            "work_orders": pd.DataFrame(
                {
                    "work_order_id": orders["order"],
                    "line_id": _LINE,
                    "product_id": orders["order"],
                    "product_family": UNKNOWN,
                    "released_at": orders["start"],
                }
            ),
            "unit_operations": pd.DataFrame(
                {
                    "operation_id": operations["id"],
                    "unit_id": operations["order"],
                    "work_order_id": operations["order"],
                    "station_id": operations["task"],
                    "machine_id": operations["resource"],
                    "entered_at": operations["start"],
                    "completed_at": operations["complete"],
                    "is_rework": operations["is_rework"],
                }
            ),
            "rework_orders": pd.DataFrame(
                {
                    "rework_id": reworked["id"],
                    "unit_id": reworked["order"],
                    "station_id": reworked["task"],
                    "opened_at": reworked["start"],
                    "closed_at": reworked["complete"],
                }
            ),
            "scrap_reports": pd.DataFrame(
                {
                    "scrap_id": rejected["id"],
                    "unit_id": rejected["order"],
                    "station_id": rejected["task"],
                    "scrapped_at": rejected["complete"],
                    "quantity": rejected["rejected"],
                }
            ),
            "machine_states": pd.DataFrame(
                {
                    "state_id": operations["id"],
                    "machine_id": operations["resource"],
                    "started_at": operations["start"],
                    "ended_at": operations["complete"],
                    "state": "running",
                }
            ),
            "counter_readings": readings,
            "shift_calendar": _calendar(operations, zone),
            "machines": machines,
        },
        notes,
    )


def _zone(log: pd.DataFrame) -> str:
    """The IANA zone of the one fixed whole-hour offset that all times bear."""
    offsets = log[_TIME].str.extract(r"([+-]\d{2}:?\d{2}|Z)$")[0]
    reject(log, offsets.isna(), _TABLE, _TIME, "{} has no offset", "Export the times with their UTC offset")
    found = sorted(offsets.unique())
    match = re.fullmatch(r"([+-])(\d{2}):?00", found[0].replace("Z", "+00:00"))
    if len(found) > 1 or match is None:
        raise LandError(
            f"the shift calendar needs one fixed offset of whole hours, found: {', '.join(found)}",
            "Convert the times to one offset",
            table=_TABLE,
            column=_TIME,
        )
    sign, hours = match[1], int(match[2])
    return "UTC" if hours == 0 else f"Etc/GMT{'+' if sign == '-' else '-'}{hours}"  # POSIX: the sign is reversed


def _operations(log: pd.DataFrame) -> pd.DataFrame:
    """One row per operation: id, order, task, resource, start, complete, completed, rejected, is_rework.

    The id is the number of its start row in the file.
    """
    rows = pd.DataFrame(
        {
            "id": (log.index + 2).astype(str),
            "order": log[_CASE],
            "task": log[_TASK],
            "resource": log[_RESOURCE],
            "report_type": log["Report_Type"].fillna(""),
            "is_rework": log["Rework"].str.upper().eq("Y"),
            "at": parse_times(log, _TABLE, _TIME),
            **{new: parse_numbers(log, _TABLE, old, whole=True) for old, new in _QUANTITIES.items()},
        },
        index=log.index,
    )
    for old, new in _QUANTITIES.items():
        reject(log, rows[new] < 0, _TABLE, old, "{} is less than none", "Correct the quantity")
    same = ["order", "task", "resource", "report_type", "is_rework", "completed", "rejected"]
    rows = rows.sort_values("at", kind="stable")
    halves = []
    for transition in ("start", "complete"):
        half = rows[log.loc[rows.index, _TRANSITION] == transition]
        halves.append(half.assign(turn=half.groupby(same).cumcount()))
    pairs = halves[0].merge(
        halves[1][[*same, "turn", "at", "id"]],
        how="outer",
        on=[*same, "turn"],
        suffixes=("", "_complete"),
        indicator=True,
    )
    for side, column, lacks in (("left_only", "id", "complete"), ("right_only", "id_complete", "start")):
        single = pairs.loc[pairs["_merge"] == side, column]
        if len(single):
            raise LandError(
                f"the operation has no {lacks} row with the same order, task, resource and quantities",
                "Add that row, or take this one out",
                table=_TABLE,
                column=_TRANSITION,
                row=single.iloc[0],
            )
    pairs = pairs.rename(columns={"at": "start", "at_complete": "complete"})
    early = pairs[pairs["complete"] < pairs["start"]]
    if len(early):
        raise LandError(
            "the operation is completed before it starts",
            "Correct its times",
            table=_TABLE,
            column=_TIME,
            row=early["id_complete"].iloc[0],
        )
    return pairs.sort_values(["start", "id"]).reset_index(drop=True)


def _machines(operations: pd.DataFrame) -> pd.DataFrame:
    """Each resource with the task that it did most often (ties: by name)."""
    counts = operations.groupby(["resource", "task"], as_index=False).size()
    most = counts.sort_values(["resource", "size", "task"], ascending=[True, False, True])
    first = most.drop_duplicates("resource")
    return pd.DataFrame({"machine_id": first["resource"], "station_id": first["task"], "line_id": _LINE})


def _readings(operations: pd.DataFrame) -> pd.DataFrame:
    """Cumulative pieces per resource, from a zero before its first operation."""
    zero = operations.groupby("resource", as_index=False)["start"].min()
    zero = zero.assign(read_at=zero["start"] - pd.Timedelta(seconds=1), completed=0)
    made = operations.groupby(["resource", "complete"], as_index=False)["completed"].sum()
    readings = pd.concat(
        [zero[["resource", "read_at", "completed"]], made.rename(columns={"complete": "read_at"})],
        ignore_index=True,
    ).sort_values(["resource", "read_at"])
    return pd.DataFrame(
        {
            "machine_id": readings["resource"],
            "read_at": readings["read_at"],
            "total_count": readings.groupby("resource")["completed"].cumsum(),
        }
    )


def _calendar(operations: pd.DataFrame, zone: str) -> pd.DataFrame:
    """One shift from midnight to midnight for every local date of the log."""
    first = operations["start"].min().tz_convert(zone).tz_localize(None).normalize()
    last = operations["complete"].max().tz_convert(zone).tz_localize(None).normalize()
    dates = pd.Series(pd.date_range(first, last, freq="D", unit="us"))
    return pd.DataFrame(
        {
            "line_id": _LINE,
            "production_date": dates,
            "shift_name": "day",
            "starts_at": dates,
            "ends_at": dates + pd.Timedelta(days=1),
            "time_zone": zone,
        }
    )


ADAPTER = Adapter(
    name="production4tu",
    domain="manufacturing",
    title="4TU production log: 225 orders, 4,503 operations, 2012-01 to 2012-03",
    reads=_READS,
    read=read,
    tables=(
        "work_orders",
        "unit_operations",
        "rework_orders",
        "scrap_reports",
        "machine_states",
        "counter_readings",
        "shift_calendar",
        "machines",
    ),
    filled={
        "line": f"{_LINE} (the set is one factory)",
        "machine, machines.station_id": "the resource of the operation, and its most frequent task",
        "work_orders.product_id": "the order's own id",
        "work_orders.product_family": "`unknown`",
        "work_orders.released_at": "the start of the order's first operation",
        "shift_calendar": "one shift a day, from midnight to midnight",
        "operation, state, rework and scrap ids": "the line of the operation's start row in the file",
    },
    left={
        "Qty_for_MRB": "awaits a decision: neither good nor scrap",
        "routes, ideal cycles, products, inspections": "not recorded",
    },
    kpis=(
        "mf_availability",
        "mf_quality",
        "mf_unplanned_downtime_rate",
        "mf_downtime_coding_rate",
        "mf_station_fpy",
        "mf_rty",
        "mf_microstop_count",
        "mf_microstop_minutes",
    ),
    kpis_with_care={
        "mf_availability, mf_unplanned_downtime_rate": "share of the calendar with (without) an operation",
        "mf_downtime_coding_rate": "reads 0: no stop bears a reason",
        "fct_oee": "its pieces come from the counter readings and add up to the quantity completed",
    },
    kpis_left_out={
        "mf_performance, mf_oee, mf_cycle_time_attainment": "no ideal cycles",
        "mf_output_units, mf_rework_rate, mf_scrap_rate": "no routes, so no unit is ever complete",
        "mf_scrap_cost, mf_loss_cost": "no costs",
        "mf_fpy": "no inspections",
        "mf_mtbf_hours, mf_mttr_minutes": "no reasons and no maintenance orders",
        "mf_changeover_*, mf_scan_*, mf_data_*, mf_capa_*, mf_first_article_*": "not recorded",
    },
)
