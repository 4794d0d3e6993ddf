"""Writes the models that follow from declarations, so that nothing is declared twice.

* Staging: for each raw table of a `__sources.yml` a `base_` model (every raw row, judged), a `stg_` model (the
  accepted winners) and their documentation; per domain the landing audits over all its tables.
* `kpi_values`: the union over all models in `models/kpis/`.
* `released_checksums`: a checksum for every KPI version that is released and has none yet.

Only models that carry the marker are written; a check mode reports what is out of step.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml

from kpi_warehouse.project import project_root
from kpi_warehouse.quality.frozen import broken, checksum_file

MARKER = "-- Written by `kpi sync`; do not edit."
YAML_MARKER = "# Written by `kpi sync`; do not edit."
VALUES_START = "    -- kpi models, written by `kpi sync` (start)"
VALUES_END = "    -- kpi models, written by `kpi sync` (end)"

#: Columns of every KPI model and of `kpi_values`, in order.
VALUES_COLUMNS = (
    "kpi_id",
    "version",
    "domain",
    "period_grain",
    "period_start",
    "period_end",
    "dimension",
    "dimension_value",
    "numerator",
    "denominator",
    "value",
    "sample_size",
    "is_final",
    "as_of",
)

VALUES_LINES = (", ".join(VALUES_COLUMNS[:8]) + ",", ", ".join(VALUES_COLUMNS[8:]))

#: Warehouse types of the contract's types, as dbt writes them into documentation.
TYPES = {
    "id": "string",
    "code": "string",
    "text": "string",
    "num": "double",
    "money": "decimal(30,18)",
    "int": "bigint",
    "bool": "boolean",
    "ts": "timestamp",
    "timestamp": "timestamp",
    "date": "date",
}

LANDING_COLUMNS = {
    "_loaded_at": "When the row reached the warehouse; absent: the row's own time.",
    "_row_key": "Key of the row as text.",
    "_reject_reason": "Why the row is refused; null: accepted.",
    "_reject_column": "Column at fault.",
    "_unparsed_columns": "Optional columns whose value could not be read.",
    "_unknown_columns": "Columns whose value lies outside the enumeration.",
    "_doubted_columns": "Columns whose value stands for none or cannot be, as kind:column.",
    "_is_duplicate": "Another row of the same key won.",
    "_raw_row": "The raw row as JSON, for refused rows.",
}

AUDITS = {
    "quarantine": "Refused raw rows of the domain, one row each, with the reason and the row.",
    "reconciliation": "Rows read, accepted, deduplicated, quarantined and blank, one row per raw table.",
    "happenings": "Times of all that happened, one row per accepted row and time column.",
    "landed": "What was landed and holds accepted rows, one row per table and column.",
    "irregularities": "Accepted rows with unreadable or unknown values, one row per table, column and kind.",
    "days": "What became of the rows of each business day, one row per table and day.",
    "profile": "What the accepted rows of each business day are like (how many in each hour, of each member of a "
    "slice, their middle values, twins, counters), one row per table, day, measure, column, member and hour.",
}

#: Columns of each audit: name -> description. The first ones named in AUDIT_KEYS are its grain.
AUDIT_COLUMNS = {
    "quarantine": {
        "domain": "Domain.",
        "table_name": "Raw table.",
        "row_key": "Key of the row as text.",
        "reason": "Why the row was refused.",
        "column_name": "Column at fault.",
        "raw_row": "The raw row as JSON.",
    },
    "reconciliation": {
        "domain": "Domain.",
        "table_name": "Raw table.",
        "rows_read": "Rows of the landed files or table that hold a value, counted at the source.",
        "rows_accepted": "Rows that the staging model holds.",
        "rows_deduplicated": "Accepted rows whose key another row won.",
        "rows_quarantined": "Rows refused.",
        "rows_blank": "Rows of empty cells, counted in nothing else.",
    },
    "happenings": {
        "domain": "Domain.",
        "table_name": "Raw table.",
        "column_name": "Column of the time.",
        "row_key": "Key of the row as text.",
        "happened_at": "When it happened, UTC.",
    },
    "landed": {
        "domain": "Domain.",
        "table_name": "Raw table.",
        "column_name": "Column of the contract that the landed table has.",
        "has_rows": "The table holds at least one accepted row.",
    },
    "irregularities": {
        "domain": "Domain.",
        "table_name": "Raw table.",
        "column_name": "Column.",
        "kind": "unparsed, unknown_member, or a kind of doubt (word_for_nothing, implausible_time, negative_value …).",
        "affected_rows": "Accepted rows affected.",
    },
    "days": {
        "domain": "Domain.",
        "table_name": "Raw table.",
        "business_date": "Business day of the row's own time, else of its arrival; null: the row tells neither.",
        "has_own_time": "The rows of the table have a time of their own.",
        "rows_read": "Raw rows.",
        "rows_accepted": "Of these accepted.",
        "rows_deduplicated": "Of these another row of the same key won.",
        "rows_quarantined": "Of these refused.",
        "rows_irregular": "Accepted rows with unreadable or unknown values.",
        "rows_late": "Accepted rows that arrived later than rule `late_row` of the dictionary allows.",
    },
    "profile": {
        "domain": "Domain.",
        "table_name": "Raw table.",
        "comes_by_plan": "The contract says that its rows come by decision (`profile_volume: planned`).",
        "business_date": "Business day of the row's own time, or of the time that the contract gives it "
        "(`profile_time`).",
        "measure": "rows (of an hour), median (of a column), twins (rows equal in all but their key), counter "
        "(readings while it must move) or step (a reference value against the one before).",
        "column_name": "Column (or slice) that is looked at; `all` for the whole row.",
        "member": "Member of the slice, machine of a counter or key of a reference value; `all` for all rows.",
        "hour_of_day": "Hour on the business clock; -1 where the measure is of the day.",
        "row_count": "Rows counted.",
        "hit_count": "Of these: repeated values (median), twins, or unchanged readings.",
        "lower_quartile": "First quartile of the column, or of the seconds for one count.",
        "middle": "Their median; of a step the value.",
        "upper_quartile": "Third quartile; of a step the value before.",
    },
}
AUDIT_KEYS = {
    "quarantine": None,
    "reconciliation": ["table_name"],
    "happenings": None,
    "landed": ["table_name", "column_name"],
    "irregularities": ["table_name", "column_name", "kind"],
    "days": ["table_name", "business_date"],
    "profile": ["table_name", "business_date", "measure", "column_name", "member", "hour_of_day"],
}


@dataclass(frozen=True)
class Outcome:
    """What a synchronisation did: the files written and those that were already right."""

    written: list[Path]
    unchanged: int


def _dump(document: dict[str, Any]) -> str:
    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, False)

    body = yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)
    return f"{YAML_MARKER}\n{body}"


def _meta(item: dict[str, Any]) -> dict[str, Any]:
    return (item.get("config") or {}).get("meta") or {}


def _base_sql(domain: str, table: dict[str, Any]) -> str:
    arguments = [f"'{domain}'", f"'{table['name']}'"]
    depends = ""
    if seed := _meta(table).get("seed"):
        arguments.append(f"seed=ref('{seed}')")
    if lookup := _meta(table).get("lookup"):
        columns = ", ".join(f"'{name}'" for name in lookup["columns"])
        arguments.append(
            "lookup={'relation': ref('" + lookup["model"] + f"'), 'key': '{lookup['key']}', 'columns': [{columns}]}}"
        )
    if judgements := _meta(table).get("judgements"):
        rows = ",\n        ".join(
            "{'reason': '" + j["reason"] + f"', 'column': '{j['column']}', 'condition': \"{j['condition']}\"}}"
            for j in judgements
        )
        arguments.append(f"judgements=[\n        {rows}\n    ]")
    if any(_meta(column).get("is_time_zone") for column in table["columns"]):
        arguments.append("zones=ref('time_zones')")
    if clock := _meta(table).get("clock"):
        arguments.append("clock={'relation': ref('" + clock["model"] + f"'), 'key': '{clock['key']}'}}")
    inner = ", ".join(arguments)
    return f"{MARKER}\n{depends}{{{{ config(materialized='table') }}}}\n\n{{{{ land({inner}) }}}}\n"


def _staging_yml(domain: str, table: dict[str, Any], kind: str) -> str:
    columns: list[dict[str, Any]] = []
    required = []
    for column in table["columns"]:
        columns.append(
            {
                "name": column["name"],
                "description": column["description"],
                "data_type": TYPES[column["data_type"]],
            }
        )
        if _meta(column).get("is_required"):
            required.append(column["name"])
    keys = [c["name"] for c in table["columns"] if _meta(c).get("is_key")]
    if kind == "base":
        columns += [{"name": n, "description": d} for n, d in LANDING_COLUMNS.items()]
        model: dict[str, Any] = {
            "name": f"base_{domain}__{table['name']}",
            "description": f"Every raw row of {domain}.{table['name']}, typed, judged by itself and told from its "
            f"duplicates. {table['description']} Grain: the raw row.",
            "columns": columns,
        }
    else:
        columns.append({"name": "_loaded_at", "description": LANDING_COLUMNS["_loaded_at"]})
        model = {
            "name": f"stg_{domain}__{table['name']}",
            "description": f"Accepted rows, one per key. {table['description']} Grain: {', '.join(keys)}.",
            "data_tests": [
                {"unique_combination": {"arguments": {"columns": keys}}},
                {"never_null": {"arguments": {"columns": required}}},
            ],
            "columns": columns,
        }
    return _dump({"version": 2, "models": [model]})


def _audit_files(domain: str, tables: list[dict[str, Any]], audit: str) -> tuple[str, str]:
    refs = ",\n        ".join(
        f"'{t['name']}': [ref('base_{domain}__{t['name']}'), ref('stg_{domain}__{t['name']}')]" for t in tables
    )
    config = "" if audit == "happenings" else "{{ config(materialized='table') }}\n\n"
    more = ",\n    rules=ref('stg_dictionary__dq_checks')" if audit == "days" else ""
    sql = f"{MARKER}\n{config}{{{{ landing_{audit}(\n    '{domain}',\n    {{\n        {refs}\n    }}{more}\n) }}}}\n"
    model: dict[str, Any] = {
        "name": f"stg_{domain}__{audit}",
        "description": AUDITS[audit],
        "columns": [{"name": n, "description": d} for n, d in AUDIT_COLUMNS[audit].items()],
    }
    keys = AUDIT_KEYS[audit]
    if keys:
        model["data_tests"] = [{"unique_combination": {"arguments": {"columns": keys}}}]
    return sql, _dump({"version": 2, "models": [model]})


def planned(root: Path) -> dict[Path, str]:
    """Files that follow from the declarations below `root`, with their text."""
    files: dict[Path, str] = {}
    for path in sorted((root / "models" / "staging").glob("*/_*__sources.yml")):
        source = yaml.safe_load(path.read_text(encoding="utf-8"))["sources"][0]
        domain, folder = source["name"], path.parent
        for table in source["tables"]:
            base = folder / "base" / f"base_{domain}__{table['name']}"
            staging = folder / f"stg_{domain}__{table['name']}"
            files[base.with_suffix(".sql")] = _base_sql(domain, table)
            files[base.with_suffix(".yml")] = _staging_yml(domain, table, "base")
            files[staging.with_suffix(".sql")] = f"{MARKER}\n{{{{ staged('{domain}', '{table['name']}') }}}}\n"
            files[staging.with_suffix(".yml")] = _staging_yml(domain, table, "stg")
        for audit in AUDITS:
            sql, yml = _audit_files(domain, source["tables"], audit)
            target = folder / "landing" / f"stg_{domain}__{audit}"
            files[target.with_suffix(".sql")], files[target.with_suffix(".yml")] = sql, yml
    values = root / "models" / "governance" / "kpi_values.sql"
    if values.exists():
        files[values] = _values_sql(root, values.read_text(encoding="utf-8"))
    files.update(checksum_file(root))
    return files


def kpi_models(root: Path) -> list[str]:
    """References to all KPI models below `root`, as written in SQL, in the order of their names."""
    references = []
    for path in sorted((root / "models" / "kpis").rglob("*.sql")):
        name, _, version = path.stem.rpartition("_v")
        if name and version.isdigit():
            references.append(f"ref('{name}', v={version})")
        else:
            references.append(f"ref('{path.stem}')")
    return references


def _values_sql(root: Path, text: str) -> str:
    before, _, rest = text.partition(VALUES_START)
    _, _, after = rest.partition(VALUES_END)
    if not rest or not after:
        return text
    listing = "\n    union all\n".join(
        "    select\n" + "".join(f"        {line}\n" for line in VALUES_LINES) + f"    from {{{{ {reference} }}}}"
        for reference in kpi_models(root)
    )
    return f"{before}{VALUES_START}\n{listing}\n{VALUES_END}{after}"


def sync(root: Path, *, check: bool = False) -> Outcome:
    """Brings the written models in step with the declarations.

    Args:
        root: The project folder (holds `dbt_project.yml`).
        check: Only report what would change.

    Returns:
        The files that were (or, with `check`, would be) written.
    """
    written, unchanged = [], 0
    for path, text in planned(root).items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            unchanged += 1
            continue
        written.append(path)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return Outcome(written, unchanged)


@click.command("sync")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if anything is out of step.")
def sync_command(check: bool) -> None:
    """Bring the written models (staging, kpi_values) in step with their declarations."""
    outcome = sync(project_root(), check=check)
    for path in outcome.written:
        click.echo(f"{'out of step' if check else 'written'}: {path.relative_to(project_root())}")
    click.echo(f"{len(outcome.written)} files {'out of step' if check else 'written'}, {outcome.unchanged} in step")
    changed = broken(project_root())
    for line in changed:
        click.echo(line)
    if changed or (check and outcome.written):
        raise SystemExit(1)
