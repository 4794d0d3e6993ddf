"""The KPIs of a domain on landed demonstration data of which tables (or columns) are taken away, one way after another."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from .lander import Lander

DOMAINS = ("ecommerce", "manufacturing", "credit")
LAYERS = ("staging", "intermediate", "marts", "kpis")


class LandingBench:
    """Compiled models on a small landed demonstration; one slice of every KPI, the coarsest grain, is computed.

    Args:
        lander: With the demonstration landed; all models are run once.
        folder: Of the copy of its warehouse that is worked on.
    """

    def __init__(self, lander: Lander, folder: Path) -> None:
        results = lander.dbt("run", "--select", *(f"path:models/{layer}" for layer in LAYERS)).results
        nodes = [result.node for result in results if result.node.resource_type == "model"]
        self.nodes = {node.unique_id: node for node in nodes}
        self.parents = {node.unique_id: set(node.depends_on_nodes) & set(self.nodes) for node in nodes}
        wanted = {key for key, node in self.nodes.items() if node.fqn[1] == "kpis"}
        while True:  # what the KPIs do not read is left out
            more = {parent for key in wanted for parent in self.parents[key]} - wanted
            if not more:
                break
            wanted |= more
        self.order = self._in_order(wanted)
        self.db = duckdb.connect(shutil.copy(lander.warehouse, folder), config={"threads": 2})
        self.db.execute("set TimeZone = 'UTC'")
        self.db.execute(
            """delete from staging.stg_dictionary__slices where (kpi_id, version, period_grain, dimension) not in (
                select (kpi_id, version, arg_max(period_grain, case period_grain when 'month' then 2 when 'week' then 1 else 0 end),
                    min(dimension))
                from staging.stg_dictionary__slices group by kpi_id, version)"""
        )
        for key in self.order:
            node = self.nodes[key]
            if node.fqn[1] == "kpis":
                self._make(key)
            elif node.fqn[1] == "staging" and node.config.materialized == "view":  # rows are taken out of it below
                self.db.execute(f"create temp table kept as select * from {node.relation_name}")
                self.db.execute(f"drop view {node.relation_name}")
                self.db.execute(f"create table {node.relation_name} as select * from kept")
                self.db.execute("drop table kept")

    def close(self) -> None:
        """Lets go of the warehouse."""
        self.db.close()

    def kpis(self, domain: str) -> dict[str, int]:
        """Rows of each KPI that the domain's models publish now."""
        names = [key for key in self.order if self.nodes[key].fqn[1:3] == ["kpis", domain]]
        union = " union all ".join(f"select kpi_id from {self.nodes[key].relation_name}" for key in names)
        return self.kpis_of(union)

    def kpis_of(self, sql: str) -> dict[str, int]:
        """Rows of each KPI that this SQL (of a KPI model) publishes now."""
        query = f"select kpi_id, count(*) from ({sql}) group by kpi_id"
        return dict(self.db.execute(query).fetchall())

    @contextmanager
    def without(
        self, domain: str, parts: Sequence[str], *, emptied: bool = False, kpi_models: bool = True
    ) -> Iterator[None]:
        """The domain with these tables (or `table.column`s) absent, or landed without a row."""
        self.db.execute("begin")
        try:
            landed = f"staging.stg_{domain}__landed"
            changed = {f"stg_{domain}__landed"}
            for part in parts:
                table, _, column = part.partition(".")
                changed.add(f"stg_{domain}__{table}")
                if column:
                    self.db.execute(f"update staging.stg_{domain}__{table} set {column} = null")
                else:
                    self.db.execute(f"delete from staging.stg_{domain}__{table}")
                where = f"table_name = '{table}'" + (f" and column_name = '{column}'" if column else "")
                if emptied:
                    self.db.execute(f"update {landed} set has_rows = false where {where}")
                else:
                    self.db.execute(f"delete from {landed} where {where}")
            stale = {key for key, node in self.nodes.items() if node.name in changed}
            for key in self.order:
                if self.parents[key] & stale and key not in stale:
                    stale.add(key)
                    if self.nodes[key].fqn[1] in ("intermediate", "marts", *(["kpis"] if kpi_models else [])):
                        self._make(key)
            yield
        finally:
            self.db.execute("rollback")

    def _make(self, key: str) -> None:
        node = self.nodes[key]
        kind = "view" if node.config.materialized == "view" else "table"
        self.db.execute(f"create or replace {kind} {node.relation_name} as {node.compiled_code}")

    def _in_order(self, wanted: set[str]) -> list[str]:
        done: list[str] = []
        left = set(wanted)
        while left:
            ready = sorted(key for key in left if not self.parents[key] & left)
            done += ready
            left -= set(ready)
        return done
