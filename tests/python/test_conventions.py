"""The house rules: dbt-bouncer on the manifest, and that its rules bite."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kpi_warehouse.sync import MARKER

from .conftest import ROOT, Built


def parse(project: Path, target: Path) -> None:
    """Writes target/manifest.json."""
    environment = {**os.environ, "DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target / "logs")}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "dbt.cli.main",
            "parse",
            "--quiet",
            "--no-partial-parse",
            "--project-dir",
            str(project),
            "--profiles-dir",
            str(project),
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def bounce(project: Path, target: Path, out: Path) -> tuple[int, str]:
    """Exit status and failures of dbt-bouncer on a parsed project."""
    config = out / "dbt-bouncer.yml"
    text = (project / "dbt-bouncer.yml").read_text(encoding="utf-8")
    config.write_text(text.replace("dbt_artifacts_dir: target", f"dbt_artifacts_dir: {target}"), encoding="utf-8")
    report = out / "report.json"
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt-bouncer"),
            "run",
            "--config-file",
            str(config),
            "--output-file",
            str(report),
            "--output-format",
            "json",
            "--show-all-failures",
        ],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "400"},
    )
    return done.returncode, (report.read_text(encoding="utf-8") if report.exists() else "") + done.stdout


def test_models_keep_the_conventions(tmp_path: Path) -> None:
    parse(ROOT, tmp_path / "target")
    status, output = bounce(ROOT, tmp_path / "target", tmp_path)
    assert status == 0, output[-4000:]


BAD_MODELS = {
    "models/intermediate/credit/int_credit__sideways.sql": "select * from {{ ref('stg_ecommerce__orders') }}",
    "models/intermediate/credit/wrong_name.sql": "select * from {{ ref('stg_credit__accounts') }}",
    "models/intermediate/credit/int_credit__clock.sql": "select current_date as day from {{ ref('stg_credit__accounts') }}",
    "models/intermediate/credit/int_credit__engine.sql": "{% if target.type == 'spark' %}select 1 as a{% else %}select 2 as a{% endif %}",
    "models/marts/credit/fct_hidden.sql": "{{ config(access='protected') }} select * from {{ ref('stg_credit__accounts') }}",
    "models/marts/credit/fct_without_contract.sql": "select * from {{ ref('stg_credit__accounts') }}",
}


@pytest.mark.long
def test_each_convention_bites(project_copy: Path, tmp_path: Path) -> None:
    for name, sql in BAD_MODELS.items():
        (project_copy / name).write_text(sql, encoding="utf-8")
    parse(project_copy, tmp_path / "target")
    status, output = bounce(project_copy, tmp_path / "target", tmp_path)
    assert status != 0
    for rule, model in {
        "check_lineage_permitted_upstream_models": "int_credit__sideways",
        "check_model_names": "wrong_name",
        "check_model_code_does_not_contain_regexp_pattern": "int_credit__clock",
        "check_model_has_properties_file": "int_credit__engine",
        "check_model_has_contracts_enforced": "fct_without_contract",
        "check_model_has_tests_by_name": "fct_without_contract",
        "check_model_access": "fct_hidden",
    }.items():
        assert any(rule in line and model in line for line in output.replace("},", "},\n").splitlines()), (rule, model)


def test_every_column_of_every_model_is_described(demo: Built) -> None:
    """Columns in the warehouse against those in the YAML files (dbt itself checks contracts from marts on)."""
    import yaml

    described: dict[str, set[str]] = {}
    for path in (ROOT / "models").rglob("*.yml"):
        for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models", []):
            described[model["name"]] = {column["name"].lower() for column in model.get("columns", [])}
    missing = [
        f"{table}.{column}"
        for table, column in demo.rows(
            """select table_name, lower(column_name) from information_schema.columns
            where table_schema in ('staging', 'intermediate', 'kpis', 'marts') and table_name <> 'dq_results'"""
        )
        if column not in described.get(table.rpartition("_v")[0] if table[-2:] in ("v1", "v2") else table, set())
    ]
    assert not missing, missing[:40]


#: `*` in a select list: alone or of a relation, but not in count(*).
STAR = re.compile(r"(?:^|[\s,(])(?:\w+\.)?\*(?=\s*(?:$|,|from\b))", re.MULTILINE)
IMPORT = re.compile(r"^\s*select \* from \{\{ ref\(", re.MULTILINE)


def stars(sql: str) -> int:
    """How often a select list holds `*` beyond import CTEs."""
    code = re.sub(r"--[^\n]*|\{#.*?#\}", "", sql, flags=re.DOTALL)
    return len(STAR.findall(IMPORT.sub("", code)))


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select * from {{ ref('a') }}\n    where b = 1", 0),
        ("select count(*) as n, 2 * b as c from d", 0),
        ("-- select * from a\nselect b from a", 0),
        ("select * from a", 1),
        ("select\n    a.*,\n    b\nfrom a", 1),
        ("select a.* from a union all select * from b", 2),
        ("select b, a.*\nfrom a", 1),
    ],
)
def test_a_star_in_a_select_list_is_found(sql: str, found: int) -> None:
    assert stars(sql) == found


def test_select_lists_are_spelled_out() -> None:
    """`select *` only in import CTEs (docs/conventions.md)."""
    found = {
        str(path.relative_to(ROOT)): stars(path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / "models").rglob("*.sql"))
        if MARKER not in path.read_text(encoding="utf-8")
    }
    assert found
    assert not any(found.values()), {path: count for path, count in found.items() if count}
