"""Shared builds: dbt runs once per input and suite, the tests read the result."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from .support.lander import Lander

ROOT = Path(__file__).resolve().parents[2]
KPI = [sys.executable, "-m", "kpi_warehouse.cli"]


@dataclass(frozen=True)
class Built:
    """A finished build: its files and what it printed."""

    raw: Path
    warehouse: Path
    published: Path
    output: str
    environment: dict[str, str]

    def rows(self, query: str, *, published: bool = False) -> list[tuple]:
        """Rows of a query on the warehouse (or the publication)."""
        with duckdb.connect(str(self.published if published else self.warehouse), read_only=True) as db:
            return db.execute(query).fetchall()


def shared(*parts: str) -> Path:
    """A file of the development inputs beside the project, or a skip where they are absent."""
    path = Path(os.environ.get("KPI_SHARED", ROOT.parent / "shared")).joinpath(*parts)
    if not path.exists():
        pytest.skip(f"development input {'/'.join(parts)} is not here (set KPI_SHARED to the folder that holds it)")
    return path


def run_dbt(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess:
    """Runs dbt in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", *arguments, "--project-dir", str(cwd), "--profiles-dir", str(cwd)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def run_kpi(*arguments: str, check: bool = True, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess:
    """Runs the command line in a process of its own."""
    done = subprocess.run(
        [*KPI, *arguments], cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        raise AssertionError(f"kpi {' '.join(arguments)} exited {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done


@pytest.fixture(scope="session")
def build_in(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Built]:
    """Builds a raw root into files of its own: `build_in(name, raw, *options)`."""

    def build(name: str, raw: Path, *options: str, **environment: str) -> Built:
        work = tmp_path_factory.mktemp(name)
        warehouse, published = work / "warehouse.duckdb", work / "published" / "kpi.duckdb"
        settings = {
            "KPI_RAW_ROOT": str(raw),
            "KPI_WAREHOUSE": str(warehouse),
            "KPI_PUBLISHED": str(published),
            "DBT_TARGET_PATH": str(work / "target"),
            "DBT_LOG_PATH": str(work / "logs"),
            **environment,
        }
        done = run_kpi("build", *options, **settings)
        return Built(raw, warehouse, published, done.stdout, settings)

    return build


@pytest.fixture(scope="session")
def demo_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration data, small."""
    out = tmp_path_factory.mktemp("demo") / "raw"
    run_kpi("demo", "--out", str(out), "--events", "20000")
    return out


@pytest.fixture(scope="session")
def demo(build_in: Callable[..., Built], demo_raw: Path) -> Built:
    """A published build of the demonstration data."""
    return build_in("demo-build", demo_raw)


@pytest.fixture(scope="session")
def lander(tmp_path_factory: pytest.TempPathFactory) -> Lander:
    """Runs chosen models on small landed inputs; the project is parsed once for all tests."""
    lander = Lander(tmp_path_factory.mktemp("lander"))
    lander.prepare()
    return lander


@pytest.fixture
def project_copy(tmp_path: Path) -> Path:
    """A copy of the project (without environment and outputs) that a test may change."""
    target = tmp_path / "project"
    skipped = shutil.ignore_patterns(
        ".git", ".venv*", "target*", "logs", "published", "*.duckdb*", "__pycache__", "*.egg-info", ".*_cache"
    )
    shutil.copytree(
        ROOT,
        target,
        ignore=lambda folder, names: {*skipped(folder, names), *(["data"] if Path(folder) == ROOT else [])},
    )
    return target
