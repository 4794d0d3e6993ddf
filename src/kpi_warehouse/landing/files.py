"""What lies under the raw root: the files of each table, and everything that is not read, by name.

Read are `*.parquet`, `*.csv` and `*.csv.gz` in any letter case, in subfolders of any name and depth. Symbolic links may
point anywhere inside the root; one that leaves it is refused. Nothing else is passed over in silence but the small
files that tools leave behind (`METADATA`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kpi_warehouse.output import clean

#: Contract of the landing: domain -> table -> column names.
Contract = Mapping[str, Mapping[str, Sequence[str]]]

#: Endings that are read, longest first, with the kind of file.
KINDS = ((".csv.gz", "csv.gz"), (".parquet", "parquet"), (".csv", "csv"))

#: Files that hold no rows and that no check names: marks of finished writes, checksums, what file managers leave.
METADATA = frozenset(
    {"_success", "_metadata", "_common_metadata", ".ds_store", "thumbs.db", "desktop.ini", ".gitkeep", ".gitignore"}
)

#: Files of the project's own beside the domains.
OF_THE_ROOT = frozenset({".demo", "demo_manifest.json"})


class LandingError(Exception):
    """Something landed that cannot be read as it was meant; the message begins with the file (and line)."""

    def __init__(self, message: str) -> None:
        super().__init__(clean(message))


@dataclass(frozen=True)
class DataFile:
    """A file whose rows are read.

    Attributes:
        path: The real file, links resolved.
        name: Its path under the raw root, as a person sees it.
        kind: `parquet`, `csv` or `csv.gz`.
        size: Bytes.
        changed: Time of its last change, nanoseconds.
    """

    path: Path
    name: str
    kind: str
    size: int
    changed: int


@dataclass(frozen=True)
class Finding:
    """Something under the raw root that is not read.

    Attributes:
        domain: Domain, or `governance` where it belongs to none.
        table: Raw table, or `landing` where it belongs to none.
        name: Path under the raw root.
        reason: Why it is not read, in words.
        is_refused: The build stops over it.
    """

    domain: str
    table: str
    name: str
    reason: str
    is_refused: bool = False


@dataclass
class Discovery:
    """All that lies under a raw root."""

    files: dict[tuple[str, str], list[DataFile]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def kind_of(name: str) -> str | None:
    """The kind of a file by its name; None: it is not read."""
    return next((kind for ending, kind in KINDS if name.lower().endswith(ending) and len(name) > len(ending)), None)


def is_metadata(name: str) -> bool:
    """A file that holds no rows by its name: nothing is said about it."""
    low = name.lower()
    return low in METADATA or low.startswith("._") or (low.startswith(".") and low.endswith(".crc"))


def discover(root: Path, contract: Contract) -> Discovery:
    """Lists a raw root without opening a file.

    Args:
        root: The raw root; one that does not exist holds nothing.
        contract: The tables that may be there.

    Returns:
        The files of each table, sorted by name, and what is not read.
    """
    found = Discovery()
    real = root.resolve()
    if not real.is_dir():
        return found
    for entry in _entries(real):
        if not _is_folder(entry):
            if not is_metadata(entry.name) and entry.name not in OF_THE_ROOT:
                found.findings.append(_beside("governance", "landing", entry.name, "it lies in no table's folder"))
        elif entry.name not in contract:
            _unread_folder(found, real, Path(entry.path), "governance", "landing", f"{entry.name} is no domain")
        elif (problem := _leaves(Path(entry.path), real)) is not None:
            found.findings.append(Finding(entry.name, "landing", entry.name, problem, is_refused=True))
        else:
            _domain(found, real, Path(entry.path), entry.name, contract[entry.name])
    return found


def discover_table(root: Path, domain: str, table: str) -> Discovery:
    """Lists what lies under the folder of one raw table; as `discover`, and nothing else is looked at."""
    found = Discovery()
    real = root.resolve()
    for folder, owner in ((real / domain, "landing"), (real / domain / table, table)):
        if not folder.is_dir() and not folder.is_symlink():
            return found
        if (problem := _leaves(folder, real)) is not None:
            name = folder.relative_to(real).as_posix()
            found.findings.append(Finding(domain, owner, name, problem, is_refused=True))
            return found
    if (real / domain / table).is_dir():
        _table(found, real, real / domain / table, domain, table)
    return found


def _domain(found: Discovery, root: Path, folder: Path, domain: str, tables: Mapping[str, Sequence[str]]) -> None:
    for entry in _entries(folder):
        name = f"{domain}/{entry.name}"
        if not _is_folder(entry):
            if not is_metadata(entry.name):
                found.findings.append(_beside(domain, "landing", name, "it lies in no table's folder"))
        elif entry.name not in tables:
            _unread_folder(
                found, root, Path(entry.path), domain, "landing", f"{entry.name} is no table of the input contract"
            )
        elif (problem := _leaves(Path(entry.path), root)) is not None:
            found.findings.append(Finding(domain, entry.name, name, problem, is_refused=True))
        else:
            _table(found, root, Path(entry.path), domain, entry.name)


def _table(found: Discovery, root: Path, folder: Path, domain: str, table: str) -> None:
    files: dict[Path, DataFile] = {}
    place = (domain, table)
    shown = f"{domain}/{table}"

    def unread(name: str, reason: str, *, is_refused: bool = False) -> None:
        found.findings.append(Finding(domain, table, name, reason, is_refused))

    def walk(folder: Path, shown: str, above: tuple[Path, ...]) -> None:
        real = folder.resolve()
        if real in above:
            unread(shown, "it is a link to a folder that holds it")
            return
        try:
            entries = _entries(folder)
        except OSError as error:
            unread(shown, f"it cannot be opened ({error.strerror})", is_refused=True)
            return
        names = {entry.name for entry in entries}
        if names & {"_delta_log", ".hoodie"} or {"metadata", "data"} <= names:
            # the files of a Delta, Hudi or Iceberg table hold rows that were deleted, too
            unread(
                shown, "it is a table of a lakehouse format, whose files hold deleted rows: export it", is_refused=True
            )
            return
        for entry in entries:
            name = f"{shown}/{entry.name}"
            if is_metadata(entry.name):
                continue
            if (problem := _leaves(Path(entry.path), root)) is not None:
                # what would not be read anyway is told only
                unread(name, problem, is_refused=_is_folder(entry) or kind_of(entry.name.lstrip(".")) is not None)
            elif _is_folder(entry):
                if entry.name.startswith((".", "_")):
                    _unread_folder(
                        found,
                        root,
                        Path(entry.path),
                        domain,
                        table,
                        "its folder begins with . or _: it is not finished",
                    )
                else:
                    walk(Path(entry.path), name, (*above, real))
            else:
                take(Path(entry.path), name)

    def take(path: Path, name: str) -> None:
        try:
            state = path.stat()
        except OSError as error:
            unread(name, f"it cannot be opened ({error.strerror})", is_refused=True)
            return
        kind = kind_of(path.name)
        if not stat.S_ISREG(state.st_mode):
            unread(name, "it is no regular file", is_refused=kind is not None)
        elif path.name.startswith("."):
            unread(name, "its name begins with a dot: it is hidden")
        elif not _is_utf8(name):
            unread(name, "its name is not UTF-8: name it anew", is_refused=kind is not None)
        elif kind is None:
            unread(name, "only .parquet, .csv and .csv.gz are read")
        elif not os.access(path, os.R_OK):
            unread(name, "it may not be read: give the build the right to", is_refused=True)
        elif kind == "parquet" and state.st_size == 0:
            unread(name, "it holds no byte")
        else:
            # a link beside its target is the same file, and its rows count once
            files.setdefault(path.resolve(), DataFile(path.resolve(), name, kind, state.st_size, state.st_mtime_ns))

    walk(folder, shown, ())
    if files:
        found.files[place] = sorted(files.values(), key=lambda file: file.name)


def _unread_folder(found: Discovery, root: Path, folder: Path, domain: str, table: str, reason: str) -> None:
    """Names a folder that is not read, and how many files it holds; empty ones are nothing to tell."""
    name = folder.relative_to(root).as_posix()
    if (problem := _leaves(folder, root)) is not None:
        found.findings.append(Finding(domain, table, name, problem))
        return
    names = [file for _, _, files in os.walk(folder) for file in files if not is_metadata(file)]
    if names:
        files = f"{len(names)} file{'s' if len(names) > 1 else ''}"
        found.findings.append(Finding(domain, table, f"{name} ({files})", reason))


def _beside(domain: str, table: str, name: str, reason: str) -> Finding:
    return Finding(domain, table, name, f"{reason}: move it to <domain>/<table>/ or away")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _leaves(path: Path, root: Path) -> str | None:
    """Why a link must not be followed, or None. Links may point anywhere inside the root."""
    try:
        real = path.resolve(strict=True)
    except FileNotFoundError:
        return "it is a link to nothing: put the file in its place"
    except (OSError, RuntimeError):
        return "it is a link that turns in a circle: put the file in its place"
    if real != root and root not in real.parents:
        return "it is a link that leaves the raw root: put the file in its place"
    return None
