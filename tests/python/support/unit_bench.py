"""Runs the dbt unit tests of models on mutants of these models: compiled once, then milliseconds a mutant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

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
    """The unit tests of the selected models, with all mutants of models and macros written into their statements.

    Args:
        lander: Its warehouse holds the relations of which unit tests read the columns.
        folders: Below `models/`.
        macro_folders: Below `macros/`: what several models share.
    """

    def __init__(self, lander: Lander, folders: Sequence[str], macro_folders: Sequence[str] = ()) -> None:
        manifest = lander.manifest
        self.models = {
            node.name: node
            for node in manifest.nodes.values()
            if node.resource_type == "model" and _below(node, "models", folders)
        }
        macros = {
            f"macro {macro.name}": macro
            for macro in manifest.macros.values()
            if _below(macro, "macros", macro_folders) and not macro.name.startswith("spark__")
        }
        self.mutants: dict[str, list[Mutant]] = {}
        self.compiled: dict[str, str] = {}
        self.cases: list[Case] = []
        texts = {name: node.raw_code for name, node in self.models.items()}
        texts |= {name: macro.macro_sql for name, macro in macros.items()}
        expected = {test.unique_id: test.expect.rows for test in manifest.unit_tests.values()}
        first = 0
        for name in sorted(texts):
            self.mutants[name] = mutants(texts[name], first)
            first += len(self.mutants[name])
        try:
            for name, text in texts.items():
                _put(self.models.get(name) or macros[name], marked(text, self.mutants[name]))
            selection = [f"path:models/{folder}" for folder in folders]
            for run in lander.dbt("compile", "--select", *selection).results:
                self.compiled[run.node.name] = run.node.compiled_code
            for run in lander.dbt("test", "--select", *(f"{path},test_type:unit" for path in selection)).results:
                if not hasattr(run.node, "tested_node_unique_id"):
                    continue  # a hook
                rows = expected[run.node.unique_id]
                columns = list(rows[0]) if rows and isinstance(rows, list) else []
                self.cases.append(Case(run.node.name, run.node.compiled_code, columns))
        finally:
            for name, text in texts.items():
                _put(self.models.get(name) or macros[name], text)
        self.db = duckdb.connect(config={"threads": 1})
        self.db.execute("set TimeZone = 'UTC'")
        for case in self.cases:
            case.rows = self._rows(case, unmarked(case.sql))

    def _rows(self, case: Case, sql: str) -> list[str]:
        columns = ", ".join(f'"{column}"' for column in case.columns) or "*"
        return sorted(map(str, self.db.execute(f"select {columns} from ({sql})").fetchall()))

    def verdict(self, mutant: Mutant) -> str:
        """`killed` by a unit test, `survived`, `stillborn` (no statement that runs) or `unused` (in none of the models)."""
        if not any(f"/*<{mutant.number}*/" in text for text in self.compiled.values()):
            return "unused"
        cases = [case for case in self.cases if f"/*<{mutant.number}*/" in case.sql]
        broken = 0
        for case in cases:
            try:
                if self._rows(case, mutated(case.sql, mutant)) != case.rows:
                    return "killed"
            except STILLBORN:
                broken += 1
            except duckdb.Error:
                return "killed"
        return "stillborn" if cases and broken == len(cases) else "survived"


def _below(node: Any, root: str, folders: Sequence[str]) -> bool:
    return node.original_file_path.startswith(tuple(f"{root}/{folder}/" for folder in folders))


def _put(node: Any, text: str) -> None:
    setattr(node, "raw_code" if hasattr(node, "raw_code") else "macro_sql", text)
