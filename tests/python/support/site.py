"""A landed site that faults are done to: dbt compiles its models, and what a fault touches is run again as SQL.

dbt takes seconds to start; the SQL of two KPI families takes a fraction of one. So the models are compiled by dbt
once, and again only where the landed files differ in name, columns or types from any seen before (what the landing
writes depends on these and on nothing else of the files).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from .lander import Lander

DOMAINS = ("ecommerce", "manufacturing", "credit")
#: Audits whose SQL depends on the landed files themselves.
AUDITS = ("landed", "reconciliation")


@dataclass
class Node:
    """A compiled model."""

    name: str
    relation: str
    parents: set[str]
    is_table: bool
    sql: str


@dataclass
class Site:
    """Demonstration data in the folders of a `Lander`, and the models over it."""

    lander: Lander
    sound: Path
    selection: Sequence[str]
    as_of: str
    nodes: dict[str, Node] = field(default_factory=dict)
    #: (model, signature of the landed files) -> SQL.
    compiled: dict[tuple[str, str], str] = field(default_factory=dict)
    #: Tables that were touched since they were last built sound.
    touched: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for domain in DOMAINS:
            shutil.copytree(self.sound / domain, self.lander.raw / domain, dirs_exist_ok=True)
        done = self.lander.models(*self.selection, variables={"as_of": self.as_of})
        for result in done.results:
            node = result.node
            self.nodes[node.name] = Node(
                node.name,
                node.relation_name,
                {name.split(".")[-1] for name in node.depends_on.nodes},
                node.config.materialized == "table",
                node.compiled_code,
            )
        for domain, table in self.places():
            for name in self.landing_of(domain, table):
                self.compiled[name, self.signature(domain)] = self.nodes[name].sql

    def places(self) -> list[tuple[str, str]]:
        """Domain and name of every table whose landing is selected."""
        bases = (name.removeprefix("base_").split("__") for name in self.nodes if name.startswith("base_"))
        return [(domain, table) for domain, table in bases]

    def landing_of(self, domain: str, table: str) -> list[str]:
        """Models of a table whose SQL depends on the landed files."""
        return [name for name in (f"base_{domain}__{table}", *self.audits(domain)) if name in self.nodes]

    def audits(self, domain: str) -> list[str]:
        return [f"stg_{domain}__{audit}" for audit in AUDITS]

    def signature(self, domain: str) -> str:
        """File names, columns and types of everything landed in a domain; raises where a file cannot be read."""
        parts = []
        for path in sorted((self.lander.raw / domain).glob("*/*")):
            if path.suffix == ".parquet":
                described = duckdb.sql(
                    "describe select * from read_parquet($file)", params={"file": str(path)}
                ).fetchall()
                parts.append(f"{path.relative_to(self.lander.raw)}:{[row[:2] for row in described]}")
            else:
                with path.open("rb") as file:
                    parts.append(f"{path.relative_to(self.lander.raw)}:{path.stat().st_size > 3}:{file.readline()!r}")
        return "|".join(parts)

    def restore(self) -> None:
        """Lands the sound data again where it was touched; `run` then builds it anew."""
        for place in self.touched:
            shutil.rmtree(self.lander.raw / place, ignore_errors=True)
            shutil.copytree(self.sound / place, self.lander.raw / place)

    def run(self, *places: str) -> None:
        """Builds again what reads these tables (`domain/table`) and those touched before.

        Raises:
            RuntimeError: A model cannot be compiled or run; the message names it and says why.
        """
        self.touched |= set(places)
        stale = self._compile(self.touched)
        touched = set(stale)
        with duckdb.connect(str(self.lander.warehouse)) as db:
            db.execute("set timezone = 'UTC'; set threads = 2; set preserve_insertion_order = false")
            for node in self.nodes.values():
                if node.name not in stale and not node.parents & touched:
                    continue
                touched.add(node.name)
                if node.is_table:
                    try:
                        db.execute(f"create or replace table {node.relation} as {stale.get(node.name, node.sql)}")
                    except duckdb.Error as error:
                        raise RuntimeError(f"{node.name}: {error}") from error
        self.touched = set(places)

    def _compile(self, places: Iterable[str]) -> dict[str, str]:
        """SQL of the landing of these tables as they lie there now."""
        wanted: dict[str, str] = {}
        for domain in {place.split("/")[0] for place in places}:
            try:
                signature = self.signature(domain)
            except duckdb.Error:
                signature = "unreadable"
            for place in places:
                if place.startswith(f"{domain}/"):
                    wanted.update(dict.fromkeys(self.landing_of(*place.split("/")), signature))
        unseen = [name for name, signature in wanted.items() if (name, signature) not in self.compiled]
        if unseen:
            variables = json.dumps({"as_of": self.as_of})
            done = self.lander.dbt("compile", "--select", *unseen, "--vars", variables)
            for result in done.results:
                name = result.node.name
                if name in wanted:
                    self.compiled[name, wanted[name]] = result.node.compiled_code
        return {name: self.compiled[name, signature] for name, signature in wanted.items()}

    def rows(self, query: str) -> list[tuple]:
        """Rows of a query on the warehouse."""
        return self.lander.rows(query)
