"""Change control: the walk from proposal to retirement, what each step refuses, and diffs that show nothing else."""

from __future__ import annotations

import csv
import datetime as dt
import difflib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from kpi_warehouse.cli import main
from kpi_warehouse.governance.change import (
    _spellings,
    add_months,
    approve,
    effect,
    months_between,
    propose,
    record_effect,
    release,
    retire,
    signatories,
)
from kpi_warehouse.governance.seeds import Dictionary, SeedFile
from kpi_warehouse.governance.store import GovernanceError, open_store
from kpi_warehouse.quality.frozen import broken, checksum_file

from .conftest import ROOT, Built, run_kpi

SEEDS = Path("seeds") / "dictionary"
D = dt.date.fromisoformat
ATT = "cr_att_avg_minutes"
ROLES = ("kpi_owner", "data", "compliance")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the dictionary of the project, to be changed."""
    shutil.copytree(ROOT / SEEDS, tmp_path / "project" / SEEDS)
    for path, content in checksum_file(tmp_path / "project").items():
        path.write_text(content, encoding="utf-8")
    shutil.copytree(tmp_path / "project", tmp_path / "before")
    (tmp_path / "project" / "dbt_project.yml").write_text("name: copy\n")
    return tmp_path / "project"


def text(root: Path, name: str) -> list[str]:
    return (root / SEEDS / f"{name}.csv").read_text(encoding="utf-8").splitlines(keepends=True)


def diff(root: Path, name: str) -> list[str]:
    """Added and removed lines of a seed file against what it was."""
    lines = difflib.ndiff(text(root.parent / "before", name), text(root, name))
    return [line for line in lines if line[0] in "+-"]


#: Who signs in each role.
SIGN = {
    "kpi_owner": "credit-operations@example.com",
    "data": "data@example.com",
    "compliance": "compliance@example.com",
    "data_governance": "data-governance@example.com",
}


def row(root: Path, kpi_id: str, version: int) -> dict[str, str]:
    return Dictionary(root).version(kpi_id, version)


def drafted(root: Path, **changes: object) -> Dictionary:
    """A dictionary with version 2 of the turnaround proposed and saved."""
    book = Dictionary(root)
    arguments: dict = {
        "fields": {"definition_en": "Mean minutes, durations above the P99.5 of the period and slice dropped."},
        "parameters": {"trim_percentile": "0.995"},
        "reason": "P99 drops too many real cases.",
        "effective_from": D("2026-08-01"),
        "on": D("2026-06-10"),
    }
    propose(book, ATT, **(arguments | changes))
    book.save()
    return Dictionary(root)


def approved(root: Path, *roles: str) -> Dictionary:
    book = drafted(root)
    for role in roles or ROLES:
        approve(book, ATT, 2, role=role, by=SIGN[role], on=D("2026-06-20"))
    book.save()
    return Dictionary(root)


def in_parallel(root: Path) -> Dictionary:
    book = approved(root)
    release(book, ATT, 2, on=D("2026-06-25"))
    book.save()
    return Dictionary(root)


@pytest.fixture
def compared(tmp_path: Path) -> Path:
    """A warehouse in which the two versions differ by 10 in each of 14 months, and by 1000 where it must not count."""
    path = tmp_path / "compared.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute("create schema marts")
        db.execute(
            f"""create table marts.metric_version_comparison as
            select '{ATT}' as kpi_id, 'month' as period_grain, period_start,
                period_start + interval 1 month as period_end, 'all' as dimension, 'all' as dimension_value,
                1 as version_a, 2 as version_b, 100.0::double as value_a,
                case when period_start < timestamp '2025-09-01' or period_start >= timestamp '2026-09-01' then 1000.0::double when month(period_start) % 2 = 0 then 10.0::double
                    else -30.0 end as difference,
                case when period_start < timestamp '2025-09-01' then 10.0::double when month(period_start) % 2 = 0 then 0.1::double
                    else -0.3 end as relative_difference,
                period_start < timestamp '2026-09-01' as is_final
            from range(timestamp '2025-07-01', timestamp '2026-10-01', interval 1 month) as months(period_start)
            union all by name
            select '{ATT}' as kpi_id, 'day' as period_grain, timestamp '2026-08-31' as period_start,
                timestamp '2026-09-01' as period_end, 'all' as dimension, 'all' as dimension_value, 1 as version_a,
                2 as version_b, 100.0::double as value_a, 1000.0::double as difference, 10.0::double as relative_difference, true as is_final
            union all by name
            select '{ATT}' as kpi_id, 'month' as period_grain, timestamp '2026-08-01' as period_start,
                timestamp '2026-09-01' as period_end, 'channel' as dimension, 'app' as dimension_value, 1 as version_a,
                2 as version_b, 100.0::double as value_a, 1000.0::double as difference, 10.0::double as relative_difference, true as is_final"""
        )
    return path


# --------------------------------------------------------------------------- files


@pytest.mark.parametrize("path", sorted((ROOT / SEEDS).glob("*.csv")), ids=lambda path: path.stem)
def test_an_untouched_file_is_written_back_byte_for_byte(path: Path) -> None:
    assert SeedFile(path).text().encode() == path.read_bytes()


def test_only_changed_rows_are_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text('a,b\n"quoted",1\n"two\nlines",2\nx,"3"', encoding="utf-8")
    file = SeedFile(path)
    assert [cells["a"] for cells in file.rows] == ["quoted", "two\nlines", "x"]
    file.update(file.rows[2], b="4, and more")
    file.insert({"a": "y"}, lambda cells: cells["a"] == "quoted")
    assert file.text() == 'a,b\n"quoted",1\ny,\n"two\nlines",2\nx,"4, and more"\n'
    with pytest.raises(KeyError):
        file.insert({"c": "no such column"})
    with pytest.raises(KeyError):
        file.update(file.rows[0], c="no such column")


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ("2026-03-31", -1, "2026-02-28"),
        ("2028-03-31", -1, "2028-02-29"),
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-01-01", -1, "2025-12-01"),
        ("2026-11-30", 13, "2027-12-30"),
    ],
)
def test_months_are_added_by_the_calendar(day: str, months: int, expected: str) -> None:
    assert add_months(D(day), months) == D(expected)


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [("2026-03-01", "2026-04-01", 1), ("2026-03-02", "2026-04-01", 0), ("2025-12-15", "2026-02-15", 2)],
)
def test_whole_months_between_days(start: str, end: str, months: int) -> None:
    assert months_between(D(start), D(end)) == months


# --------------------------------------------------------------------------- propose


def test_a_proposal_adds_rows_and_changes_none(root: Path) -> None:
    book = drafted(root)
    draft = row(root, ATT, 2)
    assert (draft["status"], draft["supersedes_version"]) == ("draft", "1")
    assert (draft["parallel_from"], draft["effective_from"], draft["effective_to"]) == ("2026-07-01", "2026-08-01", "")
    assert {cells["parameter"]: cells["value"] for cells in book.parameters(ATT, 2)} == {"trim_percentile": "0.995"}
    assert {cells["parameter"]: cells["value"] for cells in book.parameters(ATT, 1)} == {"trim_percentile": "0.99"}
    changed = {path.stem for path in (root / SEEDS).glob("*.csv") if diff(root, path.stem)}
    sheets = {"metric_definitions_credit", "metric_parameters_credit", "metric_changelog", "metric_translations"}
    sheets.add("plausible_ranges")
    assert changed == sheets
    for name in changed:
        (line,) = diff(root, name)
        assert line.startswith("+ ") and ATT in line
    log = text(root, "metric_changelog")[-1]
    assert "0.99 → 0.995" in log and "2026-06-10" in log and "参数" in log
    assert broken(root) == []


def test_a_changed_text_leaves_its_chinese_reading_behind(root: Path) -> None:
    book = Dictionary(root)
    old = dict(book.translation(ATT, 1))
    assert old["formula_zh"] and old["rationale_zh"]
    arguments: dict = {
        "parameters": {"trim_percentile": "0.995"},
        "reason": "r",
        "effective_from": D("2026-08-01"),
        "on": D("2026-06-10"),
    }
    outcome = propose(book, ATT, fields={"formula": "mean of most"}, **arguments)
    new = book.translation(ATT, 2)
    assert new["formula_zh"] == "" and new["rationale_zh"] == old["rationale_zh"]
    assert any("formula_zh" in note for note in outcome.notes)
    book = Dictionary(root)
    outcome = propose(book, ATT, fields={"formula": "mean of most", "formula_zh": "多数的均值"}, **arguments)
    assert book.translation(ATT, 2)["formula_zh"] == "多数的均值"
    assert not any("Chinese" in note for note in outcome.notes)
    assert book.translation(ATT, 1) == old


def test_parameters_can_be_added_and_dropped(root: Path) -> None:
    book = Dictionary(root)
    assert {cells["parameter"] for cells in book.parameters("cr_dpd30_rate", 2)} == {"dpd_min"}
    propose(
        book,
        "cr_dpd30_rate",
        fields={"formula": "as of old"},
        parameters={"dpd_max": "89", "dpd_min": "30.0"},
        reason="Bounded above.",
        effective_from=D("2027-01-01"),
        on=D("2026-06-10"),
    )
    assert {cells["parameter"]: cells["value"] for cells in book.parameters("cr_dpd30_rate", 3)} == {
        "dpd_min": "30",
        "dpd_max": "89",
    }
    book = Dictionary(root)
    propose(
        book,
        ATT,
        fields={"formula": "mean(decided_at − submitted_at)"},
        parameters={},
        dropped=["trim_percentile"],
        reason="Nothing is dropped.",
        effective_from=D("2027-01-01"),
        on=D("2026-06-10"),
    )
    assert book.parameters(ATT, 2) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fields": {"unit": "hours"}}, "another KPI"),
        ({"fields": {"formulae": "x"}}, "formula"),
        ({"fields": {"status": "active"}}, "cannot change"),
        ({"fields": {"definition_en": " "}}, "empty"),
        ({"fields": {"definition_en": "x", "owner_role": "nobody"}}, "no role"),
        ({"fields": {"definition_en": "x", "grains": "day|fortnight"}}, "fortnight"),
        ({"fields": {"definition_en": "x", "data_sources": "ecommerce.events"}}, "domain"),
        ({"fields": {}, "parameters": {}}, "nothing would change"),
        ({"fields": {}, "parameters": {"trim_percentile": "0.990"}}, "nothing would change"),
        ({"fields": {}}, "say so"),
        ({"fields": {"formula_zh": "x"}, "parameters": {}}, "no new version"),
        ({"parameters": {"trim_percentile": "most"}}, "no number"),
        ({"parameters": {"trim_percentile": "nan"}}, "no number"),
        ({"dropped": ["cap"]}, "no parameter 'cap'"),
        ({"reason": "  "}, "--reason"),
        ({"parallel_from": D("2026-07-02")}, "parallel for at least 1"),
        ({"on": D("2026-07-01")}, "cannot begin"),
    ],
)
def test_a_proposal_that_breaks_a_rule_is_refused(root: Path, changes: dict, words: str) -> None:
    with pytest.raises(GovernanceError, match=words):
        drafted(root, **changes)
    assert [path.stem for path in (root / SEEDS).glob("*.csv") if diff(root, path.stem)] == []


def test_a_kpi_has_one_version_under_way(root: Path) -> None:
    drafted(root)
    with pytest.raises(GovernanceError, match="still a draft"):
        drafted(root)


def test_a_version_must_follow_the_one_in_force(root: Path) -> None:
    book = Dictionary(root)
    with pytest.raises(GovernanceError, match="must be later"):
        propose(
            book,
            "ec_cvr",
            fields={"formula": "x"},
            parameters={},
            reason="r",
            effective_from=D("2026-04-01"),
            on=D("2026-01-01"),
        )


# --------------------------------------------------------------------------- approve


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"role": "quality"}, "does not approve credit"),
        ({"role": "data", "on": D("2026-07-01")}, "too late"),
        ({"role": "data", "on": D("2026-06-09")}, "precedes the proposal"),
        ({"role": "data", "by": " "}, "--by"),
        ({"role": "kpi_owner"}, "approved it on 2026-06-20"),
        ({"role": "data", "by": "somebody@example.com"}, "no contact of data: data@example.com may sign"),
        ({"role": "data", "by": "credit-operations@example.com"}, "no contact of data"),
        ({"role": "data", "on": D("2026-06-25"), "today": D("2026-06-24")}, "has not come yet"),
        ({"role": "data", "on": D("2026-06-25"), "today": D("2026-06-24"), "reason": " "}, "has not come yet"),
    ],
)
def test_an_approval_out_of_turn_is_refused(root: Path, arguments: dict, words: str) -> None:
    book = approved(root, "kpi_owner")
    with pytest.raises(GovernanceError, match=words):
        approve(book, ATT, 2, **({"by": SIGN["data"], "on": D("2026-06-20")} | arguments))


def test_the_last_day_before_the_parallel_run_is_in_time(root: Path) -> None:
    assert (
        "still needed: data, compliance"
        in approve(drafted(root), ATT, 2, role="kpi_owner", by=SIGN["kpi_owner"], on=D("2026-06-30")).notes
    )


def test_a_stated_reason_moves_the_day_and_is_kept(root: Path) -> None:
    book = drafted(root)
    approve(book, ATT, 2, role="data", by=SIGN["data"], on=D("2026-06-09"), reason="signed on paper, 9 June")
    assert book.approvals(ATT, 2)[0]["note"] == "signed on paper, 9 June"
    approve(book, ATT, 2, role="compliance", by=SIGN["compliance"], on=D("2026-06-20"), today=D("2026-06-20"))
    assert book.approvals(ATT, 2)[1]["note"] == ""


def test_one_person_signs_one_role(root: Path) -> None:
    book = drafted(root)
    owners = book.file("owners")
    both = next(row for row in owners.rows if row["role"] == "compliance")
    owners.update(both, contact=f"{both['contact']} {SIGN['data']}")
    approve(book, ATT, 2, role="data", by=SIGN["data"], on=D("2026-06-20"))
    with pytest.raises(GovernanceError, match="one person signs one role"):
        approve(book, ATT, 2, role="compliance", by=SIGN["data"], on=D("2026-06-20"))


@pytest.mark.parametrize(
    ("text", "value", "unit", "stated"),
    [
        ("durations above the P99 dropped", 0.99, "fraction", True),
        ("durations above the P99.5 dropped", 0.99, "fraction", False),
        ("above 99 % of them", 0.99, "fraction", True),
        ("第99百分位", 0.99, "fraction", True),
        ("the 99th percentile", 0.99, "fraction", True),
        ("0.99 of them", 0.99, "fraction", True),
        ("version 0.995", 0.99, "fraction", False),
        ("at least 300 s", 300, "seconds", True),
        ("at least 5 min", 300, "seconds", True),
        ("不足5分钟", 300, "seconds", True),
        ("1,300 s or 3000 s", 300, "seconds", False),
        ("within 90 days", 90, "days", True),
        ("30-day rate of 1990", 90, "days", False),
        ("1.5 of it, 15", 5, "number", False),
    ],
)
def test_ways_to_state_a_parameter(text: str, value: float, unit: str, stated: bool) -> None:
    assert bool(re.search(_spellings(value, unit), text, re.IGNORECASE)) is stated


def test_texts_that_still_state_the_old_parameter_are_named(root: Path) -> None:
    book = Dictionary(root)
    outcome = propose(
        book, ATT,
        fields={"definition_en": "Mean minutes, durations above the P99.5 of the period and slice dropped."},
        parameters={"trim_percentile": "0.995"}, reason="P99 drops too many.", effective_from=D("2026-08-01"), on=D("2026-06-10"),
    )  # fmt: skip
    note = next(note for note in outcome.notes if note.startswith("trim_percentile was 0.99"))
    assert "definition_zh" in note and "formula" in note and "definition_en" not in note


# --------------------------------------------------------------------------- release and retire


def test_a_release_needs_every_approval(root: Path) -> None:
    book = approved(root, "kpi_owner", "data")
    with pytest.raises(GovernanceError, match="lacks the approval of compliance"):
        release(book, ATT, 2, on=D("2026-06-25"))
    sheet = book.file("metric_approvals_credit")
    sheet.insert({"kpi_id": ATT, "version": "2", "role": "compliance", "approver": "x", "approved_on": "2026-07-01"})
    with pytest.raises(GovernanceError, match="too late"):
        release(book, ATT, 2, on=D("2026-07-02"))


def test_a_hand_made_short_parallel_run_is_refused(root: Path) -> None:
    book = approved(root)
    book.file("metric_definitions_credit").update(book.version(ATT, 2), parallel_from="2026-07-02")
    with pytest.raises(GovernanceError, match="at least 1 month"):
        release(book, ATT, 2, on=D("2026-06-25"))


def test_the_parallel_run_lasts_its_month_and_is_compared(root: Path, compared: Path) -> None:
    book = in_parallel(root)
    assert row(root, ATT, 2)["status"] == "parallel"
    assert any(line.startswith(f"{ATT},2,") for line in text(root, "released_checksums"))
    with open_store(compared) as store:
        with pytest.raises(GovernanceError, match="from 2026-08-01 on"):
            release(book, ATT, 2, on=D("2026-07-31"), store=store)
        with pytest.raises(GovernanceError, match="needs a warehouse"):
            release(book, ATT, 2, on=D("2026-08-01"))
        release(book, ATT, 2, on=D("2026-08-01"), store=store)
    book.save()
    assert row(root, ATT, 2)["status"] == "active"
    assert row(root, ATT, 1)["effective_to"] == row(root, ATT, 2)["effective_from"] == "2026-08-01"
    log = next(csv.reader(text(root, "metric_changelog")[-1:]))
    assert log[-3:] == ["12", "20", "0.2"]
    assert broken(root) == []


def test_the_effect_is_of_the_last_twelve_final_months_of_the_whole(compared: Path) -> None:
    # September 2025 to August 2026: six months of +10 and six of −30; older, open, finer and sliced rows are 1000 off
    with open_store(compared) as store:
        found = effect(store, ATT, 1, 2)
        assert (found.periods, found.mean_abs) == (12, pytest.approx(20))
        assert found.mean_relative == pytest.approx(0.2)
        with pytest.raises(GovernanceError, match="compares no final period"):
            effect(store, ATT, 2, 3)


def test_a_late_release_says_that_it_restates(root: Path, compared: Path) -> None:
    with open_store(compared) as store:
        outcome = release(in_parallel(root), ATT, 2, on=D("2026-09-10"), store=store)
    assert any("restated" in note for note in outcome.notes)


def test_a_release_out_of_turn_is_refused(root: Path, compared: Path) -> None:
    book = in_parallel(root)
    with pytest.raises(GovernanceError, match="is active already"):
        release(book, ATT, 1, on=D("2026-08-01"))
    with open_store(compared) as store, pytest.raises(GovernanceError, match="supersedes none"):
        record_effect(book, store, ATT, 1)
    with pytest.raises(GovernanceError, match="version 2 of cr_att_avg_minutes is under way"):
        retire(book, ATT, 1, on=D("2026-08-01"), effective_to=D("2026-12-01"))
    old = book.version(ATT, 1)
    book.file("metric_definitions_credit").update(old, effective_to="2026-07-15")  # by hand
    with open_store(compared) as store, pytest.raises(GovernanceError, match="ends on 2026-07-15 already"):
        release(book, ATT, 2, on=D("2026-08-01"), store=store)
    sheet = book.file("metric_changelog")
    (line,) = [row for row in sheet.rows if row["kpi_id"] == ATT]
    sheet.update(line, kpi_id="cr_other")
    with open_store(compared) as store, pytest.raises(GovernanceError, match="metric_changelog.csv has no row"):
        record_effect(book, store, ATT, 2)


def test_a_version_is_retired_when_its_time_is_over(root: Path, compared: Path) -> None:
    book = in_parallel(root)
    with pytest.raises(GovernanceError, match="revert its proposal"):
        retire(book, ATT, 2, on=D("2026-08-01"))
    with open_store(compared) as store:
        release(book, ATT, 2, on=D("2026-08-01"), store=store)
    with pytest.raises(GovernanceError, match="in force until 2026-08-01"):
        retire(book, ATT, 1, on=D("2026-07-31"))
    retire(book, ATT, 1, on=D("2026-08-01"))
    book.save()
    assert [row(root, ATT, version)["status"] for version in (1, 2)] == ["retired", "active"]
    with pytest.raises(GovernanceError, match="nothing replaces it"):
        retire(Dictionary(root), ATT, 2, on=D("2026-08-01"))


def test_a_kpi_can_end_without_a_successor(root: Path) -> None:
    book = Dictionary(root)
    outcome = retire(book, ATT, 1, on=D("2026-06-10"), effective_to=D("2026-09-01"))
    assert any("tg-cr_att_avg_minutes" in note for note in outcome.notes)
    book.save()
    assert (row(root, ATT, 1)["status"], row(root, ATT, 1)["effective_to"]) == ("active", "2026-09-01")
    with pytest.raises(GovernanceError, match="was retired"):
        drafted(root)


def test_an_end_is_after_the_beginning_and_set_once(root: Path) -> None:
    book = Dictionary(root)
    began = book.version("ec_cvr", 2)["effective_from"]
    with pytest.raises(GovernanceError, match=f"in force from {began} only"):
        retire(book, "ec_cvr", 2, on=D("2026-06-10"), effective_to=D(began))
    retire(book, ATT, 1, on=D("2026-06-10"), effective_to=D("2026-09-01"))
    with pytest.raises(GovernanceError, match="ends on 2026-09-01 already"):
        retire(book, ATT, 1, on=D("2026-06-10"), effective_to=D("2026-10-01"))


def test_a_setting_without_a_value_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    done = CliRunner().invoke(
        main, ["propose", ATT, "--param", "trim_percentile", "--reason", "r", "--effective-from", "2026-08-01"]
    )
    assert done.exit_code == 1 and "write name=value" in done.output


def test_a_new_kpi_becomes_official_without_a_parallel_run(root: Path) -> None:
    book = Dictionary(root)
    for role in ("data_governance", "kpi_owner"):
        by = signatories(book, book.version("ec_recommendation_ctr", 1), role)[0]
        approve(book, "ec_recommendation_ctr", 1, role=role, by=by, on=D("2026-06-20"))
    release(book, "ec_recommendation_ctr", 1, on=D("2026-06-25"))
    book.save()
    assert row(root, "ec_recommendation_ctr", 1)["status"] == "active"
    assert any(line.startswith("ec_recommendation_ctr,1,") for line in text(root, "released_checksums"))


def test_released_versions_are_frozen(root: Path) -> None:
    with pytest.raises(GovernanceError, match="frozen"):
        approve(Dictionary(root), ATT, 1, role="data", by="x@example.com", on=D("2025-12-01"))
    book = Dictionary(root)
    book.file("metric_definitions_credit").update(book.version(ATT, 1), formula="something else")
    book.save()
    for act in (
        lambda: drafted(root),
        lambda: approve(Dictionary(root), ATT, 2, role="data", by="x", on=D("2026-06-20")),
        lambda: release(Dictionary(root), ATT, 1, on=D("2026-06-20")),
        lambda: retire(Dictionary(root), ATT, 1, on=D("2026-06-20")),
    ):
        with pytest.raises(GovernanceError, match=f"frozen:\n.*{ATT} version 1"):
            act()


# --------------------------------------------------------------------------- the documented walk


WALK = [
    (
        "propose", ATT, "--param", "trim_percentile=0.995",
        "--set", "definition_en=Mean minutes from submission to the final decision, durations above the P99.5 of the"
        " period and slice dropped.",
        "--set", "definition_zh=E2E审批周转时长 = 平均(最终批核时间 − 申请提交时间)；剔除高于该期该分群P99.5的时长。",
        "--set", "formula=mean(decided_at − submitted_at) over durations ≤ P99.5 of the period and slice",
        "--set", "formula_zh=审批时长的均值，剔除高于该期该分群P99.5的时长",
        "--reason", "P99 drops too many real cases of small channels.",
        "--effective-from", "2026-08-01", "--on", "2026-06-10",
    ),
    ("approve", ATT, "2", "--role", "kpi_owner", "--by", "credit-operations@example.com", "--on", "2026-06-15"),
    ("approve", ATT, "2", "--role", "data", "--by", "data@example.com", "--on", "2026-06-16"),
    ("approve", ATT, "2", "--role", "compliance", "--by", "compliance@example.com", "--on", "2026-06-20"),
    ("release", ATT, "2", "--on", "2026-06-25"),
]  # fmt: skip
DICTIONARY = (
    "path:seeds/dictionary stg_dictionary__definitions stg_dictionary__parameters stg_dictionary__approvals "
    "stg_dictionary__slices metric_dictionary"
)


def test_the_walk_on_a_built_warehouse(
    project_copy: Path, demo: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example of docs/governance.md: the same commands, the build between them, and what they print."""
    guide = " ".join((ROOT / "docs" / "governance.md").read_text(encoding="utf-8").replace("\\\n", " ").split())
    # a database file keeps its name, for views refer to it
    warehouse = tmp_path / demo.warehouse.name
    shutil.copyfile(demo.warehouse, warehouse)
    environment = {
        "KPI_RAW_ROOT": str(demo.raw),
        "KPI_WAREHOUSE": str(warehouse),
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path / "logs"),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(project_copy)

    def kpi(*arguments: str) -> str:
        shown = " ".join(f'"{a}"' if " " in a else a for a in arguments)
        assert f"kpi {shown}" in guide, f"docs/governance.md does not show: kpi {shown}"
        done = CliRunner().invoke(main, list(arguments))
        assert done.exit_code == 0, done.output
        return done.output

    for step in WALK:
        kpi(*step)
    run_kpi(
        "build", "--select", f"{DICTIONARY} kpi_cr_turnaround kpi_values metric_version_comparison kpi_official_values",
        cwd=project_copy, **environment,
    )  # fmt: skip
    with duckdb.connect(str(warehouse), read_only=True) as db:
        periods, larger, smaller = db.execute(
            f"""select count(*), count(*) filter (where difference > 0), count(*) filter (where difference < 0)
            from marts.metric_version_comparison where kpi_id = '{ATT}' and is_final and dimension = 'all'"""
        ).fetchone()
        official = f"select distinct version from marts.kpi_official_values where kpi_id = '{ATT}'"
        assert db.execute(official).fetchall() == [(1,)]
    # dropping fewer of the longest durations can only raise the mean
    assert periods > 0 and larger > 0 and smaller == 0
    assert Dictionary(project_copy).file("metric_changelog").rows[-1]["effect_periods"] == ""
    released = kpi("release", ATT, "2", "--on", "2026-08-03")
    assert "official from 2026-08-01" in released
    # the effect that the release states is that of the comparison, and stands in the changelog
    with duckdb.connect(str(warehouse), read_only=True) as db:
        months, mean = db.execute(
            f"""select count(*), avg(abs(difference)) from marts.metric_version_comparison
            where kpi_id = '{ATT}' and is_final and dimension = 'all' and period_grain = 'month' and difference is not null"""
        ).fetchone()
    (line,) = [row for row in Dictionary(project_copy).file("metric_changelog").rows if row["kpi_id"] == ATT]
    assert 0 < months <= 12 and int(line["effect_periods"]) == months
    assert float(line["effect_mean_abs"]) == pytest.approx(mean, rel=1e-5)
    assert f"effect over {months} final periods" in released and line["effect_mean_relative"]
    assert "retired" in kpi("retire", ATT, "1", "--on", "2026-08-03")
    assert broken(project_copy) == []
    run_kpi("build", "--select", f"{DICTIONARY} kpi_official_values", cwd=project_copy, **environment)
    with duckdb.connect(str(warehouse), read_only=True) as db:
        rows = db.execute(
            f"select version, status, cast(effective_to as varchar) from marts.metric_dictionary where kpi_id = '{ATT}'"
        ).fetchall()
        assert sorted(rows) == [(1, "retired", "2026-08-01"), (2, "active", None)]
        by_version = db.execute(
            f"""select version, min(period_start) >= timestamp '2026-08-01', max(period_start) < timestamp '2026-08-01'
            from marts.kpi_official_values where kpi_id = '{ATT}' group by version"""
        ).fetchall()
        assert (1, False, True) in by_version
        assert all(entry in [(1, False, True), (2, True, False)] for entry in by_version)
    # and the dictionary still keeps every rule that its tests hold
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/python/test_dictionary_seeds.py"],
        cwd=project_copy, env={**os.environ, "PYTHONPATH": "src"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
