"""Faults planted in landed rows, and what the anomaly checks then say: no dbt run a fault, one transaction instead.

The rows of the landed tables (`base_…`) are changed as a broken feed would have changed them, the profile of their domain, the
series and the verdicts are made again from the compiled models, and all of it is rolled back.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from .lander import Lander

DOMAINS = ("ecommerce", "manufacturing", "credit")
SELECTION = ("path:models/staging", *(f"+int_{domain}__as_of" for domain in DOMAINS))
Finding = tuple[str, str, str, str, str, dt.date, dt.date]
FINDINGS = """select kind, domain || '.' || series, column_name, member, period_grain, business_date, worst_date
    from marts.dq_anomalies where is_anomaly order by all"""


@dataclass(frozen=True)
class Fault:
    """A fault, as SQL on the landed rows of one table.

    Attributes:
        name: What happened.
        table: `domain.table` that it happened to.
        harm: SQL statements for a day; `{base}` is the landed table, `{day}` the day.
        lasts: The fault begins on that day and goes on; else it is of that day alone.
    """

    name: str
    table: str
    harm: Sequence[str]
    lasts: bool = False

    def statements(self, day: dt.date) -> list[str]:
        """Its SQL for a day."""
        domain, table = self.table.split(".")
        words = {"base": f"staging.base_{domain}__{table}", "day": f"date '{day}'"}
        return [text.format(**words) for text in self.harm]

    def told(self, day: dt.date, findings: Sequence[Finding]) -> list[Finding]:
        """Findings that name its table and its day (of a fault that lasts: that day or one after it)."""
        mine = [finding for finding in findings if finding[1] == self.table]
        return [finding for finding in mine if finding[6] == day or (self.lasts and finding[6] > day)]

    def false(self, day: dt.date, findings: Sequence[Finding]) -> list[Finding]:
        """Findings of other tables, or of periods that the fault does not touch."""
        ends = {"day": 1, "week": 7, "month": 31}
        return [
            finding
            for finding in findings
            if finding[1] != self.table or finding[5] + dt.timedelta(days=ends[finding[4]]) <= day
        ]


class AnomalyBench:
    """The anomaly checks over one landed demonstration.

    Args:
        lander: With the demonstration landed.
        folder: Of the copy of its warehouse that is worked on.
        kpi_values: SQL of the KPI values to judge; none: values are left out.
    """

    def __init__(self, lander: Lander, folder: Path, kpi_values: str | None = None) -> None:
        nothing = "select {} where false".format(
            ", ".join(
                f"cast(null as {kind}) as {name}"
                for name, kind in {
                    "kpi_id": "varchar", "version": "int", "domain": "varchar", "period_grain": "varchar",
                    "period_start": "timestamp", "period_end": "timestamp", "dimension": "varchar",
                    "dimension_value": "varchar", "numerator": "double", "denominator": "double", "value": "double",
                    "sample_size": "bigint", "is_final": "boolean", "as_of": "timestamp",
                }.items()
            )
        )  # fmt: skip
        with duckdb.connect(str(lander.warehouse)) as db:
            db.execute("create schema if not exists marts")
            db.execute(f"create or replace table marts.kpi_values as {kpi_values or nothing}")
        landed = lander.dbt("run", "--select", *SELECTION)
        judged = lander.dbt("run", "--select", "dq_series", "dq_anomalies")
        self.models = {r.node.name: r.node for r in [*landed.results, *judged.results]}
        self.db = duckdb.connect(shutil.copy(lander.warehouse, folder), config={"threads": 2})
        self.db.execute("set TimeZone = 'UTC'")
        self.db.execute(f"create table kept_series as select * from {self.models['dq_series'].relation_name}")
        self.clean = self.findings()

    def close(self) -> None:
        """Lets go of the warehouse."""
        self.db.close()

    def findings(self) -> list[Finding]:
        """Anomalies as the models say now."""
        return self.db.execute(FINDINGS).fetchall()

    def _make(self, name: str) -> None:
        node = self.models[name]
        self.db.execute(f"create or replace table {node.relation_name} as {node.compiled_code}")

    def after(self, fault: Fault, day: dt.date, look: str = FINDINGS) -> list[tuple]:
        """What `look` (a query) finds after a fault; the landed rows are as before afterwards.

        Series do not know of each other: those of the table are made again, the others are the ones that were.
        """
        domain, table = fault.table.split(".")
        self.db.execute("begin")
        try:
            for statement in fault.statements(day):
                self.db.execute(statement)
            self._make(f"stg_{domain}__profile")
            for other in DOMAINS:
                # tables that read the harmed one (items by the time of their order) change with it
                keep = f"'{table}'" if other == domain else "''"
                self.db.execute(f"delete from staging.stg_{other}__profile where table_name <> {keep}")
            self._make("dq_series")
            self.db.execute(
                f"insert into {self.models['dq_series'].relation_name} select * from kept_series "
                "where kind = 'value' or domain <> ? or series <> ?",
                [domain, table],
            )
            self._make("dq_anomalies")
            return self.db.execute(look).fetchall()
        finally:
            self.db.execute("rollback")
