"""Looks for ids of persons in files that are published: every text column of every table and view, whole and within."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow as pa

from kpi_warehouse.sql import identifier

#: Least length of an id that is looked for inside of other texts by a sliding window (`7` is in every text).
LEAST = 6


def found(file: Path, ids: Iterable[str]) -> dict[str, list[str]]:
    """Ids that a DuckDB file holds in its texts.

    Args:
        file: The publication or the ledger.
        ids: What must not be there, as landed; compared without regard to case.

    Returns:
        `schema.table.column` -> some of the ids found there.
    """
    wanted = sorted({i.lower() for i in ids if i})
    lengths = sorted({len(i) for i in wanted if len(i) >= LEAST})
    hits: dict[str, list[str]] = {}
    with duckdb.connect(str(file), read_only=True) as db:
        columns = db.execute(
            "select schema_name, table_name, column_name from duckdb_columns() where not internal "
            "and data_type not in ('BOOLEAN', 'DOUBLE', 'DATE') and data_type not like 'TIMESTAMP%'"
        ).fetchall()
        db.register("given", pa.table({"id": pa.array(wanted, pa.string())}))
        db.execute("create temp table wanted as select id from given")
        for schema, table, column in columns:
            source = f"{identifier(schema)}.{identifier(table)}"
            texts = f"select distinct lower(cast({identifier(column)} as varchar)) as text from {source}"
            whole = [
                row[0]
                for row in db.execute(
                    f"select text from ({texts}) as texts semi join wanted on text = id where length(text) > 3 limit 5"
                ).fetchall()
            ]
            # every window of a text as long as an id: an id inside of a longer text has nowhere to hide
            within = [
                row[0]
                for length in lengths
                for row in db.execute(
                    f"""select part from (
                        select distinct unnest(list_transform(
                            generate_series(1, length(text) - {length} + 1), i -> substr(text, i::int, {length}))) as part
                        from ({texts}) as texts where length(text) >= {length} and not regexp_full_match(text, '[0-9a-f]{{32}}')
                    ) as parts semi join wanted on part = id limit 5"""
                ).fetchall()
            ]
            if whole or within:
                hits[f"{schema}.{table}.{column}"] = [*whole, *within]
    return hits
