"""`kpi explain`: an answer for every KPI of the dictionary, and clear words where there is none."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from kpi_warehouse.cli import main
from kpi_warehouse.governance.column_lineage import read_project
from kpi_warehouse.governance.document import Writer, gather
from kpi_warehouse.governance.explain import PARTS, explain, find_value, versions_of
from kpi_warehouse.governance.seeds import Dictionary
from kpi_warehouse.governance.smart import final_values
from kpi_warehouse.governance.store import (
    GovernanceError,
    open_store,
    parse_period,
    period_label,
    show,
    suggest,
)
from kpi_warehouse.governance.words import WORDS

from .conftest import ROOT, Built


@pytest.mark.parametrize(
    ("text", "start", "grain"),
    [
        ("2026-05", dt.datetime(2026, 5, 1), "month"),
        ("2026-05", dt.datetime(2026, 5, 1), "cohort_month"),
        ("2026Q2", dt.datetime(2026, 4, 1), "quarter"),
        ("2026-q4", dt.datetime(2026, 10, 1), "quarter"),
        ("2026-W20", dt.datetime(2026, 5, 11), "week"),
        ("2020-W53", dt.datetime(2020, 12, 28), "cohort_week"),
        ("2026-05-20", dt.datetime(2026, 5, 20), "day"),
        ("2026-05-20T22:00", dt.datetime(2026, 5, 20, 22), "shift"),
        ("2026-05-20 14:15", dt.datetime(2026, 5, 20, 14, 15), "quarter_hour"),
    ],
)
def test_periods_are_read_as_people_write_them(text: str, start: dt.datetime, grain: str) -> None:
    period = parse_period(text)
    assert period.start == start and grain in period.grains
    assert parse_period(period_label(grain, start)).start == start


@pytest.mark.parametrize("text", ["May", "2026-13", "2026-02-30", "2026-W54", "2026Q5", "2026-05-20T25:00", ""])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(GovernanceError):
        parse_period(text)


def test_values_read_in_their_unit() -> None:
    assert show(0.0345, "ratio") == "3.45 %"
    assert show(-0.003, "ratio", difference=True) == "-0.30 pp"
    assert show(1440, "minutes") == "1,440.0 min"
    assert show(None, "count") == "–"
    assert show(3, "count") == "3" and show(2.5, "count") == "2.50"


def test_near_names_are_suggested() -> None:
    known = ["ec_cvr", "cr_dpd30_rate", "mf_oee"]
    assert suggest("cr_dpd30", known) == ["cr_dpd30_rate"]
    assert suggest("ec_crv", known)[0] == "ec_cvr"
    assert suggest("zzz", known) == []


def test_every_kpi_of_the_dictionary_is_explained(demo: Built) -> None:
    known = [row[0] for row in demo.rows("select distinct kpi_id from marts.metric_dictionary", published=True)]
    with_rows = {row[0] for row in demo.rows("select distinct kpi_id from marts.kpi_values", published=True)}
    assert len(known) >= 57
    with open_store(demo.published) as store:
        for kpi_id in known:
            answer = explain(store, kpi_id, root=ROOT)
            json.dumps(answer, default=str)
            assert answer["definition"]["formula"] and answer["definition"]["definition_zh"]
            assert answer["lineage"]["raw_tables"] and answer["owner"]["contact"] and answer["edge_cases"]
            assert len(answer["data_quality"]["tables"]) == len(answer["lineage"]["raw_tables"]), kpi_id
            assert (answer["value"] is not None) == (kpi_id in with_rows), kpi_id
            if answer["value"] and answer["value"]["is_final"] and answer["target"]:
                assert answer["target"]["status"] != "not_final"


def test_every_kpi_rests_on_raw_columns_of_its_tables(demo: Built) -> None:
    """What the SQL reads against what the dictionary says by hand: the two share no code."""
    target = Path(demo.environment["DBT_TARGET_PATH"])
    book = read_project(target)
    models = {
        kpi_id: name
        for name, node in book.nodes.items()
        if "/kpis/" in node["original_file_path"]
        for kpi_id in re.findall(r"'((?:ec|mf|cr)_\w+)'", node["raw_code"])
    }
    rows = demo.rows(
        """select kpi_id, kpi_kind, string_agg(data_sources, '|') from marts.metric_dictionary
        where status <> 'draft' group by all""",
        published=True,
    )
    assert len(rows) == len(models) == 97
    for kpi_id, kind, sources in rows:
        for part in PARTS.get(kind, ("value",)):
            columns = book.behind_kpi(models[kpi_id], kpi_id, part)
            assert columns, f"{kpi_id} {part}"
            # more tables may be read: SQL that is shared, a better source where it was landed
            assert {column.relation for column in columns} & set(sources.split("|")), f"{kpi_id} {part}"


@pytest.mark.parametrize(
    ("kpi_id", "part", "columns"),
    [
        ("ec_refund_rate", "denominator", {"ecommerce.orders.*"}),
        ("cr_ptp_kept_rate", "numerator", {"credit.promises_to_pay.amount", "credit.repayments.amount"}),
        ("mf_mttr_minutes", "numerator", {"manufacturing.maintenance_orders.repaired_at",
                                          "manufacturing.maintenance_orders.reported_at"}),
        ("mf_scrap_rate", "numerator", {"manufacturing.scrap_reports.quantity"}),
        ("cr_policy_rollout_24h_rate", "denominator", {"credit.policy_changes.*"}),
    ],
)  # fmt: skip
def test_raw_columns_are_those_of_the_definition(
    demo: Built, monkeypatch: pytest.MonkeyPatch, kpi_id: str, part: str, columns: set[str]
) -> None:
    monkeypatch.setenv("DBT_TARGET_PATH", demo.environment["DBT_TARGET_PATH"])
    with open_store(demo.published) as store:
        answer = explain(store, kpi_id, root=ROOT, with_columns=True)
        short = explain(store, kpi_id, root=ROOT)
    assert set(answer["lineage"]["columns"][part]) == columns
    assert short["lineage"]["columns"] == {} and short["lineage"]["models"] == answer["lineage"]["models"]
    assert not [name for name in answer["lineage"]["models"] if name.startswith("base_") and "happenings" in name]


def test_without_a_compiled_project_the_columns_are_left_out(
    demo: Built, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KPI_PUBLISHED", str(demo.published))
    for prepared in (
        lambda: None,
        lambda: shutil.copy(Path(demo.environment["DBT_TARGET_PATH"], "manifest.json"), tmp_path),
    ):
        prepared()  # no manifest at all; then one without the compiled files
        monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path))
        done = CliRunner().invoke(main, ["explain", "ec_aov", "--json"])
        assert done.exit_code == 0, done.output
        line = json.loads(done.output)["lineage"]
        assert line["raw_tables"] and bool(line["models"]) == (tmp_path / "manifest.json").exists()
        if not line["models"]:
            assert line["columns"] == {}


def test_the_parts_make_the_value_and_the_drivers_the_change(demo: Built) -> None:
    with open_store(demo.published) as store:
        answer = explain(store, "ec_cvr", period="2026-05")
    value = answer["value"]
    assert value["value"] == pytest.approx(value["numerator"] / value["denominator"])
    assert answer["period"]["grain"] == "month" and answer["slice"] == "all"
    by_split: dict[str, float] = {}
    for driver in answer["drivers"]:
        by_split[driver["split_by"]] = by_split.get(driver["split_by"], 0.0) + driver["contribution"]
    assert by_split
    for split_by, total in by_split.items():
        assert total == pytest.approx(answer["previous"]["change"]), split_by


def test_the_version_in_force_answers_and_another_can_be_asked_for(demo: Built) -> None:
    with open_store(demo.published) as store:
        official = explain(store, "ec_cvr", period="2026-05")
        other = explain(store, "ec_cvr", period="2026-05", version=1)
        before = explain(store, "ec_cvr", period="2026-03")
    assert official["definition"]["version"] == 2 and official["definition"]["is_official"]
    assert other["definition"]["version"] == 1 and not other["definition"]["is_official"]
    assert other["definition"]["official_version"] == 2
    assert [row["value"] for row in other["in_other_versions"]] == [official["value"]["value"]]
    assert before["definition"]["version"] == 1
    assert official["definition"]["parameters"] != other["definition"]["parameters"]


def test_the_default_is_the_latest_final_month(demo: Built) -> None:
    ((latest,),) = demo.rows(
        """select max(period_start) from marts.kpi_scorecard where kpi_id = 'ec_aov' and period_grain = 'month'
        and dimension = 'all' and is_final""",
        published=True,
    )
    with open_store(demo.published) as store:
        row = find_value(store, "ec_aov", None, None, None, versions_of(store, "ec_aov"))
    assert row and row["period_start"] == latest and row["is_final"]


def test_a_published_number_names_its_publication(demo: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPI_PUBLISHED", str(demo.published))
    ((publication_id,),) = demo.rows("select publication_id from marts.publication", published=True)
    with open_store() as store:
        answer = explain(store, "ec_cvr", period="2026-05", publication=publication_id[:10])
    assert [entry["publication_id"] for entry in answer["publications"]] == [publication_id]
    assert answer["as_published"]["value"] == answer["value"]["value"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ec_crv"], "ec_cvr"),
        (["ec_cvr", "--period", "2031-05"], "month 20"),
        (["ec_cvr", "--slice", "platform=fridge"], "platform=app"),
        (["ec_cvr", "--slice", "colour=red"], "customer_type="),
        (["ec_cvr", "--version", "9"], "no version 9"),
        (["ec_cvr", "--period", "sometime"], "2026-W20"),
        (["ec_cvr", "--publication", "ffffffff"], "no publication"),
    ],
)
def test_a_question_without_an_answer_says_what_exists(
    demo: Built, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.setenv("KPI_PUBLISHED", str(demo.published))
    done = CliRunner().invoke(main, ["explain", *arguments])
    assert done.exit_code == 1 and words in done.output, done.output


def test_the_command_prints_and_writes_json(demo: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPI_PUBLISHED", str(demo.published))
    monkeypatch.setenv("DBT_TARGET_PATH", demo.environment["DBT_TARGET_PATH"])
    text = CliRunner().invoke(main, ["explain", "mf_oee", "--slice", "line=L1"])
    assert text.exit_code == 0, text.output
    for word in ("numerator", "version", "formula", "manufacturing.machine_states", "production@example.com"):
        assert word in text.output
    assert "numerator from" in text.output and "started_at" in text.output
    done = CliRunner().invoke(main, ["explain", "mf_oee", "--slice", "line=L1", "--json"])
    answer = json.loads(done.output)
    assert answer["slice"] == "line=L1" and answer["value"]["value"] is not None


def test_nothing_published_says_what_to_do(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPI_PUBLISHED", str(tmp_path / "none.duckdb"))
    monkeypatch.setenv("KPI_WAREHOUSE", str(tmp_path / "none either.duckdb"))
    done = CliRunner().invoke(main, ["explain", "ec_cvr"])
    assert done.exit_code == 1 and "kpi build" in done.output


# --------------------------------------------------------------------------- suspect values


@pytest.fixture(scope="module")
def beyond(demo: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The publication with the newest final month of two KPIs beyond its plausible range."""
    copy = tmp_path_factory.mktemp("beyond") / "kpi.duckdb"
    shutil.copy(demo.published, copy)
    copy.chmod(0o644)
    with duckdb.connect(str(copy)) as db:
        for kpi_id in ("mf_oee", "ec_refund_rate"):
            db.execute(
                f"""insert into marts.kpi_suspect_values by name
                select kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value, value,
                    0.0 as least, 1.2 as greatest, true as is_origin, cast(0 as bigint) as rests_on_rows,
                    '7.5 is above the greatest plausible value 1.2' as cause_en, '7.5高于合理上限1.2' as cause_zh,
                    is_final, as_of
                from marts.kpi_scorecard where kpi_id = '{kpi_id}' and period_grain = 'month' and dimension = 'all'
                    and is_final order by period_start desc limit 1"""
            )
        db.execute(
            """update marts.kpi_scorecard set status = 'suspect' where (kpi_id, period_grain, period_start, dimension) in (
                select (kpi_id, period_grain, period_start, dimension) from marts.kpi_suspect_values)"""
        )
    return copy


def test_a_suspect_month_is_no_headline_and_is_named(beyond: Path, demo: Built) -> None:
    with open_store(demo.published) as store:
        sound = explain(store, "ec_refund_rate")
    with open_store(beyond) as store:
        headline = explain(store, "ec_refund_rate")
        asked = explain(store, "ec_refund_rate", period=sound["period"]["label"])
    assert headline["period"]["start"] < sound["period"]["start"] and headline["suspect"] is None
    assert headline["newer_suspect"]["cause_en"] == "7.5 is above the greatest plausible value 1.2"
    assert asked["period"] == sound["period"] and asked["target"]["status"] == "suspect"
    assert asked["suspect"]["is_origin"] and asked["suspect"]["cause_zh"] == "7.5高于合理上限1.2"
    assert sound["suspect"] is None and sound["newer_suspect"] is None


def test_the_command_says_so(beyond: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPI_PUBLISHED", str(beyond))
    monkeypatch.setenv("COLUMNS", "200")
    text = CliRunner().invoke(main, ["explain", "ec_refund_rate", "--no-columns"]).output
    assert "is suspect and no headline" in text and "7.5 is above the greatest plausible value 1.2" in text


def test_the_document_stands_at_the_last_sound_month(beyond: Path) -> None:
    with open_store(beyond) as store:
        assert final_values(store)["ec_refund_rate"][-1]["status"] == "suspect"
        text = Writer(gather(store, Dictionary(ROOT), "ecommerce"), WORDS["en"]).document()
    line = next(line for line in text.splitlines() if line.startswith("| ") and "`ec_refund_rate`" in line)
    assert "suspect" not in line
    assert text.count("suspect (beyond what is plausible") == 1


def test_checks_are_told_in_one_sentence(demo: Built) -> None:
    with open_store(demo.published) as store:
        checks = explain(store, "ec_cvr")["data_quality"]["checks"]
    assert checks["fail"] == 0 and checks["run"] == sum(checks[s] for s in ("pass", "warn", "fail", "not_judged"))
    assert checks["summary_en"].startswith(f"0 failed, {checks['warn']} warned") and "未判定" in checks["summary_zh"]


def test_a_verdict_is_shown_with_the_decimals_that_it_needs() -> None:
    from kpi_warehouse.governance.store import show_beside

    assert show_beside(0.03499, 0.035, "ratio") == ("3.499 %", "3.500 %")
    assert show_beside(0.031, 0.035, "ratio") == ("3.10 %", "3.50 %")
    assert show_beside(0.035, 0.035, "ratio") == ("3.50 %", "3.50 %")
    assert show_beside(720.04, 720.0, "minutes") == ("720.04 min", "720.00 min")
    assert show_beside(-0.20001, -0.2, "ratio") == ("-20.001 %", "-20.000 %")
    assert show_beside(None, 0.2, "ratio") == ("–", "20.00 %")
