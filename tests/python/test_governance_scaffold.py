"""`kpi new`: what it writes builds, and fits the dictionary and the input contract."""

from __future__ import annotations

import csv
import dataclasses
import shutil
from pathlib import Path

import duckdb
import pytest
import yaml
from click.testing import CliRunner

from kpi_warehouse.cli import main
from kpi_warehouse.governance.scaffold import KINDS, Answers, new_domain, new_kpi, sql_of, to_wire
from kpi_warehouse.governance.seeds import Dictionary
from kpi_warehouse.governance.store import GovernanceError
from kpi_warehouse.quality.frozen import broken
from kpi_warehouse.sync import sync

from .conftest import Built, run_kpi

SHARE = Answers(
    kpi_id="cr_partner_share",
    name_en="Share of partner applications",
    name_zh="合作渠道申请占比",
    kind="ratio",
    unit="ratio",
    direction="in_range",
    definition_en="Applications that came through partners: a share of all applications.",
    definition_zh="合作渠道申请占比 = 合作渠道申请数 / 申请数。",
    sources=("credit.applications",),
    owner="credit_operations",
    data_owner="data",
    measure="applications.channel = 'partner'",
    dimensions=("all", "product_line", "customer_type+product_line"),
)


def test_a_scaffolded_kpi_is_a_draft_with_its_files(project_copy: Path) -> None:
    sync(project_copy)
    written = {path.relative_to(project_copy).as_posix() for path in new_kpi(project_copy, SHARE)}
    assert written == {
        "seeds/dictionary/metric_definitions_credit.csv",
        "seeds/dictionary/metric_translations.csv",
        "seeds/dictionary/plausible_ranges.csv",
        "models/kpis/credit/kpi_cr_partner_share.sql",
        "models/kpis/credit/kpi_cr_partner_share.yml",
    }
    row = Dictionary(project_copy).version("cr_partner_share", 1)
    optional = {"parallel_from", "effective_from", "effective_to", "supersedes_version"}
    assert row["status"] == "draft" and [c for c, cell in row.items() if not cell and c not in optional] == []
    (model,) = yaml.safe_load((project_copy / "models/kpis/credit/kpi_cr_partner_share.yml").read_text())["models"]
    values = yaml.safe_load((project_copy / "models/governance/kpi_values.yml").read_text())["models"][0]
    assert model["columns"] == values["columns"] and model["config"]["contract"]["enforced"]
    assert broken(project_copy) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kpi_id": "cr_dpd30_rate"}, "in the dictionary already"),
        ({"kpi_id": "Share"}, "begins with no domain's prefix"),
        ({"kpi_id": "cr_Share"}, "reads like"),
        ({"kpi_id": "zz_share"}, "ec_ .ecommerce."),
        ({"sources": ("credit.aplications",)}, "credit.applications"),
        ({"sources": ("ecommerce.events",)}, "no raw table"),
        ({"owner": "credit_operation"}, "credit_operations"),
        ({"dimensions": ("all", "chanel")}, "channel"),
        ({"kind": "mean", "unit": "minutes", "measure": ""}, "needs --measure"),
        ({"unit": "count"}, "does not come in the unit"),
        ({"kind": "count"}, "does not come in the unit"),
    ],
)
def test_answers_that_fit_nothing_are_refused(project_copy: Path, changes: dict, words: str) -> None:
    with pytest.raises(GovernanceError, match=words):
        new_kpi(project_copy, dataclasses.replace(SHARE, **changes))
    assert not (project_copy / "models/kpis/credit/kpi_cr_partner_share.sql").exists()


def test_a_scaffold_overwrites_nothing(project_copy: Path) -> None:
    path = project_copy / "models/kpis/credit/kpi_cr_partner_share.sql"
    path.write_text("mine")
    with pytest.raises(GovernanceError, match="exists already"):
        new_kpi(project_copy, SHARE)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_says_what_it_lacks(kind: str) -> None:
    table = {"name": "orders", "columns": [{"name": "paid_at", "data_type": "ts"}]}
    answers = dataclasses.replace(SHARE, kind=kind, measure="", dimensions=("all",))
    assert "TODO" in sql_of(answers, "ecommerce", table)
    assert "TODO" not in sql_of(dataclasses.replace(answers, measure="orders.paid_amount"), "ecommerce", table)
    assert "own clock" in sql_of(answers, "manufacturing", table)


def test_a_scaffolded_kpi_is_released_and_counts(
    project_copy: Path, demo: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = tmp_path / demo.warehouse.name
    shutil.copyfile(demo.warehouse, warehouse)
    # other KPIs and their checks only cost time here
    for part in ("models/kpis", "models/marts", "models/semantic", "tests/data", "analyses"):
        shutil.rmtree(project_copy / part, ignore_errors=True)
    (project_copy / "models/exposures.yml").unlink()
    for path in (project_copy / "models/governance").glob("*"):
        if path.stem != "kpi_values":
            path.unlink()
    monkeypatch.chdir(project_copy)
    done = CliRunner().invoke(
        main,
        [
            "new", "kpi", SHARE.kpi_id, "--kind", "ratio", "--unit", "ratio", "--direction", "in_range",
            "--definition", SHARE.definition_en, "--definition-zh", SHARE.definition_zh, "--sources", SHARE.sources[0],
            "--owner", SHARE.owner, "--data-owner", SHARE.data_owner, "--measure", SHARE.measure,
            "--dimensions", "|".join(SHARE.dimensions), "--grains", "week|month",
        ],
        input=f"{SHARE.name_en}\n{SHARE.name_zh}\n",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    for role in ("kpi_owner", "data", "compliance"):
        step = ["approve", SHARE.kpi_id, "1", "--role", role, "--by", "x@example.com", "--on", "2026-06-20"]
        assert CliRunner().invoke(main, step).exit_code == 0
    assert CliRunner().invoke(main, ["release", SHARE.kpi_id, "1"]).exit_code == 0
    run_kpi(
        "build", "--select", "metric_definitions_credit", "stg_dictionary__definitions", "stg_dictionary__slices",
        f"kpi_{SHARE.kpi_id}", "kpi_values",
        cwd=project_copy, KPI_RAW_ROOT=str(demo.raw), KPI_WAREHOUSE=str(warehouse),
        DBT_TARGET_PATH=str(tmp_path / "target"), DBT_LOG_PATH=str(tmp_path / "logs"),
    )  # fmt: skip
    with duckdb.connect(str(warehouse), read_only=True) as db:
        found = db.execute(
            """select sum(numerator), sum(denominator), count(distinct period_start) from marts.kpi_values
            where kpi_id = 'cr_partner_share' and period_grain = 'month' and dimension = 'product_line'"""
        ).fetchone()
        expected = db.execute(
            """select count(*) filter (where channel = 'partner'), count(*),
            count(distinct date_trunc('month', submitted_at + interval 8 hour)) from staging.stg_credit__applications"""
        ).fetchone()
        grains = db.execute("select distinct period_grain from marts.kpi_values order by 1").fetchall()
    assert found == expected and expected[0] > 0
    assert grains == [("month",), ("week",)]


def test_a_scaffolded_domain_has_its_dictionary_contract_and_clock(project_copy: Path) -> None:
    new_domain(project_copy, "logistics", prefix="lg", name_zh="物流")
    seeds = project_copy / "seeds/dictionary"
    properties = yaml.safe_load((seeds / "_dictionary__seeds.yml").read_text(encoding="utf-8"))
    described = {seed["name"]: seed for seed in properties["seeds"]}
    for path in seeds.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as handle:
            header, *rows = csv.reader(handle)
        assert list(described[path.stem]["config"]["column_types"]) == header, path.stem
        assert all(len(row) == len(header) for row in rows)
    book = Dictionary(project_copy)
    assert "logistics" in book.domains() and book.min_parallel_months("logistics") == 1
    assert set(book.required_roles("logistics")) == {"kpi_owner", "logistics_data"}
    assert broken(project_copy) == []
    written = {path.relative_to(project_copy).as_posix() for path in sync(project_copy).written}
    assert "models/staging/logistics/base/base_logistics__events.sql" in written
    assert any("stg_logistics__events" in name for name in written)


def test_a_scaffolded_domain_takes_kpis_and_says_where_to_name_it(project_copy: Path) -> None:
    new_domain(project_copy, "logistics", prefix="lg", name_zh="物流", table="parcels")
    answers = dataclasses.replace(
        SHARE, kpi_id="lg_parcels", kind="count", unit="count", sources=("logistics.parcels",), measure="",
        owner="logistics_operations", data_owner="logistics_data", dimensions=("all",),
    )  # fmt: skip
    new_kpi(project_copy, answers)
    assert "stg_logistics__parcels" in (project_copy / "models/kpis/logistics/kpi_lg_parcels.sql").read_text()
    wanted = {path.relative_to(project_copy).as_posix() for path in to_wire(project_copy, "logistics")}
    assert {"dbt_project.yml", "models/staging/dictionary/stg_dictionary__definitions.sql"} <= wanted


@pytest.mark.parametrize(
    ("domain", "prefix"), [("credit", "cx"), ("logistics", "cr"), ("Log", "lg"), ("logistics", "l_")]
)
def test_a_taken_or_odd_domain_is_refused(project_copy: Path, domain: str, prefix: str) -> None:
    with pytest.raises(GovernanceError):
        new_domain(project_copy, domain, prefix=prefix, name_zh="物流")
    assert not (project_copy / "models/staging/logistics").exists()
