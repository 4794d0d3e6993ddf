"""`kpi lineage`: columns are followed through unions, common table expressions, windows and joins, and no further."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kpi_warehouse.cli import main
from kpi_warehouse.governance.column_lineage import Column, ColumnLineage, read_project
from kpi_warehouse.governance.store import GovernanceError

from .conftest import ROOT, Built


def node(name: str, columns: str, sql: str | None = None, *after: str) -> dict[str, Any]:
    kind = "model" if sql else "seed"
    return {
        "unique_id": f"{kind}.p.{name}", "resource_type": kind, "name": name, "alias": name, "schema": "s", "database": "d",
        "columns": {column: {"data_type": "text"} for column in columns.split()}, "compiled_code": sql,
        "depends_on": {"nodes": list(after)},
    }  # fmt: skip


@pytest.fixture
def book() -> ColumnLineage:
    """A raw table, its judged rows, a lookup, and a model that uses most of what models use."""
    raw = {
        "unique_id": "source.p.shop.orders", "resource_type": "source", "source_name": "shop", "name": "orders",
        "identifier": "orders", "schema": "raw_shop", "database": "d", "columns": {"order_id": {}, "amount": {}},
    }  # fmt: skip
    nodes = [
        node("base_shop__orders", "order_id amount reason", "select a as order_id, b as amount, 'x' as reason "
             "from read_parquet('orders/*')", "source.p.shop.orders"),
        node("rates", "currency rate"),
        node(
            "fct_sales",
            "order_id net rank_no kind fixed",
            """with
            orders as (select * from "d"."s"."base_shop__orders"),
            rates as (select * from "d"."s"."rates"),
            priced as (
                select orders.order_id, orders.amount * rates.rate as net, orders.amount as plain
                from orders inner join rates on rates.currency = 'EUR'
                where orders.reason is null
            ),
            both_kinds as (
                select order_id, net, plain, 'sale' as kind from priced
                union all
                select order_id, -net as net, plain, 'return' as kind from priced
            )
            select order_id, net, row_number() over (partition by kind order by plain) as rank_no, kind, 1 as fixed
            from both_kinds""",
            "model.p.base_shop__orders",
            "seed.p.rates",
        ),
    ]  # fmt: skip
    child_map = {
        raw["unique_id"]: ["model.p.base_shop__orders"],
        "model.p.base_shop__orders": ["model.p.fct_sales", "test.p.something"],
        "seed.p.rates": ["model.p.fct_sales"],
        "model.p.fct_sales": [],
    }
    manifest = {
        "metadata": {"adapter_type": "duckdb"},
        "nodes": {entry["unique_id"]: entry for entry in nodes},
        "sources": {raw["unique_id"]: raw},
        "child_map": child_map,
    }
    return ColumnLineage(manifest)


@pytest.mark.parametrize(
    ("column", "parents"),
    [
        ("fct_sales.order_id", ["base_shop__orders.order_id"]),
        ("fct_sales.net", ["base_shop__orders.amount", "rates.rate"]),
        ("fct_sales.rank_no", ["base_shop__orders.amount"]),
        ("fct_sales.kind", []),
        ("fct_sales.fixed", []),
        ("base_shop__orders.amount", ["shop.orders.amount"]),
        ("base_shop__orders.reason", []),
        ("rates.rate", []),
        ("shop.orders.amount", []),
    ],
)
def test_the_columns_behind_a_column(book: ColumnLineage, column: str, parents: list[str]) -> None:
    assert [str(parent) for parent in book.parents(book.column(column))] == parents


def test_a_walk_goes_to_the_raw_table_and_back(book: ColumnLineage) -> None:
    up = [(distance, str(column)) for distance, column in book.walk(book.column("fct_sales.net"))]
    assert up == [(1, "base_shop__orders.amount"), (1, "rates.rate"), (2, "shop.orders.amount")]
    assert len(list(book.walk(book.column("fct_sales.net"), depth=1))) == 2
    down = [(distance, str(column)) for distance, column in book.walk(book.column("shop.orders.amount"), down=True)]
    assert down == [(1, "base_shop__orders.amount"), (2, "fct_sales.net"), (2, "fct_sales.rank_no")]


def test_what_is_not_there_is_said(book: ColumnLineage) -> None:
    with pytest.raises(GovernanceError, match="fct_sales"):
        book.column("fct_sale.net")
    with pytest.raises(GovernanceError, match="rank_no"):
        book.column("fct_sales.rank")
    with pytest.raises(GovernanceError, match="model.column"):
        book.column("fct_sales")


def test_compiled_files_serve_where_the_manifest_holds_no_sql(book: ColumnLineage, tmp_path: Path) -> None:
    node = book.manifest["nodes"]["model.p.fct_sales"]
    sql, node["compiled_code"] = node["compiled_code"], None
    node |= {"package_name": "p", "original_file_path": "models/fct_sales.sql"}
    bare = ColumnLineage(book.manifest, tmp_path)
    with pytest.raises(GovernanceError, match="not compiled"):
        bare.parents(bare.column("fct_sales.net"))
    (tmp_path / "p" / "models").mkdir(parents=True)
    (tmp_path / "p" / "models" / "fct_sales.sql").write_text(sql, encoding="utf-8")
    assert len(bare.parents(bare.column("fct_sales.net"))) == 2


@pytest.fixture(scope="module")
def project(demo: Built) -> ColumnLineage:
    return read_project(Path(demo.environment["DBT_TARGET_PATH"]))


def test_a_published_column_is_traced_to_its_raw_tables(project: ColumnLineage) -> None:
    behind = {str(column) for _, column in project.walk(project.column("fct_orders.margin_amount"))}
    assert {"ecommerce.orders.cost_amount", "ecommerce.orders.paid_amount", "ecommerce.refunds.amount"} <= behind
    assert not any(name.startswith(("credit.", "manufacturing.")) for name in behind)
    assert "kpi_targets.target_value" in {str(c) for c in project.parents(project.column("kpi_scorecard.target_value"))}


def test_the_command(demo: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_TARGET_PATH", demo.environment["DBT_TARGET_PATH"])
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(main, ["lineage", "fct_orders.paid_amount"])
    assert done.exit_code == 0 and done.output.splitlines()[-1].strip() == "← ecommerce.orders.paid_amount"
    listed = json.loads(CliRunner().invoke(main, ["lineage", "fct_orders", "--json"]).output)
    assert listed["fct_orders.paid_amount"] == ["int_ecommerce__orders.paid_amount"]
    assert CliRunner().invoke(main, ["lineage", "fct_orders.paid"]).exit_code == 1


@pytest.mark.long
def test_every_column_of_the_project_is_traced(project: ColumnLineage) -> None:
    """No SQL of the project is beyond the parser; but for counts and constants the columns of the marts come from somewhere."""
    models = [name for name, entry in project.nodes.items() if entry["resource_type"] == "model"]
    found = project.export(models)
    assert len(found) > 1000
    assert set(found) == {str(Column(name, column)) for name in models for column in project.columns(name)}
    marts = {c: p for c, p in found.items() if project.nodes[c.split(".")[0]]["path"].startswith("marts/")}
    orphans = [column for column, parents in marts.items() if not parents]
    assert len(orphans) < len(marts) / 10, orphans
    # none of them is a figure that is read from somewhere
    assert not [name for name in orphans if name.endswith(("_amount", "_at", "_rate", "_cost", "_seconds"))], orphans
