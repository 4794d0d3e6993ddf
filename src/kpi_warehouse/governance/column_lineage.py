"""`kpi lineage`: which columns a column is made of, back to the raw tables, or which columns are made of it.

Read from the compiled SQL of dbt's manifest with sqlglot; what columns a relation has is taken from its documentation,
so that no warehouse is needed. A column is made of every column that its expression reads, through all steps of its
model; joins and filters are not followed. Where rows are counted (`count(*)`), it is made of the rows of what is read,
written `relation.*`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import click
from sqlglot import exp, parse_one
from sqlglot.lineage import lineage as sql_lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope
from sqlglot.optimizer.simplify import simplify
from sqlglot.schema import Schema, ensure_schema

from kpi_warehouse.governance.store import DOMAIN_WIDE, GovernanceError, suggest
from kpi_warehouse.project import project_root

Node = dict[str, Any]
#: The column that stands for the rows of a relation.
ROWS = "*"


@dataclass(frozen=True, order=True)
class Column:
    """A column of a model, seed or raw table; `*` for its rows."""

    relation: str
    name: str

    def __str__(self) -> str:
        return f"{self.relation}.{self.name}"


def _table(node: Node) -> str:
    """What a node is called in its schema."""
    return str(node.get("alias") or node.get("identifier") or node["name"])


@dataclass
class _Parsed:
    """A model's SQL with every column qualified."""

    query: exp.Query
    scope: Scope | None


def of_kpi(query: exp.Query, kpi_id: str) -> exp.Query:
    """The part of a query that makes the rows of one KPI: what it does for other KPIs is left out.

    Left out is what a literal compared with a column `kpi_id` decides: arms of a case, and branches of a union that
    bear another id or read from nothing. A query that tells its KPIs apart in another way stays whole.

    Args:
        query: SQL with every column qualified.
        kpi_id: The KPI.
    """
    query = query.copy()
    for union in query.find_all(exp.SetOperation):  # later branches take the names of the first
        for name, part in zip(union.named_selects, getattr(union.expression, "selects", []), strict=False):
            if part.alias_or_name != name:
                part.replace(exp.alias_(part.unalias().copy(), name))
    bears_another = {
        id(select)
        for select in query.find_all(exp.Select)
        for part in select.selects
        if part.alias_or_name == "kpi_id" and part.unalias().is_string and part.unalias().this != kpi_id
    }
    for column in [c for c in query.find_all(exp.Column) if c.name.lower() == "kpi_id"]:
        column.replace(exp.Literal.string(kpi_id))
    for listed in list(query.find_all(exp.In)):
        known = [part.this for part in listed.expressions if part.is_string]
        if listed.this.is_string and len(known) == len(listed.expressions) > 0:
            listed.replace(exp.Boolean(this=listed.this.this in known))
    joined = [join.args["on"] for join in query.find_all(exp.Join) if join.args.get("on")]
    for decided in [*query.find_all(exp.Case, exp.Where), *joined]:
        if any(part.is_string or isinstance(part, exp.Boolean) for part in decided.find_all(exp.Literal, exp.Boolean)):
            decided.replace(simplify(decided.copy()))
    scopes = list(scope.traverse()) if (scope := build_scope(query)) else []
    empty: dict[int, bool] = {}
    for scope in scopes:  # the innermost come first
        empty[id(scope.expression)] = id(scope.expression) in bears_another or _reads_nothing(scope, empty)
    for scope in scopes:
        if scope.set_operation_scopes:
            both = scope.expression
            for branch, other in ((both.this, both.expression), (both.expression, both.this)):
                if empty.get(id(branch)) and not empty.get(id(other)):
                    query = other if both is query else query
                    both.replace(other)
                    break
    return query


def _reads_nothing(scope: Scope, empty: Mapping[int, bool]) -> bool:
    """Whether a part of a query has no rows, as far as its literals tell."""
    if scope.set_operation_scopes:
        return all(empty.get(id(branch.expression), False) for branch in scope.set_operation_scopes)
    select = scope.expression
    joins = select.args.get("joins") or []
    conditions = [join.args.get("on") for join in joins if not join.side]
    if where := select.args.get("where"):
        conditions.append(where.this)
    if any(isinstance(condition, exp.Boolean) and not condition.this for condition in conditions):
        return True
    read = select.args.get("from_")
    if read is None:
        return False
    outer = any(join.side in ("RIGHT", "FULL") for join in joins)
    names = [read.this.alias_or_name, *(join.this.alias_or_name for join in joins if outer or not join.side)]
    sources = [scope.sources.get(name) for name in names]
    found = [isinstance(source, Scope) and empty.get(id(source.expression), False) for source in sources]
    return all(found) if outer else any(found)


@dataclass
class ColumnLineage:
    """The columns of a project and what they are made of, worked out as they are asked for.

    Args:
        manifest: dbt's manifest.
        compiled: Folder of the compiled SQL, for models that the manifest has none of (a partial run leaves it out).
    """

    manifest: Node
    compiled: Path | None = None
    _parsed: dict[str, _Parsed] = field(default_factory=dict)
    _parents: dict[Column, list[Column]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._of_kpi: dict[tuple[str, str], _Parsed] = {}

    @cached_property
    def dialect(self) -> str:
        """The engine that the SQL was compiled for."""
        return str(self.manifest["metadata"]["adapter_type"])

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """Models, seeds and raw tables by name; a raw table is `domain.table`."""
        kept = {
            node["name"]: node
            for node in self.manifest["nodes"].values()
            if node["resource_type"] in ("model", "seed", "snapshot")
        }
        return kept | {f"{s['source_name']}.{s['name']}": s for s in self.manifest["sources"].values()}

    @cached_property
    def _names(self) -> dict[str, str]:
        return {node["unique_id"]: name for name, node in self.nodes.items()}

    @cached_property
    def _relations(self) -> dict[tuple[str, str], str]:
        return {
            (
                str(node["schema"]).lower(),
                str(node.get("alias") or node.get("identifier") or node["name"]).lower(),
            ): name
            for name, node in self.nodes.items()
        }

    @cached_property
    def _schema(self) -> Schema:
        found: dict[str, Any] = {}
        for node in self.nodes.values():
            columns = {column.lower(): spec.get("data_type") or "text" for column, spec in node["columns"].items()}
            found.setdefault(node["database"] or "", {}).setdefault(node["schema"], {})[_table(node)] = columns
        return ensure_schema(found, dialect=self.dialect)  # once: it reads every column of the project

    def columns(self, relation: str) -> list[str]:
        """Documented columns of a relation.

        Raises:
            GovernanceError: There is no such relation; the message names the nearest.
        """
        if relation not in self.nodes:
            near = suggest(relation, self.nodes)
            raise GovernanceError(f"no model or raw table {relation!r}" + (f": {', '.join(near)}?" if near else ""))
        return [name.lower() for name in self.nodes[relation]["columns"]]

    def column(self, text: str) -> Column:
        """The column that `model.column` or `domain.table.column` names.

        Raises:
            GovernanceError: There is no such column.
        """
        relation, _, name = text.rpartition(".")
        if not relation:
            raise GovernanceError(f"{text!r}: write model.column")
        known = self.columns(relation)
        if name.lower() not in known:
            raise GovernanceError(f"{relation} has no column {name!r}: {', '.join(suggest(name, known) or known)}")
        return Column(relation, name.lower())

    def _sql(self, relation: str) -> str:
        node = self.nodes[relation]
        if node.get("compiled_code"):
            return str(node["compiled_code"])
        path = self.compiled / node["package_name"] / node["original_file_path"] if self.compiled else None
        if path is None or not path.exists():
            raise GovernanceError(f"{relation} is not compiled: run `dbt compile` or `kpi build` first")
        return path.read_text(encoding="utf-8")

    def _parse(self, relation: str) -> _Parsed:
        if relation not in self._parsed:
            query = parse_one(self._sql(relation), dialect=self.dialect)
            query = qualify(query, schema=self._schema, dialect=self.dialect, validate_qualify_columns=False)
            assert isinstance(query, exp.Query)
            self._parsed[relation] = _Parsed(query, build_scope(query))
        return self._parsed[relation]

    def _raw(self, column: Column) -> list[Column]:
        """A column of a judged raw table is that of the raw table: it is read by name from files."""
        tables = [self._names[parent] for parent in self._depends(column.relation) if parent in self._names]
        raw = [name for name in tables if self.nodes[name]["resource_type"] == "source"]
        return [Column(name, column.name) for name in raw if column.name in (ROWS, *self.columns(name))]

    def _depends(self, relation: str) -> list[str]:
        return list((self.nodes[relation].get("depends_on") or {}).get("nodes", []))

    def parents(self, column: Column) -> list[Column]:
        """Columns of the models before it that a column is made of, sorted; none: a constant or a raw column."""
        if column not in self._parents:
            found: set[Column] = set()
            if self.nodes[column.relation]["resource_type"] == "model":
                found.update(self._raw(column))
                if not found:
                    found.update(self._selected(column, self._parse(column.relation)))
            self._parents[column] = sorted(found)
        return self._parents[column]

    def _selected(self, column: Column, parsed: _Parsed, *, ones: bool = False) -> Iterator[Column]:
        """What a column of a query is made of; with `ones`, a constant other than 0 counts rows (it is added up)."""
        if column.name == ROWS:
            yield from (Column(relation, ROWS) for relation in self._read_by(parsed.scope))
            return
        top = sql_lineage(
            column.name,
            parsed.query,
            schema=self._schema,
            scope=parsed.scope,
            dialect=self.dialect,
            trim_selects=False,
        )
        for part in top.walk():
            if part.downstream:
                continue
            source = part.source if isinstance(part.source, exp.Table) else part.expression
            if not isinstance(source, exp.Table):
                if _counts_rows(part.expression, ones=ones):
                    yield from (Column(relation, ROWS) for relation in self._read_by(_scope_of(parsed, part.source)))
                continue
            relation = self._relations.get((source.db.lower(), source.name.lower()))
            name = part.name.rpartition(".")[2].strip('"').lower()
            if relation and name in self.columns(relation):
                yield Column(relation, name)

    def _read_by(self, scope: Scope | None) -> Iterator[str]:
        """The relations whose rows a query goes through: what stands after `from`, joins left aside."""
        if scope is None:
            return
        if scope.set_operation_scopes:
            for branch in scope.set_operation_scopes:
                yield from self._read_by(branch)
            return
        read = scope.expression.args.get("from_")
        source = scope.sources.get(read.this.alias_or_name) if read else None
        if isinstance(source, Scope):
            yield from self._read_by(source)
        elif source is not None:
            relation = self._relations.get((source.db.lower(), source.name.lower()))
            if relation:
                yield relation

    def behind_kpi(self, model: str, kpi_id: str, column: str) -> list[Column]:
        """The raw columns that a KPI's numerator, denominator or value is made of, sorted.

        Args:
            model: The KPI's model; what it counts for other KPIs is left out as far as it tells them apart.
            kpi_id: The KPI.
            column: `numerator`, `denominator` or `value`.
        """
        key = (model, kpi_id)
        if key not in self._of_kpi:
            query = of_kpi(self._parse(model).query, kpi_id)
            self._of_kpi[key] = _Parsed(query, build_scope(query))
        found, waiting = set(), set(self._selected(Column(model, column), self._of_kpi[key], ones=True))
        seen = set(waiting)
        while waiting:
            current = waiting.pop()
            if self.nodes[current.relation]["resource_type"] == "source":
                found.add(current)
            elif not current.relation.endswith(DOMAIN_WIDE):
                following = set(self.parents(current)) - seen
                seen |= following
                waiting |= following
        return sorted(found)

    def children(self, column: Column) -> list[Column]:
        """Columns of the models after it that are made of a column, sorted."""
        node = self.nodes[column.relation]
        names = [self._names[child] for child in self.manifest["child_map"][node["unique_id"]] if child in self._names]
        found = [Column(name, other) for name in names for other in self.columns(name)]
        return sorted(child for child in found if column in self.parents(child))

    def walk(self, column: Column, *, down: bool = False, depth: int | None = None) -> Iterator[tuple[int, Column]]:
        """The columns behind a column (or after it), each with its distance, nearest first; each once."""
        seen, level, distance = {column}, [column], 0
        while level and (depth is None or distance < depth):
            distance += 1
            following: list[Column] = []
            for current in level:
                for other in self.children(current) if down else self.parents(current):
                    if other not in seen:
                        seen.add(other)
                        following.append(other)
                        yield distance, other
            level = following

    def export(self, relations: Iterable[str]) -> dict[str, list[str]]:
        """What each column of some models is made of."""
        return {
            str(Column(relation, name)): [str(parent) for parent in self.parents(Column(relation, name))]
            for relation in relations
            for name in self.columns(relation)
        }


def _counts_rows(expression: exp.Expr, *, ones: bool) -> bool:
    """Whether an expression that reads no column counts rows: `count(*)`, `sum(1)`, with `ones` a number but 0 too."""

    def counted(part: exp.Expr) -> bool:
        return isinstance(part, exp.Star) or (part.is_number and part.to_py() != 0)

    return (ones and counted(expression.unalias())) or any(
        counted(part.this) for part in expression.find_all(exp.Count, exp.Sum)
    )


def _scope_of(parsed: _Parsed, select: exp.Expr) -> Scope | None:
    """The scope of a part of a query."""
    if parsed.scope is None:
        return None
    return next((scope for scope in parsed.scope.traverse() if scope.expression is select), None)


def read_project(target: Path) -> ColumnLineage:
    """The lineage of the last build or compilation.

    Args:
        target: dbt's target folder.

    Raises:
        GovernanceError: Nothing was built or compiled there.
    """
    path = target / "manifest.json"
    if not path.exists():
        raise GovernanceError(f"{path} does not exist: run `dbt compile` or `kpi build` first")
    return ColumnLineage(json.loads(path.read_text(encoding="utf-8")), target / "compiled")


@click.command("lineage")
@click.argument("column", metavar="[MODEL.COLUMN|MODEL]", required=False)
@click.option("--down", is_flag=True, help="What is made of it, in place of what it is made of.")
@click.option("--depth", type=click.IntRange(1), help="Only so many steps.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def lineage_command(column: str | None, down: bool, depth: int | None, as_json: bool) -> None:
    """Show the columns that a column is made of, back to the raw tables.

    A model alone lists each of its columns with the columns directly behind it; without a name every model is written
    (as JSON, a minute or two). Reads the manifest of the last build (DBT_TARGET_PATH, default target).
    """
    book = read_project(project_root() / os.environ.get("DBT_TARGET_PATH", "target"))
    if column is None or column in book.nodes:
        names = [column] if column else [n for n, node in book.nodes.items() if node["resource_type"] == "model"]
        found = book.export(sorted(names))
        if as_json or column is None:
            click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        else:
            for name, parents in found.items():
                click.echo(f"{name} ← {', '.join(parents) or 'a constant'}")
        return
    steps = list(book.walk(book.column(column), down=down, depth=depth))
    if as_json:
        click.echo(json.dumps([{"distance": n, "column": str(c)} for n, c in steps], ensure_ascii=False, indent=2))
        return
    click.echo(column)
    for distance, other in steps:
        click.echo(f"{'  ' * distance}{'→' if down else '←'} {other}")
    if not steps:
        click.echo("  nothing is made of it" if down else "  a constant, or a column of a raw table")
