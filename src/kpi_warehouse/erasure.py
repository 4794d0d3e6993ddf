"""`kpi erase`: a person out of the warehouse, the publication and whatever lands later.

The erasure list (`erased.csv` beside the salt, mode 0600) holds keyed hashes, never an id. Its key is derived from the
salt, so that the copy in the warehouse (schema `privacy`), by which dbt refuses the rows of the erased at landing,
gives neither the salt nor a pseudonym away.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import uuid
from pathlib import Path

import click
import duckdb

from kpi_warehouse.privacy import (
    MARK,
    _pads,
    contract,
    identify,
    ids_sql,
    personal_names,
    restrict,
    salt,
    salt_path,
)
from kpi_warehouse.project import project_root, warehouse_path
from kpi_warehouse.sql import attach, identifier, literal

Person = tuple[str, str]

#: Ids shorter than this are looked for in personal columns only: `7` is in every text.
LEAST = 4


def list_path(warehouse: Path) -> Path:
    """The erasure list: `erased.csv` beside the file of the salt."""
    return salt_path(warehouse).with_name("erased.csv")


def erasure_key(warehouse: Path, *, create: bool = True) -> bytes:
    """The key of the erasure list, derived from the salt."""
    return hmac.new(salt(warehouse, create=create), b"erasure list", hashlib.sha256).digest()


def token(key: bytes, kind: str, value: str) -> str:
    """The keyed hash under which an id stands in the erasure list."""
    return hmac.new(key, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()


def listed(warehouse: Path) -> list[str]:
    """Hashes of the erasure list.

    Raises:
        click.ClickException: A line is no hash; the message names it.
    """
    path = list_path(warehouse)
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split()
    for number, line in enumerate(lines, 1):
        if not re.fullmatch(r"[0-9a-f]{64}", line):
            raise click.ClickException(f"{path}, line {number} is no keyed hash: restore the list from its copy")
    return lines


def keep_list(warehouse: Path) -> int:
    """Brings schema `privacy` of the warehouse in step with the erasure list; returns its length.

    A warehouse that knows hashes that the file lacks (a moved file) keeps them, and gives them back to the file.
    """
    path, hashes = list_path(warehouse), set(listed(warehouse))
    if not hashes and not warehouse.exists():
        return 0
    with duckdb.connect(str(warehouse)) as db:
        there = db.execute("select 1 from duckdb_tables() where schema_name = 'privacy' and table_name = 'erased'")
        known = (
            {row[0] for row in db.execute("select token from privacy.erased").fetchall()} if there.fetchone() else set()
        )
        if not hashes | known:
            return 0
        inner, outer = _pads(erasure_key(warehouse, create=False))
        db.execute("create schema if not exists privacy")
        db.execute("begin")
        db.execute("create or replace table privacy.erased (token varchar)")
        db.executemany("insert into privacy.erased values (?)", [[h] for h in sorted(hashes | known)])
        db.execute("create or replace table privacy.erasure_key (inner_pad varchar, outer_pad varchar)")
        db.execute("insert into privacy.erasure_key values (?, ?)", [inner.hex(), outer.hex()])
        db.execute("commit")
    if known - hashes:
        _write(path, sorted(hashes | known))
    return len(hashes | known)


def _write(path: Path, hashes: list[str]) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("".join(f"{line}\n" for line in hashes))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def resolve(warehouse: Path, text: str, root: Path) -> list[Person]:
    """The ids that are one person's: the id itself and what the warehouse knows to be of nobody else.

    Args:
        warehouse: The warehouse.
        text: `<kind>:<id>`, an id that only one kind has, or a pseudonym.
        root: The project folder.

    Raises:
        click.ClickException: The person is unknown or could be several.
    """
    kinds = {c.personal for c in contract(root) if c.personal} - {"link"}
    kind, _, value = text.strip().rpartition(":")
    if MARK in text:
        (row,) = identify(warehouse, [text], root)
        if row["id"] is None or row["kind"] not in kinds:
            raise click.ClickException(f"{text} is nobody's pseudonym in {warehouse} under this salt")
        first = (str(row["kind"]), str(row["id"]))
    elif kind in kinds:
        first = (kind, value)
    else:
        with duckdb.connect(str(warehouse), read_only=True) as db:
            ids = ids_sql(db, db.execute("select current_database()").fetchall()[0][0], root)
            found = db.execute(f"select distinct kind from ({ids}) where id = ? order by 1", [text.strip()]).fetchall()
        if len(found) != 1:
            known = "nobody" if not found else ", ".join(f"{k}:{text.strip()}" for (k,) in found)
            raise click.ClickException(f"{text!r} is {known}: write it with its kind ({', '.join(sorted(kinds))})")
        first = (found[0][0], text.strip())
    with duckdb.connect(str(warehouse), read_only=True) as db:
        return sorted({first, *_belongings(db, first)})


def _belongings(db: duckdb.DuckDBPyConnection, person: Person) -> set[Person]:
    """Ids that belong to this person alone: of a customer applications and accounts, of a user what no other used."""
    kind, value = person
    there = {
        (t, c)
        for t, c in db.execute(
            "select table_name, column_name from duckdb_columns() where schema_name = 'staging'"
        ).fetchall()
    }
    found: set[Person] = set()
    for owner, owned, column, table in (
        ("customer", "application", "application_id", "base_credit__applications"),
        ("customer", "account", "account_id", "base_credit__accounts"),
        ("application", "account", "account_id", "base_credit__accounts"),
    ):
        if owner == kind and (table, column) in there:
            query = f"select distinct {column} from staging.{table} where {owner}_id = ? and {column} is not null"
            found |= {(owned, row[0]) for row in db.execute(query, [value]).fetchall()}
    if kind != "user":
        return found
    pairs = ["select '' as user_id, '' as kind, '' as id where false"]
    if ("base_ecommerce__identity_links", "id_a") in there:
        for a, b in (("a", "b"), ("b", "a")):
            pairs.append(
                f"select id_{a}, id_type_{b}, id_{b} from staging.base_ecommerce__identity_links "
                f"where id_type_{a} = 'user'"
            )
    for column, other in (
        ("device_id", "device"), ("cookie_id", "cookie"), ("phone_hash", "phone"), ("fingerprint_id", "fingerprint"),
    ):  # fmt: skip
        if ("base_ecommerce__events", column) in there:
            pairs.append(
                f"select user_id, '{other}', {column} from staging.base_ecommerce__events "
                f"where user_id is not null and {column} is not null"
            )
    rows = db.execute(
        f"""select kind, id from ({" union ".join(pairs)}) where kind <> 'user'
        group by kind, id having count(distinct user_id) = 1 and min(user_id) = ?""",
        [value],
    ).fetchall()
    return found | {(k, i) for k, i in rows}


def purge(warehouse: Path, persons: list[Person], root: Path) -> int:
    """Deletes every row of these persons from all tables of the warehouse and writes the file anew.

    Returns:
        How many rows went. The old bytes are gone from the file, not only marked as free.
    """
    names = personal_names(root)
    fresh = warehouse.with_name(f"{warehouse.name}.new-{uuid.uuid4().hex[:8]}")
    before, gone = os.umask(0o027), 0
    try:
        with duckdb.connect() as db:
            db.execute(attach(warehouse, "standing", read_only=True))
            db.execute(attach(fresh, warehouse.stem))
            db.execute("create temp table persons (kind varchar, id varchar)")
            db.executemany("insert into persons values (?, ?)", persons)
            db.execute("create temp table tokens as select lower(id) as part from persons")
            db.execute(f"delete from tokens where length(part) < {LEAST}")
            tables = db.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = 'standing' and not internal"
            ).fetchall()
            for schema, table in tables:
                place = f"{identifier(schema)}.{identifier(table)}"
                conditions = ["false"]
                for column, type_ in db.execute(
                    "select column_name, data_type from duckdb_columns() "
                    "where database_name = 'standing' and schema_name = ? and table_name = ?",
                    [schema, table],
                ).fetchall():
                    quoted = identifier(column)
                    if (kind := names.get(column)) and kind not in ("person", "link"):
                        conditions.append(
                            f"cast({quoted} as varchar) in (select id from persons where kind = {literal(kind)})"
                        )
                    if type_ == "VARCHAR":
                        conditions.append(f"{quoted} in (select kind || ':' || id from persons)")
                        conditions.append(
                            f"list_has_any(regexp_extract_all(lower({quoted}), '[a-z0-9_.-]+'), "
                            "(select coalesce(list(part), []) from tokens))"
                        )
                condition = " or ".join(f"coalesce({c}, false)" for c in conditions)
                db.execute(f"create schema if not exists {identifier(warehouse.stem)}.{identifier(schema)}")
                db.execute(
                    f"create table {identifier(warehouse.stem)}.{place} as "
                    f"select * from standing.{place} where not ({condition})"
                )
                counts = db.execute(
                    f"select (select count(*) from standing.{place}) - "
                    f"(select count(*) from {identifier(warehouse.stem)}.{place})"
                ).fetchone()
                gone += int(counts[0]) if counts and schema == "staging" and table.startswith("base_") else 0
            # views come back with the next build; those that stand on copied tables at once
            views = [
                (s, str(text))
                for s, text in db.execute(
                    "select schema_name, sql from duckdb_views() where database_name = 'standing' and not internal"
                ).fetchall()
            ]
        with duckdb.connect(str(fresh)) as db:
            while views:
                left = []
                for schema, text in views:
                    try:
                        db.execute(f"create schema if not exists {identifier(schema)}")
                        db.execute(re.sub(rf'"?{re.escape(warehouse.stem)}"?\.', "", text))
                    except duckdb.Error:
                        left.append((schema, text))
                if len(left) == len(views):
                    break
                views = left
        restrict(fresh, "warehouse")
        fresh.replace(warehouse)
        warehouse.with_name(f"{warehouse.name}.wal").unlink(missing_ok=True)
    finally:
        os.umask(before)
        for leftover in (fresh, fresh.with_name(f"{fresh.name}.wal")):
            leftover.unlink(missing_ok=True)
    return gone


def erase(warehouse: Path, text: str, root: Path) -> tuple[list[Person], int]:
    """Puts a person on the erasure list and deletes the rows that the warehouse holds.

    Returns:
        The ids that were erased and the number of landed rows that went.
    """
    persons = resolve(warehouse, text, root)
    key = erasure_key(warehouse)
    _write(list_path(warehouse), sorted({*listed(warehouse), *(token(key, k, v) for k, v in persons)}))
    gone = purge(warehouse, persons, root)
    keep_list(warehouse)
    return persons, gone


@click.command("erase")
@click.argument("person")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--no-build", is_flag=True, help="Leave the publication for the next `kpi build`.")
@click.pass_context
def erase_command(context: click.Context, person: str, yes: bool, no_build: bool) -> None:
    """Erase a PERSON: `user:U1`, `customer:C1`, `cookie:K1` ..., or a pseudonym of the publication.

    Deletes every row of theirs from the warehouse, writes the file anew, refuses what lands of them from now on
    (reason `erased`, without content), and builds and publishes again. The landed files themselves are yours to clean.
    """
    warehouse, root = warehouse_path(), project_root()
    if not warehouse.exists():
        raise click.ClickException(f"{warehouse} does not exist: run `kpi build` first, or set KPI_WAREHOUSE")
    from kpi_warehouse.build import build, locked

    with locked(warehouse):
        persons = resolve(warehouse, person, root)
        if not yes:
            kinds = ", ".join(sorted({k for k, _ in persons}))
            click.confirm(f"erase {len(persons)} ids ({kinds}) for ever?", abort=True)
        _, gone = erase(warehouse, person, root)
    click.echo(f"erased {len(persons)} ids: {gone:,} landed rows are out of {warehouse}")
    if no_build:
        click.echo("the publication holds their pseudonyms until the next `kpi build`")
        return
    context.invoke(build)
