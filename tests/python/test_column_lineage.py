"""`kpi lineage`: columns are followed through unions, common table expressions, windows and joins, and no further."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlglot import exp
from sqlglot.optimizer.scope import Scope, build_scope

from kpi_warehouse.cli import main
from kpi_warehouse.governance.column_lineage import Column, ColumnLineage, of_kpi, read_project
from kpi_warehouse.governance.store import GovernanceError

from .conftest import ROOT, Built


def node(name: str, columns: str, sql: str | None = None, *after: str) -> dict[str, Any]:
    kind = "model" if sql else "seed"
    return {
        "unique_id": f"{kind}.p.{name}", "resource_type": kind, "name": name, "alias": name, "schema": "s", "database": "d",
        "columns": {column: {"data_type": "text"} for column in columns.split()}, "compiled_code": sql,
        "depends_on": {"nodes": list(after)},
    }  # fmt: skip


def reached(scope: Scope | None) -> list[Scope]:
    """The parts of a query that its last step reads, directly or not."""
    assert scope is not None
    found = [scope]
    for part in found:
        found += part.set_operation_scopes
        found += [] if part.set_operation_scopes else [s for s in part.sources.values() if isinstance(s, Scope)]
    return found


#: A model of six KPIs, told apart in each of the ways that models use.
KPI_MODEL = """
    with slices as (
        select * from "d"."s"."slices" where kpi_id in ('sales', 'orders', 'mean', 'daily', 'joined', 'listed')
    ),
    priced_slices as (select * from slices where kpi_id = 'joined' or kpi_id = 'nothing'),
    listed as (
        select kpi_id, 1 as part, 'first' as kind from slices where kpi_id = 'listed'
        union
        select kpi_id, 2, 'second' from slices where kpi_id = 'daily'
    ),
    counted as (
        select 'sales' as kpi_id, sum(amount) as numerator, null as denominator from "d"."s"."base_shop__orders"
        union all
        select 'orders' as kpi_id, count(*) as numerator, null as denominator
        from "d"."s"."base_shop__orders" where reason is null
        union all
        select slices.kpi_id,
            case slices.kpi_id when 'mean' then sum(orders.amount) when 'daily' then sum(horizon.as_of) end,
            case when slices.kpi_id = 'daily' then max(rates.rate) else sum(1) end
        from "d"."s"."base_shop__orders" as orders
        cross join "d"."s"."rates" as rates
        cross join "d"."s"."int_shop__as_of" as horizon
        inner join slices on slices.kpi_id in ('mean', 'daily')
        group by slices.kpi_id
        union all
        select priced_slices.kpi_id, rates.rate, rates.rate
        from "d"."s"."rates" as rates cross join priced_slices
        union all
        select listed.kpi_id, listed.part, length(listed.kind) from listed where listed.kpi_id = 'listed'
    )
    select counted.kpi_id, counted.numerator, counted.denominator, counted.numerator / counted.denominator as value
    from counted inner join slices on counted.kpi_id = slices.kpi_id
"""


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
        node("slices", "kpi_id version"),
        node("int_shop__as_of", "as_of", 'select max(amount) as as_of from "d"."s"."base_shop__orders"',
             "model.p.base_shop__orders"),
        node("kpi_shop", "kpi_id numerator denominator value", KPI_MODEL, "model.p.base_shop__orders", "seed.p.rates",
             "seed.p.slices", "model.p.int_shop__as_of"),
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
        "seed.p.rates": ["model.p.fct_sales", "model.p.kpi_shop"],
        "seed.p.slices": ["model.p.kpi_shop"],
        "model.p.int_shop__as_of": ["model.p.kpi_shop"],
        "model.p.kpi_shop": [],
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


@pytest.mark.parametrize(
    ("kpi_id", "numerator", "denominator"),
    [
        ("sales", ["shop.orders.amount"], []),
        ("orders", ["shop.orders.*"], []),  # rows are counted
        ("mean", ["shop.orders.amount"], ["shop.orders.*"]),  # the arms of the other KPIs read the rate and the horizon
        ("daily", [], []),  # a lineage does not go through the horizon; a seed is no raw table
        ("joined", [], []),
        ("listed", [], []),
    ],
)
def test_the_raw_columns_behind_one_kpi_of_a_model(
    book: ColumnLineage, kpi_id: str, numerator: list[str], denominator: list[str]
) -> None:
    found = [[str(c) for c in book.behind_kpi("kpi_shop", kpi_id, part)] for part in ("numerator", "denominator")]
    assert found == [numerator, denominator]
    both = {str(c) for c in book.behind_kpi("kpi_shop", kpi_id, "value")}
    assert both == {*numerator, *denominator}


def test_a_kpi_reads_only_its_own_part_of_a_model(book: ColumnLineage) -> None:
    query = book._parse("kpi_shop").query
    for kpi_id, tables in {
        "sales": {"base_shop__orders", "slices"},
        "joined": {"rates", "slices"},
        "mean": {"base_shop__orders", "rates", "int_shop__as_of", "slices"},
        "listed": {"slices"},
    }.items():
        left = of_kpi(query, kpi_id)
        # only what the last step still reaches counts
        assert {t.name for s in reached(build_scope(left)) for t in s.expression.find_all(exp.Table) if t.db} == tables
    assert of_kpi(query, "sales") != query and len(list(query.find_all(exp.Union))) == 5  # the query itself is kept


def test_counted_rows_are_followed_through_their_steps(book: ColumnLineage) -> None:
    book.manifest["nodes"]["model.p.fct_sales"]["compiled_code"] = (
        'with lines as (select order_id from "d"."s"."base_shop__orders" union all select currency from "d"."s"."rates") '
        "select order_id, count(*) as net, 0 as rank_no, 'x' as kind, 1 as fixed from lines group by order_id"
    )
    assert [str(c) for c in book.parents(Column("fct_sales", "net"))] == ["base_shop__orders.*", "rates.*"]
    assert [str(c) for _, c in book.walk(Column("fct_sales", "net"))][-1] == "shop.orders.*"
    assert book.parents(Column("fct_sales", "fixed")) == []


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
