"""The Open Semantic Interchange export: the documented structure, references that resolve, numbers that agree."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from kpi_warehouse.governance.osi import export
from kpi_warehouse.governance.seeds import Dictionary

from .conftest import ROOT, Built, run_kpi
from .support.metrics import Engine

#: What the core specification (draft 0.2.0, one semantic model a document) knows, and demands, of each kind of node.
ALLOWED = {
    "document": (
        {
            "version",
            "name",
            "description",
            "ai_context",
            "datasets",
            "relationships",
            "metrics",
            "custom_extensions",
        },
        {"version", "name", "datasets"},
    ),
    "dataset": (
        {
            "name",
            "source",
            "primary_key",
            "unique_keys",
            "description",
            "ai_context",
            "fields",
            "custom_extensions",
        },
        {"name", "source"},
    ),
    "field": (
        {"name", "expression", "dimension", "label", "description", "datatype", "ai_context", "custom_extensions"},
        {"name", "expression"},
    ),
    "metric": (
        {"name", "expression", "description", "datatype", "ai_context", "custom_extensions"},
        {"name", "expression"},
    ),
    "relationship": (
        {"name", "from", "to", "from_columns", "to_columns", "ai_context", "custom_extensions"},
        {"name", "from", "to", "from_columns", "to_columns"},
    ),
}
#: What is a text where it is there, and what is a list of texts.
TEXTS = {"version", "name", "source", "description", "label", "from", "to"}
LISTS = {"primary_key", "from_columns", "to_columns"}
REFERENCE = re.compile(r"\b([a-z_]+)\.([a-z_0-9]+)\b")


def misshapen(kind: str, node: dict[str, Any]) -> list[str]:
    """How a node breaks the specification."""
    allowed, required = ALLOWED[kind]
    name = node.get("name", kind)
    found = [f"{name}: unknown {key}" for key in set(node) - allowed]
    found += [f"{name}: lacks {key}" for key in required - set(node)]
    found += [
        f"{name}: {key} is no text" for key in TEXTS & set(node) if not (isinstance(node[key], str) and node[key])
    ]
    for key in LISTS & set(node):
        if not isinstance(node[key], list) or not node[key] or not all(isinstance(part, str) for part in node[key]):
            found.append(f"{name}: {key} is no list of texts")
    if "expression" in node:
        dialects = node["expression"].get("dialects") or []
        if set(node["expression"]) != {"dialects"} or not dialects:
            found.append(f"{name}: expression")
        for part in dialects:
            if set(part) != {"dialect", "expression"} or part["dialect"] != "ANSI_SQL" or not part["expression"]:
                found.append(f"{name}: dialect")
    if not isinstance(node.get("dimension", {}).get("is_time", False), bool) or set(node.get("dimension", {})) - {
        "is_time"
    }:
        found.append(f"{name}: dimension")
    context = node.get("ai_context", {})
    if not isinstance(context.get("instructions", ""), str) or not isinstance(context.get("synonyms", []), list):
        found.append(f"{name}: ai_context")
    for part in node.get("custom_extensions", []):
        if set(part) != {"vendor_name", "data"} or not isinstance(json.loads(part["data"]), dict):
            found.append(f"{name}: extension")
    return found


@pytest.fixture(scope="module")
def manifest(demo: Built) -> Path:
    return Path(demo.environment["DBT_TARGET_PATH"]) / "semantic_manifest.json"


@pytest.fixture(scope="module")
def document(manifest: Path) -> dict[str, Any]:
    return export(json.loads(manifest.read_text(encoding="utf-8")), Dictionary(ROOT))


@pytest.fixture(scope="module")
def model(document: dict[str, Any]) -> dict[str, Any]:
    return document


def test_the_structure_is_the_documented_one(model: dict[str, Any]) -> None:
    found = misshapen("document", model)
    assert model["version"] == "0.2.0.dev0"
    for kind in ("dataset", "metric", "relationship"):
        for node in model[f"{kind}s"]:
            found += misshapen(kind, node)
    for node in (field for dataset in model["datasets"] for field in dataset["fields"]):
        found += misshapen("field", node)
    assert found == []
    assert model["datasets"] and model["metrics"] and model["relationships"]


@pytest.mark.parametrize(
    ("kind", "node"),
    [
        ("metric", {"name": "x", "expression": {"dialects": []}}),
        ("metric", {"name": "x", "expression": {"dialects": [{"expression": "1"}]}}),
        ("field", {"name": "x"}),
        ("dataset", {"name": "x", "source": "y", "table": "z"}),
        ("dataset", {"name": "x", "source": "y", "primary_key": "id"}),
        ("dataset", {"name": "x", "source": ""}),
        ("field", {"name": "x", "expression": {"dialects": [{"dialect": "DUCKDB", "expression": "1"}]}}),
        ("document", {"version": "0.2.0.dev0", "semantic_model": [{"name": "x", "datasets": []}]}),
    ],
)
def test_a_misshapen_node_is_found_out(kind: str, node: dict[str, Any]) -> None:
    assert misshapen(kind, node)


def test_names_are_unique_and_references_resolve(model: dict[str, Any]) -> None:
    fields = {dataset["name"]: [field["name"] for field in dataset["fields"]] for dataset in model["datasets"]}
    columns = {
        dataset["name"]: {field["expression"]["dialects"][0]["expression"] for field in dataset["fields"]}
        for dataset in model["datasets"]
    }
    assert len(fields) == len(model["datasets"])
    assert [name for name, own in fields.items() if len(set(own)) != len(own)] == []
    names = [metric["name"] for metric in model["metrics"]]
    assert len(set(names)) == len(names)
    for metric in model["metrics"]:
        references = REFERENCE.findall(metric["expression"]["dialects"][0]["expression"])
        assert references, metric["name"]
        assert [r for r in references if r[1] not in fields.get(r[0], [])] == [], metric["name"]
    for relationship in model["relationships"]:
        assert set(relationship["from_columns"]) <= columns[relationship["from"]], relationship["name"]
        assert set(relationship["to_columns"]) <= columns[relationship["to"]], relationship["name"]


def test_metrics_carry_the_definitions_of_the_dictionary(model: dict[str, Any]) -> None:
    metrics = {metric["name"]: metric for metric in model["metrics"]}
    book = Dictionary(ROOT)
    for name, version in (("ec_cvr", 2), ("ec_cvr_v1", 1)):
        definition = book.version("ec_cvr", version)
        assert metrics[name]["description"] == definition["definition_en"]
        assert metrics[name]["ai_context"]["definition_zh"] == definition["definition_zh"]
        assert definition["kpi_name_zh"] in metrics[name]["ai_context"]["synonyms"]
    assert "stock" in metrics["cr_dpd30_rate"]["ai_context"]["instructions"]


def test_expressions_give_the_numbers_of_the_semantic_layer(demo: Built, manifest: Path, model: dict[str, Any]) -> None:
    """Every expression over one dataset that adds up, run as it stands."""
    engine = Engine(manifest)
    datasets = {dataset["name"]: dataset for dataset in model["datasets"]}
    expressions: dict[str, dict[str, str]] = {}
    for metric in model["metrics"]:
        expression = metric["expression"]["dialects"][0]["expression"]
        used = {name for name, _ in REFERENCE.findall(expression)}
        if len(used) == 1 and "instructions" not in metric["ai_context"]:
            expressions.setdefault(used.pop(), {})[metric["name"]] = expression
    assert sum(map(len, expressions.values())) > len(model["metrics"]) / 2
    with duckdb.connect(str(demo.warehouse), read_only=True) as db:
        for name, metrics in expressions.items():
            fields = ", ".join(
                f"{field['expression']['dialects'][0]['expression']} as {field['name']}"
                for field in datasets[name]["fields"]
            )
            selected = ", ".join(metrics.values())
            query = f"select {selected} from (select {fields} from {datasets[name]['source']}) as {name}"
            exported = db.execute(query).fetchall()[0]
            cursor = db.execute(engine.sql(list(metrics), []))
            asked = dict(zip([column[0] for column in cursor.description], cursor.fetchall()[0], strict=True))
            for metric, value in zip(metrics, exported, strict=True):
                assert math.isclose(float(value), float(asked[metric]), rel_tol=1e-9), metric


@pytest.mark.long
def test_the_command_writes_yaml_and_json(demo: Built, tmp_path: Path) -> None:
    for name, read in (("semantic.yml", yaml.safe_load), ("semantic.json", json.loads)):
        out = tmp_path / name
        assert "datasets" in run_kpi("osi", "--out", str(out), **demo.environment).stdout
        assert read(out.read_text(encoding="utf-8"))["metrics"]
