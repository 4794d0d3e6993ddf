"""The KPI system document in both languages and three forms, and the SMART check."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from kpi_warehouse.cli import main
from kpi_warehouse.governance.document import Writer, as_html, escaped, gather, write_docx
from kpi_warehouse.governance.seeds import Dictionary
from kpi_warehouse.governance.smart import Achievable, final_values, in_force_rows, smart
from kpi_warehouse.governance.store import GovernanceError, Store, open_store
from kpi_warehouse.governance.words import WORDS

from .conftest import ROOT, Built

DOMAINS = ("credit", "ecommerce", "manufacturing")


@pytest.fixture
def texts(demo: Built) -> dict[tuple[str, str], str]:
    """The documents by (domain, language)."""
    book = Dictionary(ROOT)
    with open_store(demo.published) as store:
        return {
            (domain, lang): Writer(gather(store, book, domain), WORDS[lang]).document()
            for domain in DOMAINS
            for lang in WORDS
        }


# --------------------------------------------------------------------------- words


def test_both_languages_have_the_same_phrases() -> None:
    english, chinese = WORDS["en"], WORDS["zh"]
    assert english.text.keys() == chinese.text.keys()
    for key, phrase in english.text.items():
        assert set(re.findall(r"{(\w+)}", phrase)) == set(re.findall(r"{(\w+)}", chinese.text[key])), key
    assert len(english.reading) == len(chinese.reading)
    assert {k: len(v) for k, v in english.reading_of.items()} == {k: len(v) for k, v in chinese.reading_of.items()}


def test_every_word_of_the_dictionary_is_known_in_chinese() -> None:
    book = Dictionary(ROOT)
    used = {word for row in book.definitions() for c in ("grains", "use_cases") for word in row[c].split("|")}
    used |= {row["direction"] for row in book.definitions()} | set(book.domains())
    used |= {row["condition"] for row in book.rows("kpi_targets")} | {
        row["severity"] for row in book.rows("alert_rules")
    }
    used |= {row["stage"] for row in book.rows("kpi_targets") if not re.fullmatch(r"M\d+", row["stage"])}
    used |= {"green", "amber", "red", "no_target", "not_final", "suspect"}
    assert used - set(WORDS["zh"].names) - {""} == set()
    assert {row["kind"] for row in book.rows("alert_rules")} <= set(WORDS["zh"].text)


def test_text_is_shown_literally() -> None:
    assert escaped("a|b *c* <d>\n[e]") == "a\\|b \\*c\\* \\<d\\> \\[e\\]"
    page = as_html(f"# {escaped('count(*) | <script>')}\n", "en")
    assert "count(*) | &lt;script&gt;" in page and "<script>" not in page


# --------------------------------------------------------------------------- documents


def test_every_kpi_in_force_has_its_section(demo: Built, texts: dict[tuple[str, str], str]) -> None:
    with open_store(demo.published) as store:
        kpis = in_force_rows(store)
    assert len(kpis) >= 57
    for kpi in kpis:
        for lang in WORDS:
            headings = re.findall(r"^### .*`(\w+)`$", texts[kpi["domain"], lang], re.MULTILINE)
            assert headings.count(kpi["kpi_id"]) == 1
            definition = escaped(kpi[f"definition_{lang}"])
            assert definition in texts[kpi["domain"], lang], kpi["kpi_id"]
            for part in ("rationale", "formula", "numerator_definition", "denominator_definition"):
                assert escaped(kpi[f"{part}_zh" if lang == "zh" else part]) in texts[kpi["domain"], lang], kpi["kpi_id"]


def test_the_chapters_of_the_source_document_are_there(texts: dict[tuple[str, str], str]) -> None:
    chapters = ("objectives", "kpis", "alerts", "rhythm", "responsibilities", "quality", "reading", "changes", "smart")
    for (domain, lang), text in texts.items():
        headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
        assert headings == [WORDS[lang].text[chapter] for chapter in chapters], domain


def test_targets_read_as_the_source_states_them(texts: dict[tuple[str, str], str]) -> None:
    english, chinese = texts["ecommerce", "en"], texts["ecommerce", "zh"]
    section = english.split("`ec_cvr`\n", 1)[1].split("\n### ", 1)[0]
    for month, target in (("2026-04-01 – 2026-05-01", "3.00 %"), ("2026-06-01 – 2026-07-01", "3.50 %")):
        assert re.search(rf"\| month \| whole \| ≥ {target} \| {month} \| 2.80 % \|", section), month
    assert "customer_type = new" in section and "站内转化率(CVR)" in chinese
    assert re.search(r"≤ 1,440.0 分钟 \| M1、2026-04-01 – 2026-05-01", texts["credit", "zh"])
    assert "previous period -5.0%" in texts["manufacturing", "en"]


def test_alert_rules_are_all_listed(texts: dict[tuple[str, str], str]) -> None:
    book = Dictionary(ROOT)
    for domain in DOMAINS:
        for lang in WORDS:
            chapter = texts[domain, lang].split(f"## {WORDS[lang].text['alerts']}\n", 1)[1].split("\n## ", 1)[0]
            rules = book.file(f"alert_rules_{domain}").rows
            assert len(re.findall(r"^\| (?!---)", chapter, re.MULTILINE)) == len(rules) + 1
            assert all(escaped(rule[f"response_{lang}"]) in chapter for rule in rules)


def test_latest_values_are_those_published(demo: Built, texts: dict[tuple[str, str], str]) -> None:
    ((value,),) = demo.rows(
        """select value from marts.kpi_scorecard where kpi_id = 'mf_oee' and period_grain = 'month'
        and dimension = 'all' and is_final order by period_start desc limit 1""",
        published=True,
    )
    section = texts["manufacturing", "en"].split("`mf_oee`\n", 1)[1].split("\n### ", 1)[0]
    assert f"{value * 100:.2f} %" in section


class Outline(HTMLParser):
    """Tags opened and closed, headings and links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.tables = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag != "meta":
            self.open.append(tag)
        self.ids |= {given["id"]} if given.get("id") else set()
        self.links += [given["href"]] if given.get("href") else []
        self.tables += tag == "table"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("lang", WORDS)
def test_html_is_whole_and_its_contents_lead_somewhere(texts: dict[tuple[str, str], str], lang: str) -> None:
    page = as_html(texts["manufacturing", lang], lang)
    outline = Outline()
    outline.feed(page)
    assert outline.open == [] and len(outline.links) == 9
    assert {link.removeprefix("#") for link in outline.links} <= outline.ids
    assert outline.tables == texts["manufacturing", lang].count("\n| --- |")
    assert f'lang="{"zh-CN" if lang == "zh" else "en"}"' in page


@pytest.mark.parametrize("lang", WORDS)
def test_docx_says_the_same(texts: dict[tuple[str, str], str], lang: str, tmp_path: Path) -> None:
    docx = pytest.importorskip("docx")
    text = texts["credit", lang]
    write_docx(text, lang, tmp_path / "out.docx")
    document = docx.Document(str(tmp_path / "out.docx"))
    titles = [p.text for p in document.paragraphs if p.style.name in ("Title", "Heading 1", "Heading 2")]
    assert titles == [heading.replace("`", "").replace("\\", "") for heading in re.findall(r"^#+ (.*)$", text, re.M)]
    bullets = [p.text for p in document.paragraphs if p.style.name == "List Bullet"]
    assert len(bullets) == len(re.findall(r"^- ", text, re.MULTILINE))
    assert len(document.tables) == text.count("\n| --- |")
    rows = sum(len(table.rows) for table in document.tables)
    assert rows == len(re.findall(r"^\| ", text, re.MULTILINE)) - len(document.tables)
    assert any("cr_att_avg_minutes" in cell.text for cell in document.tables[0].columns[0].cells)


def test_the_command_writes_the_files(demo: Built, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KPI_PUBLISHED", str(demo.published))
    monkeypatch.chdir(ROOT)
    arguments = ["document", "--lang", "zh", "--format", "md", "--format", "html", "--domain", "credit"]
    done = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "new folder")])
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "new folder").iterdir()} == {
        "kpi-system-credit.zh.md",
        "kpi-system-credit.zh.html",
    }
    refused = CliRunner().invoke(main, ["document", "--domain", "logistics", "--out", str(tmp_path)])
    assert refused.exit_code == 1 and "ecommerce" in refused.output


# --------------------------------------------------------------------------- SMART


@pytest.mark.parametrize(
    ("comparator", "target", "upper", "history", "out_of_reach"),
    [
        (">=", 0.9, None, [0.5, 0.6, 0.65], True),  # 0.25 off, moved by 0.15
        (">=", 0.8, None, [0.5, 0.6, 0.65], False),  # 0.15 off, moved by as much
        (">=", 0.9, None, [0.95, 0.5, 0.5], False),  # met once
        ("<=", 10, None, [40, 38, 39], True),
        ("<=", 10, None, [40, 20, 18], False),
        ("<", 10, None, [10, 10, 10], False),
        ("between", 0.8, 0.9, [1.5, 1.5, 1.4], True),
        ("between", 0.8, 0.9, [1.2, 1.5, 0.95], False),
        ("between", 0.8, 0.9, [0.1, 0.2, 0.15], True),
    ],
)
def test_a_target_is_out_of_reach_if_never_met_and_further_than_values_move(
    comparator: str, target: float, upper: float | None, history: list[float], out_of_reach: bool
) -> None:
    judged = Achievable(target, comparator, upper, history)
    # the boundary case "<" is never met and 0 away
    assert judged.is_out_of_reach() == out_of_reach


GOOD = {
    "status": "active", "version": 1, "effective_to": None, "domain": "credit", "seed_code": "CR-1",
    "kpi_name_en": "n", "kpi_name_zh": "名", "definition_en": "d", "definition_zh": "定义", "formula": "a / b",
    "numerator_definition": "a", "owner_role": "risk", "rationale": "because", "use_cases": "appraisal", "unit": "ratio",
    "formula_zh": "甲 ÷ 乙", "numerator_definition_zh": "甲", "rationale_zh": "因为",
}  # fmt: skip


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty publication with the tables that the check reads."""
    with duckdb.connect() as db:
        db.execute("create schema marts")
        texts = ", ".join(
            f"{c} {'integer' if c == 'version' else 'date' if c == 'effective_to' else 'varchar'}" for c in GOOD
        )
        db.execute(f"create table marts.metric_dictionary (kpi_id varchar, {texts})")
        db.execute(
            """create table marts.kpi_scorecard (kpi_id varchar, period_grain varchar, period_start timestamp,
            dimension varchar, dimension_value varchar, value double, sample_size bigint, target_value double,
            target_comparator varchar, target_id varchar, status varchar, gap_to_target double,
            appraisal_suspended boolean, as_of timestamp, is_final boolean)"""
        )
        db.execute(
            """create table marts.kpi_targets (target_id varchar, kpi_id varchar, version integer, valid_from date,
            valid_to date, stage varchar, change_on_previous double, target_value_upper double, target_value double,
            baseline_value double, condition varchar)"""
        )
        db.execute("create table marts.kpi_values as select 'credit' as domain, timestamp '2026-07-01' as as_of")
        yield Store(db, Path("memory"))


def put(
    store: Store,
    values: list[float],
    target: float | None = 0.9,
    *,
    end: str | None = "2026-12-31",
    grain: str = "month",
    changes: dict | None = None,
    stated: bool = True,
    baseline: float | None = None,
    condition: str | None = None,
    stage: str | None = None,
) -> list[tuple[str, str]]:
    """Adds one KPI with its monthly values and a target; returns what the check finds as (letter, reason)."""  # fmt: skip
    row = {"kpi_id": "k", **GOOD, **(changes or {})}
    store.db.execute(
        f"insert into marts.metric_dictionary by name select {', '.join(f'? as {c}' for c in row)}", list(row.values())
    )
    for month, value in enumerate(values, 1):
        store.db.execute(
            f"""insert into marts.kpi_scorecard values ('k', '{grain}', timestamp '2025-01-01' + to_months({month}), 'all',
            'all', ?, 10, ?, '>=', 't', 'red', null, false, null, true)""",
            [value, target],
        )
    if target is not None:
        store.db.execute(
            "insert into marts.kpi_targets by name select 't' as target_id, 'k' as kpi_id, cast(? as date) as valid_to, "
            "cast(? as double) as target_value, cast(? as double) as baseline_value, ? as condition, ? as stage",
            [end, target if stated else None, baseline, condition, stage],
        )
    return [(finding.letter, finding.why_en) for finding in smart(store, {"risk"})]


def test_a_kpi_that_is_smart_is_not_named(store: Store) -> None:
    assert put(store, [0.7, 0.8, 0.85]) == []


@pytest.mark.parametrize(
    ("changes", "letter", "words"),
    [
        ({"definition_zh": None}, "S", "Chinese definition"),
        ({"formula": ""}, "S", "formula"),
        ({"formula_zh": None}, "S", "Chinese formula"),
        ({"numerator_definition_zh": ""}, "S", "Chinese numerator"),
        ({"rationale_zh": None}, "R", "Chinese rationale"),
        ({"owner_role": "nobody"}, "S", "nobody"),
        ({"rationale": ""}, "R", "rationale"),
        ({"use_cases": None}, "R", "use"),
    ],
)
def test_what_the_dictionary_lacks_is_named(store: Store, changes: dict, letter: str, words: str) -> None:
    ((found, why),) = put(store, [0.7, 0.8, 0.85], changes=changes)
    assert found == letter and words in why


def test_values_and_targets_are_judged(store: Store) -> None:
    assert [letter for letter, _ in put(store, [])] == ["M"]


def test_a_target_out_of_reach_is_named(store: Store) -> None:
    ((letter, why),) = put(store, [0.5, 0.51, 0.5])
    assert letter == "A" and "50.00 % to 51.00 %" in why and "90.00 %" in why


def test_what_was_met_long_ago_does_not_count(store: Store) -> None:
    assert [letter for letter, _ in put(store, [0.95, *[0.5] * 12])] == ["A"]


@pytest.mark.parametrize("stage", ["guardrail", "quarter_end", "M6"])
def test_a_term_in_words_is_a_term(store: Store, stage: str) -> None:
    assert put(store, [0.7, 0.8, 0.85], end=None, stage=stage) == []


def test_too_little_history_is_named(store: Store) -> None:
    ((letter, why),) = put(store, [0.5, 0.95])
    assert letter == "A" and "2 final periods" in why


@pytest.mark.parametrize(
    ("target", "end", "words"),
    [(None, None, "no target"), (0.9, None, "neither an end nor a stage"), (0.9, "2026-07-01", "ended on 2026-07-01")],
)
def test_a_kpi_for_appraisal_needs_a_standing_term(
    store: Store, target: float | None, end: str | None, words: str
) -> None:
    ((letter, why),) = put(store, [0.7, 0.8, 0.85], target, end=end)
    assert letter == "T" and words in why


@pytest.mark.parametrize(
    ("given", "letters"),
    [
        ({}, ["M"]),
        ({"baseline": 0.8}, []),
        ({"condition": "margin_budget"}, []),  # the occasion gives the baseline
    ],
)
def test_a_target_against_a_baseline_that_nobody_stated_is_named(store: Store, given: dict, letters: list[str]) -> None:
    found = put(store, [0.7, 0.8, 0.85], stated=False, **given)
    assert [letter for letter, _ in found] == letters
    assert all("kpi baseline" in why for _, why in found)


def test_a_figure_that_only_steers_needs_no_target(store: Store) -> None:
    assert put(store, [0.7, 0.8, 0.85], None, changes={"use_cases": "process_control"}) == []


def test_what_the_check_names_on_the_demonstration_is_so(demo: Built) -> None:
    """The terms of targets, worked out once more in SQL; everything else that is named lacks values or history."""
    rows = demo.rows(
        """with kpis as (
            select d.kpi_id, d.use_cases, h.today,
                count(t.target_id) as targets,
                count(t.target_id) filter (where t.valid_to is not null or t.stage is not null
                    or t.change_on_previous is not null) as bound,
                count(t.target_id) filter (where t.valid_to is null or t.valid_to > h.today) as standing,
            from marts.metric_dictionary as d
            inner join (select domain, cast(max(as_of) as date) as today from marts.kpi_values group by domain) as h
                on d.domain = h.domain
            left join marts.kpi_targets as t on d.kpi_id = t.kpi_id and (t.version is null or t.version = d.version)
            where d.status = 'active' and d.effective_to is null
            group by all
        )
        select kpi_id, case
            when targets = 0 and (use_cases like '%appraisal%' or use_cases like '%budget%') then 'no target'
            when targets > 0 and bound = 0 then 'neither an end nor a stage'
            when targets > 0 and standing = 0 then 'ended'
        end as reason from kpis""",
        published=True,
    )
    expected = {kpi_id: reason for kpi_id, reason in rows if reason}
    roles = {row["role"] for row in Dictionary(ROOT).file("owners").rows}
    with open_store(demo.published) as opened:
        findings = smart(opened, roles)
        values = final_values(opened)
    named = {finding.kpi_id: finding.why_en for finding in findings if finding.letter == "T"}
    assert set(named) == set(expected) and all(reason in named[kpi_id] for kpi_id, reason in expected.items())
    assert set(expected.values()) == {"no target", "ended"}
    # the quarter of the demonstration is over: its targets have to be set anew
    assert expected["ec_cvr"] == "ended"
    assert [finding for finding in findings if finding.letter in "SR"] == []
    # source: these are to fall or rise by a share of what they were, and what they were has to be measured first
    unmeasured = {finding.kpi_id for finding in findings if finding.letter == "M" and values.get(finding.kpi_id)}
    never_judged = demo.rows(
        """select kpi_id from marts.kpi_scorecard
        where kpi_id in (select kpi_id from marts.kpi_targets where condition is null)
        group by kpi_id having count(target_value) = 0""",
        published=True,
    )
    assert unmeasured == {kpi_id for (kpi_id,) in never_judged} and "mf_mtbf_hours" in unmeasured


def test_the_smart_command(demo: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPI_PUBLISHED", str(demo.published))
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(main, ["smart", "--json"])
    findings = json.loads(done.output)
    named = {finding["kpi_id"] for finding in findings}
    summary = CliRunner().invoke(main, ["smart", "--strict"])
    assert summary.exit_code == bool(named)
    with open_store(demo.published) as opened:
        kpis = {row["kpi_id"] for row in in_force_rows(opened)}
    assert named <= kpis
    assert f"{len(kpis - named)} of {len(kpis)} KPIs are SMART" in summary.output
    # source: volumes are reported without a target
    assert ("ec_gmv", "T") in {(finding["kpi_id"], finding["letter"]) for finding in findings}
    with pytest.raises(GovernanceError), open_store(demo.published) as opened:
        gather(opened, Dictionary(ROOT), "logistics")
