"""Where the project and its files lie."""

from __future__ import annotations

import os
from pathlib import Path


def project_root(start: Path | None = None) -> Path:
    """The folder that holds `dbt_project.yml`: the current one, a parent of it, or that of the installed code.

    Raises:
        FileNotFoundError: No such folder; the message says what to do.
    """
    candidates = [start or Path.cwd(), *(start or Path.cwd()).parents, Path(__file__).resolve().parents[2]]
    for folder in candidates:
        if (folder / "dbt_project.yml").exists():
            return folder
    raise FileNotFoundError("no dbt_project.yml here or above: run `kpi` inside the project folder")


def warehouse_path() -> Path:
    """The DuckDB file that a build writes (`KPI_WAREHOUSE`)."""
    return Path(os.environ.get("KPI_WAREHOUSE", "warehouse.duckdb"))


def published_path() -> Path:
    """The file that readers open (`KPI_PUBLISHED`)."""
    return Path(os.environ.get("KPI_PUBLISHED", "published/kpi.duckdb"))


def raw_root() -> Path:
    """The folder of the landed tables (`KPI_RAW_ROOT`)."""
    return Path(os.environ.get("KPI_RAW_ROOT", "data/raw"))
