"""dbt's documentation is complete: everything described, owned, and read by somebody; the catalog holds it all."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import ROOT, Built

Node = dict[str, Any]


@pytest.fixture(scope="module")
def manifest(demo: Built) -> Node:
    path = Path(demo.environment["DBT_TARGET_PATH"]) / "manifest.json"
    return json.loads(path.read_text(encoding="utf-8"))


def models(manifest: Node) -> list[Node]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def undescribed(nodes: list[Node]) -> list[str]:
    """Nodes and columns without a description."""
    found = [node["unique_id"] for node in nodes if not node["description"].strip()]
    return found + [
        f"{node['unique_id']}.{name}"
        for node in nodes
        for name, column in node["columns"].items()
        if not column["description"].strip()
    ]


def test_every_node_and_column_is_described(manifest: Node) -> None:
    documented = [n for n in manifest["nodes"].values() if n["resource_type"] in ("model", "seed")]
    assert undescribed([*documented, *manifest["sources"].values()]) == []
    assert [node["name"] for node in documented if not node["columns"]] == []
    for kind in ("exposures", "semantic_models"):
        assert [node["name"] for node in manifest[kind].values() if not (node["description"] or "").strip()] == []
    mine = [m for m in manifest["macros"].values() if m["package_name"] == "kpi_warehouse"]
    assert mine


def test_a_missing_description_is_found_out() -> None:
    node = {"unique_id": "model.x", "description": "d", "columns": {"a": {"description": " "}}}
    assert undescribed([node]) == ["model.x.a"]
    assert undescribed([{**node, "description": "", "columns": {}}]) == ["model.x"]


def test_every_model_has_a_group_with_an_owner_and_an_access_level(manifest: Node) -> None:
    contacts = {row["contact"] for row in csv.DictReader((ROOT / "seeds/dictionary/owners.csv").open(encoding="utf-8"))}
    owners = {group["name"]: group["owner"] for group in manifest["groups"].values()}
    assert set(owners) == {"ecommerce", "manufacturing", "credit", "governance"}
    assert {owner["email"] for owner in owners.values()} <= contacts
    for model in models(manifest):
        layer, domain = model["original_file_path"].split("/")[1:3]
        expected = domain if domain in owners else "governance"
        assert model["group"] == expected, model["name"]
        private = layer == "staging" and model["name"].startswith("base_")
        access = "private" if private else "public" if layer in ("marts", "governance") else "protected"
        assert model["access"] == access, model["name"]
    for exposure in manifest["exposures"].values():
        assert exposure["owner"]["email"] in contacts and exposure["owner"]["name"], exposure["name"]


def test_every_public_model_is_read_by_an_exposure(manifest: Node) -> None:
    read = {name for exposure in manifest["exposures"].values() for name in exposure["depends_on"]["nodes"]}
    public = {model["unique_id"] for model in models(manifest) if model["access"] == "public"}
    assert public and sorted(public - read) == []
    assert sorted(read - public) == []


@pytest.mark.long
def test_the_catalog_covers_every_model_and_column(demo: Built, tmp_path: Path) -> None:
    target = tmp_path / "target"
    shutil.copytree(demo.environment["DBT_TARGET_PATH"], target, ignore=shutil.ignore_patterns("compiled", "run"))
    # other tests read the warehouse meanwhile; a copy keeps its name, for views refer to it
    warehouse = tmp_path / demo.warehouse.name
    shutil.copyfile(demo.warehouse, warehouse)
    own = {"KPI_WAREHOUSE": str(warehouse), "DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(tmp_path)}
    environment = {**os.environ, **demo.environment, **own}
    done = subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "docs", "generate", "--quiet", "--no-compile", "--project-dir", str(ROOT),
         "--profiles-dir", str(ROOT)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    catalog = json.loads((target / "catalog.json").read_text(encoding="utf-8"))["nodes"]
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    expected = {name for name, node in manifest.items() if node["resource_type"] in ("model", "seed")}
    assert expected - set(catalog) == set()
    for name in expected:
        described = {column.lower() for column in manifest[name]["columns"]}
        assert {column.lower() for column in catalog[name]["columns"]} == described, name
