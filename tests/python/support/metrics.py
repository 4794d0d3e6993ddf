"""The semantic layer's engine in this process: a plan takes milliseconds, so that every metric can be asked."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup


class _Dialect:
    """What the engine asks of a connection to write SQL."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()


class Engine:
    """Writes the SQL of metric queries.

    Args:
        manifest: `semantic_manifest.json` as dbt wrote it.
    """

    def __init__(self, manifest: Path) -> None:
        text = manifest.read_text(encoding="utf-8")
        self.metrics = [metric["name"] for metric in json.loads(text)["metrics"]]
        lookup = SemanticManifestLookup(parse_manifest_from_dbt_generated_manifest(text))
        self._engine = MetricFlowEngine(semantic_manifest_lookup=lookup, sql_client=_Dialect())

    def sql(self, metrics: Sequence[str], group_by: Sequence[str]) -> str:
        """The query of some metrics."""
        request = MetricFlowQueryRequest.create(metric_names=metrics, group_by_names=group_by)
        return self._engine.explain(request).sql_statement.sql

    @staticmethod
    def kpi_of(metric: str, kpis: Collection[str]) -> str | None:
        """The KPI that a metric states, or None for a part of one."""
        name = metric.removesuffix("_by_slice").removesuffix("_v1")
        return name if name in kpis else None
