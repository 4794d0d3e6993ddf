"""Small wrong changes of SQL: a test that cannot tell them from the model does not test it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: What is replaced by what, each at one place at a time.
FLIPS = (
    (r" <= ", " < "),
    (r" >= ", " > "),
    (r" < ", " <= "),
    (r" > ", " >= "),
    (r" is not null", " is null"),
    (r"\bcount\(distinct ", "count("),
    (r"\b(and|where) not ", r"\1 "),
    (r" \+ 1\b", " + 2"),
    (r"\bmin\(", "max("),
    (r"\bmax\(", "min("),
)
#: An exclusion on a line of its own is dropped.
EXCLUSION = re.compile(r"^(\s*)(where|and) (?!.*\b(between|case)\b)(.+)$")


@dataclass(frozen=True)
class Mutant:
    """One change: where, and the whole changed text."""

    line: int
    change: str
    text: str


def mutants(sql: str) -> Iterator[Mutant]:
    """Mutants of a model's SQL (templates are left alone), in the order of its lines."""
    lines = sql.splitlines()
    in_statement = False
    for number, line in enumerate(lines):
        code = line.split("--")[0]
        in_statement = in_statement or "{%" in code or "{#" in code
        if in_statement:
            in_statement = not ("%}" in code or "#}" in code)
            continue
        if "metric_id" in code or "parameter = " in code or "kpi_id" in code:
            continue  # the choice of rows of the dictionary
        for pattern, replacement in FLIPS:
            for match in re.finditer(pattern, code):
                changed = code[: match.start()] + re.sub(pattern, replacement, match[0]) + code[match.end() :]
                if changed != code:
                    yield _mutant(lines, number, code, changed)
        found = EXCLUSION.match(code)
        balanced = code.count("(") == code.count(")") and code.count("{{") == code.count("}}")
        if found and balanced and not code.rstrip().endswith(("and", "or", "(")):
            yield _mutant(lines, number, code, f"{found[1]}{found[2]} true")


def _mutant(lines: list[str], number: int, old: str, new: str) -> Mutant:
    text = "\n".join([*lines[:number], new, *lines[number + 1 :]]) + "\n"
    return Mutant(number + 1, f"{old.strip()}  =>  {new.strip()}", text)
