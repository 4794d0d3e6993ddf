"""Written models: in step with their declarations, and written from nothing else."""

from __future__ import annotations

from pathlib import Path

from kpi_warehouse.sync import kpi_models, planned, sync

from .conftest import ROOT


def test_written_models_are_in_step() -> None:
    assert sync(ROOT, check=True).written == []


def test_every_declared_table_has_its_models() -> None:
    names = {path.name for path in planned(ROOT)}
    assert {"stg_ecommerce__events.sql", "stg_manufacturing__machine_states.sql", "stg_credit__repayments.sql"} <= names


def test_a_changed_declaration_is_out_of_step_until_synchronised(project_copy: Path) -> None:
    declaration = project_copy / "models/staging/credit/_credit__sources.yml"
    declaration.write_text(
        declaration.read_text(encoding="utf-8").replace("Credit applications.", "Applications for credit.", 1), "utf-8"
    )
    stale = {path.name for path in sync(project_copy, check=True).written}
    assert stale == {"stg_credit__applications.yml", "base_credit__applications.yml"}
    sync(project_copy)
    assert sync(project_copy, check=True).written == []


def test_kpi_values_lists_every_kpi_model_and_version(project_copy: Path) -> None:
    folder = project_copy / "models/kpis/credit"
    (folder / "kpi_cr_example_v2.sql").write_text("select 1")
    (folder / "kpi_cr_other.sql").write_text("select 1")
    sync(project_copy)
    text = (project_copy / "models/governance/kpi_values.sql").read_text(encoding="utf-8")
    assert "{{ ref('kpi_cr_example', v=2) }}" in text and "{{ ref('kpi_cr_other') }}" in text
    assert all(f"{{{{ {reference} }}}}" in text for reference in kpi_models(project_copy))
