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
        db.execute("create temp table parts (place varchar, part varchar)")
        for schema, table, column in columns:
            place = f"{schema}.{table}.{column}"
            db.execute(
                f"""insert into parts
                with texts as (
                    select distinct lower(cast({identifier(column)} as varchar)) as text
                    from {identifier(schema)}.{identifier(table)}
                )
                select distinct ?, unnest(list_concat([text], regexp_extract_all(text, '[^ |:,;"{{}}]+')))
                from texts where text is not null""",
                [place],
            )
        db.execute("delete from parts where length(part) < 4 or regexp_full_match(part, '(psn_)?[0-9a-f]{32}')")
        rows = db.execute("select distinct place, part from parts semi join wanted on part = id").fetchall()
        # every window of a part as long as an id, not cut out of a longer word (`V1` is not in `EV1`): an id inside of a longer one has nowhere to hide
        db.execute("create temp table pieces as select distinct part from parts where length(part) between 7 and 400")
        for length in lengths:
            rows += db.execute(
                f"""select distinct parts.place, found.id from (
                    select part, unnest(list_transform(
                        list_filter(
                            generate_series(1, length(part) - {length} + 1),
                            i -> not regexp_matches(substr('|' || part, i::int, 1), '[a-z0-9]')
                                and not regexp_matches(substr(part || '|', (i + {length})::int, 1), '[a-z0-9]')
                        ), i -> substr(part, i::int, {length}))) as piece
                    from pieces where length(part) > {length}
                ) as windows
                inner join wanted as found on windows.piece = found.id
                inner join parts on windows.part = parts.part"""
            ).fetchall()
        for place, item in rows:
            hits.setdefault(place, []).append(item)
    return {place: sorted(set(items))[:5] for place, items in hits.items()}
