"""What commands print: tables for people, JSON and CSV for programs, and text from data that cannot harm a terminal."""

from __future__ import annotations

import csv
import datetime as dt
import functools
import io
import json
import math
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = dict[str, Any]

#: Unicode categories that move the cursor, recolour or reorder a terminal: control, format (bidirectional marks,
#: zero-width characters), surrogates, line and paragraph separators.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
#: Width of a table that is not written to a terminal: wide enough that one row stays one line.
PIPE_WIDTH = 100_000
#: Blanks beside and the rule between two cells of a table.
_PADDING = 3


def clean(text: str) -> str:
    r"""Text that comes from data, with whatever would steer a terminal spelled out (`\x1b`), on one line."""
    if text.isprintable():
        return text
    return "".join(
        character
        if unicodedata.category(character) not in _UNPRINTABLE
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def plain(value: Any) -> Any:
    """A value as JSON takes it: times as ISO text."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no such number
    return value


def as_text(value: Any) -> str:
    """JSON text of a value on one line."""
    return json.dumps(plain(value), ensure_ascii=False, default=str)


def as_json(value: Any) -> str:
    """JSON text of rows, readable and in every script."""
    return json.dumps(plain(value), ensure_ascii=False, indent=2, default=str)


def as_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """CSV text of rows with a header line; lists and dictionaries as JSON, none as an empty cell.

    Args:
        rows: The rows.
        columns: Names of the columns; default: all that occur, in the order in which they do.
    """
    names = list(columns) or list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        cells = [plain(row.get(name)) for name in names]
        writer.writerow([as_text(cell) if isinstance(cell, dict | list) else cell for cell in cells])
    return out.getvalue()


def console(pipe_width: int = 180) -> Console:
    """Where commands print: the terminal's width, or `pipe_width` where the output goes to a file or a pipe.

    Nothing in a text is markup: square brackets in a value are square brackets.
    """
    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else pipe_width)


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str | None = None,
    right: Sequence[str] = (),
    page: Console | None = None,
) -> None:
    """Prints rows as a table; where they are too wide for the terminal, each row as a block of lines.

    Args:
        headings: One per column.
        rows: Cells as text; whatever would steer the terminal is spelled out.
        title: A line above.
        right: Headings of the columns that are set right.
        page: Where to print; default: the terminal, or the pipe.
    """
    page = page or console(PIPE_WIDTH)  # in a pipe one row is one line
    cells = [[clean(str(cell)) for cell in row] for row in rows]
    widths = [
        max([cell_len(heading), *(cell_len(row[place]) for row in cells)]) for place, heading in enumerate(headings)
    ]
    if title:
        page.print(Text(title, style="bold"))
    if sum(widths) + _PADDING * len(widths) + 1 <= page.width:
        table = Table(header_style="bold")
        for heading in headings:
            table.add_column(heading, justify="right" if heading in right else "left", no_wrap=True)
        for row in cells:
            table.add_row(*map(Text, row))
        page.print(table)
        return
    label = max(map(cell_len, headings), default=0)
    for row in cells:
        block = Table.grid(padding=(0, 2))
        block.add_column(no_wrap=True, min_width=label)
        block.add_column(overflow="fold")
        for heading, cell in zip(headings, row, strict=True):
            if cell:
                block.add_row(Text(heading, style="dim"), Text(cell))
        page.print(block)
        page.print()


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--json` and `--csv` to a reading command; its parameter `form` is `table`, `json` or `csv`."""

    @click.option("--json", "json_", is_flag=True, help="Every row as JSON.")
    @click.option("--csv", "csv_", is_flag=True, help="Every row as CSV.")
    @functools.wraps(command)
    def wrapped(*arguments: Any, json_: bool, csv_: bool, **named: Any) -> Any:
        if json_ and csv_:
            raise click.UsageError("--json and --csv: choose one")
        return command(*arguments, form="json" if json_ else "csv" if csv_ else "table", **named)

    return wrapped


def emit(rows: Sequence[Mapping[str, Any]], form: str, columns: Sequence[str] = ()) -> bool:
    """Prints rows as JSON or CSV; returns whether it did (False: the caller prints its table)."""
    if form == "json":
        click.echo(as_json(list(rows)))
    elif form == "csv":
        click.echo(as_csv(rows, columns), nl=False)
    else:
        return False
    return True
