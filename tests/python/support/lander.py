"""Runs parts of the project on small landed inputs, in this process, without leaving traces in its environment."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from .replay import Replayer


class Lander(Replayer):
    """A `Replayer` that lands files as a user would and runs chosen models; parses the project once."""

    folder = "it's [raw] *"  # letters of a path that mean something to SQL and to glob

    def __init__(self, workdir: Path) -> None:
        before = dict(os.environ)
        super().__init__(workdir)
        self.environment = {name: value for name, value in os.environ.items() if before.get(name) != value}
        os.environ.clear()
        os.environ.update(before)

    @contextmanager
    def _environment(self) -> Iterator[None]:
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def dbt(self, *arguments: str) -> Any:
        """As `Replayer.dbt`, inside this lander's environment; closes the warehouse afterwards."""
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        with self._environment():
            try:
                return super().dbt(*arguments)
            finally:
                DuckDBConnectionManager.close_all_connections()

    def clear(self) -> None:
        """Removes everything landed."""
        shutil.rmtree(self.raw, ignore_errors=True)
        self.raw.mkdir(parents=True)

    def write(self, domain: str, table: str, file: str, content: str | bytes | pa.Table | list[dict]) -> None:
        """Lands one file: text or bytes as they are, rows and Arrow tables as Parquet."""
        path = self.raw / domain / table / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8", newline="")
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            pq.write_table(content if isinstance(content, pa.Table) else pa.Table.from_pylist(content), path)

    def models(self, *selection: str, variables: Mapping[str, str] | None = None) -> Any:
        """Runs the selected models (`dbt run`)."""
        options = ["--vars", json.dumps(variables)] if variables else []
        return self.dbt("run", "--select", *selection, *options)

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple]:
        """Rows of a query on the warehouse."""
        with duckdb.connect(str(self.warehouse), read_only=True) as db:
            return db.execute(query, list(parameters)).fetchall()
