"""The seeds of the dictionary, checked in a second before anything is built: file, line, column, what is wrong, remedy.

What a seed must look like is declared once, in the YAML files beside the seeds (types, keys, required and accepted
values); dbt tests the same on what it loaded, but only after it loaded it, and a file that Excel saved in another
encoding never gets so far.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import yaml

from kpi_warehouse.governance.seeds import OWNER_OF_THE_KPI
from kpi_warehouse.governance.store import suggest
from kpi_warehouse.output import clean, emit, output_options
from kpi_warehouse.project import project_root

#: Columns that name a role of owners.csv.
ROLE_COLUMNS = ("role", "owner_role", "data_owner_role", "owner")
#: Problems shown of one file: more of them have one cause.
SHOWN = 10
#: The roles themselves.
OWNERS = "owners"
DEFINITIONS = "metric_definitions_"
PARAMETERS = "metric_parameters_"


@dataclass(frozen=True)
class Problem:
    """Something in a seed file that would break the build or a number."""

    file: str
    line: int | None
    column: str | None
    message: str
    remedy: str

    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (
                self.file,
                f"line {self.line}" if self.line else "",
                f"column {self.column}" if self.column else "",
            )
            if part
        )
        return f"{place}: {clean(self.message)}; {clean(self.remedy)}"


@dataclass(frozen=True)
class _Seed:
    """What a seed's YAML declares."""

    name: str
    types: dict[str, str]
    keys: list[list[str]]
    required: set[str]
    accepted: dict[str, list[str]]


@dataclass
class _Sheet:
    """A seed file as it was read: rows with the line on which each begins."""

    path: Path
    header: list[str] = field(default_factory=list)
    rows: list[tuple[int, dict[str, str]]] = field(default_factory=list)


def _tests(declared: list[Any] | None) -> Iterator[tuple[str, dict[str, Any]]]:
    for test in declared or []:
        if isinstance(test, str):
            yield test, {}
        elif isinstance(test, dict):
            for name, arguments in test.items():
                given: dict[str, Any] = arguments or {}
                yield str(name), dict(given.get("arguments") or given)


def _declared(root: Path) -> Iterator[_Seed]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in sorted((root / "seeds").rglob("*.yml")):
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=loader) or {}
        for seed in document.get("seeds", []):
            columns = seed.get("columns", [])
            tests = {column["name"]: list(_tests(column.get("data_tests"))) for column in columns}
            yield _Seed(
                seed["name"],
                dict((seed.get("config") or {}).get("column_types") or {}),
                [
                    list(arguments["columns"])
                    for name, arguments in _tests(seed.get("data_tests"))
                    if name == "unique_combination"
                ]
                + [[column] for column, found in tests.items() if any(name == "unique" for name, _ in found)],
                {column for column, found in tests.items() if any(name == "not_null" for name, _ in found)},
                {
                    column: [str(value) for value in arguments["values"]]
                    for column, found in tests.items()
                    for name, arguments in found
                    if name == "accepted_values" and "values" in arguments
                },
            )


# --------------------------------------------------------------------------- one file


def _decoded(path: Path, shown: str) -> tuple[str | None, Problem | None]:
    data = path.read_bytes()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return None, Problem(shown, 1, None, "it is saved as UTF-16", "save it as CSV UTF-8")
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        try:
            data.decode("gb18030")
            guess = "it is not UTF-8 but reads as GBK, as Excel saves a plain CSV"
        except UnicodeDecodeError:
            guess = f"it is not UTF-8 (byte 0x{data[error.start]:02x})"
        return None, Problem(shown, line, None, guess, "save it as 'CSV UTF-8 (comma delimited)'")


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Records with the line on which each begins.

    Raises:
        csv.Error: A quote that is never closed, or text behind a closed one.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    for record in reader:
        yield line, record
        line = reader.line_num + 1


def _read(path: Path, shown: str, seed: _Seed | None) -> tuple[_Sheet, list[Problem]]:
    sheet = _Sheet(path)
    text, wrong = _decoded(path, shown)
    if text is None:
        return sheet, [wrong] if wrong else []
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        return sheet, [Problem(shown, line, None, "it holds a NUL byte", "remove it: no text editor writes one")]
    problems: list[Problem] = []
    last = 1
    try:
        for line, record in _records(text):
            last = line
            if not sheet.header:
                sheet.header = [name.strip() for name in record]
                problems += _wrong_header(sheet.header, shown, seed)
                if problems:
                    return sheet, problems
                continue
            if not any(cell.strip() for cell in record):
                problems.append(Problem(shown, line, None, "the row is empty", "delete it"))
            elif len(record) != len(sheet.header):
                problems.append(
                    Problem(
                        shown,
                        line,
                        None,
                        f"it has {len(record)} fields, the header has {len(sheet.header)}",
                        'a text that holds a comma stands in quotes: "a, b"'
                        if len(record) > len(sheet.header)
                        else "an empty field keeps its comma",
                    )
                )
            else:
                sheet.rows.append((line, dict(zip(sheet.header, record, strict=True))))
    except csv.Error as error:
        problems.append(
            Problem(shown, last, None, f"from here on it is no CSV ({error})", 'a quote inside a text is doubled: ""')
        )
    if not sheet.header and not problems:
        problems.append(Problem(shown, None, None, "it is empty", "put its header line back"))
    return sheet, problems


def _wrong_header(header: list[str], shown: str, seed: _Seed | None) -> list[Problem]:
    wanted = list(seed.types) if seed else []
    if len(header) == 1 and len(wanted) > 1 and any(mark in header[0] for mark in ";\t|"):
        return [
            Problem(
                shown, 1, None, "its fields are not separated by commas", "save it as 'CSV UTF-8 (comma delimited)'"
            )
        ]
    problems = []
    doubled = {name for name in header if header.count(name) > 1}
    for name in sorted(doubled):
        problems.append(Problem(shown, 1, name or "(no name)", "the header names it twice", "keep one of them"))
    for name in wanted:
        if name not in header:
            near = suggest(name, header, 1)
            hint = f"{near[0]!r} is there: is that it?" if near else "add it"
            problems.append(Problem(shown, 1, name, "the header lacks it", hint))
    for name in header:
        if wanted and name not in wanted:
            problems.append(Problem(shown, 1, name or "(no name)", "no seed declares this column", "remove it"))
    return problems


def _is_date(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and text == text.strip()
    except ValueError:
        return False


def _is_integer(text: str) -> bool:
    return text.lstrip("-").isdigit() and text.isascii()


def _is_boolean(text: str) -> bool:
    return text.lower() in ("true", "false")


#: Beginning of a declared type -> how its values look, and how to write one.
TYPES: dict[str, tuple[Callable[[str], bool], str]] = {
    "int": (_is_integer, "write a whole number, like 7"),
    "bigint": (_is_integer, "write a whole number, like 7"),
    "double": (_is_number, "write a number, like 0.035"),
    "decimal": (_is_number, "write a number, like 0.035"),
    "numeric": (_is_number, "write a number, like 0.035"),
    "float": (_is_number, "write a number, like 0.035"),
    "date": (_is_date, "write it like 2026-04-01"),
    "bool": (_is_boolean, "write true or false"),
}


def _wrong_values(sheet: _Sheet, shown: str, seed: _Seed) -> Iterator[Problem]:
    judges = {
        column: judge
        for column, kind in seed.types.items()
        for name, judge in TYPES.items()
        if str(kind).lower().startswith(name) and not (name == "int" and str(kind).lower().startswith("interval"))
    }
    for line, row in sheet.rows:
        for column, text in row.items():
            if text == "":
                if column in seed.required:
                    yield Problem(shown, line, column, "it is empty", "fill it in")
            elif column in judges and not judges[column][0](text):
                yield Problem(shown, line, column, f"{text!r} is no {seed.types[column]}", judges[column][1])
            elif column in seed.accepted and text not in seed.accepted[column]:
                near = suggest(text, seed.accepted[column], 3) or seed.accepted[column][:6]
                yield Problem(shown, line, column, f"there is no {text!r}", f"write one of {', '.join(near)}")
    for key in seed.keys:
        first: dict[tuple[str, ...], int] = {}
        for line, row in sheet.rows:
            value = tuple(row.get(column, "") for column in key)
            if value in first:
                yield Problem(
                    shown,
                    line,
                    ", ".join(key),
                    f"{' / '.join(value)} stands on line {first[value]} as well",
                    "keep one of the two rows",
                )
            first.setdefault(value, line)


# --------------------------------------------------------------------------- across files


def _unknown_roles(sheets: dict[str, _Sheet], shown: Callable[[Path], str]) -> Iterator[Problem]:
    if OWNERS not in sheets:
        return
    roles = {row["role"] for _, row in sheets[OWNERS].rows if "role" in row}
    for name, sheet in sheets.items():
        for column in ROLE_COLUMNS:
            if column not in sheet.header or name == OWNERS:
                continue
            for line, row in sheet.rows:
                if row[column] and row[column] not in roles:
                    near = suggest(row[column], roles, 3)
                    hint = f"write {' or '.join(near)}, or add the role" if near else f"add it to {OWNERS}.csv"
                    yield Problem(shown(sheet.path), line, column, f"{OWNERS}.csv has no role {row[column]!r}", hint)


def _unknown_kpis(sheets: dict[str, _Sheet], shown: Callable[[Path], str]) -> Iterator[Problem]:
    known = {
        row.get("kpi_id") or row.get("metric_id", "")
        for name, sheet in sheets.items()
        if name.startswith((DEFINITIONS, PARAMETERS))
        for _, row in sheet.rows
    }
    for name, sheet in sheets.items():
        if "kpi_id" not in sheet.header or name.startswith(DEFINITIONS) or not known:
            continue
        for line, row in sheet.rows:
            if row["kpi_id"] and row["kpi_id"] not in known:
                near = suggest(row["kpi_id"], known, 3)
                yield Problem(
                    shown(sheet.path),
                    line,
                    "kpi_id",
                    f"no definition has {row['kpi_id']!r}",
                    f"write {' or '.join(near)}" if near else "define it first",
                )


def _wrong_approvals(sheets: dict[str, _Sheet], shown: Callable[[Path], str]) -> Iterator[Problem]:
    contacts = {row["role"]: row["contact"] for _, row in sheets[OWNERS].rows} if OWNERS in sheets else {}
    owners = {
        (row["kpi_id"], row["version"]): row["owner_role"]
        for name, sheet in sheets.items()
        if name.startswith(DEFINITIONS)
        for _, row in sheet.rows
    }
    for name, sheet in sheets.items():
        if not name.startswith("metric_approvals"):
            continue
        signed: dict[tuple[str, str, str], str] = {}
        for line, row in sheet.rows:
            role = owners.get((row["kpi_id"], row["version"]), row["role"])
            holder = contacts.get(role if row["role"] == OWNER_OF_THE_KPI else row["role"], "")
            if holder and row["approver"] not in holder.replace("|", " ").split():
                yield Problem(
                    shown(sheet.path),
                    line,
                    "approver",
                    f"{row['approver']!r} is not the contact of {row['role']} ({holder})",
                    f"the contact signs, or {OWNERS}.csv names the new one",
                )
            key = (row["kpi_id"], row["version"], row["approver"])
            if key in signed and signed[key] != row["role"]:
                yield Problem(
                    shown(sheet.path),
                    line,
                    "approver",
                    f"{row['approver']} signed this version as {signed[key]} already",
                    "one person signs one role of a version",
                )
            signed.setdefault(key, row["role"])


def check_seeds(root: Path) -> list[Problem]:
    """What is wrong with the seed files of a project, before anything is built.

    Args:
        root: The project folder.

    Returns:
        Problems in the order of files and lines, at most ten of one file; empty: none.
    """
    seeds = {seed.name: seed for seed in _declared(root)}

    def shown(path: Path) -> str:
        return str(path.relative_to(root))

    problems: list[Problem] = []
    sheets: dict[str, _Sheet] = {}
    for path in sorted((root / "seeds").rglob("*.csv")):
        sheet, wrong = _read(path, shown(path), seeds.get(path.stem))
        problems += wrong
        if sheet.header and not wrong:
            sheets[path.stem] = sheet
            if path.stem in seeds:
                problems += list(_wrong_values(sheet, shown(path), seeds[path.stem]))
    if not problems:  # what one file says of another is only worth reading where each can be read
        for judge in (_unknown_roles, _unknown_kpis, _wrong_approvals):
            problems += list(judge(sheets, shown))
    counts: dict[str, int] = {}
    kept = []
    for problem in problems:
        counts[problem.file] = counts.get(problem.file, 0) + 1
        if counts[problem.file] <= SHOWN:
            kept.append(problem)
    for name, count in counts.items():
        if count > SHOWN:
            kept.append(Problem(name, None, None, f"{count - SHOWN} more like these", "mend those above first"))
    return kept


@click.command("check")
@output_options
def check_command(form: str) -> None:
    """Check the dictionary and the other seeds, in a second, without building anything.

    Exit code 1 where something is wrong; each line names file, line, column and remedy.
    """
    problems = check_seeds(project_root())
    if not emit([vars(problem) for problem in problems], form, ["file", "line", "column", "message", "remedy"]):
        for problem in problems:
            click.echo(str(problem))
        click.echo(f"{len(problems)} problems" if problems else "the dictionary is sound")
    if problems:
        raise SystemExit(1)
