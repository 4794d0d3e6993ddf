"""`kpi new`: the skeleton of a KPI (dictionary rows, SQL, YAML) or of a domain, from a few answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml

from kpi_warehouse.governance.seeds import (
    APPROVALS,
    DEFINITIONS,
    PARAMETERS,
    RANGES,
    TRANSLATIONS,
    Dictionary,
    csv_line,
)
from kpi_warehouse.governance.store import GovernanceError, suggest
from kpi_warehouse.project import project_root

#: How the value of each kind comes about from `is_counted` (a condition) or `measure` (a number) of a row.
KINDS = {
    "ratio": {
        "column": "({measure}) as is_counted",
        "numerator": "count(*) filter (where is_counted)",
        "denominator": "count(*)",
        "value": "{{ safe_divide('count(*) filter (where is_counted)', 'count(*)') }}",
    },
    "count": {
        "column": "({measure}) as is_counted",
        "numerator": "count(*) filter (where is_counted)",
        "denominator": "{{ typed_null('num') }}",
        "value": "count(*) filter (where is_counted)",
    },
    "sum": {
        "column": "({measure}) as measure",
        "numerator": "sum(measure)",
        "denominator": "{{ typed_null('num') }}",
        "value": "sum(measure)",
    },
    "mean": {
        "column": "({measure}) as measure",
        "numerator": "sum(measure)",
        "denominator": "count(measure)",
        "value": "{{ safe_divide('sum(measure)', 'count(measure)') }}",
    },
}
DIRECTIONS = ("higher_is_better", "lower_is_better", "in_range")
UNITS = ("ratio", "minutes", "days", "hours", "ms", "currency", "count", "index", "points")
TODO = "TODO"
NEVER_NULL = (
    "kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value, is_final, as_of"
)
#: Seeds that every domain has a file of.
DOMAIN_SEEDS = (DEFINITIONS, PARAMETERS, APPROVALS, "kpi_targets", "alert_rules")


@dataclass(frozen=True)
class Answers:
    """What a person says about a new KPI."""

    kpi_id: str
    name_en: str
    name_zh: str
    kind: str
    unit: str
    direction: str
    definition_en: str
    definition_zh: str
    sources: tuple[str, ...]
    owner: str
    data_owner: str
    measure: str = ""
    grains: tuple[str, ...] = ("day", "week", "month")
    dimensions: tuple[str, ...] = ("all",)
    uses: tuple[str, ...] = ("process_control",)
    rationale: str = f"{TODO}: why the KPI is kept."


def _contract(root: Path, domain: str) -> dict[str, Any]:
    path = root / "models" / "staging" / domain / f"_{domain}__sources.yml"
    if not path.exists():
        raise GovernanceError(f"{path.relative_to(root)} does not exist: `kpi new domain` makes one")
    sources = yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]
    return {table["name"]: table for table in sources[0]["tables"]}


def _domain_of(book: Dictionary, kpi_id: str) -> str:
    prefixes = {row["kpi_id"].split("_")[0]: row["domain"] for row in book.definitions()}
    for domain in book.domains():
        for row in book.file(f"{PARAMETERS}_{domain}").rows:
            prefixes.setdefault(row["metric_id"].split("_")[0], domain)
    prefix = kpi_id.split("_")[0]
    if prefix not in prefixes:
        known = ", ".join(f"{key}_ ({domain})" for key, domain in sorted(prefixes.items()))
        raise GovernanceError(f"{kpi_id!r} begins with no domain's prefix: {known}")
    return prefixes[prefix]


def _check(book: Dictionary, answers: Answers, table: Mapping[str, Any] | None) -> None:
    if not re.fullmatch(r"[a-z]{2,}_[a-z0-9_]+", answers.kpi_id):
        raise GovernanceError(f"{answers.kpi_id!r}: an id reads like ec_share_rate")
    if any(row["kpi_id"] == answers.kpi_id for row in book.definitions()):
        raise GovernanceError(f"{answers.kpi_id} is in the dictionary already: `kpi propose` changes it")
    roles = {row["role"] for row in book.file("owners").rows}
    for role in (answers.owner, answers.data_owner):
        if role not in roles:
            near = ", ".join(suggest(role, roles)) or ", ".join(sorted(roles))
            raise GovernanceError(f"no role {role!r} in owners.csv: {near}")
    if answers.kind in ("sum", "mean") and not answers.measure:
        raise GovernanceError(f"a {answers.kind} needs --measure, e.g. a column of {answers.sources[0]}")
    if (answers.kind == "ratio") != (answers.unit == "ratio") and answers.kind in ("ratio", "count"):
        raise GovernanceError(f"a {answers.kind} does not come in the unit {answers.unit}")
    assert table is not None
    columns = {column["name"] for column in table["columns"]}
    for part in {part for dimension in answers.dimensions for part in dimension.split("+")} - {"all"}:
        if part not in columns:
            near = ", ".join(suggest(part, columns)) or ", ".join(sorted(columns))
            raise GovernanceError(f"{answers.sources[0]} has no column {part!r} to slice by: {near}")


def _time_column(table: Mapping[str, Any]) -> str:
    own = table.get("config", {}).get("meta", {}).get("own_time")
    times = [column["name"] for column in table["columns"] if column["data_type"] == "ts"]
    if own or times:
        return str(own or times[0])
    raise GovernanceError(f"{table['name']} has no column of time: write the model by hand")


def sql_of(answers: Answers, domain: str, table: Mapping[str, Any]) -> str:
    """The model of a KPI over one raw table, in the house's form."""
    name = str(table["name"])
    kind = KINDS[answers.kind]
    measure = answers.measure or "true"
    members = []
    for dimension in answers.dimensions:
        parts = [f"coalesce({name}.{part}, 'unknown')" for part in dimension.split("+")]
        joined = "{{ slice_member([" + ", ".join(f'"{part}"' for part in parts) + "]) }}"
        member = "'all'" if dimension == "all" else parts[0] if len(parts) == 1 else joined
        members.append(f"            when '{dimension}' then {member}")
    clock = f"-- {TODO}: periods of a line are on its own clock, see kpi_mf_output.\n" * (domain == "manufacturing")
    todo = "" if answers.measure else f"-- {TODO}: say what is counted.\n"
    return f"""{clock}{todo}with

{name} as (

    select * from {{{{ ref('stg_{domain}__{name}') }}}}

),

slices as (

    select * from {{{{ ref('stg_dictionary__slices') }}}}
    where kpi_id = '{answers.kpi_id}'

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{{{ period_start('slices.period_grain', business_local('{name}.{_time_column(table)}')) }}}} as period_start,
        slices.dimension,
        case slices.dimension
{chr(10).join(members)}
        end as dimension_value,
        {kind["column"].format(measure=measure)}
    from {name}
    cross join slices

),

measured as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        {kind["numerator"]} as numerator,
        {kind["denominator"]} as denominator,
        {kind["value"]} as value,
        count(*) as sample_size,
        true as is_matured
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

)

{{{{ kpi_rows('measured', '{domain}', ref('int_{domain}__as_of')) }}}}
"""


def yaml_of(answers: Answers, root: Path) -> str:
    """The YAML beside the model: description, contract, tests; the columns are those of `kpi_values`."""
    lines = (root / "models" / "governance" / "kpi_values.yml").read_text(encoding="utf-8").splitlines()
    start = lines.index("    columns:")
    columns = [line for line in lines[start + 1 :] if line.startswith("      ")]
    bounds = (
        '      - every_row: {arguments: {condition: "numerator >= 0 and numerator <= denominator"}}\n'
        if answers.kind == "ratio"
        else ""
    )
    return f"""version: 2
models:
  - name: kpi_{answers.kpi_id}
    description: >
      {" ".join(answers.definition_en.split())} Grain is KPI, version, period and slice.
    config:
      contract: {{enforced: true}}
    data_tests:
      - unique_combination:
          arguments:
            columns: [kpi_id, version, period_grain, period_start, dimension, dimension_value]
      - never_null:
          arguments:
            columns: [{NEVER_NULL}]
{bounds}    columns:
{chr(10).join(columns)}
# {TODO}: a unit test for each boundary of the definition, with as few rows as possible, expected rows worked by hand.
"""


def new_kpi(root: Path, answers: Answers) -> list[Path]:
    """Writes a draft KPI: a row of the dictionary, its SQL and its YAML.

    Returns:
        The files written.

    Raises:
        GovernanceError: An answer does not fit the dictionary or the input contract.
    """
    book = Dictionary(root)
    domain = _domain_of(book, answers.kpi_id)
    tables = _contract(root, domain)
    for source in answers.sources:
        owner, _, table_name = source.partition(".")
        if owner != domain or table_name not in tables:
            near = ", ".join(f"{domain}.{name}" for name in suggest(table_name or owner, tables)) or domain + ".…"
            raise GovernanceError(f"no raw table {source!r} in the contract of {domain}: {near}")
    table = tables[answers.sources[0].split(".", 1)[1]]
    _check(book, answers, table)
    folder = root / "models" / "kpis" / domain
    model, docs = (folder / f"kpi_{answers.kpi_id}{suffix}" for suffix in (".sql", ".yml"))
    if model.exists() or docs.exists():
        raise GovernanceError(f"{model.relative_to(root)} exists already")
    counted = answers.measure or "every row"
    none = "None" if answers.kind in ("count", "sum") else f"Rows of {answers.sources[0]}."
    book.file(f"{DEFINITIONS}_{domain}").insert(
        {
            "kpi_id": answers.kpi_id,
            "version": "1",
            "domain": domain,
            "seed_code": "D",
            "kpi_kind": answers.kind,
            "status": "draft",
            "kpi_name_en": answers.name_en,
            "kpi_name_zh": answers.name_zh,
            "definition_en": answers.definition_en,
            "definition_zh": answers.definition_zh,
            "use_cases": "|".join(answers.uses),
            "formula": f"{answers.kind}({counted})",
            "numerator_definition": f"{TODO}: what the numerator counts ({counted}).",
            "denominator_definition": none if none != "None" else f"None ({answers.kind}).",
            "unit": answers.unit,
            "direction": answers.direction,
            "rationale": answers.rationale,
            "data_sources": "|".join(answers.sources),
            "grains": "|".join(answers.grains),
            "dimensions": "|".join(answers.dimensions),
            "edge_cases": f"{TODO}: what is left out, ties, unknown members.",
            "owner_role": answers.owner,
            "data_owner_role": answers.data_owner,
            "change_reason": "First release.",
            "refresh_cadence": "daily (T+0)",
            "seed_reference": "own",
        }
    )
    book.file(TRANSLATIONS).insert({"kpi_id": answers.kpi_id, "version": "1"})
    book.file(RANGES).insert(
        {
            "kpi_id": answers.kpi_id,
            "version": "1",
            "least": "0",
            "greatest": "1" if answers.kind == "ratio" else "1000000000000",
            "min_sample": "0",
            "basis": "flow",
            "reason_en": f"{TODO}: why nothing below or above can be right.",
            "reason_zh": f"{TODO}：为何不可能低于下限或高于上限。",
        }
    )
    sql, text = sql_of(answers, domain, table), yaml_of(answers, root)
    folder.mkdir(parents=True, exist_ok=True)
    model.write_text(sql, encoding="utf-8")
    docs.write_text(text, encoding="utf-8")
    return [*book.save(), model, docs]


# --------------------------------------------------------------------------- a domain


def _seed_block(lines: list[str], name: str) -> list[str]:
    start = lines.index(f"  - name: {name}")
    end = next((i for i in range(start + 1, len(lines)) if lines[i].startswith("  - name: ")), len(lines))
    return lines[start:end]


def new_domain(root: Path, domain: str, *, prefix: str, name_zh: str, table: str = "events") -> list[Path]:
    """Writes the skeleton of a domain: its dictionary files, roles, input contract and clock.

    Args:
        root: The project folder.
        domain: Name in lower case, e.g. `logistics`.
        prefix: What its KPI ids begin with, e.g. `lg`.
        name_zh: Its name in Chinese.
        table: Its first raw table.

    Returns:
        The files written.

    Raises:
        GovernanceError: The name or prefix is taken or ill-formed.
    """
    book = Dictionary(root)
    if not re.fullmatch(r"[a-z][a-z0-9]+", domain) or not re.fullmatch(r"[a-z]{2,4}", prefix):
        raise GovernanceError("a domain reads like logistics, a prefix like lg")
    taken = {row["kpi_id"].split("_")[0] for row in book.definitions()}
    if domain in book.domains() or prefix in taken:
        raise GovernanceError(f"the domain {domain!r} or the prefix {prefix!r} is taken")
    written = []
    pattern = "credit"
    for seed in DOMAIN_SEEDS:
        path = book.folder / f"{seed}_{domain}.csv"
        rows = [book.file(f"{seed}_{pattern}").header]
        if seed == PARAMETERS:
            rows += [
                [f"{prefix}_{row['metric_id'][3:]}", *list(row.values())[1:]]
                for row in book.file(f"{seed}_{pattern}").rows
                if row["metric_id"] in ("cr_rule_landing", "cr_rule_governance")
            ]
        path.write_text("".join(csv_line(row) for row in rows), encoding="utf-8")
        written.append(path)
    owners = book.file("owners")
    for role, english, chinese in (
        (f"{domain}_operations", f"{domain.capitalize()} operations", f"{name_zh}运营团队"),
        (f"{domain}_data", f"{domain.capitalize()} data", f"{name_zh}数据团队"),
    ):
        contact = f"{role.replace('_', '-')}@example.com"
        owners.insert(
            {"role": role, "name_en": english, "name_zh": chinese, "domain": domain, "contact": contact},
            lambda cells: cells["domain"] == domain,
        )
    for role in ("kpi_owner", f"{domain}_data"):
        book.file("required_approvals").insert({"domain": domain, "role": role})
    written += book.save()
    properties = book.folder / "_dictionary__seeds.yml"
    lines = properties.read_text(encoding="utf-8").splitlines()
    blocks = []
    for seed in DOMAIN_SEEDS:
        block = "\n".join(_seed_block(lines, f"{seed}_{pattern}"))
        blocks += block.replace("consumer credit", domain).replace(pattern, domain).splitlines()
    place = lines.index("  - name: owners")
    properties.write_text("\n".join([*lines[:place], *blocks, *lines[place:]]) + "\n", encoding="utf-8")
    written.append(properties)
    files = {
        f"models/staging/{domain}/_{domain}__sources.yml": f"""version: 2
sources:
  - name: {domain}
    schema: raw_{domain}
    description: "{TODO}: what lands here."
    tables:
      - name: {table}
        description: "{TODO}: what a row is."
        config:
          meta:
            own_time: happened_at
        columns:
          - name: {table.rstrip("s")}_id
            description: Identifier of the row.
            data_type: id
            config:
              meta:
                is_key: true
                is_required: true
          - name: happened_at
            description: When it happened.
            data_type: ts
            config:
              meta:
                is_required: true
                has_happened: true
""",
        f"models/intermediate/{domain}/int_{domain}__as_of.sql": (
            f"{{{{ as_of_row(ref('stg_{domain}__happenings')) }}}}\n"
        ),
        f"models/intermediate/{domain}/int_{domain}__as_of.yml": (
            (root / "models/intermediate/credit/int_credit__as_of.yml")
            .read_text(encoding="utf-8")
            .replace("int_credit__", f"int_{domain}__")
            .replace("stg_credit__", f"stg_{domain}__")
            .replace("credit", domain)
        ),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def to_wire(root: Path, domain: str) -> list[Path]:
    """Files that name every other domain and not this one: there a person adds it."""
    others = [name for name in Dictionary(root).domains() if name != domain]
    found = []
    for pattern in ("dbt_project.yml", "models/**/*.sql", "macros/**/*.sql", "tests/data/**/*.sql"):
        for path in sorted(root.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            if all(other in text for other in others) and domain not in text:
                found.append(path)
    return found


# --------------------------------------------------------------------------- commands


@click.group("new")
def new_command() -> None:
    """Scaffold a KPI or a domain."""


def _split(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.replace(",", "|").split("|") if part.strip())


@new_command.command("kpi")
@click.argument("kpi_id", metavar="ID")
@click.option("--name", "name_en", prompt="Name in English")
@click.option("--name-zh", prompt="Name in Chinese")
@click.option("--kind", type=click.Choice(list(KINDS)), prompt="Kind")
@click.option("--unit", type=click.Choice(UNITS), prompt="Unit")
@click.option("--direction", type=click.Choice(DIRECTIONS), prompt="Direction")
@click.option("--definition", "definition_en", prompt="Definition in English")
@click.option("--definition-zh", prompt="Definition in Chinese")
@click.option("--sources", callback=_split, prompt="Raw tables (domain.table, the one that is counted first)")
@click.option("--owner", prompt="Role that answers for the value")
@click.option("--data-owner", prompt="Role that answers for the data")
@click.option("--measure", default="", help="SQL over the first table: a condition (ratio, count) or a number.")
@click.option("--grains", callback=_split, default="day|week|month", show_default=True)
@click.option("--dimensions", callback=_split, default="all", show_default=True, help="`all` and columns, + joins.")
@click.option("--uses", callback=_split, default="process_control", show_default=True)
@click.option("--rationale", default=Answers.rationale, help="Why the KPI is kept.")
def new_kpi_command(**answers: Any) -> None:
    """Scaffold a KPI as a draft: a row of the dictionary, SQL and YAML. Asks for what is not given."""
    root = project_root()
    for path in new_kpi(root, Answers(**answers)):
        click.echo(f"written {path.relative_to(root)}")
    click.echo(f"look for {TODO}, then `kpi approve` and `kpi release {answers['kpi_id']} 1`")


@new_command.command("domain")
@click.argument("domain")
@click.option("--prefix", required=True, help="What its KPI ids begin with, e.g. lg.")
@click.option("--name-zh", required=True, help="Its name in Chinese.")
@click.option("--table", default="events", show_default=True, help="Its first raw table.")
def new_domain_command(domain: str, prefix: str, name_zh: str, table: str) -> None:
    """Scaffold a domain: dictionary files, roles, input contract and clock; says where to name it by hand."""
    root = project_root()
    for path in new_domain(root, domain, prefix=prefix, name_zh=name_zh, table=table):
        click.echo(f"written {path.relative_to(root)}")
    for path in to_wire(root, domain):
        click.echo(f"name the domain in {path.relative_to(root)}")
    click.echo("then `kpi sync` writes its staging models")
