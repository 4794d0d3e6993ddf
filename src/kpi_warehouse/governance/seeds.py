"""The seed files of the metric dictionary, edited so that a diff shows the changed rows and nothing else."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kpi_warehouse.governance.store import GovernanceError, suggest
from kpi_warehouse.quality.frozen import checksum_file

Cells = dict[str, str]

DEFINITIONS = "metric_definitions"
PARAMETERS = "metric_parameters"
APPROVALS = "metric_approvals"
CHANGELOG = "metric_changelog"
TRANSLATIONS = "metric_translations"
RANGES = "plausible_ranges"
#: The approval role that every KPI's own owner fills.
OWNER_OF_THE_KPI = "kpi_owner"


@dataclass
class _Record:
    """A row with the text that it came from; None once it was changed."""

    cells: Cells
    raw: str | None = None


def _split_records(text: str) -> Iterator[str]:
    """The records of a CSV text as they stand, line breaks inside quotes kept."""
    start, quoted = 0, False
    for place, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == "\n" and not quoted:
            yield text[start : place + 1]
            start = place + 1
    if text[start:]:
        yield text[start:]


def csv_line(cells: list[str]) -> str:
    """A record as the seed files write it."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


class SeedFile:
    """One seed file: rows that were not touched are written back byte for byte."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise GovernanceError(f"{path} is not saved as UTF-8: `kpi check` names the line and the remedy") from None
        records = list(_split_records(text))
        self._head = records[0]
        self.header = next(csv.reader([records[0]]))
        self._records = [_Record(self._cells(raw), raw) for raw in records[1:]]

    def _cells(self, raw: str) -> Cells:
        cells = next(csv.reader(io.StringIO(raw)), [])
        if len(cells) != len(self.header):
            raise GovernanceError(f"{self.path} does not read as its header says: `kpi check` names line and remedy")
        return dict(zip(self.header, cells, strict=True))

    @property
    def rows(self) -> list[Cells]:
        """The rows; change them through `update` and `insert` only."""
        return [record.cells for record in self._records]

    def update(self, row: Cells, **values: str) -> None:
        """Changes cells of a row that came from `rows`."""
        record = next(record for record in self._records if record.cells is row)
        unknown = set(values) - set(self.header)
        if unknown:
            raise KeyError(f"{self.path.name} has no column {', '.join(sorted(unknown))}")
        row.update(values)
        record.raw = None

    def insert(self, row: Cells, beside: Callable[[Cells], bool] = lambda cells: False) -> Cells:
        """Adds a row after the last one for which `beside` holds, else at the end; missing cells are empty."""
        if unknown := set(row) - set(self.header):
            raise KeyError(f"{self.path.name} has no column {', '.join(sorted(unknown))}")
        cells = {column: row.get(column, "") for column in self.header}
        places = [place for place, record in enumerate(self._records) if beside(record.cells)]
        self._records.insert(places[-1] + 1 if places else len(self._records), _Record(cells))
        return cells

    def text(self) -> str:
        """The file's text."""
        parts = [self._head]
        for record in self._records:
            if parts and not parts[-1].endswith("\n"):
                parts[-1] += "\n"
            parts.append(record.raw or csv_line([record.cells[column] for column in self.header]))
        return "".join(parts)

    def write(self) -> bool:
        """Writes the file if it changed; returns whether it did."""
        new = self.text().encode("utf-8")
        if new == self.path.read_bytes():
            return False
        fresh = self.path.with_suffix(".csv.new")
        fresh.write_bytes(new)
        fresh.replace(self.path)
        return True


@dataclass
class Dictionary:
    """The seed files of the metric dictionary of a project."""

    root: Path
    _files: dict[str, SeedFile] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the seed files lie."""
        return self.root / "seeds" / "dictionary"

    def file(self, name: str) -> SeedFile:
        """A seed file by name, without `.csv`.

        Raises:
            GovernanceError: The project has no such file.
        """
        if name not in self._files:
            path = self.folder / f"{name}.csv"
            if not path.exists():
                raise GovernanceError(f"{path} does not exist")
            self._files[name] = SeedFile(path)
        return self._files[name]

    def domains(self) -> list[str]:
        """The domains that have definitions."""
        prefix = f"{DEFINITIONS}_"
        return sorted(path.stem.removeprefix(prefix) for path in self.folder.glob(f"{prefix}*.csv"))

    def definitions(self) -> list[Cells]:
        """Every version of every KPI."""
        return [row for domain in self.domains() for row in self.file(f"{DEFINITIONS}_{domain}").rows]

    def rows(self, name: str) -> list[Cells]:
        """Rows of a seed that has a file per domain."""
        return [row for domain in self.domains() for row in self.file(f"{name}_{domain}").rows]

    def versions(self, kpi_id: str) -> list[Cells]:
        """The versions of a KPI, the oldest first.

        Raises:
            GovernanceError: There is no such KPI; the message names the nearest.
        """
        found = [row for row in self.definitions() if row["kpi_id"] == kpi_id]
        if not found:
            near = suggest(kpi_id, (row["kpi_id"] for row in self.definitions()))
            hint = f": did you mean {', '.join(near)}?" if near else ""
            raise GovernanceError(f"no KPI {kpi_id!r} in the dictionary{hint}")
        return sorted(found, key=lambda row: int(row["version"]))

    def version(self, kpi_id: str, version: int) -> Cells:
        """One version of a KPI.

        Raises:
            GovernanceError: There is no such KPI or version.
        """
        versions = self.versions(kpi_id)
        for row in versions:
            if row["version"] == str(version):
                return row
        raise GovernanceError(
            f"{kpi_id} has the versions {', '.join(row['version'] for row in versions)}, no {version}"
        )

    def parameters(self, metric_id: str, version: int | str) -> list[Cells]:
        """Parameters of a version (or of a shared rule)."""
        return [
            row for row in self.rows(PARAMETERS) if row["metric_id"] == metric_id and row["version"] == str(version)
        ]

    def approvals(self, kpi_id: str, version: int | str) -> list[Cells]:
        """Approvals given to a version."""
        return [row for row in self.rows(APPROVALS) if row["kpi_id"] == kpi_id and row["version"] == str(version)]

    def translation(self, kpi_id: str, version: int | str) -> Cells:
        """The Chinese readings of a version; empty cells where none were written."""
        sheet = self.file(TRANSLATIONS)
        for row in sheet.rows:
            if (row["kpi_id"], row["version"]) == (kpi_id, str(version)):
                return row
        return dict.fromkeys(sheet.header, "")

    def required_roles(self, domain: str) -> list[str]:
        """Roles that must approve a version of this domain."""
        return [row["role"] for row in self.file("required_approvals").rows if row["domain"] == domain]

    def min_parallel_months(self, domain: str) -> int:
        """Months that a new version runs beside the old one before it alone is official."""
        rule = next(
            (
                row
                for row in self.file(f"{PARAMETERS}_{domain}").rows
                if row["metric_id"].endswith("_rule_governance") and row["parameter"] == "min_parallel_months"
            ),
            None,
        )
        return int(float(rule["value"])) if rule else 1

    def save(self) -> list[Path]:
        """Writes the changed files, and the checksums of what was released by it; returns them."""
        written = [file.path for file in self._files.values() if file.write()]
        for path, text in checksum_file(self.root).items():
            if path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")
                written.append(path)
        return written
