"""Names, texts and paths as SQL: the one place where they are quoted.

Nothing that a file, a folder, a variable of the environment or a person named goes into SQL in any other way.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

#: Settings of a connection to one DuckDB file that reaches no other and cannot be unlocked; give them to
#: `duckdb.connect(path, config=LOCKED)`. All connections of a process to one file have the same settings.
LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "allowed_configs": "['TimeZone']",
    "lock_configuration": "true",
}


def identifier(name: str) -> str:
    """A name of any characters as a quoted identifier of DuckDB.

    Args:
        name: A column, table, schema or catalog name as it is.

    Returns:
        The name in double quotes, its own quotes doubled.

    Raises:
        ValueError: The name is empty or holds a NUL character, which no identifier can.
    """
    if not name or "\0" in name:
        raise ValueError(f"{name!r} is no name that SQL can hold")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str | Path) -> str:
    """A text or a path of any characters as a string literal of DuckDB.

    Args:
        text: The text as it is; a path is taken as it is spelled.

    Returns:
        The text in single quotes, its own quotes doubled.

    Raises:
        ValueError: The text holds a NUL character, which no literal can.
    """
    text = str(text)
    if "\0" in text:
        raise ValueError(f"{text!r} is no text that SQL can hold")
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str | Path]) -> str:
    """Texts or paths as a list of DuckDB: `['a', 'b']`; an empty one is `[]`."""
    return f"[{', '.join(map(literal, texts))}]"


def attach(path: Path | str, name: str, *, read_only: bool = False) -> str:
    """The statement that attaches a DuckDB file of any path under a name of any characters.

    Args:
        path: The file.
        name: The catalog name for it.
        read_only: Attach it for reading only.
    """
    return f"attach {literal(path)} as {identifier(name)}{' (read_only)' if read_only else ''}"
