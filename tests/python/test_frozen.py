"""Released versions are frozen: any change of a definition or parameter is named; a new version is added."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpi_warehouse.quality.frozen import CHECKSUMS, broken, checksums, frozen
from kpi_warehouse.sync import sync

from .conftest import ROOT, run_kpi

DEFINITIONS = "kpi_id,version,status,effective_from,effective_to,parallel_from,formula\n"
PARAMETERS = "metric_id,version,parameter,value,unit,description_en\n"


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    """A dictionary of one KPI and one shared rule, frozen."""
    write(tmp_path, "metric_definitions_credit", DEFINITIONS + "cr_x,1,active,,,,a / b\ncr_x,2,draft,,,,a / c\n")
    write(
        tmp_path, "metric_parameters_credit", PARAMETERS + "cr_x,1,days,30,days,How long.\ncr_rule,1,gap,7,days,Gap.\n"
    )
    sync(tmp_path)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / "seeds/dictionary" / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def change(root: Path, name: str, old: str, new: str) -> None:
    path = root / "seeds/dictionary" / f"{name}.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_dictionary_keeps_what_it_released() -> None:
    assert broken(ROOT) == []
    assert set(frozen(ROOT)) == set(checksums(ROOT))


def test_only_released_versions_are_frozen(dictionary: Path) -> None:
    assert set(frozen(dictionary)) == {("cr_x", "1"), ("cr_rule", "1")}
    assert broken(dictionary) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "who"),
    [
        ("metric_definitions_credit", "a / b", "a / b2", "cr_x version 1"),
        ("metric_parameters_credit", "days,30", "days,29", "cr_x version 1"),
        ("metric_parameters_credit", "cr_x,1,days,30,days,How long.\n", "", "cr_x version 1"),
        ("metric_parameters_credit", "gap,7,days", "gap,7,hours", "cr_rule version 1"),
        ("metric_definitions_credit", "cr_x,1,active,,,,a / b\n", "", "cr_x version 1"),
        ("metric_definitions_credit", "cr_x,1,active", "cr_x,1,draft", "cr_x version 1"),
    ],
)
def test_a_changed_release_is_named(dictionary: Path, name: str, old: str, new: str, who: str) -> None:
    change(dictionary, name, old, new)
    sync(dictionary)  # never rewrites a line
    assert [line for line in broken(dictionary) if who in line] and len(broken(dictionary)) == 1


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("metric_definitions_credit", "cr_x,1,active,,,", "cr_x,1,retired,,2026-04-01,"),
        ("metric_definitions_credit", "a / c", "a / d"),
        ("metric_parameters_credit", "How long.", "How many days."),
    ],
)
def test_lifecycle_drafts_and_comments_may_change(dictionary: Path, name: str, old: str, new: str) -> None:
    change(dictionary, name, old, new)
    assert broken(dictionary) == []


def test_a_new_release_is_added_once(dictionary: Path) -> None:
    before = frozen(dictionary)
    change(dictionary, "metric_definitions_credit", "cr_x,2,draft", "cr_x,2,parallel")
    assert [path.name for path in sync(dictionary, check=True).written] == [CHECKSUMS.name]
    sync(dictionary)
    assert set(frozen(dictionary)) - set(before) == {("cr_x", "2")}
    assert before.items() <= frozen(dictionary).items() and sync(dictionary, check=True).written == []


def test_build_and_sync_refuse_a_changed_release(project_copy: Path) -> None:
    change(
        project_copy,
        "metric_parameters_ecommerce",
        "ec_rule_session,1,gap_minutes,30",
        "ec_rule_session,1,gap_minutes,31",
    )
    for command in (["build"], ["sync", "--check"]):
        done = run_kpi(*command, check=False, cwd=project_copy)
        assert done.returncode == 1
        assert "ec_rule_session version 1" in done.stdout + done.stderr
