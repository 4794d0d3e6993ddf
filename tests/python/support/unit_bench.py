"""Runs the dbt unit tests of models on mutants of these models: compiled once, then milliseconds a mutant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb

from .lander import Lander
from .mutants import Mutant, marked, mutants, mutated, unmarked

#: What DuckDB says of a text that is no statement at all: such a mutant is not counted.
STILLBORN = (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException)


@dataclass
class Case:
    """One unit test: the statement with its given rows, the columns it looks at, and what it yields unchanged."""

    name: str
    sql: str
    columns: list[str]
    rows: list[str] = field(default_factory=list)


class UnitBench:
    """The unit tests of the selected models, with all mutants of each model written into its statement.

    Args:
        lander: Its warehouse holds the relations of which unit tests read the columns.
        folders: Below `models/`.
    """

    def __init__(self, lander: Lander, folders: Sequence[str]) -> None:
        manifest = lander.manifest
        self.models = {
            node.name: node
            for node in manifest.nodes.values()
            if node.resource_type == "model"
            and node.original_file_path.startswith(tuple(f"models/{f}/" for f in folders))
        }
        self.mutants: dict[str, list[Mutant]] = {}
        self.compiled: dict[str, str] = {}
        self.cases: dict[str, list[Case]] = defaultdict(list)
        originals = {name: node.raw_code for name, node in self.models.items()}
        expected = {test.unique_id: test.expect.rows for test in manifest.unit_tests.values()}
        try:
            for name, node in self.models.items():
                self.mutants[name] = mutants(node.raw_code)
                node.raw_code = marked(node.raw_code, self.mutants[name])
            selection = [f"path:models/{folder}" for folder in folders]
            for run in lander.dbt("compile", "--select", *selection).results:
                self.compiled[run.node.name] = run.node.compiled_code
            for run in lander.dbt("test", "--select", *(f"{path},test_type:unit" for path in selection)).results:
                if not hasattr(run.node, "tested_node_unique_id"):
                    continue  # a hook
                name = run.node.tested_node_unique_id.split(".")[2]
                rows = expected[run.node.unique_id]
                columns = list(rows[0]) if rows and isinstance(rows, list) else []
                self.cases[name].append(Case(run.node.name, run.node.compiled_code, columns))
        finally:
            for name, node in self.models.items():
                node.raw_code = originals[name]
        self.db = duckdb.connect(config={"threads": 1})
        self.db.execute("set TimeZone = 'UTC'")
        for cases in self.cases.values():
            for case in cases:
                case.rows = self._rows(case, unmarked(case.sql))

    def _rows(self, case: Case, sql: str) -> list[str]:
        columns = ", ".join(f'"{column}"' for column in case.columns) or "*"
        return sorted(map(str, self.db.execute(f"select {columns} from ({sql})").fetchall()))

    def verdict(self, model: str, mutant: Mutant) -> str:
        """`killed` by a unit test of the model, `survived`, or `stillborn` (no statement that runs)."""
        broken = 0
        cases = self.cases[model]
        for case in cases:
            try:
                if self._rows(case, mutated(case.sql, mutant)) != case.rows:
                    return "killed"
            except STILLBORN:
                broken += 1
            except duckdb.Error:
                return "killed"
        return "stillborn" if cases and broken == len(cases) else "survived"
