"""`kpi explain`: everything that stands behind one number, from its definition down to the raw tables."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kpi_warehouse.governance.history import standing_at
from kpi_warehouse.governance.store import (
    DOMAIN_WIDE,
    GRAIN_ORDER,
    GovernanceError,
    Row,
    Store,
    as_json,
    console,
    open_store,
    parse_period,
    parse_slice,
    period_label,
    show,
    show_beside,
    slice_label,
    suggest,
)
from kpi_warehouse.governance.verify import integrity
from kpi_warehouse.output import clean
from kpi_warehouse.project import project_root
from kpi_warehouse.quality.judgement import COLUMNS, STATUSES, summary

#: How many alerts, drivers and choices are listed before the rest is only counted.
SHOWN = 12
KEY = "kpi_id = ? and period_grain = ? and period_start = ? and dimension = ? and dimension_value = ?"


# --------------------------------------------------------------------------- finding the number


def versions_of(store: Store, kpi_id: str) -> list[Row]:
    """The dictionary rows of a KPI by version.

    Raises:
        GovernanceError: The dictionary has no such KPI; the message names the nearest.
    """
    rows = store.rows("select * from marts.metric_dictionary where kpi_id = ? order by version", [kpi_id])
    if rows:
        return rows
    known = [row["kpi_id"] for row in store.rows("select distinct kpi_id from marts.metric_dictionary")]
    near = suggest(kpi_id, known)
    hint = f"did you mean {', '.join(near)}?" if near else f"`{store.path}` knows {len(known)} KPIs"
    raise GovernanceError(f"no KPI {kpi_id!r} in the dictionary: {hint}")


def in_force(versions: list[Row], start: dt.datetime | None) -> int:
    """The version that is official for a period that starts at `start` (None: now, the open-ended one)."""
    released = [row for row in versions if row["status"] in ("active", "retired")]
    for row in released:
        begins, ends = row["effective_from"], row["effective_to"]
        if start is None:
            if ends is None:
                return int(row["version"])
        elif (begins is None or start.date() >= begins) and (ends is None or start.date() < ends):
            return int(row["version"])
    return int((released or versions)[-1]["version"])


def _choices(store: Store, kpi_id: str, dimension: str, member: str) -> str:
    """What exists instead of a row that does not: periods of the slice, else slices of the period's grain."""
    rows = store.rows(
        """select period_grain, min(period_start) as first_start, max(period_start) as last_start,
            count(distinct period_start) as periods
        from marts.kpi_values where kpi_id = ? and dimension = ? and dimension_value = ? group by period_grain""",
        [kpi_id, dimension, member],
    )
    if rows:
        rows.sort(key=lambda row: GRAIN_ORDER.index(row["period_grain"]))
        spans = "; ".join(
            f"{row['period_grain']} {period_label(row['period_grain'], row['first_start'])} to "
            f"{period_label(row['period_grain'], row['last_start'])} ({row['periods']})"
            for row in rows
        )
        return f"slice {slice_label(dimension, member)} has {spans}"
    members = store.rows(
        """select dimension, dimension_value from marts.kpi_values where kpi_id = ?
        group by all order by dimension, dimension_value""",
        [kpi_id],
    )
    if not members:
        return "it has no rows at all: a table that it counts was not landed or is empty, or no period has closed"
    of_dimension = [row for row in members if row["dimension"] == dimension]
    listed = (of_dimension or members)[:SHOWN]
    more = f" … ({len(of_dimension or members)} in all)" if len(of_dimension or members) > SHOWN else ""
    return f"it has the slices {', '.join(slice_label(r['dimension'], r['dimension_value']) for r in listed)}{more}"


#: Whether a row of `kpi_values` is suspect; files published before there were plausible ranges know none.
SUSPECT = (
    "(kpi_id, version, period_grain, period_start, dimension, dimension_value) in (select (kpi_id, version, "
    "period_grain, period_start, dimension, dimension_value) from marts.kpi_suspect_values)"
)


def find_value(
    store: Store,
    kpi_id: str,
    period: str | None,
    slice_text: str | None,
    version: int | None,
    versions: list[Row],
    grain: str | None = None,
) -> Row | None:
    """The row of `kpi_values` that a reader asks for; None where nothing was asked for and the KPI has no rows.

    Without a period: the latest final one of the grain that readers ask for first that is not suspect (all are: the
    latest); without a slice: the whole, or, for a KPI that publishes none, the slice with the largest sample.

    Raises:
        GovernanceError: No such row; the message says which periods or slices exist.
    """
    dimension, member = parse_slice(slice_text) if slice_text else ("all", "all")
    wanted = parse_period(period) if period else None
    grains = (grain,) if grain else (wanted.grains if wanted else None)
    if slice_text is None and "all" not in str(versions[-1]["dimensions"]).split("|"):
        most = store.one(
            """select dimension, dimension_value from marts.kpi_values where kpi_id = ?
            group by all order by sum(sample_size) desc nulls last, dimension, dimension_value limit 1""",
            [kpi_id],
        )
        dimension, member = (most["dimension"], most["dimension_value"]) if most else (dimension, member)
    conditions, parameters = ["kpi_id = ?", "dimension = ?", "dimension_value = ?"], [kpi_id, dimension, member]
    if wanted:
        conditions.append("period_start = ?")
        parameters.append(wanted.start)  # type: ignore[arg-type]
    if grains:
        conditions.append(f"period_grain in ({', '.join('?' for _ in grains)})")
        parameters.extend(grains)
    if version:
        conditions.append("version = ?")
        parameters.append(version)  # type: ignore[arg-type]
    rows = store.rows(
        f"select *, {SUSPECT if store.has('kpi_suspect_values') else 'false'} as is_suspect from marts.kpi_values "
        f"where {' and '.join(conditions)} order by period_start desc, version",
        parameters,
    )
    rows.sort(
        key=lambda row: (
            not (row["is_final"] and row["value"] is not None) if wanted is None else False,
            row["is_suspect"] if wanted is None else False,
            GRAIN_ORDER.index(row["period_grain"]),
        )
    )
    official = [row for row in rows if version or row["version"] == in_force(versions, row["period_start"])]
    if official or rows:
        return (official or rows)[0]
    if period is None and slice_text is None and version is None and grain is None:
        return None
    asked = " ".join(
        filter(None, [period, grain, slice_label(dimension, member), f"version {version}" * bool(version)])
    )
    raise GovernanceError(f"{kpi_id} has no row for {asked}: {_choices(store, kpi_id, dimension, member)}")


# --------------------------------------------------------------------------- what stands behind it


def _contact(role: str, root: Path | None) -> Row:
    owners: dict[str, dict[str, str]] = {}
    path = root / "seeds" / "dictionary" / "owners.csv" if root else None
    if path and path.exists():
        with path.open(encoding="utf-8", newline="") as handle:
            owners = {row["role"]: row for row in csv.DictReader(handle)}
    known = owners.get(role, {})
    return {"role": role, **{column: known.get(column) for column in ("name_en", "name_zh", "contact")}}


#: What a KPI publishes, by its kind: percentiles and statistics have no sums behind them.
PARTS = {"ratio": ("numerator", "denominator"), "mean": ("numerator", "denominator"), "sum": ("numerator",),
         "count": ("numerator",)}  # fmt: skip


def lineage(dictionary: Row, root: Path | None, *, with_columns: bool = False) -> Row:
    """Raw tables of the dictionary, and the models between them and the KPI as far as a manifest shows them.

    Args:
        dictionary: The KPI's row of the dictionary.
        root: The project folder, whose `target/manifest.json` (or DBT_TARGET_PATH) dbt writes.
        with_columns: Also the raw columns behind numerator and denominator (a second of work).

    Returns:
        `raw_tables`, `model` (its file) and `models`, and `columns`: raw columns (`domain.table.column`, `*` for
        counted rows) by the part of the value; empty where nothing was compiled.
    """
    kpi_id = dictionary["kpi_id"]
    found: Row = {
        "raw_tables": [name for name in dictionary["data_sources"].split("|") if name],
        "model": None, "models": [], "columns": {},
    }  # fmt: skip
    folder = Path(os.environ.get("DBT_TARGET_PATH", "target"))
    manifest_path = folder / "manifest.json" if folder.is_absolute() or not root else root / folder / "manifest.json"
    if not manifest_path.exists():
        return found
    manifest: dict[str, Any] = json.loads(manifest_path.read_text(encoding="utf-8"))
    models = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    own = [
        key
        for key, node in models.items()
        if "/kpis/" in node["original_file_path"] and f"'{kpi_id}'" in node.get("raw_code", "")
    ]
    if not own:
        return found
    found["model"] = models[own[0]]["original_file_path"]
    reached, waiting = set(own), list(own)
    while waiting:
        if (current := waiting.pop()).endswith(DOMAIN_WIDE):
            continue
        for parent in models[current]["depends_on"]["nodes"]:
            if parent in models and parent not in reached and "dictionary" not in parent:
                reached.add(parent)
                waiting.append(parent)
    layers = ("staging", "intermediate", "marts", "kpis")

    def place(key: str) -> tuple[int, str]:
        parts = models[key]["original_file_path"].split("/")
        return (layers.index(parts[1]) if parts[1] in layers else len(layers), models[key]["name"])

    found["models"] = [models[key]["name"] for key in sorted(reached, key=place)]
    if with_columns:
        parts = PARTS.get(dictionary["kpi_kind"], ("value",))
        found["columns"] = _columns(manifest, manifest_path.parent, models[own[0]]["name"], kpi_id, parts)
    return found


def _columns(manifest: Row, target: Path, model: str, kpi_id: str, parts: Sequence[str]) -> dict[str, list[str]]:
    """Raw columns behind the parts of a value; none where sqlglot is absent or the SQL not compiled or beyond it."""
    try:
        from sqlglot.errors import SqlglotError

        from kpi_warehouse.governance.column_lineage import ColumnLineage
    except ImportError:
        return {}
    book = ColumnLineage(manifest, target / "compiled")
    try:
        return {part: [str(column) for column in book.behind_kpi(model, kpi_id, part)] for part in parts}
    except (GovernanceError, SqlglotError, ValueError):
        return {}


def data_quality(store: Store, dictionary: Row, start: dt.datetime | None) -> Row:
    """Rows of the raw tables behind a KPI, the checks on them, and whether appraisal is suspended in the month."""
    tables = [name.split(".", 1) for name in dictionary["data_sources"].split("|") if "." in name]
    result: Row = {"tables": [], "checks": None, "suspended_by": None}
    if tables and store.has("dq_reconciliation"):
        marks = " or ".join("(domain = ? and table_name = ?)" for _ in tables)
        values = [part for table in tables for part in table]
        result["tables"] = store.rows(
            f"select * from marts.dq_reconciliation where {marks} order by domain, table_name", values
        )
        if store.has("dq_results"):
            marks = " or ".join('(domain = ? and "table" = ?)' for _ in tables)
            result["checks"] = store.one(
                f"""select count(*) as run, count(*) filter (where not passed) as failed
                from marts.dq_results where {marks}""",
                values,
            )
            if "status" in store.columns("dq_results"):
                names = ", ".join(f'"{name}"' for name in COLUMNS)
                found = store.rows(f"select {names} from marts.dq_results where {marks}", values)
                result["checks"] = {
                    "run": len(found),
                    **{status: sum(row["status"] == status for row in found) for status in STATUSES},
                    "summary_en": summary(found),
                    "summary_zh": summary(found, "zh"),
                }
    if start is not None and store.has("kpi_appraisal_suspensions"):
        row = store.one(
            "select missed_checks from marts.kpi_appraisal_suspensions where domain = ? and month_start = ?",
            [dictionary["domain"], start.date().replace(day=1)],
        )
        result["suspended_by"] = row["missed_checks"] if row else None
    return result


def length_of_period(store: Store, value: Row, root: Path | None) -> Row | None:
    """Why a ratio over distinct persons reads otherwise in a long period than in the periods within it.

    Args:
        store: The open publication or warehouse.
        value: The row of `kpi_values`.
        root: The project folder, whose dictionary says which KPIs count distinct persons.

    Returns:
        The shorter periods, the sum of their persons, and the reason in both languages; None where it is no such KPI or
        the row is not longer than the grain that the targets bind.
    """
    path = root / "seeds" / "dictionary" / "distinct_person_kpis.csv" if root else None
    if path is None or not path.exists():
        return None
    with path.open(encoding="utf-8", newline="") as handle:
        rules = {row["kpi_id"]: row for row in csv.DictReader(handle)}
    rule = rules.get(value["kpi_id"])
    if rule is None or value["period_grain"] == rule["binding_grain"]:
        return None
    within = store.rows(
        """select period_start, numerator, denominator, value from marts.kpi_values where kpi_id = ? and version = ?
            and period_grain = ? and dimension = ? and dimension_value = ? and period_start >= ? and period_end <= ?
            and denominator is not null order by period_start""",
        [value["kpi_id"], value["version"], rule["binding_grain"], value["dimension"], value["dimension_value"],
         value["period_start"], value["period_end"]],
    )  # fmt: skip
    if not within or not value["denominator"]:
        return None
    counted = sum(row["denominator"] for row in within)
    persons = value["denominator"]
    return {
        "binding_grain": rule["binding_grain"],
        "within": within,
        "persons_counted_within": counted,
        "why_en": f"{persons:,.0f} distinct persons in the whole period, {counted:,.0f} when each "
        f"{rule['binding_grain']} counts afresh: who comes in several is counted once here, "
        f"while every order counts, so the ratio is higher; "
        f"targets bind the {rule['binding_grain']}, {rule['closing_rule_en']}",
        "why_zh": f"整个周期去重访客 {persons:,.0f} 人，逐月各自去重合计 {counted:,.0f} 人："
        f"多个月都来的人在长周期只计一次，订单却全部计入，因此比率更高；目标只约束月度，{rule['closing_rule_zh']}",
    }


def explain(
    store: Store,
    kpi_id: str,
    *,
    period: str | None = None,
    slice_text: str | None = None,
    version: int | None = None,
    publication: str | None = None,
    grain: str | None = None,
    root: Path | None = None,
    with_columns: bool = False,
) -> Row:
    """Everything known about one number.

    Args:
        store: The open publication or warehouse.
        kpi_id: The KPI.
        period: As `parse_period` reads it; default: the latest final one.
        slice_text: `all` or `dimension=value`.
        version: A definition version; default: the one in force in the period.
        publication: An id (or its beginning): the number as it stood after that publication.
        grain: The grain, where a period can mean several (`month` or `cohort_month`).
        root: The project folder, for owners and the lineage; None leaves them out.
        with_columns: Also the raw columns behind numerator and denominator.

    Returns:
        A dictionary of plain values with the keys `kpi`, `definition`, `period`, `slice`, `value`, `target`,
        `previous`, `drivers`, `alerts`, `restatement`, `publications`, `data_quality`, `lineage`, `owner`,
        `edge_cases` and `versions`; `value` is None for a KPI without rows.

    Raises:
        GovernanceError: Unknown KPI, version, period, slice or publication.
    """
    versions = versions_of(store, kpi_id)
    if version and version not in [row["version"] for row in versions]:
        there = ", ".join(str(row["version"]) for row in versions)
        raise GovernanceError(f"{kpi_id} has no version {version}: there is {there}")
    value = find_value(store, kpi_id, period, slice_text, version, versions, grain)
    number = int(value["version"]) if value else version or in_force(versions, None)
    dictionary = next(row for row in versions if row["version"] == number)
    official = in_force(versions, value["period_start"] if value else None)
    answer: Row = {
        "kpi": {
            column: dictionary[column]
            for column in ("kpi_id", "domain", "kpi_name_en", "kpi_name_zh", "unit", "direction")
        },
        "definition": {
            **{
                key: dictionary[key]
                for key in (
                    "version", "status", "effective_from", "effective_to", "definition_en", "definition_zh", "formula",
                    "numerator_definition", "denominator_definition", "rationale", "change_reason", "seed_reference",
                    "refresh_cadence", "approvals", "rationale_zh", "formula_zh", "numerator_definition_zh",
                    "denominator_definition_zh",
                )
            },
            "parameters": json.loads(dictionary["parameters"] or "{}"),
            "is_official": number == official and dictionary["status"] in ("active", "retired"),
            "official_version": official,
        },
        "versions": [
            {key: row[key] for key in ("version", "status", "parallel_from", "effective_from", "effective_to")}
            for row in versions
        ],
        "owner": _contact(dictionary["owner_role"], root),
        "data_owner": _contact(dictionary["data_owner_role"], root),
        "edge_cases": dictionary["edge_cases"],
        "lineage": lineage(dictionary, root, with_columns=with_columns),
        "data_quality": data_quality(store, dictionary, value["period_start"] if value else None),
        "source": str(store.path),
        "value": None, "target": None, "previous": None, "drivers": [], "alerts": [], "publications": [],
        "restatement": None, "in_other_versions": [], "suspect": None, "newer_suspect": None,
    }  # fmt: skip
    if value is None:
        return answer
    key = [kpi_id, *(value[c] for c in ("period_grain", "period_start", "dimension", "dimension_value"))]
    answer["period"] = {
        "label": period_label(value["period_grain"], value["period_start"]),
        "grain": value["period_grain"], "start": value["period_start"], "end": value["period_end"],
    }  # fmt: skip
    answer["slice"] = slice_label(value["dimension"], value["dimension_value"])
    answer["value"] = {
        column: value[column] for column in ("value", "numerator", "denominator", "sample_size", "is_final", "as_of")
    }
    if store.has("kpi_suspect_values"):
        answer["suspect"] = store.one(
            f"""select least, greatest, is_origin, rests_on_kpi_id, rests_on_version, rests_on_period_grain,
                rests_on_period_start, rests_on_dimension, rests_on_dimension_value, rests_on_value, rests_on_rows,
                cause_en, cause_zh from marts.kpi_suspect_values where {KEY} and version = ?""",
            [*key, number],
        )
        if period is None:
            answer["newer_suspect"] = store.one(
                """select period_grain, period_start, value, cause_en, cause_zh from marts.kpi_suspect_values
                where kpi_id = ? and period_grain = ? and period_start > ? and dimension = ? and dimension_value = ?
                    and is_final order by period_start desc, version desc limit 1""",
                key,
            )
    score = store.one(f"select * from marts.kpi_scorecard where {KEY} and version = ?", [*key, number])
    if score:
        answer["target"] = {
            column: score[column]
            for column in (
                "status", "target_value", "target_comparator", "gap_to_target", "baseline_value", "target_id",
                "appraisal_suspended",
            )
        }  # fmt: skip
        answer["previous"] = {
            "value": score["previous_value"], "change": score["change"], "is_new_definition": score["is_new_definition"]
        }  # fmt: skip
    else:
        before = store.one(
            """select value from marts.kpi_values where kpi_id = ? and period_grain = ? and period_start < ?
            and dimension = ? and dimension_value = ? and version = ? and value is not null
            order by period_start desc limit 1""",
            [*key, number],
        )
        if before and value["value"] is not None:
            answer["previous"] = {"value": before["value"], "change": value["value"] - before["value"]}
    answer["length_of_period"] = length_of_period(store, value, root)
    answer["in_other_versions"] = store.rows(
        f"select version, value, is_final from marts.kpi_values where {KEY} and version <> ? order by version",
        [*key, number],
    )
    answer["drivers"] = store.rows(
        f"""select split_by, member, effect, contribution, previous_period_start from marts.kpi_drivers
        where {KEY} and version = ? order by split_by, abs(contribution) desc, member""",
        [*key, number],
    )
    answer["alerts"] = store.rows(
        f"select * exclude (kpi_id) from marts.kpi_alerts where {KEY} order by severity, rule_id", key
    )
    if store.has("kpi_publications"):
        answer["publications"] = store.rows(
            f"""select publication_id, published_at_run, version, value, numerator, denominator, is_withdrawn, as_of
            from marts.kpi_publications where {KEY} order by published_at_run, publication_id""",
            key,
        )
        answer["restatement"] = store.one(f"select * from marts.kpi_restatements where {KEY}", key)
    if publication:
        answer["as_published"] = standing_at(publication, kpi_id, key[1:])
    return answer


# --------------------------------------------------------------------------- printing


def _print(answer: Row, page: Console) -> None:
    kpi, definition, unit = answer["kpi"], answer["definition"], answer["kpi"]["unit"]
    page.print(Text(kpi["kpi_id"], style="bold"), clean(f" {kpi['kpi_name_en']} · {kpi['kpi_name_zh']}"))
    dates = (
        f"{definition['effective_from'] or 'the beginning'} to {definition['effective_to'] or 'open'}"
        if definition["status"] in ("active", "retired")
        else "not in force"
    )
    page.print(f"version {definition['version']} ({definition['status']}, in force {dates})")
    if not definition["is_official"] and answer["value"]:
        page.print(Text(f"not official for this period: version {definition['official_version']} is", style="yellow"))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()

    def row(label: str, text: str) -> None:
        table.add_row(label, Text(clean(text)))

    value = answer["value"]
    if value is None:
        row("value", "no rows: a table that it counts was not landed or is empty, or no period has closed")
    else:
        period = answer["period"]
        row(
            "period",
            f"{period['label']} ({period['grain']}, {period['start']:%Y-%m-%d %H:%M} to {period['end']:%Y-%m-%d %H:%M}"
            f" local), slice {answer['slice']}",
        )
        state = "final" if value["is_final"] else "not final"
        needed = answer["target"]["target_value"] if answer["target"] else None
        shown, wanted = show_beside(value["value"], needed, unit)
        row("value", f"{shown} ({state}, as of {value['as_of']})")
        if answer["suspect"]:
            table.add_row("suspect", Text(clean(answer["suspect"]["cause_en"]), style="red"))
        if newer := answer["newer_suspect"]:
            label = period_label(newer["period_grain"], newer["period_start"])
            row("newer", f"{label} is suspect and no headline: {show(newer['value'], unit)}, {newer['cause_en']}")
        parts = [f"{name} {value[name]:,.6g}" for name in ("numerator", "denominator") if value[name] is not None] or [
            "no numerator or denominator (percentile or model statistic)"
        ]
        row("made of", f"{', '.join(parts)}; {value['sample_size'] or 0:,} rows behind it")
        if target := answer["target"]:
            text = target["status"]
            if target["target_value"] is not None and not answer["suspect"]:
                text += (
                    f": target {target['target_comparator']} {wanted}, gap "
                    f"{show(target['gap_to_target'], unit, difference=True)} ({target['target_id']})"
                )
            if target["baseline_value"] is not None:
                text += f", baseline {show(target['baseline_value'], unit)}"
            row("status", text)
        if (previous := answer["previous"]) and previous["value"] is not None:
            change = show(previous["change"], unit, difference=True)
            row("before", f"{show(previous['value'], unit)}, change {change}")
        elif previous and previous.get("is_new_definition"):
            row("before", "new definition (新定义): no earlier figure by it")
        if longer := answer.get("length_of_period"):
            months = ", ".join(
                f"{period_label(longer['binding_grain'], part['period_start'])} {show(part['value'], unit)}"
                for part in longer["within"]
            )
            row("within it", months)
            row("why", longer["why_en"])
            row("", longer["why_zh"])
        for other in answer["in_other_versions"]:
            row(f"version {other['version']}", show(other["value"], unit))
        for driver in answer["drivers"][:SHOWN]:
            row(
                "driver",
                f"{driver['split_by']} {driver['member']} ({driver['effect']}): "
                f"{show(driver['contribution'], unit, difference=True)}",
            )
        if len(answer["drivers"]) > SHOWN:
            row("", f"… {len(answer['drivers']) - SHOWN} more drivers (--json)")
        for alert in answer["alerts"][:SHOWN]:
            row(
                "alert",
                f"{alert['severity']} {alert['rule_id']} ({alert['state']}): {alert['observed_value']:.4g} "
                f"{alert['comparison']} {alert['threshold_value']:.4g}. {alert['response']}",
            )
        if answer["restatement"]:
            again = answer["restatement"]
            row(
                "restated",
                f"first {show(again['first_value'], unit)}, now "
                f"{'withdrawn' if again['is_withdrawn'] else show(again['current_value'], unit)} ({again['cause']})",
            )
        for entry in answer["publications"]:
            number = "withdrawn" if entry["is_withdrawn"] else show(entry["value"], unit)
            row(
                "published",
                f"{entry['published_at_run']:%Y-%m-%d %H:%M} UTC {entry['publication_id'][:12]}: {number} "
                f"(version {entry['version']})",
            )
        if entry := answer.get("as_published"):
            number = "withdrawn" if entry["is_withdrawn"] else show(entry["value"], unit)
            row("as asked", f"stood at {number} after publication {entry['asked_publication_id']}")
    row("definition", definition["definition_en"])
    row("formula", definition["formula"])
    row("numerator", definition["numerator_definition"])
    row("denominator", definition["denominator_definition"])
    parameters = ", ".join(f"{name} = {number:g}" for name, number in definition["parameters"].items())
    row("parameters", parameters or "none of its own")
    quality = answer["data_quality"]
    for source in quality["tables"]:
        row(
            "data",
            f"{source['domain']}.{source['table_name']}: {source['rows_read']:,} rows read, "
            f"{source['rows_accepted']:,} accepted, {source['rows_deduplicated']:,} deduplicated, "
            f"{source['rows_quarantined']:,} quarantined",
        )
    if quality["checks"] and quality["checks"]["run"]:
        told = quality["checks"].get("summary_en") or f"{quality['checks']['failed']} failed"
        row("checks", f"{quality['checks']['run']} run on these tables: {told}")
    if quality["suspended_by"]:
        row("appraisal", f"suspended this month: {quality['suspended_by']} missed")
    line = answer["lineage"]
    row("raw tables", ", ".join(line["raw_tables"]))
    if line["model"]:
        row("model", line["model"])
        row("lineage", " → ".join(line["models"]))
    for part, columns in line["columns"].items():
        tables = groupby((name.rpartition(".") for name in columns), lambda name: name[0])
        listed = [f"{table} ({', '.join('rows' if n == '*' else n for *_, n in names)})" for table, names in tables]
        row(f"{part} from", ", ".join(listed) or "no raw column")
    for name in ("owner", "data_owner"):
        owner = answer[name]
        row(name.replace("_", " "), " ".join(filter(None, [owner["name_en"] or owner["role"], owner["contact"]])))
    row("edge cases", answer["edge_cases"])
    page.print(table)


@click.command("explain")
@click.argument("kpi_id", metavar="KPI")
@click.option("--period", metavar="PERIOD", help="2026-05, 2026Q2, 2026-W20, 2026-05-20 or 2026-05-20T14:00.")
@click.option("--grain", type=click.Choice(GRAIN_ORDER), help="Where a period can mean several, e.g. cohort_month.")
@click.option("--slice", "slice_text", metavar="DIM=VALUE", help="A slice, e.g. platform=app; default: all.")
@click.option("--version", type=int, help="A definition version; default: the one in force in the period.")
@click.option("--publication", metavar="ID", help="Also the number as it stood after this publication.")
@click.option(
    "--columns/--no-columns", default=True, help="The raw columns that it is made of (a second); default: yes."
)
@click.option("--json", "json_", is_flag=True, help="Everything as JSON.")
def explain_command(
    kpi_id: str,
    period: str | None,
    grain: str | None,
    slice_text: str | None,
    version: int | None,
    publication: str | None,
    columns: bool,
    json_: bool,
) -> None:
    """Explain a number: definition, parts, target, alerts, drivers, history, data quality, lineage, owner.

    Reads KPI_PUBLISHED (else KPI_WAREHOUSE). Without options: the latest final period of the whole.

        kpi explain ec_cvr --period 2026-05 --slice platform=app
    """
    try:
        root: Path | None = project_root()
    except FileNotFoundError:
        root = None
    with open_store() as store:
        answer = explain(
            store,
            kpi_id,
            period=period,
            slice_text=slice_text,
            version=version,
            publication=publication,
            grain=grain,
            root=root,
            with_columns=columns,
        )
        found = integrity(store.db, store.path)
        answer["integrity"] = found.as_row()
    if json_:
        click.echo(as_json(answer))
    else:
        _print(answer, console())
    if found.problems:
        for problem in found.problems:
            click.echo(f"not as published: {problem}", err=True)
        raise click.ClickException(
            f"{store.path} is not what was published, so this number is not official: `kpi verify` compares, "
            "`kpi published` gives what was stated, `kpi publish` writes the file anew"
        )
