"""Runs compiled models on tables made in memory: milliseconds a case, so that thousands can be tried."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from .lander import Lander

RELATION = re.compile(r'"replay"\."(\w+)"\."(\w+)"')
TYPES = {
    "varchar": pa.string(),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
    "double": pa.float64(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "money": pa.decimal128(18, 6),
}


class Bench:
    """Compiled models in the order in which they depend on each other.

    Args:
        lander: Compiles them.
        models: Names, inputs first; `fct_` models come last.
        inputs: Columns of the tables that the test fills, as "name type" words.
    """

    def __init__(self, lander: Lander, models: Sequence[str], inputs: Mapping[str, str]) -> None:
        lander.models("path:models/staging/dictionary")
        result = lander.dbt("compile", "--select", *models)
        self.sql = {node.node.name: node.node.compiled_code for node in result.results if node.node.name in models}
        self.models = list(models)
        self.inputs = {
            name: [tuple(column.split()) for column in columns.split(",")] for name, columns in inputs.items()
        }
        self.parameters = lander.rows("select * from staging.stg_dictionary__parameters")
        self.schemas = {name: schema for sql in self.sql.values() for schema, name in RELATION.findall(sql)}

    def run(
        self, tables: Mapping[str, Sequence[tuple]], query: str, sql: Mapping[str, str] | None = None
    ) -> list[tuple]:
        """Rows of `query` (relations by plain name) after the models ran on these tables.

        Args:
            tables: Rows by input; inputs not named are empty.
            query: What to read.
            sql: Other SQL for some models (mutants).
        """
        with duckdb.connect(config={"threads": 1}) as db:
            db.execute("attach ':memory:' as replay")
            for schema in {"made", *self.schemas.values()}:
                db.execute(f'create schema replay."{schema}"')
            for name, columns in self.inputs.items():
                rows = list(zip(*tables.get(name, []), strict=True)) or [[] for _ in columns]
                arrow = pa.table(
                    {
                        column: pa.array(values, TYPES[kind])
                        for (column, kind), values in zip(columns, rows, strict=True)
                    }
                )
                db.register("given", arrow)
                db.execute(f'create table replay."{self.schemas.get(name, "made")}"."{name}" as select * from given')
                db.unregister("given")
            for name in self.models:
                body = (sql or {}).get(name, self.sql[name])
                self.schemas.setdefault(name, "made")
                db.execute(f'create table replay."{self.schemas[name]}"."{name}" as {body}')
            for name in {*self.inputs, *self.models}:
                query = re.sub(rf"\b{name}\b", f'replay."{self.schemas.get(name, "made")}"."{name}"', query)
            return db.execute(query).fetchall()


def parameter_rows(**values: Any) -> list[tuple]:
    """Rows of stg_dictionary__parameters from metric__parameter=value."""
    return [(*name.split("__"), float(value)) for name, value in values.items()]
