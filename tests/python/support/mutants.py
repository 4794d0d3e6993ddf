"""Small wrong changes of SQL: a test that cannot tell them from the model does not test it.

Three kinds, as a person would make them: a comparison flipped (`<` to `<=`), a condition dropped (one part of a `where`,
`filter`, `on` or `when`), a window shifted (a bound of `between`, an offset of days or seconds, a period's moment). Not
changed are the wiring of a model (joins of keys, the choice of its rows of the dictionary) and its templates, but
the SQL inside a template's strings is.

All mutants of a model are written into one text as pairs of comments, so that it is compiled once: `marked`, then `mutated`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/|\{\#.*?\#\})|(?P<statement>\{%.*?%\})|(?P<template>\{\{.*?\}\})|(?P<string>'[^']*')
    |(?P<word>[A-Za-z_][\w.]*)|(?P<number>\d+(\.\d+)?)|(?P<sign><=|>=|<>|\|\||[-+*/<>=(),])|(?P<space>\s+)|(?P<other>.)""",
    re.X | re.S,
)
FLIPS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
SWAPS = {"min": "max", "max": "min"}
STARTS = {"where", "and", "or", "on", "when", "having"}
#: Words at which a condition ends, at its own depth of brackets.
ENDS = {
    "and",
    "or",
    "then",
    "group",
    "order",
    "union",
    "left",
    "inner",
    "cross",
    "full",
    "window",
    "having",
    "limit",
    "where",
}
ENDS |= {"on", "end", "else", "as", "from", "when"}
#: The choice of rows of the dictionary, and the joins of keys.
WIRING = re.compile(
    r"\b(kpi_id|metric_id|parameter)\b|\bversion = |^[\w.]+ = [\w.]+\.[\w.]+$|^\(?true\)?$|^\(?false\)?$"
)
#: One row of the dictionary laid out as a column: whichever aggregate, it is that row.
PIVOT = re.compile(r"(min|max)\(case when (parameter|rule_id) = '")
#: Templates whose strings are names, not SQL.
NAMES = re.compile(
    r"^\{\{-?\s*(ref|config|var|doc|kpi_rows|typed_null|ts_literal|credit_is_landed|credit_dpd_is_landed|has_landed"
    r"|manufacturing_has|manufacturing_parameter)\("
)
OFFSET = re.compile(r"\badd_(days|seconds|months)\(")
PERIOD = re.compile(r"\bperiod_start\(")


@dataclass(frozen=True)
class Mutant:
    """One change of a text: where, what, and by what."""

    number: int
    line: int
    start: int
    end: int
    new: str
    change: str
    quoted: bool = False


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int
    end: int


def mutants(sql: str, first: int = 0) -> list[Mutant]:
    """All mutants of a model's SQL, in the order of their places, numbered from `first`."""
    found = sorted(set(_changes(sql, 0)), key=lambda change: (change[0], -change[1], change[2]))
    made = []
    for number, (start, end, new, quoted) in enumerate(found, first):
        line = sql.count("\n", 0, start) + 1
        first, last = sql.rfind("\n", 0, start) + 1, sql.find("\n", end) if "\n" in sql[end:] else len(sql)
        changed = f"{sql[first:start]}{new}{sql[end:last]}"
        old = sql[first:last]
        change = f"{' '.join(old.split())}  =>  {' '.join(changed.split())}"
        made.append(Mutant(number, line, start, end, new, change, quoted))
    return made


def marked(sql: str, found: list[Mutant]) -> str:
    """The text with every mutant's place between comments of its number."""
    notes: dict[int, list[str]] = {}
    for mutant in found:
        quote = '"' if mutant.quoted else ""
        notes.setdefault(mutant.start, []).append(f"{quote}/*<{mutant.number}*/")
        notes.setdefault(mutant.end, []).append(f"/*>{mutant.number}*/{quote}")
    pieces, at = [], 0
    for place in sorted(notes):
        closing = [note for note in notes[place] if ">" in note]
        opening = [note for note in notes[place] if "<" in note]
        pieces += [sql[at:place], *closing, *opening]
        at = place
    return "".join([*pieces, sql[at:]])


def mutated(compiled: str, mutant: Mutant) -> str:
    """The compiled text with one mutant alive."""
    place = re.compile(rf"/\*<{mutant.number}\*/.*?/\*>{mutant.number}\*/", re.S)
    text, count = place.subn(lambda _: f" {mutant.new} ", compiled)
    if not count:
        raise ValueError(f"mutant {mutant.change} has no place in the compiled text")
    return unmarked(text)


def unmarked(compiled: str) -> str:
    """The compiled text without the comments."""
    return re.sub(r"/\*[<>]\d+\*/", "", compiled)


Change = tuple[int, int, str, bool]


def _changes(text: str, offset: int) -> Iterator[Change]:
    tokens = [Token(m.lastgroup or "", m[0], m.start(), m.end()) for m in TOKEN.finditer(text)]
    for token in tokens:
        if token.kind == "template":
            for start, end, new, quoted in _in_template(token.text):
                yield offset + token.start + start, offset + token.start + end, new, quoted
    tokens = [token for token in tokens if token.kind not in ("space", "comment", "statement")]
    for start, end, new in _in_sql(text, tokens):
        yield offset + start, offset + end, new, False


def _in_template(text: str) -> Iterator[Change]:
    if NAMES.match(text):
        return
    for call in OFFSET.finditer(text):
        arguments = _arguments(text, call.end())
        if len(arguments) > 1:
            start, end = arguments[1]
            argument = text[start:end]
            if re.fullmatch(r"-?\d+", argument):
                yield start, end, str(int(argument) + 1), True
            elif re.fullmatch(r"'[^']*'", argument):
                yield start + 1, end - 1, f"({argument[1:-1]}) + 1", False
    for call in PERIOD.finditer(text):
        arguments = _arguments(text, call.end())
        if len(arguments) > 1 and re.fullmatch(r"'[^']*'", text[slice(*arguments[1])]):
            start, end = arguments[1]
            yield start + 1, end - 1, f"({text[start + 1 : end - 1]}) + interval 1 day", False
    for literal in re.finditer(r"\"[^\"]*\"|'[^']*'", text):
        if " " in literal[0]:
            yield from _changes(literal[0][1:-1], literal.start() + 1)


def _arguments(text: str, at: int) -> list[tuple[int, int]]:
    """Places of the arguments of a call of which the bracket has just been opened."""
    depth, quote, start, found = 0, "", at, []
    for place in range(at, len(text)):
        letter = text[place]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}" and depth:
            depth -= 1
        elif letter in ",)" and not depth:
            found.append((start, place))
            start = place + 1
            if letter == ")":
                break
    return [
        (a + len(text[a:b]) - len(text[a:b].lstrip()), b - (len(text[a:b]) - len(text[a:b].rstrip()))) for a, b in found
    ]


def _in_sql(text: str, tokens: list[Token]) -> Iterator[tuple[int, int, str]]:
    of_between: set[int] = set()
    depth = 0
    depths = []
    for token in tokens:
        depth -= token.text == ")"
        depths.append(depth)
        depth += token.text == "("
    for i, token in enumerate(tokens):
        word = token.text.lower()
        following = tokens[i + 1] if i + 1 < len(tokens) else None
        if word in FLIPS:
            yield token.start, token.end, FLIPS[word]
        elif (
            word in SWAPS
            and following
            and following.text == "("
            and "(value)" not in text[token.start : token.start + 11]
            and not PIVOT.match(text, token.start)
        ):
            yield token.start, token.end, SWAPS[word]
        elif word == "count" and [t.text for t in tokens[i + 1 : i + 3]] == ["(", "distinct"]:
            yield token.start, tokens[i + 2].end, "count("
        elif word == "is" and [t.text for t in tokens[i + 1 : i + 3]] == ["not", "null"]:
            yield token.start, tokens[i + 2].end, "is null"
        elif word == "is" and following and following.text == "null":
            yield token.start, following.end, "is not null"
        elif (
            word == "not"
            and tokens[i - 1].text != "is"
            and following
            and following.text not in ("null", "in", "exists")
        ):
            yield token.start, token.end, ""
        elif word in "+-" and following and following.kind == "number" and following.text == "1":
            yield following.start, following.end, "2"
        elif word == "between" and tokens[i - 1].text not in ("rows", "range"):
            end = _end(tokens, depths, i + 1, {"and"})
            of_between.add(end)
            stop = _end(tokens, depths, end + 1, ENDS) - 1
            begin = i
            while (
                begin
                and depths[begin - 1] >= depths[i]
                and not (
                    depths[begin - 1] == depths[i]
                    and tokens[begin - 1].text.lower() in STARTS | {"not", "then", "else", ","}
                )
            ):
                if tokens[begin - 1].text == "(" and depths[begin - 1] < depths[i]:
                    break
                begin -= 1
            left = text[tokens[begin].start : tokens[i - 1].end]
            low = text[tokens[i + 1].start : tokens[end - 1].end]
            high = text[tokens[end + 1].start : tokens[stop].end]
            yield tokens[begin].start, tokens[stop].end, f"({left} > {low} and {left} <= {high})"
            yield tokens[begin].start, tokens[stop].end, f"({left} >= {low} and {left} < {high})"
    for i, token in enumerate(tokens):
        word = token.text.lower()
        if word not in STARTS or i in of_between or i + 1 == len(tokens):
            continue
        if word == "when" and tokens[i + 1].kind == "string":
            continue  # a member of a simple case
        yield from _dropped(text, tokens, depths, of_between, i + 1)
    if (
        tokens
        and any(t.text.lower() in ("and", "or") for t, d in zip(tokens, depths, strict=True) if d == 0)
        and (tokens[0].text.lower() not in ("select", "with", "case"))
    ):
        yield from _dropped(text, tokens, depths, of_between, 0)  # a string that is a condition


def _dropped(
    text: str, tokens: list[Token], depths: list[int], of_between: set[int], i: int
) -> Iterator[tuple[int, int, str]]:
    stop = i
    while stop < len(tokens):
        word = tokens[stop].text.lower()
        if depths[stop] < depths[i] or (
            depths[stop] == depths[i] and stop > i and stop not in of_between and (word in ENDS or word == ",")
        ):
            break
        stop += 1
    if stop == i:
        return
    condition = " ".join(text[tokens[i].start : tokens[stop - 1].end].split())
    if WIRING.search(condition) or tokens[i].text.lower() in ("select", "case"):
        return
    joined = {tokens[i - 1].text.lower() if i else "", tokens[stop].text.lower() if stop < len(tokens) else ""}
    yield tokens[i].start, tokens[stop - 1].end, "false" if "or" in joined else "true"


def _end(tokens: list[Token], depths: list[int], i: int, words: set[str]) -> int:
    """The next token at this depth that is one of the words, or closes the brackets, or the end."""
    depth = depths[i]
    while i < len(tokens):
        if depths[i] < depth or (depths[i] == depth and (tokens[i].text.lower() in words or tokens[i].text == ",")):
            return i
        i += 1
    return i
