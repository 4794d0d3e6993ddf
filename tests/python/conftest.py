"""Shared builds: dbt runs once per input and suite, the tests read the result."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock

from .support.lander import Lander
from .support.landing_bench import LandingBench

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


def once_per_suite(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], dict]) -> dict:
    """What `make(folder)` returns (JSON), made once although several workers share the suite."""
    base = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    folder, result = base / f"shared-{name}", base / f"shared-{name}.json"
    with FileLock(f"{result}.lock"):
        if not result.exists():
            folder.mkdir(parents=True, exist_ok=True)
            result.write_text(json.dumps(make(folder)), encoding="utf-8")
    return json.loads(result.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def demo_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration data, small."""

    def make(folder: Path) -> dict:
        run_kpi("demo", "--out", str(folder / "raw"), "--events", "20000")
        return {"raw": str(folder / "raw")}

    return Path(once_per_suite(tmp_path_factory, "demo-raw", make)["raw"])


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, demo_raw: Path) -> Built:
    """A published build of the demonstration data, built once for the suite: every worker has a copy of its own.

    dbt locks a warehouse that it opens and rewrites its target folder, so no two workers may share them.
    """

    def settings_in(folder: Path) -> dict[str, str]:
        return {
            "KPI_RAW_ROOT": str(demo_raw),
            "KPI_WAREHOUSE": str(folder / "warehouse.duckdb"),
            "KPI_PUBLISHED": str(folder / "published" / "kpi.duckdb"),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        }

    def make(folder: Path) -> dict:
        return {"folder": str(folder), "output": run_kpi("build", **settings_in(folder)).stdout}

    made = once_per_suite(tmp_path_factory, "demo", make)
    own = tmp_path_factory.mktemp("demo") / "build"
    shutil.copytree(made["folder"], own)
    settings = settings_in(own)
    return Built(demo_raw, Path(settings["KPI_WAREHOUSE"]), Path(settings["KPI_PUBLISHED"]), made["output"], settings)


@pytest.fixture(scope="session")
def lander(tmp_path_factory: pytest.TempPathFactory) -> Lander:
    """Runs chosen models on small landed inputs; the project is parsed once for all tests."""
    lander = Lander(tmp_path_factory.mktemp("lander"))
    lander.prepare()
    return lander


@pytest.fixture(scope="session")
def landing_bench(lander: Lander, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LandingBench]:
    """A small demonstration, landed and built, from which tables can be taken away."""
    lander.clear()
    run_kpi("demo", "--out", str(lander.raw), "--events", "2000", "--quiet")
    bench = LandingBench(lander, tmp_path_factory.mktemp("landed"))
    lander.clear()
    yield bench
    bench.close()


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
