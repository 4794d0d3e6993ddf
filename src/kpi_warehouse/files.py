"""The files of a run: which paths may be used, waiting for who holds one, making a write last, and checksums.

Everything here is about files, nothing about what stands in them.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import click
import duckdb
from filelock import FileLock, Timeout

from kpi_warehouse.sql import attach

#: Seconds that a command waits for a file that somebody else holds (`KPI_WAIT_SECONDS`).
PATIENCE = 60.0
#: Names under which DuckDB or the publication attaches something else: no file may be called so.
RESERVED = (
    "main", "temp", "system", "memory", "ledger", "fresh", "standing", "pg_catalog", "information_schema", "default",
)  # fmt: skip
#: How the name of a landed table's file ends (any letter case).
TABLE_FILES = (".parquet", ".csv", ".csv.gz")


class FileRefused(click.ClickException):
    """A path or file that cannot be used; the message is one sentence with its remedy (exit code 2: usage)."""

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]


class FileHeld(click.ClickException):
    """A file that another process holds for longer than this one waits (exit code 3)."""

    exit_code = 3


# --------------------------------------------------------------------------- which paths may be used


def wal_of(path: Path) -> Path:
    """The write-ahead log that DuckDB keeps beside a file."""
    return path.with_name(f"{path.name}.wal")


def is_duckdb_file(path: Path) -> bool:
    """Whether a file begins as a DuckDB file does."""
    with path.open("rb") as file:
        return file.read(12)[8:] == b"DUCK"


def _is_same(a: Path, b: Path) -> bool:
    if a.exists() and b.exists() and a.samefile(b):  # links of any kind
        return True
    resolved = [Path(os.path.realpath(path)) for path in (a, b)]
    if resolved[0] == resolved[1]:
        return True
    # on a file system that takes both spellings for one, neither may be there yet
    return str(resolved[0]).casefold() == str(resolved[1]).casefold() and _folds_case(resolved[0].parent)


def _folds_case(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    swapped = folder.with_name(folder.name.swapcase())
    return swapped != folder and swapped.exists() and swapped.samefile(folder)


def _check_place(path: Path, setting: str) -> None:
    """Raises `FileRefused` where `path` is no place for a file of DuckDB."""
    shown = f"{setting} ({path})"
    text = str(path)
    if text.startswith((":", "md:", "http:", "https:", "s3:")):
        raise FileRefused(f"{shown} is no file on this machine: name a file such as published/kpi.duckdb")
    if path.is_dir() or not path.name:
        raise FileRefused(f"{shown} is a folder: name a file in it, e.g. {path / 'kpi.duckdb'}")
    if path.is_symlink() and not path.exists():
        raise FileRefused(f"{shown} is a link to a file that does not exist: remove the link, or name the file itself")
    if path.exists() and not path.is_file():
        raise FileRefused(f"{shown} is no regular file: name another one")
    if path.suffix.lower() in (".wal", ".lock", ".tmp"):
        raise FileRefused(f"{shown} is a name that belongs to another file ({path.suffix}): choose one with .duckdb")
    stem = path.name.split(".")[0]
    if stem.casefold() in RESERVED or path.stem.casefold() in RESERVED:
        raise FileRefused(f"{shown} is a name that DuckDB or the ledger uses itself ({stem}): call the file otherwise")
    if not stem or "." in path.stem:
        raise FileRefused(f"{shown} has a dot inside its name, which DuckDB reads as another name: leave it out")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileRefused(f"{shown} cannot be written: {error.strerror}; choose a folder that you may write") from None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.probe-"):
            pass
    except OSError as error:
        raise FileRefused(
            f"{shown} cannot be written: {error.strerror} in {path.parent}; choose a folder that you may write"
        ) from None


def check_paths(warehouse: Path, published: Path, raw: Path | None = None) -> None:
    """Refuses paths that a run would destroy something with, or could not write.

    Args:
        warehouse: The file that a build writes (KPI_WAREHOUSE).
        published: The file that readers open (KPI_PUBLISHED); the ledger lies beside it.
        raw: The folder of the landed files, if there is one.

    Raises:
        FileRefused: With the setting, what is wrong and what to do.
    """
    ledger = published.parent / "ledger.duckdb"
    for path, setting in ((warehouse, "KPI_WAREHOUSE"), (published, "KPI_PUBLISHED")):
        if not path.is_dir() and path.name and _is_same(path, ledger):
            raise FileRefused(f"{setting} ({path}) is the ledger of what was published: name another file")
    if not warehouse.is_dir() and not published.is_dir() and _is_same(warehouse, published):
        raise FileRefused(f"KPI_PUBLISHED ({published}) and KPI_WAREHOUSE ({warehouse}) are one file: name two")
    _check_place(warehouse, "KPI_WAREHOUSE")
    _check_place(published, "KPI_PUBLISHED")
    for path, setting in ((warehouse, "KPI_WAREHOUSE"), (published, "KPI_PUBLISHED")):
        if raw and raw.is_dir() and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(raw)):
            raise FileRefused(f"{setting} ({path}) lies in the folder of the landed files ({raw}): name another folder")
    if ledger.is_symlink() and not ledger.exists():
        raise FileRefused(f"the ledger ({ledger}) is a link to a file that does not exist: remove the link")
    if ledger.exists() and not ledger.is_file():
        raise FileRefused(f"the ledger ({ledger}) is no file: move it away, or set KPI_PUBLISHED to another folder")
    if warehouse.exists() and warehouse.stat().st_size and not is_duckdb_file(warehouse):
        raise FileRefused(f"KPI_WAREHOUSE ({warehouse}) is no DuckDB file: move it away, or name another file")
    if published.exists() and not ledger.exists() and not is_duckdb_file(published):
        raise FileRefused(
            f"KPI_PUBLISHED ({published}) is there, is no DuckDB file and has no ledger beside it, so it is none of "
            "ours: move it away, or name another file"
        )


def table_files(root: Path, tables: list[tuple[str, str]]) -> Iterator[Path]:
    """Files that hold rows of the declared tables: `<root>/<domain>/<table>/**/*.{parquet,csv,csv.gz}`, any case.

    Args:
        root: The folder of the landed files.
        tables: Domain and name of each declared table.
    """
    for domain, table in tables:
        for folder, _, names in os.walk(root / domain / table):
            for name in sorted(names):
                path = Path(folder) / name
                if name.lower().endswith(TABLE_FILES) and path.is_file() and path.stat().st_size:
                    yield path


def check_raw_root(root: Path, tables: list[tuple[str, str]]) -> None:
    """Refuses a folder of landed files that is not there or holds no table that could be read.

    Raises:
        FileRefused: With what was found and what to do.
    """
    remedy = "set KPI_RAW_ROOT to the folder that holds <domain>/<table>/*.parquet|csv|csv.gz (`make demo` makes one)"
    if not root.exists():
        raise FileRefused(f"KPI_RAW_ROOT ({root}) does not exist, nothing was built: {remedy}")
    if not root.is_dir():
        raise FileRefused(f"KPI_RAW_ROOT ({root}) is no folder, nothing was built: {remedy}")
    found = next((path for path in table_files(root, tables) if os.access(path, os.R_OK)), None)
    if found is None:
        raise FileRefused(f"KPI_RAW_ROOT ({root}) holds no file of a declared table, nothing was built: {remedy}")


# --------------------------------------------------------------------------- waiting for who holds a file


def patience() -> float:
    """Seconds to wait for a file that somebody holds (`KPI_WAIT_SECONDS`, default 60).

    Raises:
        FileRefused: The setting is no number.
    """
    text = os.environ.get("KPI_WAIT_SECONDS", "")
    try:
        return max(0.0, float(text)) if text else PATIENCE
    except ValueError:
        raise FileRefused(f"KPI_WAIT_SECONDS ({text!r}) is no number of seconds") from None


def _holder(error: Exception) -> str:
    found = re.search(r"held in (.+?) \(PID (\d+)\)", str(error))
    return f"process {found[2]} ({Path(found[1]).name})" if found else "another process"


def is_held(error: Exception) -> bool:
    """Whether DuckDB refused a file because another process holds it."""
    return isinstance(error, duckdb.IOException) and "lock" in str(error).lower()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Says a file's trouble in one sentence."""
    try:
        yield
    except (duckdb.IOException, duckdb.SerializationException, duckdb.InternalException) as error:
        if wal_of(path).exists():
            raise FileRefused(
                f"{path} cannot be read together with {wal_of(path).name} beside it, which is of another file or was "
                f"cut: move that log away and try again ({str(error).splitlines()[0][:200]})",
                1,
            ) from None
        raise FileRefused(f"{path} cannot be opened: {str(error).splitlines()[0][:300]}", 1) from None


def _wait(path: Path, attempt: Callable[[], duckdb.DuckDBPyConnection]) -> duckdb.DuckDBPyConnection:
    """Calls `attempt` until nobody else holds `path`, at most for `patience()` seconds."""
    limit = patience()
    end = time.monotonic() + limit
    is_told = False
    while True:
        try:
            return attempt()
        except duckdb.IOException as error:
            if not is_held(error):
                raise
            if time.monotonic() >= end:
                raise FileHeld(
                    f"{path} is held by {_holder(error)} for more than {limit:g} s: try again when it is done "
                    "(KPI_WAIT_SECONDS waits longer)"
                ) from None
            if not is_told:
                click.echo(f"waiting for {path}: {_holder(error)} holds it", err=True)
                is_told = True
            time.sleep(0.2)


def connect(path: Path, *, read_only: bool = True) -> duckdb.DuckDBPyConnection:
    """Opens a DuckDB file, waiting for a process that holds it.

    Raises:
        FileHeld: It was held for longer than `patience()`.
        FileRefused: It cannot be read.
    """
    with _told(path):
        return _wait(path, lambda: duckdb.connect(str(path), read_only=read_only))


def attach_waiting(db: duckdb.DuckDBPyConnection, path: Path, name: str, *, read_only: bool = True) -> None:
    """Attaches a DuckDB file as `name`, waiting for a process that holds it.

    Raises:
        FileHeld: It was held for longer than `patience()`.
        FileRefused: It cannot be read.
    """
    statement = attach(path, name, read_only=read_only)
    with _told(path):
        _wait(path, lambda: db.execute(statement))


@contextmanager
def publishing_to(target: Path) -> Iterator[None]:
    """Holds the place of publication: two warehouses may publish to one file, one after the other.

    Raises:
        FileHeld: Another publication lasted longer than `patience()`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{target}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        click.echo(f"waiting for another publication to {target}", err=True)
        try:
            lock.acquire(timeout=patience())
        except Timeout:
            raise FileHeld(f"another publication to {target} has not ended: publish when it is done") from None
    try:
        yield
    finally:
        lock.release()


# --------------------------------------------------------------------------- making a write last


def sync_file(path: Path) -> None:
    """Brings a file to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Brings the names in a folder to the disk, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # not on Windows
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def remove_stale_log(path: Path) -> bool:
    """Removes a write-ahead log beside a file that is swapped: DuckDB would play it into the new file.

    Whatever it holds was written into a publication by somebody, and goes with the file that it was written into.
    """
    log = wal_of(path)
    if not (log.exists() or log.is_symlink()):
        return False
    log.unlink()
    sync_folder(path.parent)
    click.echo(f"removed {log}: somebody wrote into the published file; that is no part of a publication", err=True)
    return True


def swap_in(fresh: Path, target: Path) -> None:
    """Puts a finished file in the place of another, for good: bytes first, then the name; no log stays beside it.

    Raises:
        FileRefused: The fresh file was not closed as it should be (its own log is there).
    """
    if wal_of(fresh).exists():
        raise FileRefused(f"{fresh} was not finished ({wal_of(fresh).name} is there): publish again", 1)
    sync_file(fresh)
    remove_stale_log(target)
    fresh.replace(target)
    sync_folder(target.parent)
    # one that still held the old file may have begun a log in between
    remove_stale_log(target)


# --------------------------------------------------------------------------- checksums


def file_checksum(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def raw_checksum(root: Path, tables: list[tuple[str, str]]) -> str | None:
    """SHA-256 over path, size and content of every landed file of the declared tables; None where there is none.

    Files are read once, several at a time; a second of one core reads about a gigabyte.
    """
    files = sorted(table_files(root, tables), key=lambda path: path.relative_to(root).as_posix())
    if not files:
        return None
    digest = hashlib.sha256()
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for path, content in zip(files, pool.map(file_checksum, files), strict=True):
            digest.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0{content}\n".encode())
    return digest.hexdigest()
