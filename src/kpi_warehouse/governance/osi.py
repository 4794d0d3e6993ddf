"""`kpi osi`: the semantic layer in the Open Semantic Interchange format (Apache Ossie, core 0.2).

The export is written from `semantic_manifest.json`, which dbt writes of `models/semantic/`, and the dictionary.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from kpi_warehouse.governance.seeds import Cells, Dictionary
from kpi_warehouse.governance.store import GovernanceError
from kpi_warehouse.project import project_root

Node = dict[str, Any]

#: The version of the core specification that the export follows: a draft in which a document is one semantic model
#: (until September 2026 it was a list of them under `semantic_model`, under the same number).
OSI_VERSION = "0.2.0.dev0"
DIMENSION = re.compile(r"\{\{\s*Dimension\('(?:(\w+?)__)?(\w+)'\)\s*\}\}")
AGGREGATES = {"sum": "SUM({})", "count_distinct": "COUNT(DISTINCT {})"}


def _expression(sql: str) -> Node:
    return {"dialects": [{"dialect": "ANSI_SQL", "expression": sql}]}


def _extension(**data: Any) -> list[Node]:
    return [{"vendor_name": "DBT", "data": json.dumps(data, ensure_ascii=False, sort_keys=True)}]


def _described(node: Node, **texts: Any) -> Node:
    """The node with the texts that are not empty."""
    return node | {name: text for name, text in texts.items() if text}


def dataset(model: Node) -> Node:
    """A semantic model as a dataset: entities, dimensions and the rows of its measures are fields."""
    fields: dict[str, Node] = {}
    for entity in model["entities"]:
        expression = entity["expr"] or entity["name"]
        fields[entity["name"]] = _described(
            {"name": entity["name"], "expression": _expression(expression), "dimension": {"is_time": False}},
            description=entity["description"],
            label=entity["label"],
        )
    for dimension in model["dimensions"]:
        fields[dimension["name"]] = _described(
            {
                "name": dimension["name"],
                "expression": _expression(dimension["expr"] or dimension["name"]),
                "dimension": {"is_time": dimension["type"] == "time"},
            },
            description=dimension["description"],
            label=dimension["label"],
        )
    for measure in model["measures"]:
        fields[measure["name"]] = _described(
            {"name": measure["name"], "expression": _expression(measure["expr"] or measure["name"])},
            description=measure["description"],
            label=measure["label"],
        )
    relation = model["node_relation"]
    found = {
        "name": model["name"],
        "source": f"{relation['schema_name']}.{relation['alias']}",
        "description": model["description"],
        "fields": list(fields.values()),
    }
    key = next((entity for entity in model["entities"] if entity["type"] == "primary"), None)
    if key:
        found["primary_key"] = [key["expr"] or key["name"]]
    return found


def relationships(models: Iterable[Node]) -> list[Node]:
    """Foreign entities against the first dataset of which they are the key."""
    models = list(models)
    keys: dict[str, tuple[str, str]] = {}
    for model in models:
        for entity in model["entities"]:
            if entity["type"] == "primary":
                keys.setdefault(entity["name"], (model["name"], entity["expr"] or entity["name"]))
    found = []
    for model in models:
        for entity in model["entities"]:
            target = keys.get(entity["name"])
            if target and target[0] != model["name"]:
                found.append(
                    {
                        "name": f"{model['name']}_to_{target[0]}",
                        "from": model["name"],
                        "to": target[0],
                        "from_columns": [entity["expr"] or entity["name"]],
                        "to_columns": [target[1]],
                    }
                )
    return found


class Metrics:
    """Writes metrics as expressions over the fields of datasets.

    Args:
        manifest: The semantic manifest.
    """

    def __init__(self, manifest: Node) -> None:
        self.metrics = {metric["name"]: metric for metric in manifest["metrics"]}
        self.measures = {
            measure["name"]: (model["name"], measure)
            for model in manifest["semantic_models"]
            for measure in model["measures"]
        }

    def _simple(self, metric: Node, filters: list[str]) -> str:
        place, measure = self.measures[metric["type_params"]["measure"]["name"]]
        field = f"{place}.{measure['name']}"
        if filters:
            condition = " AND ".join(DIMENSION.sub(lambda m: f"{place}.{m[2]}", text) for text in filters)
            field = f"CASE WHEN {condition} THEN {field} END"
        sql = AGGREGATES[measure["agg"]].format(field)
        fill = metric["type_params"]["measure"]["fill_nulls_with"]
        return sql if fill is None else f"COALESCE({sql}, {fill})"

    def sql(self, name: str, filters: Iterable[str] = ()) -> str:
        """The expression of a metric.

        Args:
            name: The metric.
            filters: Conditions of the metrics that ask for it.
        """
        metric = self.metrics[name]
        own = [part["where_sql_template"] for part in (metric["filter"] or {}).get("where_filters", [])]
        filters = [*filters, *own]
        parameters = metric["type_params"]
        if metric["type"] == "simple":
            return self._simple(metric, filters)
        if metric["type"] == "ratio":
            above, below = (self.sql(parameters[part]["name"], filters) for part in ("numerator", "denominator"))
            return f"CAST({above} AS DOUBLE PRECISION) / NULLIF({below}, 0)"
        if metric["type"] == "derived":
            parts = {part["alias"] or part["name"]: self.sql(part["name"], filters) for part in parameters["metrics"]}
            return re.sub(r"\b\w+\b", lambda m: f"({parts[m[0]]})" if m[0] in parts else m[0], parameters["expr"])
        raise GovernanceError(f"metric {name} is {metric['type']}: the exchange format is only written of simple ones")

    def stocks(self, name: str) -> list[str]:
        """Measures of a metric that are not added up over time."""
        used = {part["name"] for part in self.metrics[name]["type_params"]["input_measures"]}
        return sorted(part for part in used if self.measures[part][1]["non_additive_dimension"])

    def export(self, name: str, definition: Cells | None) -> Node:
        """A metric with what the dictionary says of its KPI."""
        metric = self.metrics[name]
        texts = [metric["description"] or metric["label"] or name]
        context: Node = {"synonyms": [text for text in (metric["label"],) if text]}
        extension: Node = {"type": metric["type"]}
        if definition:
            texts = [definition["definition_en"]]
            names = [definition["kpi_name_en"], definition["kpi_name_zh"], *context["synonyms"]]
            context["synonyms"] = list(dict.fromkeys(names))
            context["definition_zh"] = definition["definition_zh"]
            extension |= {"kpi_id": definition["kpi_id"], "version": int(definition["version"])}
        if stocks := self.stocks(name):
            context["instructions"] = "A stock: of a period take the rows of its last day only, never a sum over days."
            extension["not_additive_over_time"] = stocks
        return {
            "name": name,
            "expression": _expression(self.sql(name)),
            "description": texts[0],
            "ai_context": context,
            "custom_extensions": _extension(**extension),
        }


def definition_of(book: Dictionary, metric: str) -> Cells | None:
    """The dictionary's row of the version that a metric states, or None for a part of a KPI."""
    kpi_id = metric.removesuffix("_by_slice").removesuffix("_v1")
    rows = [row for row in book.definitions() if row["kpi_id"] == kpi_id and row["status"] != "draft"]
    if not rows:
        return None
    rows.sort(key=lambda row: int(row["version"]))
    return rows[0] if metric.endswith("_v1") else rows[-1]


def export(manifest: Mapping[str, Any], book: Dictionary) -> Node:
    """The exchange document.

    Args:
        manifest: `semantic_manifest.json` as dbt wrote it.
        book: The dictionary, for definitions.
    """
    writer = Metrics(dict(manifest))
    models = manifest["semantic_models"]
    return {
        "version": OSI_VERSION,
        "name": "kpi_warehouse",
        "description": "Governed KPIs of e-commerce, manufacturing and consumer credit, over their facts.",
        "ai_context": {
            "instructions": "Times are business-local. Rates are fractions. Ratios are sums over sums at the grain "
            "asked for, never means of ratios."
        },
        "datasets": [dataset(model) for model in models],
        "relationships": relationships(models),
        "metrics": [writer.export(name, definition_of(book, name)) for name in writer.metrics],
    }


def read_manifest(root: Path) -> Node:
    """The semantic manifest of the project, parsed anew.

    Raises:
        GovernanceError: dbt cannot read the project.
    """
    from kpi_warehouse.build import run_dbt

    if not (result := run_dbt(["parse"], root)).success:
        raise GovernanceError(f"dbt cannot read the project: {result.exception}")
    target = root / os.environ.get("DBT_TARGET_PATH", "target")
    manifest: Node = json.loads((target / "semantic_manifest.json").read_text(encoding="utf-8"))
    return manifest


@click.command("osi")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write (.yml or .json).")
def osi_command(out: Path | None) -> None:
    """Write the semantic layer in the Open Semantic Interchange format.

    YAML, or JSON where the file's name ends so; without --out it is printed.
    """
    root = project_root()
    document = export(read_manifest(root), Dictionary(root))
    if out and out.suffix == ".json":
        text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    else:
        text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=120)
    if out is None:
        click.echo(text, nl=False)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    click.echo(
        f"{out}: {len(document['datasets'])} datasets, {len(document['relationships'])} relationships, "
        f"{len(document['metrics'])} metrics"
    )
