"""`kpi build`: exit codes, messages, the gate, a killed build and two builds at once.

The command is tried on a project of four models; the last test fails a check of the real project.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from kpi_warehouse.build import BuildError, parse_as_of

from .conftest import KPI, ROOT, Built, run_dbt, run_kpi
from .support.toy import make_toy, with_hooks


class Toy:
    """The small project with its files and environment."""

    def __init__(self, folder: Path) -> None:
        self.root = make_toy(folder / "project")
        self.warehouse = folder / "warehouse.duckdb"
        self.published = folder / "published" / "kpi.duckdb"
        self.environment = {
            "KPI_WAREHOUSE": str(self.warehouse),
            "KPI_PUBLISHED": str(self.published),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        }

    def build(self, *options: str, **more: str) -> subprocess.CompletedProcess:
        return run_kpi("build", *options, check=False, cwd=self.root, **self.environment, **more)

    def start(self, **more: str) -> subprocess.Popen:
        """A build that lasts until it is killed; returns once dbt holds the warehouse."""
        environment = {**os.environ, **self.environment, "TOY_SLOW": "1", **more}
        log = Path(self.environment["DBT_LOG_PATH"]) / "dbt.log"
        log.unlink(missing_ok=True)
        process = subprocess.Popen([*KPI, "build"], cwd=self.root, env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while not (log.exists() and "Began executing node model.toy.kpi_values" in log.read_text(errors="replace")):
            assert process.poll() is None and time.monotonic() < deadline, "the build never began"
            time.sleep(0.2)
        return process

    def numbers(self) -> list[tuple]:
        with duckdb.connect(str(self.published), read_only=True) as db:
            return db.execute("select value, as_of::varchar from marts.kpi_values").fetchall()


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    toy = Toy(tmp_path_factory.mktemp("toy"))
    done = toy.build()
    assert done.returncode == 0, done.stdout + done.stderr
    yield toy


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2026-06-30", "2026-06-30 00:00:00"),
        ("2026-06-30T16:00:00", "2026-06-30 16:00:00"),
        ("2026-06-30 16:00", "2026-06-30 16:00:00"),
        ("2026-06-30T16:00:00Z", "2026-06-30 16:00:00"),
        ("2026-07-01T00:00:00+08:00", "2026-06-30 16:00:00"),
        (" 2026-06-30 ", "2026-06-30 00:00:00"),
        ("", None),
        (None, None),
    ],
)
def test_as_of_is_read_as_utc(text: str | None, want: str | None) -> None:
    assert parse_as_of(text) == want


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "30.06.2026", "2026-06-31"])
def test_as_of_that_is_no_time_is_wrong_usage(text: str) -> None:
    with pytest.raises(BuildError, match="is no time") as caught:
        parse_as_of(text)
    assert caught.value.exit_code == 2


def test_a_build_says_where_the_file_is_and_what_is_red(toy: Toy) -> None:
    done = toy.build(TOY_VALUE="1")
    assert done.returncode == 0
    alerts, last = done.stdout.strip().splitlines()[-2:]
    assert last.startswith("published") and "red KPIs" in last and alerts == "open incidents: none"
    assert toy.numbers() == [(1.0, "2026-06-01 00:00:00")]


def test_as_of_reaches_the_models(toy: Toy) -> None:
    assert toy.build("--as-of", "2026-05-20T00:00:00+08:00").returncode == 0
    assert toy.numbers() == [(1.0, "2026-05-19 16:00:00")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--as-of", "tomorrow"], "is no time"),
        (["kpi_values"], "selectors follow --select"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_wrong_usage_exits_2(toy: Toy, options: list[str], message: str) -> None:
    done = toy.build(*options)
    assert done.returncode == 2 and message in done.stderr


def test_partial_and_unpublished_builds_leave_the_publication(toy: Toy) -> None:
    ledger = toy.published.parent / "ledger.duckdb"
    before, ledger_before = toy.published.read_bytes(), ledger.read_bytes()
    for options in (["--select", "kpi_values"], ["--exclude", "dq_results"], ["--no-publish"]):
        done = toy.build(*options, TOY_VALUE="7")
        assert done.returncode == 0 and "not published" in done.stdout
    assert toy.published.read_bytes() == before and ledger.read_bytes() == ledger_before


def test_a_failed_test_publishes_nothing_and_is_named(toy: Toy) -> None:
    before = toy.published.read_bytes()
    test = toy.root / "tests" / "values_are_small.sql"
    test.write_text("select * from {{ ref('kpi_values') }} where value > 10")
    try:
        done = toy.build(TOY_VALUE="11")
    finally:
        test.unlink()
    assert done.returncode == 1
    assert "nothing was published" in done.stderr and "values_are_small" in done.stderr
    assert toy.published.read_bytes() == before


def test_a_failed_model_publishes_nothing_and_is_named(toy: Toy) -> None:
    before = toy.published.read_bytes()
    done = toy.build(TOY_VALUE="'no number'")
    assert done.returncode == 1 and "kpi_values" in done.stderr and "no number" in done.stderr
    assert toy.published.read_bytes() == before


def test_a_failed_check_in_dq_results_shuts_the_gate(toy: Toy) -> None:
    before = toy.published.read_bytes()
    done = toy.build(TOY_CHECK="false")
    assert done.returncode == 1 and "toy (ecommerce.orders)" in done.stderr
    assert toy.published.read_bytes() == before


def test_two_builds_at_once(toy: Toy) -> None:
    first = toy.start()
    try:
        done = toy.build()
        assert done.returncode == 3 and "another build" in done.stderr
        assert first.poll() is None
    finally:
        first.kill()
        first.wait()


def test_a_killed_build_leaves_the_publication_whole_and_the_next_is_fine(toy: Toy) -> None:
    before = toy.published.read_bytes()
    process = toy.start(TOY_VALUE="5")
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert toy.published.read_bytes() == before
    assert toy.build(TOY_VALUE="6").returncode == 0
    assert toy.numbers() == [(6.0, "2026-06-01 00:00:00")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_build_that_is_ended_ends_at_once_and_says_so(toy: Toy, number: int) -> None:
    process = toy.start(TOY_VALUE="5")
    process.send_signal(number)
    assert process.wait(timeout=15) == 128 + number
    duckdb.connect(str(toy.warehouse)).close()  # nobody holds it
    done = run_kpi("publish", check=False, cwd=toy.root, **toy.environment)
    assert done.returncode == 1 and "did not end" in done.stderr


def test_what_is_not_of_one_complete_build_is_not_published(toy: Toy, tmp_path: Path) -> None:
    """dbt alone: a whole build is published by `kpi publish`, a part of one, or one that failed, is not."""
    other = Toy(tmp_path)
    with_hooks(other.root)
    (other.root / "tests" / "values_are_small.sql").write_text("select * from {{ ref('kpi_values') }} where value > 10")

    def dbt(*arguments: str, **more: str) -> int:
        return run_dbt(*arguments, cwd=other.root, **{**other.environment, **more}).returncode

    def publish() -> str:
        done = run_kpi("publish", check=False, cwd=other.root, **other.environment)
        assert done.returncode in (0, 1), done.stderr
        return done.stderr

    assert dbt("build", TOY_VALUE="1") == 0
    with duckdb.connect(str(other.warehouse)) as db:
        db.execute("delete from build.mark where state <> 'built'")
        # what the toy does not record
        db.execute("update build.mark set tests = 0")
    assert publish() == "" and other.numbers()[0][0] == 1.0
    assert dbt("build", "--select", "kpi_values", TOY_VALUE="2") == 0
    assert "a part only" in publish()
    assert dbt("build", TOY_VALUE="11") != 0
    assert "failed" in publish()
    assert dbt("run", TOY_VALUE="3") == 0
    assert "a part only" in publish()
    assert other.numbers()[0][0] == 1.0


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_raw_root_without_tables_is_refused_before_anything(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty" / "ecommerce" / "orders").mkdir(parents=True)
    warehouse = tmp_path / "w.duckdb"
    settings = {"KPI_WAREHOUSE": str(warehouse), "KPI_PUBLISHED": str(tmp_path / "out" / "kpi.duckdb")}
    done = run_kpi("build", check=False, cwd=ROOT, KPI_RAW_ROOT=str(tmp_path / folder), **settings)
    assert done.returncode == 2 and f"KPI_RAW_ROOT ({tmp_path / folder})" in done.stderr
    assert not warehouse.exists()


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        (["--allow-withdrawal", " "], {}, "needs a reason"),
        (["--accept-ledger", ""], {}, "needs a reason"),
        ([], {"KPI_PUBLISHED": "{warehouse}"}, "are one file"),
        ([], {"KPI_WAREHOUSE": "{folder}/temp.duckdb"}, "call the file otherwise"),
    ],
)
def test_what_cannot_be_published_is_refused_before_the_build(
    toy: Toy, options: list[str], settings: dict[str, str], words: str
) -> None:
    before = toy.warehouse.read_bytes()
    told = {k: v.format(warehouse=toy.warehouse, folder=toy.warehouse.parent) for k, v in settings.items()}
    done = run_kpi("build", *options, check=False, cwd=toy.root, **{**toy.environment, **told})
    assert done.returncode == 2 and words in done.stderr
    assert toy.warehouse.read_bytes() == before


def test_what_was_published_outlives_a_full_refresh_and_a_new_warehouse(toy: Toy) -> None:
    """As readers see it: the command reproduces by its id what an earlier publication said."""

    def published(*arguments: str) -> list[dict]:
        return json.loads(run_kpi("published", *arguments, "--json", cwd=toy.root, **toy.environment).stdout)

    earlier, stood = published()[-1]["publication_id"], toy.numbers()[0][0]
    toy.warehouse.unlink()
    toy.published.unlink()
    assert toy.build("--full-refresh", TOY_VALUE=str(stood + 1)).returncode == 0
    latest = published()[-1]["publication_id"]
    assert latest != earlier
    told = [published(publication, "ec_toy")[0]["value"] for publication in (earlier, latest)]
    assert told == [stood, stood + 1]


@pytest.mark.long
def test_a_failed_check_of_the_real_project_publishes_nothing(
    project_copy: Path, demo: Built, tmp_path: Path, build_in: Callable[..., Built]
) -> None:
    failing = project_copy / "tests/data/governance/no_row_may_be.sql"
    failing.parent.mkdir(parents=True, exist_ok=True)
    failing.write_text("select * from {{ ref('dq_reconciliation') }}")
    published = tmp_path / "published" / "kpi.duckdb"
    published.parent.mkdir()
    published.write_bytes(demo.published.read_bytes())
    done = run_kpi(
        "build",
        check=False,
        cwd=project_copy,
        KPI_RAW_ROOT=str(demo.raw),
        KPI_WAREHOUSE=str(tmp_path / "warehouse.duckdb"),
        KPI_PUBLISHED=str(published),
    )
    assert done.returncode == 1 and "no_row_may_be" in done.stderr
    assert published.read_bytes() == demo.published.read_bytes()
