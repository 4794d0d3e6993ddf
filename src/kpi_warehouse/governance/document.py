"""`kpi document`: the KPI system document of a domain, from the dictionary and the latest published values.

The text is Markdown first; HTML and DOCX are made from its parsed form, so that the three say the same.
"""

from __future__ import annotations

import datetime as dt
import html
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kpi_warehouse.governance.seeds import Cells, Dictionary
from kpi_warehouse.governance.smart import LETTERS, Finding, final_values, in_force_rows, smart
from kpi_warehouse.governance.store import (
    GRAIN_ORDER,
    GovernanceError,
    Row,
    Store,
    as_json,
    open_store,
    period_label,
    show,
    show_beside,
)
from kpi_warehouse.governance.words import WORDS, Words
from kpi_warehouse.project import project_root

if TYPE_CHECKING:
    from markdown_it.token import Token

SIGNS = {">=": "≥", "<=": "≤"}
#: Latest periods shown per KPI.
RECENT = 4
#: From the quickest rhythm of review to the slowest, and the grains that it looks at.
RHYTHMS = (
    ("live", ("quarter_hour", "hour", "shift")),
    ("daily", ("day",)),
    ("weekly", ("week",)),
    ("monthly", ("month", "cohort_week", "cohort_month")),
    ("quarterly", ("quarter",)),
)


def escaped(text: Any) -> str:
    """Text as Markdown shows it literally, in one line."""
    flat = " ".join(str(text if text is not None else "–").split())
    return re.sub(r"([\\*<>|\[\]~])", r"\\\1", flat)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Lines of a Markdown table; the cells are Markdown already."""
    lines = [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
    return [*lines, *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows), ""]


@dataclass
class Material:
    """All that a document of one domain is written from."""

    domain: str
    kpis: list[Row]
    values: dict[str, list[Row]]
    targets: dict[str, list[Row]]
    rules: dict[str, list[Cells]]
    owners: dict[str, Cells]
    approvers: list[str]
    dependencies: list[str]
    changes: list[Cells]
    findings: list[Finding]
    open_alerts: dict[str, int]
    publication: Row | None
    as_of: dt.datetime | None


def gather(store: Store, book: Dictionary, domain: str) -> Material:
    """Reads the material of one domain.

    Raises:
        GovernanceError: The dictionary has no KPI in force there.
    """
    kpis = [row for row in in_force_rows(store) if row["domain"] == domain]
    if not kpis:
        raise GovernanceError(f"no KPI in force in the domain {domain!r}: there are {', '.join(book.domains())}")
    ids = {row["kpi_id"] for row in kpis}
    targets: dict[str, list[Row]] = defaultdict(list)
    for target in store.rows("select * from marts.kpi_targets order by valid_from nulls first, stage, target_id"):
        targets[target["kpi_id"]].append(target)
    rules: dict[str, list[Cells]] = defaultdict(list)
    for rule in book.file(f"alert_rules_{domain}").rows:
        rules[rule["kpi_id"]].append(rule)
    owners = {row["role"]: row for row in book.file("owners").rows}
    counted = store.rows(
        "select kpi_id, count(*) as alerts from marts.kpi_alerts where state = 'open' and domain = ? group by kpi_id",
        [domain],
    )
    as_of = store.one("select max(as_of) as as_of from marts.kpi_values where domain = ?", [domain])
    prefix = kpis[0]["kpi_id"].split("_")[0] + "_"
    return Material(
        domain=domain,
        kpis=kpis,
        values={kpi_id: rows for kpi_id, rows in final_values(store).items() if kpi_id in ids},
        targets=targets,
        rules=rules,
        owners=owners,
        approvers=book.required_roles(domain),
        dependencies=[
            row["depends_on_kpi_id"] for row in book.file("kpi_dq_dependencies").rows if row["kpi_prefix"] == prefix
        ],
        changes=[row for row in book.file("metric_changelog").rows if row["kpi_id"] in ids],
        findings=smart(store, set(owners), domain),
        open_alerts={row["kpi_id"]: row["alerts"] for row in counted},
        publication=store.one("select * from marts.publication") if store.has("publication") else None,
        as_of=as_of["as_of"] if as_of else None,
    )


# --------------------------------------------------------------------------- phrases


class Writer:
    """Writes the document of one domain in one language."""

    def __init__(self, material: Material, words: Words) -> None:
        self.material = material
        self.words = words
        self.names = {row["kpi_id"]: row[f"kpi_name_{words.lang}"] for row in material.kpis}

    def say(self, key: str, **values: Any) -> str:
        """A phrase of the document's language."""
        return self.words.text[key].format(**values)

    def name(self, value: str) -> str:
        """A word of the dictionary's vocabularies, e.g. a grain."""
        return self.words.names.get(value, value.replace("_", " "))

    def listed(self, text: str | None) -> str:
        """A `|` list of the dictionary in words."""
        return self.words.comma.join(self.name(part) for part in (text or "").split("|") if part)

    def role(self, role: str) -> str:
        """A role with its mailbox."""
        owner = self.material.owners.get(role)
        if owner is None:
            return role
        return f"{owner[f'name_{self.words.lang}']} ({owner['contact']})"

    def slice(self, dimension: str, member: str) -> str:
        """A slice in words."""
        if dimension in ("all", ""):
            return self.say("whole" if dimension else "every_slice")
        return f"{dimension} = {self.say('each') if member == '*' else member}" if member else dimension

    def number(self, value: float | None, unit: str, *, difference: bool = False) -> str:
        """A value in its unit."""
        return show(value, unit, difference=difference, lang=self.words.lang)

    def wanted(self, target: Row, unit: str) -> str:
        """What a target asks for."""
        comparator = SIGNS.get(target["comparator"], target["comparator"])
        if target["comparator"] == "between":
            low, high = self.number(target["target_value"], unit), self.number(target["target_value_upper"], unit)
            return self.say("between", low=low, high=high)
        if target["target_value"] is not None:
            text = f"{comparator} {self.number(target['target_value'], unit)}"
        elif target["relative_to_baseline"] is not None:
            change = f"{target['relative_to_baseline']:+.0%}"
            text = f"{comparator} {self.say('on_baseline', change=change)}"
        elif target["points_to_baseline"] is not None:
            change = self.number(target["points_to_baseline"], unit, difference=True)
            text = f"{comparator} {self.say('on_baseline', change=change)}"
        elif target["monthly_step"] is not None:
            step = self.number(target["monthly_step"], unit, difference=True)
            end = self.number(target["end_value"], unit)
            text = f"{comparator} {self.say('monthly_step', step=step, end=end)}"
        elif target["is_change_relative"]:
            change = f"{target['change_on_previous']:+.1%}"
            text = f"{comparator} {self.say('on_previous', change=change)}"
        else:
            change = self.number(target["change_on_previous"], unit, difference=True)
            text = f"{comparator} {self.say('on_previous', change=change)}"
        if target["tolerance"]:
            text += f" ({self.say('tolerance', by=self.number(target['tolerance'], unit, difference=True))})"
        return text

    def term(self, target: Row) -> str:
        """When a target holds."""
        parts = [self.name(target["stage"])] if target["stage"] else []
        if target["valid_from"] or target["valid_to"]:
            parts.append(f"{target['valid_from'] or '…'} – {target['valid_to'] or '…'}")
        if target["condition"]:
            parts.append(self.name(target["condition"]))
        return self.words.comma.join(parts) or self.say("every_period")

    def threshold(self, rule: Cells, unit: str) -> str:
        """When an alert rule fires."""
        value = float(rule["threshold_value"])
        kind, sign = rule["kind"], SIGNS.get(rule["comparison"], rule["comparison"])
        if kind in ("feed", "suspect"):
            return self.say(kind)
        if kind in ("sigma3", "western_electric"):
            return self.say(kind, sigmas=f"{value:g}", window=rule["baseline_window"])
        if kind == "vs_baseline":
            return self.say(kind, sign=sign, value=f"{value:+.0%}", window=rule["baseline_window"])
        if kind == "uncoded_stop":
            return self.say(kind, sign=sign, value=f"{value:g}")
        shown = self.number(value, unit, difference=kind != "level")
        return self.say(kind, sign=sign, value=shown)

    # ----------------------------------------------------------------------- chapters

    def document(self) -> str:
        """The whole document as Markdown."""
        chapters = (
            self.head, self.objectives, self.kpi_chapter, self.alerts, self.rhythm, self.responsibilities, self.quality,
            self.reading, self.changes, self.smart_check,
        )  # fmt: skip
        lines: list[str] = []
        for chapter in chapters:
            lines += chapter()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"

    def head(self) -> list[str]:
        """Title and what the document is drawn from."""
        material = self.material
        lines = [f"# {self.say('title', domain=self.name(material.domain))}", ""]
        published = material.publication
        facts = [self.say("fact_kpis", count=len(material.kpis))]
        if material.as_of:
            facts.append(self.say("fact_as_of", as_of=f"{material.as_of:%Y-%m-%d %H:%M}"))
        if published:
            facts.append(
                self.say(
                    "fact_publication",
                    id=published["publication_id"][:12],
                    at=f"{published['published_at_run']:%Y-%m-%d %H:%M}",
                )
            )
        return [*lines, self.words.stop.join(facts) + self.words.end, ""]

    def objectives(self) -> list[str]:
        """Every KPI that has a target: where it started, where it shall go, where it stands."""
        rows = []
        for kpi in self.material.kpis:
            unit = kpi["unit"]
            targets = [
                target for target in self._targets(kpi) if target["dimension"] == "all" and not target["condition"]
            ]
            if not targets:
                continue
            main = min((target["period_grain"] for target in targets), key=GRAIN_ORDER.index)
            # a suspect value is never what a KPI is said to stand at
            sound = [v for v in self.material.values.get(kpi["kpi_id"], []) if v["status"] != "suspect"]
            latest = sound[-1] if sound else None
            # the target that the latest value was judged by, not a later stage
            judged = [target for target in targets if latest and target["target_id"] == latest["target_id"]]
            last = (judged or [target for target in targets if target["period_grain"] == main])[-1]
            rows.append(
                [
                    f"{escaped(self.names[kpi['kpi_id']])} `{kpi['kpi_id']}`",
                    self.number(last["baseline_value"], unit),
                    escaped(f"{self.wanted(last, unit)}, {self.term(last)}"),
                    f"{self.number(latest['value'], unit)} "
                    f"({period_label(latest['period_grain'], latest['period_start'])})"
                    if latest
                    else "–",
                    self.name(latest["status"]) if latest else "–",
                ]
            )
        header = [self.say(key) for key in ("kpi", "baseline", "goal", "latest", "status")]
        return [f"## {self.say('objectives')}", "", self.say("objectives_text"), "", *table(header, rows)]

    def _targets(self, kpi: Row) -> list[Row]:
        return [t for t in self.material.targets[kpi["kpi_id"]] if t["version"] in (None, kpi["version"])]

    def kpi_chapter(self) -> list[str]:
        """One section per KPI."""
        lines = [f"## {self.say('kpis')}", ""]
        for kpi in self.material.kpis:
            lines += self._kpi(kpi)
        return lines

    def _kpi(self, kpi: Row) -> list[str]:
        unit, lang = kpi["unit"], self.words.lang
        said = {name: kpi[name] for name in ("rationale", "formula", "numerator_definition", "denominator_definition")}
        if lang != "en":
            said = {name: kpi[f"{name}_{lang}"] or text for name, text in said.items()}
        lines = [f"### {escaped(self.names[kpi['kpi_id']])} `{kpi['kpi_id']}`", ""]
        parameters = json.loads(kpi["parameters"] or "{}")
        facts = [
            ("definition", escaped(kpi[f"definition_{lang}"])),
            ("rationale", escaped(said["rationale"])),
            ("uses", self.listed(kpi["use_cases"])),
            ("formula", escaped(said["formula"])),
            ("numerator", escaped(said["numerator_definition"])),
            ("denominator", escaped(said["denominator_definition"])),
            ("parameters", ", ".join(f"`{name}` = {value:g}" for name, value in parameters.items())),
            ("direction", self.name(kpi["direction"])),
            ("data_sources", ", ".join(f"`{source}`" for source in kpi["data_sources"].split("|"))),
            ("refresh", escaped(kpi["refresh_cadence"])),
            ("grains", self.listed(kpi["grains"])),
            ("dimensions", ", ".join(f"`{part}`" for part in kpi["dimensions"].split("|"))),
            ("owner", escaped(self.role(kpi["owner_role"]))),
            ("data_owner", escaped(self.role(kpi["data_owner_role"]))),
            ("version", self.say("version_text", version=kpi["version"], since=kpi["effective_from"] or "–")),
            ("source", escaped(kpi["seed_reference"])),
        ]
        lines += [f"- **{self.say(key)}**{self.words.colon}{text}" for key, text in facts if text]
        lines.append("")
        if targets := self._targets(kpi):
            header = [self.say(key) for key in ("period", "slice", "goal", "term", "baseline")]
            rows = [
                [
                    self.name(target["period_grain"]),
                    escaped(self.slice(target["dimension"], target["dimension_value"])),
                    escaped(self.wanted(target, unit)),
                    escaped(self.term(target)),
                    self.number(target["baseline_value"], unit),
                ]
                for target in targets
            ]
            lines += [f"**{self.say('targets')}**", "", *table(header, rows)]
        if values := self.material.values.get(kpi["kpi_id"], [])[-RECENT:]:
            header = [self.say(key) for key in ("period", "slice", "value", "goal", "gap", "status")]
            rows = [
                [
                    period_label(value["period_grain"], value["period_start"]),
                    escaped(self.slice(value["dimension"], value["dimension_value"])),
                    *show_beside(value["value"], value["target_value"], unit, lang=self.words.lang),
                    "–" if value["status"] == "suspect" else self.number(value["gap_to_target"], unit, difference=True),
                    self.name(value["status"]) + (f" {self.say('suspended')}" if value["appraisal_suspended"] else ""),
                ]
                for value in values
            ]
            lines += [f"**{self.say('recent')}**", "", *table(header, rows)]
        else:
            lines += [self.say("no_values"), ""]
        return lines

    def alerts(self) -> list[str]:
        """Every alert rule and what is to be done."""
        units = {kpi["kpi_id"]: kpi["unit"] for kpi in self.material.kpis}
        rows = []
        for kpi_id, name in {**self.names, "": self.say("any_kpi")}.items():
            for rule in self.material.rules[kpi_id]:
                guarded = rule["guardrail_of"]
                rows.append(
                    [
                        f"{escaped(name)} `{kpi_id}`" if kpi_id else escaped(name),
                        self.name(rule["period_grain"])
                        + (f"{self.words.comma}{self.say('live')}" if rule["is_live"] == "true" else ""),
                        escaped(self.slice(rule["dimension"].partition("=")[0], rule["dimension"].partition("=")[2])),
                        escaped(self.threshold(rule, units.get(kpi_id, "count")))
                        + (f" {self.say('guards', kpi=self.names.get(guarded, guarded))}" if guarded else ""),
                        self.name(rule["severity"]),
                        escaped(rule[f"response_{self.words.lang}"]),
                        escaped(self.role(rule["owner_role"])),
                    ]
                )
        header = [self.say(k) for k in ("kpi", "period", "slice", "fires", "severity", "response", "owner")]
        counts = sum(self.material.open_alerts.values())
        return [
            f"## {self.say('alerts')}", "", self.say("alerts_text", count=counts), "", *table(header, rows),
        ]  # fmt: skip

    def rhythm(self) -> list[str]:
        """Who looks at what how often."""
        rows = []
        for rhythm, grains in RHYTHMS:
            seen = [kpi for kpi in self.material.kpis if set(grains) & set(kpi["grains"].split("|"))]
            watched = [
                kpi["kpi_id"]
                for kpi in seen
                if any(rule["period_grain"] in grains for rule in self.material.rules[kpi["kpi_id"]])
                or any(target["period_grain"] in grains for target in self._targets(kpi))
            ]
            if seen:
                chosen = self.words.comma.join(escaped(self.names[kpi_id]) for kpi_id in watched) or "–"
                rows.append([self.say(f"rhythm_{rhythm}"), self.say(f"agenda_{rhythm}"), len(seen), chosen])
        header = [self.say(key) for key in ("meeting", "agenda", "kpi_count", "with_goal")]
        return [f"## {self.say('rhythm')}", "", *table(header, rows)]

    def responsibilities(self) -> list[str]:
        """Owners of KPIs and data, and who approves a change."""
        owned: dict[str, list[str]] = defaultdict(list)
        fed: dict[str, int] = defaultdict(int)
        for kpi in self.material.kpis:
            owned[kpi["owner_role"]].append(escaped(self.names[kpi["kpi_id"]]))
            fed[kpi["data_owner_role"]] += 1
        rows = [
            [escaped(self.role(role)), self.words.comma.join(owned.get(role, [])) or "–", fed.get(role, 0)]
            for role in sorted({*owned, *fed})
        ]
        approvers = self.words.comma.join(escaped(self.role(role)) for role in self.material.approvers)
        header = [self.say(key) for key in ("role", "answers_for", "data_of")]
        return [
            f"## {self.say('responsibilities')}", "", *table(header, rows),
            self.say("approved_by", roles=approvers), "",
        ]  # fmt: skip

    def quality(self) -> list[str]:
        """The data quality that appraisal depends on."""
        names = [escaped(self.names.get(kpi_id, kpi_id)) for kpi_id in self.material.dependencies]
        return [
            f"## {self.say('quality')}", "",
            self.say("quality_text", kpis=self.words.comma.join(names) or "–"), "",
        ]  # fmt: skip

    def reading(self) -> list[str]:
        """How the numbers are to be read."""
        lines = [f"## {self.say('reading')}", "", *(f"- {line}" for line in self.words.reading)]
        lines += [f"- {line}" for line in self.words.reading_of.get(self.material.domain, [])]
        return [*lines, ""]

    def changes(self) -> list[str]:
        """Changes of definitions."""
        rows = [
            [
                f"`{row['kpi_id']}`",
                row["version"],
                row["changed_on"],
                escaped(row[f"change_{self.words.lang}"]),
                escaped(row["reason"]),
                self.say("effect", share=f"{float(row['effect_mean_relative']):.1%}", periods=row["effect_periods"])
                if row["effect_mean_relative"]
                else "–",
            ]
            for row in self.material.changes
        ]
        if not rows:
            return []
        header = [self.say(key) for key in ("kpi", "version", "day", "change", "reason", "effect_on")]
        return [f"## {self.say('changes')}", "", *table(header, rows)]

    def smart_check(self) -> list[str]:
        """What keeps KPIs from being SMART."""
        findings = self.material.findings
        lines = [f"## {self.say('smart')}", "", self.say("smart_text", count=len({f.kpi_id for f in findings})), ""]
        rows = [
            [
                f"{escaped(self.names[finding.kpi_id])} `{finding.kpi_id}`",
                f"{finding.letter} ({LETTERS[finding.letter][self.words.lang == 'zh']})",
                escaped(finding.why_zh if self.words.lang == "zh" else finding.why_en),
            ]
            for finding in findings
        ]
        return [*lines, *table([self.say(key) for key in ("kpi", "letter", "why")], rows)] if rows else lines


# --------------------------------------------------------------------------- other forms


STYLE = """
body{font:15px/1.55 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;color:#1c2733}
body{max-width:70rem;margin:2rem auto;padding:0 1rem}
h1,h2{border-bottom:1px solid #cfd8e3;padding-bottom:.2em}h3{margin-top:2em}
table{border-collapse:collapse;margin:.8em 0;width:100%}
th,td{border:1px solid #cfd8e3;padding:.3em .6em;text-align:left;vertical-align:top}
th{background:#eef3f8}code{background:#eef3f8;padding:0 .25em}
@media print{body{max-width:none}h3{break-after:avoid}tr{break-inside:avoid}}
"""


def _tokens(text: str) -> list[Token]:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table").parse(text)


def as_html(text: str, lang: str) -> str:
    """A Markdown document as an HTML page of its own, with a table of contents."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    contents = []
    title = ""
    for place, token in enumerate(tokens):
        if token.type != "heading_open":
            continue
        words = "".join(child.content for child in tokens[place + 1].children or [])
        anchor = f"h{place}"
        token.attrSet("id", anchor)
        if token.tag == "h1":
            title = words
        elif token.tag == "h2":
            contents.append(f'<li><a href="#{anchor}">{html.escape(words)}</a></li>')
    body = parser.renderer.render(tokens, parser.options, {})
    head, rest = body.split("</h1>", 1)
    return (
        f'<!doctype html>\n<html lang="{"zh-CN" if lang == "zh" else "en"}">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{head}</h1>\n"
        f"<nav><ol>{''.join(contents)}</ol></nav>\n{rest}</body>\n</html>\n"
    )


def write_docx(text: str, lang: str, path: Path) -> None:
    """Writes a Markdown document (headings, paragraphs, lists, tables) as DOCX.

    Raises:
        GovernanceError: python-docx is not installed.
    """
    try:
        import docx
        from docx.oxml.ns import qn
        from docx.shared import Pt
    except ImportError:
        raise GovernanceError("DOCX needs python-docx: pip install 'kpi-warehouse[documents]'") from None
    document = docx.Document()
    normal = document.styles["Normal"]
    normal.font.size = Pt(10)
    if lang == "zh":
        normal.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), "Microsoft YaHei")

    def fill(paragraph: Any, inline: Token) -> None:
        bold = False
        for child in inline.children or []:
            if child.type in ("strong_open", "strong_close"):
                bold = child.type == "strong_open"
            elif child.type in ("text", "code_inline"):
                run = paragraph.add_run(child.content)
                run.bold = bold
                if child.type == "code_inline":
                    run.font.name = "Consolas"
            elif child.type == "softbreak":
                paragraph.add_run(" ")

    style: str | None = None
    cells: list[Token] = []
    rows: list[list[Token]] = []
    for token in _tokens(text):
        if token.type == "heading_open":
            style = "Title" if token.tag == "h1" else f"Heading {int(token.tag[1]) - 1}"
        elif token.type == "list_item_open":
            style = "List Bullet"
        elif token.type in ("heading_close", "list_item_close"):
            style = None
        elif token.type == "table_open":
            rows = []
        elif token.type == "tr_open":
            cells = []
        elif token.type == "tr_close":
            rows.append(cells)
        elif token.type == "inline" and token.level >= 4 and style is None:
            cells.append(token)  # inside a table
        elif token.type == "inline":
            fill(document.add_paragraph(style=style), token)
        elif token.type == "table_close":
            grid = document.add_table(rows=len(rows), cols=len(rows[0]), style="Table Grid")
            for line, inlines in zip(grid.rows, rows, strict=True):
                for cell, inline in zip(line.cells, inlines, strict=True):
                    fill(cell.paragraphs[0], inline)
            for cell in grid.rows[0].cells:
                for run in cell.paragraphs[0].runs:
                    run.bold = True
            document.add_paragraph()
    document.save(str(path))


def write(text: str, lang: str, form: str, path: Path) -> None:
    """Writes a Markdown document in one of the forms `md`, `html`, `docx`."""
    if form == "docx":
        write_docx(text, lang, path)
    else:
        path.write_text(text if form == "md" else as_html(text, lang), encoding="utf-8")


# --------------------------------------------------------------------------- commands


@click.command("document")
@click.option("--lang", "langs", type=click.Choice(["zh", "en"]), multiple=True, help="Default: both.")
@click.option("--format", "forms", type=click.Choice(["md", "html", "docx"]), multiple=True, help="Default: md.")
@click.option("--domain", "domains", multiple=True, help="Default: every domain.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to.")
def document_command(langs: tuple[str, ...], forms: tuple[str, ...], domains: tuple[str, ...], out: Path) -> None:
    """Write the KPI system document of each domain from the dictionary and the latest published values."""
    book = Dictionary(project_root())
    with open_store() as store:
        for domain in domains or book.domains():
            material = gather(store, book, domain)
            for lang in langs or ("zh", "en"):
                text = Writer(material, WORDS[lang]).document()
                for form in forms or ("md",):
                    path = out / f"kpi-system-{domain}.{lang}.{form}"
                    out.mkdir(parents=True, exist_ok=True)
                    write(text, lang, form, path)
                    click.echo(f"written {path}")


@click.command("smart")
@click.option("--domain", help="Only this domain.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="en", show_default=True)
@click.option("--json", "json_", is_flag=True, help="As JSON.")
@click.option("--strict", is_flag=True, help="Exit code 1 if anything is named.")
def smart_command(domain: str | None, lang: str, json_: bool, strict: bool) -> None:
    """Name each KPI that is not yet specific, measurable, achievable, relevant or time-bound, and why."""
    book = Dictionary(project_root())
    if domain and domain not in book.domains():
        raise GovernanceError(f"no domain {domain!r}: there are {', '.join(book.domains())}")
    with open_store() as store:
        findings = smart(store, {row["role"] for row in book.file("owners").rows}, domain)
        judged = [row for row in in_force_rows(store) if domain in (None, row["domain"])]
    if json_:
        click.echo(as_json([vars(finding) for finding in findings]))
    else:
        for finding in findings:
            word = LETTERS[finding.letter][lang == "zh"]
            click.echo(f"{finding.kpi_id}: {word}: {finding.why_zh if lang == 'zh' else finding.why_en}")
        named = len({finding.kpi_id for finding in findings})
        click.echo(f"{len(judged) - named} of {len(judged)} KPIs are SMART, {named} are not yet")
    if strict and findings:
        raise SystemExit(1)
