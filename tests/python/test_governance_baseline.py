"""`kpi baseline`: targets against a baseline get the one that was measured, and nothing else changes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from kpi_warehouse.cli import main
from kpi_warehouse.governance.baseline import keep_baseline, measured
from kpi_warehouse.governance.seeds import Dictionary
from kpi_warehouse.governance.store import GovernanceError, Store

from .conftest import ROOT

SEEDS = Path("seeds") / "dictionary"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the dictionary of the project, to be changed."""
    shutil.copytree(ROOT / SEEDS, tmp_path / "project" / SEEDS)
    (tmp_path / "project" / "dbt_project.yml").write_text("name: copy\n")
    return tmp_path / "project"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A publication: (kpi, grain, month, member, numerator, denominator, value, final, official)."""
    path = tmp_path / "kpi.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute("create schema marts")
        db.execute(
            """create table marts.kpi_values as
            select * replace (numerator::double as numerator, denominator::double as denominator, value::double as value),
                1 as version, period_start + case grain when 'quarter' then interval 3 month else interval 1 month end
                as period_end, grain as period_grain, case member when 'all' then 'all' else 'category' end as dimension,
                member as dimension_value
            from (values
                ('ec_key_category_cvr', 'month', timestamp '2026-01-01', 'all', 1.0, 100.0, 0.01, true),
                ('ec_key_category_cvr', 'month', timestamp '2026-02-01', 'all', 9.0, 300.0, 0.03, true),
                ('ec_key_category_cvr', 'month', timestamp '2026-03-01', 'all', 50.0, 100.0, 0.5, false),
                ('ec_key_category_cvr', 'month', timestamp '2026-01-01', 'shoes', 90.0, 100.0, 0.9, true),
                ('ec_key_category_cvr', 'quarter', timestamp '2026-01-01', 'all', 70.0, 100.0, 0.7, true),
                ('mf_scrap_cost', 'month', timestamp '2026-01-01', 'all', 1000000.25, null, 1000000.25, true),
                ('mf_scrap_cost', 'month', timestamp '2026-02-01', 'all', 3000000.75, null, 3000000.75, true),
                ('mf_scrap_cost', 'month', timestamp '2026-03-01', 'all', null, null, null, true)
            ) as given (kpi_id, grain, period_start, member, numerator, denominator, value, is_final)"""
        )
        db.execute("create table marts.kpi_scorecard as select * from marts.kpi_values")
        # a version that is not official
        db.execute(
            "insert into marts.kpi_values select * replace (2 as version, 99.0 as numerator) from marts.kpi_values"
        )
    return path


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with duckdb.connect(str(path), read_only=True) as db:
        yield Store(db, path)


def baselines(book: Dictionary, kpi_id: str) -> dict[str, str]:
    return {row["target_id"]: row["baseline_value"] for row in book.rows("kpi_targets") if row["kpi_id"] == kpi_id}


def test_the_baseline_is_the_sums_of_the_span_and_only_its_rows_change(root: Path, store: Store) -> None:
    book = Dictionary(root)
    before = {
        target: value
        for kpi in {r["kpi_id"] for r in book.rows("kpi_targets")}
        for target, value in baselines(book, kpi).items()
    }
    outcome = keep_baseline(book, store, "ec_key_category_cvr", "2026-01", "2026-02")
    changed = {
        target: value
        for kpi in {r["kpi_id"] for r in book.rows("kpi_targets")}
        for target, value in baselines(book, kpi).items()
        if value != before[target]
    }
    # ten of four hundred, not the mean of 1 % and 3 %; the quarter is not over by the end of February
    assert changed == {"tg-ec_key_category_cvr-q2-pts-month": "0.025"}
    assert any("2.50 % over 2 final periods" in note for note in outcome.notes)
    assert any(note.startswith("quarter, all: no official final value") for note in outcome.notes)
    assert sum("of its own" in note for note in outcome.notes) == 2
    assert [path.name for path in book.save()] == ["kpi_targets_ecommerce.csv"]


def test_each_grain_has_its_own(root: Path, store: Store) -> None:
    book = Dictionary(root)
    keep_baseline(book, store, "ec_key_category_cvr", "2026-01", "2026-03")
    found = baselines(book, "ec_key_category_cvr")
    assert found["tg-ec_key_category_cvr-q2-pts-month"] == "0.025"  # March is open
    assert found["tg-ec_key_category_cvr-q2-pts-quarter"] == "0.7"
    assert found["tg-ec_key_category_cvr-q2-change-month"] == ""


def test_a_sum_is_held_by_the_period(root: Path, store: Store) -> None:
    book = Dictionary(root)
    keep_baseline(book, store, "mf_scrap_cost", "2026-01", "2026-03")
    assert list(baselines(book, "mf_scrap_cost").values()) == ["2000000.5"]


def test_a_stated_baseline_is_changed_only_when_asked(root: Path, store: Store) -> None:
    book = Dictionary(root)
    keep_baseline(book, store, "mf_scrap_cost", "2026-01", "2026-01")
    with pytest.raises(GovernanceError, match=r"stated already \(1000000.25\)"):
        keep_baseline(book, store, "mf_scrap_cost", "2026-02", "2026-02")
    keep_baseline(book, store, "mf_scrap_cost", "2026-02", "2026-02", replace=True)
    assert list(baselines(book, "mf_scrap_cost").values()) == ["3000000.75"]


@pytest.mark.parametrize(
    ("kpi_id", "span", "words"),
    [
        ("mf_fpy", ("2026-01", "2026-01"), "no target against a baseline"),
        ("mf_scrap_cost", ("2027-01", "2027-01"), "no official final value from 2027-01"),
        ("mf_scrap_cost", ("2026-03", "2026-03"), "no official final value"),
        ("mf_scrap_cost", ("2026-W03", "2026-03"), "is no month"),
        ("mf_oee", ("2026-01", "2026-01"), "baseline of its own"),
        ("mf_scrap", ("2026-01", "2026-01"), "mf_scrap_cost"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    root: Path, store: Store, kpi_id: str, span: tuple[str, str], words: str
) -> None:
    book = Dictionary(root)
    with pytest.raises(GovernanceError, match=words):
        keep_baseline(book, store, kpi_id, *span)
    assert book.save() == []


def test_a_percentile_is_of_one_period() -> None:
    rows = [{"value": 3.0, "numerator": None, "denominator": None}]
    assert measured(rows, "percentile") == 3
    with pytest.raises(GovernanceError, match="percentile of several periods"):
        measured(rows * 2, "percentile")
    assert measured([{"value": None, "numerator": 1.0, "denominator": 0.0}], "ratio") is None


def test_the_command(root: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPI_PUBLISHED", str(path))
    monkeypatch.chdir(root)
    done = CliRunner().invoke(main, ["baseline", "mf_scrap_cost", "--from", "2026-01", "--to", "2026-02"])
    assert done.exit_code == 0, done.output
    assert (
        "2,000,000.50 over 2 final periods" in done.output
        and "edited seeds/dictionary/kpi_targets_manufacturing.csv" in done.output
    )
    assert list(baselines(Dictionary(root), "mf_scrap_cost").values()) == ["2000000.5"]
