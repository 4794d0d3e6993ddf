"""Privacy of what is published: keyed pseudonyms, the quarantine without persons, file modes, erased persons.

A pseudonym is HMAC-SHA-256 of `<kind>:<id>` under the site's salt, its first 128 bits as `psn_<32 hex digits>`.
The kind is part of the message, so user 7 and customer 7 are not told to be one;
`user:U1` in `person_id` and `U1` in `user_id`
are the same message and so the same pseudonym. The salt is never published and never in the warehouse.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
import duckdb
import yaml

from kpi_warehouse.output import emit, output_options, print_table
from kpi_warehouse.project import project_root, warehouse_path
from kpi_warehouse.sql import identifier, literal

#: What every pseudonym begins with.
MARK = "psn_"
_LENGTH = 32
_BLOCK = 64

#: Kinds whose value is not an id itself: `person` holds `<kind>:<id>`, `row` the key of a refused row.
PERSON, ROW, RAW_ROW, LINK = "person", "row", "raw_row", "link"

#: What stands for a value of a refused row that may be a person's.
MASK = "***"

#: Modes of the files by what they hold, unless KPI_FILE_MODES says otherwise.
MODES = {"warehouse": 0o640, "ledger": 0o640, "publication": 0o440}


@dataclass(frozen=True)
class ContractColumn:
    """A column of the input contract, as far as privacy asks."""

    domain: str
    table: str
    name: str
    type: str
    personal: str | None
    kind_column: str | None
    is_key: bool
    accepted: tuple[str, ...]


def _meta(item: dict[str, Any]) -> dict[str, Any]:
    return {**(item.get("meta") or {}), **((item.get("config") or {}).get("meta") or {})}


def contract(root: Path) -> list[ContractColumn]:
    """Columns of the input contract below `root`, in its order."""
    return _contract(root, _stamp(root, "models/staging/*/_*__sources.yml"))


def _stamp(root: Path, pattern: str) -> tuple[tuple[str, int, int], ...]:
    found = ((path, path.stat()) for path in sorted(root.glob(pattern)))
    return tuple((str(path), status.st_mtime_ns, status.st_size) for path, status in found)


@lru_cache(maxsize=4)
def _contract(root: Path, files: tuple[tuple[str, int, int], ...]) -> list[ContractColumn]:
    columns = []
    for name, _, _ in files:
        for source in yaml.load(Path(name).read_text(encoding="utf-8"), Loader=_LOADER)["sources"]:
            for table in source["tables"]:
                for column in table["columns"]:
                    meta = _meta(column)
                    columns.append(
                        ContractColumn(
                            source["name"],
                            table["name"],
                            column["name"],
                            column["data_type"],
                            meta.get("personal"),
                            meta.get("personal_type"),
                            bool(meta.get("is_key")),
                            tuple(meta.get("accepted") or ()),
                        )
                    )
    return columns


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def declared(root: Path) -> dict[str, dict[str, str]]:
    """Personal columns of the models below `root`: model -> column -> kind."""
    return _declared(root, _stamp(root, "models/**/*.yml"))


@lru_cache(maxsize=4)
def _declared(root: Path, files: tuple[tuple[str, int, int], ...]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, _, _ in files:
        text = Path(name).read_text(encoding="utf-8")
        if "personal:" not in text or name.endswith("__sources.yml"):
            continue
        for model in yaml.load(text, Loader=_LOADER).get("models") or []:
            for column in model.get("columns") or []:
                if kind := _meta(column).get("personal"):
                    found.setdefault(model["name"], {})[column["name"]] = kind
    return found


def personal_names(root: Path) -> dict[str, str]:
    """Names that a personal column has in the contract (and `person_id`), with their kind."""
    names = {c.name: c.personal for c in contract(root) if c.personal}
    return {**names, "person_id": PERSON}


def keeps_raw_ids() -> bool:
    """Whether the site decided to publish raw ids (`KPI_PERSONAL_IDS=raw`).

    Raises:
        click.ClickException: The variable holds anything but `raw` or `pseudonyms`.
    """
    value = os.environ.get("KPI_PERSONAL_IDS", "").strip().lower() or "pseudonyms"
    if value not in ("raw", "pseudonyms"):
        raise click.ClickException(f"KPI_PERSONAL_IDS={value!r} is unknown: leave it out, or set `raw` or `pseudonyms`")
    return value == "raw"


# --- the salt -------------------------------------------------------------------------------------------------------


def salt_path(warehouse: Path) -> Path:
    """The file of the salt: `KPI_PSEUDONYM_SALT_FILE`, else `pseudonym.salt` beside the warehouse."""
    return Path(os.environ.get("KPI_PSEUDONYM_SALT_FILE") or warehouse.parent / "pseudonym.salt")


def salt(warehouse: Path, *, create: bool = True) -> bytes:
    """The secret salt of the site.

    Args:
        warehouse: The DuckDB file of the warehouse.
        create: Make the file (mode 0600) where neither it nor KPI_PSEUDONYM_SALT is there.

    Raises:
        click.ClickException: The salt is short, absent (without `create`), or its file is open to others.
    """
    given = os.environ.get("KPI_PSEUDONYM_SALT")
    if given is not None:
        return _checked(given.strip(), "KPI_PSEUDONYM_SALT")
    path = salt_path(warehouse)
    if not path.exists() and create:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32) + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(fresh, path)  # whoever comes second takes the first one's
        except FileExistsError:
            pass
        except OSError as error:
            raise click.ClickException(
                f"the salt of the pseudonyms cannot be written to {path} ({error.strerror}): make its folder writable, "
                "or set KPI_PSEUDONYM_SALT or KPI_PSEUDONYM_SALT_FILE"
            ) from None
        finally:
            fresh.unlink(missing_ok=True)
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(
            f"the salt of the pseudonyms cannot be read from {path} ({error}): restore the file, "
            "or set KPI_PSEUDONYM_SALT"
        ) from None
    if mode & 0o077:
        raise click.ClickException(f"{path} holds the salt and is open to others (mode {mode:04o}): chmod 600 {path}")
    return _checked(text, str(path))


def _checked(text: str, place: str) -> bytes:
    if len(text) < 16:
        raise click.ClickException(f"the salt in {place} has {len(text)} characters, it needs 16 at least (better 64)")
    return text.encode()


def _pads(key: bytes) -> tuple[bytes, bytes]:
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def pseudonym(key: bytes, kind: str, value: str) -> str:
    """The pseudonym of one id of a kind."""
    return MARK + hmac.new(key, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()[:_LENGTH]


def _token(message: str) -> str:
    """SQL: the pseudonym of a message, after `set_key`."""
    inner = f"unhex(sha256(getvariable('kpi_inner_pad') || encode({message})))"
    return f"{literal(MARK)} || left(sha256(getvariable('kpi_outer_pad') || {inner}), {_LENGTH})"


def set_key(db: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Gives the key to a connection, in memory only, for as long as it is open."""
    inner, outer = _pads(key)
    db.execute(f"set variable kpi_inner_pad = unhex('{inner.hex()}')")
    db.execute(f"set variable kpi_outer_pad = unhex('{outer.hex()}')")


def pseudonym_sql(column: str, kind: str) -> str:
    """SQL: the pseudonym of a quoted column; of `<kind>:<id>` the kind stays readable."""
    text = f"cast({column} as varchar)"
    prefixed = _token(f"{literal(kind + ':')} || {text}")
    if kind == PERSON:
        return (
            f"case when {column} is null then null when contains({text}, ':') "
            f"then split_part({text}, ':', 1) || ':' || {_token(text)} else {prefixed} end"
        )
    return f"case when {column} is null then null else {prefixed} end"


# --- what is copied into the publication -----------------------------------------------------------------------------


class Publisher:
    """Copies relations of the warehouse for the publication, persons replaced."""

    def __init__(self, db: duckdb.DuckDBPyConnection, catalog: str, warehouse: Path, root: Path) -> None:
        self.db, self.catalog, self.root = db, catalog, root
        self.is_raw = keeps_raw_ids()
        self.declared, self.names = declared(root), personal_names(root)
        set_key(db, salt(warehouse))

    def select(self, schema: str, name: str) -> str:
        """The query that copies a table: personal columns (declared, or named as one of the contract) as pseudonyms."""
        source = f"{identifier(self.catalog)}.{identifier(schema)}.{identifier(name)}"
        if schema == "marts" and name == "dq_quarantine":
            return self._quarantine(source)
        if self.is_raw:
            return f"select * from {source}"
        kinds = self.declared.get(name, {})
        replaced = []
        for (column,) in self.db.execute(
            "select column_name from duckdb_columns() where database_name = ? and schema_name = ? and table_name = ?",
            [self.catalog, schema, name],
        ).fetchall():
            if kind := kinds.get(column) or self.names.get(column.lower()):
                quoted = identifier(column)
                replaced.append(f"{pseudonym_sql(quoted, kind)} as {quoted}")
        listed = ", ".join(replaced)
        return f"select *{f' replace ({listed})' if listed else ''} from {source}"

    def _quarantine(self, source: str) -> str:
        """Refused rows: reason, table, a key that names nobody, and the values that cannot be a person's."""
        db = self.db
        columns = [
            (c.domain, c.table, c.name, c.type, c.personal, c.is_key, list(c.accepted), place)
            for place, c in enumerate(contract(self.root))
        ]
        db.execute(
            "create or replace temp table privacy_contract (domain varchar, table_name varchar, column_name varchar, "
            "type varchar, personal varchar, is_key boolean, accepted varchar[], place integer)"
        )
        db.executemany("insert into privacy_contract values (?, ?, ?, ?, ?, ?, ?, ?)", columns)
        db.execute(
            f"""create or replace temp table privacy_refused as
            select row_number() over () as row_no, domain, table_name, row_key, reason, column_name, raw_row
            from {source}"""
        )
        db.execute(
            """create or replace temp table privacy_values as
            with entries as (
                select refused.row_no, refused.domain, refused.table_name, lower(trim(entry.key)) as column_name,
                    trim(entry.value ->> '$') as value
                from privacy_refused as refused, json_each(try_cast(refused.raw_row as json)) as entry
            )
            select entries.*, contract.type, contract.personal, contract.accepted, contract.place
            from entries
            left join privacy_contract as contract
                on entries.domain = contract.domain and entries.table_name = contract.table_name
                and entries.column_name = contract.column_name"""
        )
        self._find_persons()
        self._find_members()
        token = _token("'row:' || domain || '.' || table_name || ':' || row_key")
        shapes = " or ".join(f"regexp_matches(value, {literal(pattern)})" for pattern in _PERSONAL_SHAPES)
        db.execute(
            f"""create or replace temp table privacy_shown as
            with judged as (
                select entries.*,
                    case
                        when value is null then true
                        when len(accepted) > 0 then list_contains(accepted, value)
                        when type in ('ts', 'timestamp', 'date')
                            then regexp_matches(
                                value, '^\\d{{4}}[-/.]\\d{{1,2}}[-/.]\\d{{1,2}}[T ]?[0-9:.+Z -]{{0,30}}$'
                            )
                        when type in ('num', 'int', 'money')
                            then regexp_matches(value, '^[+-]?\\d{{1,9}}([.,]\\d{{1,12}})?$')
                        when type = 'bool' then lower(value) in
                            ('true', 'false', '0', '1', '0.0', '1.0', 't', 'f', 'y', 'n', 'yes', 'no')
                        when type = 'text' then members.member is not null and persons.row_no is null and not ({shapes})
                        else persons.row_no is null and not ({shapes})
                    end as is_shown
                from privacy_values as entries
                left join privacy_members as members
                    on entries.domain = members.domain and entries.table_name = members.table_name
                    and entries.column_name = members.column_name and entries.value = members.member
                left join privacy_persons as persons
                    on entries.row_no = persons.row_no and entries.column_name = persons.column_name
                where entries.type is not null and entries.personal is null
            )
            select row_no, '{{' || string_agg(to_json(column_name)::varchar || ':' || case
                when value is null then 'null' when is_shown then to_json(value)::varchar else '"{MASK}"' end,
                ',' order by place, value) || '}}' as raw_row
            from judged group by row_no"""
        )
        return f"""
            select domain, table_name, case when row_key is null then null else {token} end as row_key, reason,
                column_name, coalesce(shown.raw_row, '{{}}') as raw_row
            from (select * from privacy_refused) as refused
            left join (select row_no as shown_no, raw_row from privacy_shown) as shown on row_no = shown_no"""

    def _staging(self) -> set[tuple[str, str]]:
        return {
            (table, column)
            for table, column in self.db.execute(
                "select table_name, column_name from duckdb_columns() "
                "where database_name = ? and schema_name = 'staging'",
                [self.catalog],
            ).fetchall()
        }

    def _find_persons(self) -> None:
        """`privacy_persons`: values of keys and texts of refused rows that hold the id of somebody known."""
        db, there = self.db, self._staging()
        db.execute(
            """create or replace temp table privacy_parts as
            select distinct row_no, column_name, unnest(list_distinct(
                list_concat([value], regexp_extract_all(value, '[A-Za-z0-9_.-]+')))) as part
            from (
                select row_no, column_name, value from privacy_values where type in ('id', 'text') and personal is null
                union all
                select row_no, '', row_key from privacy_refused
            ) where value is not null"""
        )
        known = ["select value as id from privacy_values where type is null or personal is not null"]
        known += [
            f"select cast({identifier(c.name)} as varchar) from {identifier(self.catalog)}.staging.{identifier(base)}"
            for c in contract(self.root)
            if c.personal and ((base := f"base_{c.domain}__{c.table}"), c.name) in there
        ]
        known_ids = " union all ".join(known)
        db.execute(
            f"""create or replace temp table privacy_persons as
            with parts as (select distinct part from privacy_parts),
            found as (select distinct part from parts semi join ({known_ids}) as known
                on lower(parts.part) = lower(known.id))
            select distinct row_no, column_name from privacy_parts semi join found using (part)"""
        )

    def _find_members(self) -> None:
        """`privacy_members`: texts of refused rows that accepted rows have in the same column too."""
        db, there = self.db, self._staging()
        asked = set(db.execute("select distinct domain, table_name from privacy_refused").fetchall())
        members = [
            f"select distinct {literal(c.domain)} as domain, {literal(c.table)} as table_name, "
            f"{literal(c.name)} as column_name, cast({identifier(c.name)} as varchar) as member "
            f"from {identifier(self.catalog)}.staging.{identifier(staged)}"
            for c in contract(self.root)
            if c.type == "text" and not c.personal and (c.domain, c.table) in asked
            and ((staged := f"stg_{c.domain}__{c.table}"), c.name) in there
        ]  # fmt: skip
        none = "select '' as domain, '' as table_name, '' as column_name, '' as member where false"
        listed = " union all ".join([none, *members])
        db.execute(
            f"""create or replace temp table privacy_members as
            select members.* from ({listed}) as members
            semi join privacy_values as entries on members.domain = entries.domain
                and members.table_name = entries.table_name and members.column_name = entries.column_name
                and members.member = entries.value"""
        )


#: E-mail, mobile phone, identity card, IPv4 and IPv6 addresses, links.
_PERSONAL_SHAPES = (
    "@",
    r"(^|\D)(\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(\D|$)",
    r"(^|\D)\d{17}[\dXx](\W|$)",
    r"(^|\D)\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(\D|$)",
    r"::|([0-9A-Fa-f]{1,4}:){4,}",
    "://",
    r"^\+?\d[\d -]{7,14}$",
)


# --- who a pseudonym is ----------------------------------------------------------------------------------------------


def ids_sql(db: duckdb.DuckDBPyConnection, catalog: str, root: Path) -> str:
    """Query over all ids of persons that the landed rows of a warehouse hold: kind, id."""
    there = {
        (table, column)
        for table, column in db.execute(
            "select table_name, column_name from duckdb_columns() where database_name = ? and schema_name = 'staging'",
            [catalog],
        ).fetchall()
    }
    parts = ["select '' as kind, '' as id where false"]
    for column in contract(root):
        base = f"base_{column.domain}__{column.table}"
        if not column.personal or (base, column.name) not in there:
            continue
        kind = identifier(column.kind_column) if column.kind_column else literal(column.personal)
        name = identifier(column.name)
        parts.append(
            f"select distinct {kind}, cast({name} as varchar) from {identifier(catalog)}.staging.{identifier(base)} "
            f"where {name} is not null"
        )
    return " union ".join(parts)


def identify(warehouse: Path, tokens: list[str], root: Path) -> list[dict[str, Any]]:
    """Who pseudonyms are.

    Args:
        warehouse: The built warehouse.
        tokens: Pseudonyms as published, with or without the kind before them.
        root: The project folder.

    Returns:
        One row per pseudonym, in the order given: pseudonym, kind, id (both none: unknown to warehouse and salt).
    """
    asked = [token.strip() for token in tokens if token.strip()]
    bare = {token: token.rpartition(":")[2] for token in asked}
    with duckdb.connect(str(warehouse), read_only=True) as db:
        row = db.execute("select current_database()").fetchone()
        assert row is not None
        set_key(db, salt(warehouse, create=False))
        ids = ids_sql(db, str(row[0]), root)
        if db.execute(
            "select 1 from information_schema.tables where table_schema = 'marts' and table_name = 'dq_quarantine'"
        ).fetchone():
            ids += " union select 'row', domain || '.' || table_name || ':' || row_key from marts.dq_quarantine"
        message_token = _token("kind || ':' || id")
        found = db.execute(
            f"""select token, kind, id from (select kind, id, {message_token} as token from ({ids}))
            where token in (select unnest(?::varchar[]))""",
            [sorted(set(bare.values()))],
        ).fetchall()
    known = {token: (kind, value) for token, kind, value in found}
    rows = []
    for token in asked:
        kind, value = known.get(bare[token], (None, None))
        rows.append({"pseudonym": token, "kind": kind, "id": value})
    return rows


# --- file modes ------------------------------------------------------------------------------------------------------


def modes() -> dict[str, int]:
    """Modes of warehouse, ledger and publication (`KPI_FILE_MODES`, e.g. `publication=0444,ledger=0600`).

    Raises:
        click.ClickException: The variable cannot be read, or a mode would lock the owner out.
    """
    found = dict(MODES)
    for part in filter(None, (p.strip() for p in os.environ.get("KPI_FILE_MODES", "").split(","))):
        name, _, text = part.partition("=")
        try:
            mode = int(text.strip(), 8)
        except ValueError:
            mode = -1
        least = 0o400 if name.strip() == "publication" else 0o600
        if name.strip() not in MODES or not 0 <= mode <= 0o777 or mode & least != least:
            raise click.ClickException(
                f"KPI_FILE_MODES: {part!r} is no mode of a file; write e.g. warehouse=0640,ledger=0640,publication=0440"
            )
        found[name.strip()] = mode
    return found


def restrict(path: Path, what: str) -> None:
    """Sets the mode of a file of ours and of its write-ahead log; one that belongs to somebody else stays as it is.

    Args:
        path: The file; nothing happens where it is not there.
        what: `warehouse`, `ledger` or `publication`.
    """
    mode = modes()[what]
    for file in (path, path.with_name(f"{path.name}.wal")):
        try:
            if file.exists() and stat.S_IMODE(file.stat().st_mode) != mode:
                file.chmod(mode)
        except PermissionError:
            continue


# --- the command -----------------------------------------------------------------------------------------------------


@click.command("identify")
@click.argument("pseudonyms", nargs=-1, required=True, metavar="PSEUDONYM...")
@output_options
def identify_command(pseudonyms: tuple[str, ...], form: str) -> None:
    """Give the ids of persons back that PSEUDONYMs of the publication stand for (`-`: one a line from stdin).

    Needs the warehouse (KPI_WAREHOUSE) and the salt. Exit code 1 where a pseudonym is of nobody that both know.
    """
    tokens = list(pseudonyms)
    if "-" in tokens:
        place = tokens.index("-")
        tokens[place : place + 1] = click.get_text_stream("stdin").read().split()
    warehouse = warehouse_path()
    if not warehouse.exists():
        raise click.ClickException(f"{warehouse} does not exist: run `kpi build` first, or set KPI_WAREHOUSE")
    rows = identify(warehouse, tokens, project_root())
    if not emit(rows, form, ("pseudonym", "kind", "id")):
        print_table(
            ("pseudonym", "kind", "id"), [[row["pseudonym"], row["kind"] or "", row["id"] or ""] for row in rows]
        )
    if unknown := [row["pseudonym"] for row in rows if row["id"] is None]:
        listed = ", ".join(unknown[:5]) + (" ..." if len(unknown) > 5 else "")
        raise click.ClickException(
            f"{len(unknown)} of {len(rows)} pseudonyms belong to nobody in {warehouse} under this salt: {listed}. "
            "They are of another site or salt, of a person that was erased, or mistyped"
        )
