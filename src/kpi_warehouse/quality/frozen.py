"""Released KPI versions do not change: a checksum per version, written once, shows it.

`seeds/dictionary/released_checksums.csv` holds (kpi_id, version, checksum) of every released version (parallel, active
or retired) and of every shared rule. `kpi sync` adds those that are new; it never changes a line. To release a
correction before anybody relied on the version, delete its line: the review sees it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

SEEDS = Path("seeds") / "dictionary"
CHECKSUMS = SEEDS / "released_checksums.csv"
HEADER = ("kpi_id", "version", "checksum")
RELEASED = ("parallel", "active", "retired")
#: What moves when a version takes effect or is followed by another; everything else of its row is frozen.
LIFECYCLE = ("status", "parallel_from", "effective_from", "effective_to")

Version = tuple[str, str]


def _rows(root: Path, pattern: str) -> Iterator[dict[str, str]]:
    for path in sorted((root / SEEDS).glob(pattern)):
        with path.open(encoding="utf-8", newline="") as handle:
            yield from csv.DictReader(handle)


def checksums(root: Path) -> dict[Version, str]:
    """Checksums of all released versions and shared rules as the dictionary has them now.

    Args:
        root: The project folder.

    Returns:
        (kpi_id, version) -> 16 hexadecimal digits over definition and parameters.
    """
    parameters: dict[Version, dict[str, list[str]]] = {}
    for row in _rows(root, "metric_parameters_*.csv"):
        parameters.setdefault((row["metric_id"], row["version"]), {})[row["parameter"]] = [row["value"], row["unit"]]
    found: dict[Version, str] = {}
    defined = set()
    for row in _rows(root, "metric_definitions_*.csv"):
        key = (row["kpi_id"], row["version"])
        defined.add(row["kpi_id"])
        if row["status"] in RELEASED:
            kept = {name: value for name, value in row.items() if name not in LIFECYCLE}
            found[key] = _checksum(kept, parameters.get(key, {}))
    for key, values in parameters.items():
        if key[0] not in defined:
            found[key] = _checksum({}, values)
    return found


def _checksum(definition: dict[str, str], parameters: dict[str, list[str]]) -> str:
    text = json.dumps([definition, parameters], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def frozen(root: Path) -> dict[Version, str]:
    """Checksums as they were frozen; empty where none were yet."""
    return {(row["kpi_id"], row["version"]): row["checksum"] for row in _rows(root, CHECKSUMS.name)}


def broken(root: Path) -> list[str]:
    """Released versions that differ from what was released, one sentence each; empty: none."""
    now = checksums(root)
    lines = []
    for (kpi_id, version), checksum in frozen(root).items():
        current = now.get((kpi_id, version))
        if current is None:
            lines.append(f"{kpi_id} version {version} was released and is gone: set its status to retired instead")
        elif current != checksum:
            lines.append(
                f"{kpi_id} version {version} was released and has changed (checksum {checksum}, now {current}): "
                "put it back and add a new version"
            )
    return lines


def checksum_file(root: Path) -> dict[Path, str]:
    """The file of checksums with new releases added, as path -> text; empty without a dictionary."""
    now = checksums(root)
    if not now:
        return {}
    lines = {**now, **frozen(root)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows((*key, checksum) for key, checksum in sorted(lines.items()))
    return {root / CHECKSUMS: text.getvalue()}
