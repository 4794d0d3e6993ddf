"""Change control: a definition is proposed, approved, run in parallel, released and retired.

Every command edits the seed files of the dictionary and nothing else; a person reviews the diff in version control.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from kpi_warehouse.governance.seeds import (
    APPROVALS,
    CHANGELOG,
    DEFINITIONS,
    OWNER_OF_THE_KPI,
    PARAMETERS,
    RANGES,
    TRANSLATIONS,
    Cells,
    Dictionary,
)
from kpi_warehouse.governance.store import GRAIN_ORDER, GovernanceError, Store, open_store, suggest
from kpi_warehouse.project import project_root, warehouse_path
from kpi_warehouse.quality.frozen import broken

#: What a new version may say anew.
SETTABLE = (
    "kpi_name_en", "kpi_name_zh", "definition_en", "definition_zh", "use_cases", "formula", "numerator_definition",
    "denominator_definition", "rationale", "data_sources", "grains", "dimensions", "edge_cases", "owner_role",
    "data_owner_role", "refresh_cadence", "seed_reference",
)  # fmt: skip
#: Chinese readings of the texts of a definition: a sheet of their own, so that a better wording releases no version.
TRANSLATED = {
    "rationale_zh": "rationale", "formula_zh": "formula", "numerator_definition_zh": "numerator_definition",
    "denominator_definition_zh": "denominator_definition",
}  # fmt: skip
#: Texts of a definition that may state a parameter.
TEXTS = (
    "kpi_name_en", "kpi_name_zh", "definition_en", "definition_zh", "formula", "numerator_definition",
    "denominator_definition", "rationale", "edge_cases",
)  # fmt: skip
#: Differences below it come from the order in which floating-point numbers were added.
ROUNDING = 1e-12
#: What makes another KPI, not another version: numbers of the two could not be compared.
SHAPE = ("kpi_kind", "unit", "direction", "domain", "seed_code")


@dataclass
class Outcome:
    """What a command did and what the person should know."""

    summary: str
    notes: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Effect:
    """What a version changes against the one it supersedes, over the last 12 months of final periods."""

    periods: int
    mean_abs: float
    mean_relative: float | None


def months_between(start: dt.date, end: dt.date) -> int:
    """Whole months from one day to another."""
    return (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)


def add_months(day: dt.date, months: int) -> dt.date:
    """The day so many months later (or earlier), at the latest the last of its month."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = (dt.date(year + month // 11, (month + 1) % 12 + 1, 1) - dt.timedelta(days=1)).day
    return dt.date(year, month + 1, min(day.day, last))


def _date(text: str) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _intact(book: Dictionary) -> None:
    """Refuses to build on a dictionary whose released versions were touched."""
    if lines := broken(book.root):
        raise GovernanceError("released versions are frozen:\n  " + "\n  ".join(lines))


def _changelog_row(book: Dictionary, kpi_id: str, version: int | str) -> Cells | None:
    for row in book.file(CHANGELOG).rows:
        if row["kpi_id"] == kpi_id and row["version"] == str(version):
            return row
    return None


# --------------------------------------------------------------------------- propose


def _check_fields(book: Dictionary, base: Cells, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        if name in SHAPE:
            raise GovernanceError(f"{name} makes another KPI, not another version: scaffold one with `kpi new kpi`")
        if name not in (*SETTABLE, *TRANSLATED):
            near = suggest(name, (*SETTABLE, *TRANSLATED))
            hint = (
                f": did you mean {', '.join(near)}?" if near else f": there are {', '.join((*SETTABLE, *TRANSLATED))}"
            )
            raise GovernanceError(f"--set cannot change {name!r}{hint}")
        if not value.strip():
            raise GovernanceError(f"--set {name}= would leave it empty")
    roles = {row["role"] for row in book.file("owners").rows}
    for name in ("owner_role", "data_owner_role"):
        if name in values and values[name] not in roles:
            raise GovernanceError(f"no role {values[name]!r} in owners.csv: {', '.join(suggest(values[name], roles))}")
    for grain in values.get("grains", base["grains"]).split("|"):
        if grain not in GRAIN_ORDER:
            raise GovernanceError(f"no grain {grain!r}: there are {', '.join(GRAIN_ORDER)}")
    for source in values.get("data_sources", base["data_sources"]).split("|"):
        if not source.startswith(f"{base['domain']}."):
            raise GovernanceError(f"data source {source!r} is not of the domain {base['domain']}")


def _number(name: str, text: str) -> str:
    try:
        if not math.isfinite(float(text)):
            raise ValueError
    except ValueError:
        raise GovernanceError(f"parameter {name}: {text!r} is no number") from None
    return text


def _spellings(value: float, unit: str) -> str:
    """A pattern of the ways in which texts write a parameter: 0.99 is also P99, 99 %, 99th and 第99百分位."""

    def number(amount: float) -> str:
        text = re.escape(f"{amount:,.10g}"), re.escape(f"{amount:.10g}")
        return rf"(?<![\d.,])(?:{'|'.join(dict.fromkeys(text))})(?![\d]|[.,]\d)"

    ways = [number(value)]
    if 0 < abs(value) < 1:
        percent = number(value * 100)
        ways += [
            rf"\bP\s?{percent}",
            rf"{percent}\s?[%％]",
            rf"{percent}(?:st|nd|rd|th)\b",
            rf"第\s?{percent}\s?百分位",
        ]
    for name, seconds, words in (("seconds", 60, "min|分钟"), ("minutes", 60, "h|小时"), ("hours", 24, "d|天")):
        if unit == name and value and value % seconds == 0:
            ways.append(rf"{number(value / seconds)}\s?(?:{words})")
    return "|".join(ways)


def stale_statements(book: Dictionary, kpi_id: str, version: int | str) -> list[str]:
    """Texts of a version that still state a parameter as the version before had it, one sentence each."""
    row = book.version(kpi_id, int(version))
    if not row["supersedes_version"]:
        return []
    texts = {name: row[name] for name in TEXTS} | {name: book.translation(kpi_id, version)[name] for name in TRANSLATED}
    before = {cells["parameter"]: cells for cells in book.parameters(kpi_id, row["supersedes_version"])}
    now = {cells["parameter"]: cells["value"] for cells in book.parameters(kpi_id, version)}
    found = []
    for name, cells in before.items():
        if name in now and float(now[name]) == float(cells["value"]):
            continue
        pattern = re.compile(_spellings(float(cells["value"]), cells["unit"]), re.IGNORECASE)
        if stating := [text for text, words in texts.items() if pattern.search(words)]:
            found.append(
                f"{name} was {cells['value']} and is {now.get(name, 'dropped')}, but {', '.join(stating)} "
                f"still state{'s' * (len(stating) == 1)} the old value: --set them in the proposal"
            )
    return found


def propose(
    book: Dictionary,
    kpi_id: str,
    *,
    fields: Mapping[str, str],
    parameters: Mapping[str, str],
    dropped: Sequence[str] = (),
    reason: str,
    effective_from: dt.date,
    parallel_from: dt.date | None = None,
    change_en: str | None = None,
    change_zh: str | None = None,
    on: dt.date,
) -> Outcome:
    """Writes a new version of a KPI as a draft: its definition, its parameters and a line of the changelog.

    Args:
        book: The dictionary; the caller saves it.
        kpi_id: The KPI.
        fields: Cells of the definition that change.
        parameters: Parameters that change or are new.
        dropped: Parameters that the new version does not have.
        reason: Why.
        effective_from: First day on which it alone is official.
        parallel_from: First day of the parallel run; default: as late as the rules allow.
        change_en: What changes, for the changelog; default: the list of changed cells.
        change_zh: The same in Chinese.
        on: Day of the proposal.

    Raises:
        GovernanceError: The rules refuse it; the message says why.
    """
    _intact(book)
    versions = book.versions(kpi_id)
    base = versions[-1]
    if base["status"] in ("draft", "parallel"):
        raise GovernanceError(
            f"{kpi_id} version {base['version']} is still a {base['status']}"
            f"{' run' * (base['status'] == 'parallel')}: release it, or revert it in version control, first"
        )
    if base["effective_to"]:
        raise GovernanceError(f"{kpi_id} was retired on {base['effective_to']}: scaffold a new KPI")
    if not reason.strip():
        raise GovernanceError("--reason must say why the definition changes")
    months = book.min_parallel_months(base["domain"])
    parallel_from = parallel_from or add_months(effective_from, -months)
    if months_between(parallel_from, effective_from) < months:
        raise GovernanceError(
            f"the versions must run in parallel for at least {months} month(s) before {effective_from}: "
            f"--parallel-from {add_months(effective_from, -months)} or earlier"
        )
    if parallel_from <= on:
        raise GovernanceError(
            f"the parallel run cannot begin on {parallel_from}: approvals must precede it and the proposal is of {on}"
        )
    since = _date(base["effective_from"])
    if since and effective_from <= since:
        raise GovernanceError(f"version {base['version']} is official from {since}: --effective-from must be later")
    _check_fields(book, base, fields)
    own = {row["parameter"]: row for row in book.parameters(kpi_id, base["version"])}
    for name in dropped:
        if name not in own:
            raise GovernanceError(f"version {base['version']} has no parameter {name!r} to drop")
    readings = book.translation(kpi_id, base["version"])
    changed = {name: value for name, value in fields.items() if name not in TRANSLATED and base[name] != value}
    translated = {name: value for name, value in fields.items() if name in TRANSLATED and readings[name] != value}
    numbers = {
        name: _number(name, value)
        for name, value in parameters.items()
        if name not in own or float(own[name]["value"]) != float(_number(name, value))
    }
    if not (changed or translated or numbers or dropped):
        raise GovernanceError("nothing would change: give --set field=value or --param name=value")
    if (numbers or dropped) and not {"definition_en", "formula", "edge_cases"} & set(changed):
        raise GovernanceError(
            "a parameter changes what the number means: say so with --set definition_en=…, formula=… or edge_cases=…"
        )
    if translated and not (changed or numbers or dropped):
        raise GovernanceError(f"a better Chinese wording needs no new version: edit {TRANSLATIONS}.csv")
    version = str(int(base["version"]) + 1)
    domain = base["domain"]
    # a text that changed leaves its old reading behind
    stale = [name for name, text in TRANSLATED.items() if text in changed and name not in translated]
    book.file(TRANSLATIONS).insert(
        {**readings, **translated, **dict.fromkeys(stale, ""), "kpi_id": kpi_id, "version": version},
        lambda cells: cells["kpi_id"] == kpi_id,
    )
    book.file(f"{DEFINITIONS}_{domain}").insert(
        {
            **base,
            **changed,
            "version": version,
            "status": "draft",
            "parallel_from": parallel_from.isoformat(),
            "effective_from": effective_from.isoformat(),
            "effective_to": "",
            "change_reason": reason,
            "supersedes_version": base["version"],
        },
        lambda cells: cells["kpi_id"] == kpi_id,
    )
    bounds = book.file(RANGES)
    for row in [row for row in bounds.rows if (row["kpi_id"], row["version"]) == (kpi_id, base["version"])]:
        bounds.insert({**row, "version": version}, lambda cells: cells["kpi_id"] == kpi_id)
    sheet = book.file(f"{PARAMETERS}_{domain}")
    for row in [row for name, row in own.items() if name not in dropped]:
        sheet.insert(
            {**row, "version": version, "value": numbers.get(row["parameter"], row["value"])},
            lambda cells: cells["metric_id"] == kpi_id,
        )
    for name in [name for name in numbers if name not in own]:
        sheet.insert(
            {
                "metric_id": kpi_id,
                "version": version,
                "parameter": name,
                "value": numbers[name],
                "unit": "number",
                "description_en": f"New in version {version}: {reason}",
            },
            lambda cells: cells["metric_id"] == kpi_id,
        )
    parts = [f"{name}: {own[name]['value'] if name in own else 'none'} → {value}" for name, value in numbers.items()]
    parts += [f"{name}: dropped" for name in dropped]
    texts = ", ".join([*changed, *translated])
    book.file(CHANGELOG).insert(
        {
            "kpi_id": kpi_id,
            "version": version,
            "changed_on": on.isoformat(),
            "change_en": change_en or "; ".join([*parts, *([f"reworded: {texts}"] if texts else [])]),
            "change_zh": change_zh
            or "；".join([*(f"参数 {part}" for part in parts), *([f"修订字段：{texts}"] if texts else [])]),
            "reason": reason,
        },
        lambda cells: cells["kpi_id"] == kpi_id,
    )
    roles = book.required_roles(domain)
    notes = [f"approvals needed before {parallel_from}: {', '.join(roles)}"]
    notes.append(f"the plausible range is that of version {base['version']}: where it changes, edit {RANGES}.csv")
    if stale:
        notes.append(f"the Chinese reading is to be written in {TRANSLATIONS}.csv: {', '.join(stale)}")
    bound = [row["target_id"] for row in book.rows("kpi_targets") if row["kpi_id"] == kpi_id and row["version"]]
    bound += [row["rule_id"] for row in book.rows("alert_rules") if row["kpi_id"] == kpi_id and row["version"]]
    if bound:
        notes.append(f"bound to an older version, so not to this one: {', '.join(bound)}")
    notes += stale_statements(book, kpi_id, version)
    if not numbers and not dropped:
        notes.append(f"no parameter differs: the SQL of the model must tell version {version} apart")
    return Outcome(f"{kpi_id} version {version} drafted, official from {effective_from}", notes)


# --------------------------------------------------------------------------- approve, release, retire


def _draft(book: Dictionary, kpi_id: str, version: int) -> Cells:
    row = book.version(kpi_id, version)
    if row["status"] != "draft":
        raise GovernanceError(f"{kpi_id} version {version} is {row['status']}: released versions are frozen")
    return row


def signatories(book: Dictionary, row: Cells, role: str) -> list[str]:
    """Who may sign a version in a role: the contacts of the role in owners.csv; `kpi_owner`: of the KPI's owner."""
    holder = row["owner_role"] if role == OWNER_OF_THE_KPI else role
    contacts = next((owner["contact"] for owner in book.file("owners").rows if owner["role"] == holder), "")
    return contacts.replace("|", " ").split()


def approve(
    book: Dictionary,
    kpi_id: str,
    version: int,
    *,
    role: str,
    by: str,
    on: dt.date,
    today: dt.date | None = None,
    reason: str | None = None,
) -> Outcome:
    """Records one approval of a draft.

    Args:
        book: The dictionary; the caller saves it.
        kpi_id: The KPI.
        version: The draft.
        role: The role that approves.
        by: The contact of that role who signs.
        on: Day of the approval.
        today: Day on which it is recorded; default: the clock.
        reason: Why the day lies before the proposal or after today, which is refused without one.

    Raises:
        GovernanceError: The version is released, the role has no say or has spoken, the person is no contact of the
            role or signed in another one, or the day does not fit.
    """
    _intact(book)
    row = _draft(book, kpi_id, version)
    roles = book.required_roles(row["domain"])
    if role not in roles:
        raise GovernanceError(f"{role!r} does not approve {row['domain']} KPIs: {', '.join(roles)} do")
    given = {approval["role"]: approval for approval in book.approvals(kpi_id, version)}
    if role in given:
        raise GovernanceError(f"{role} approved it on {given[role]['approved_on']} ({given[role]['approver']})")
    if not by.strip():
        raise GovernanceError("--by needs the name of the person who approves")
    if by not in (contacts := signatories(book, row, role)):
        raise GovernanceError(
            f"{by!r} is no contact of {role}: {', '.join(contacts) or 'nobody'} may sign (owners.csv names contacts)"
        )
    if also := [other for other, approval in given.items() if approval["approver"] == by]:
        raise GovernanceError(f"{by} signed version {version} as {also[0]}: one person signs one role of a version")
    stated = (reason or "").strip()
    today = today or dt.date.today()
    if on > today and not stated:
        raise GovernanceError(f"{on} has not come yet: sign on the day, or say why with --reason")
    begins = _date(row["parallel_from"] or row["effective_from"])
    if begins and on >= begins:
        raise GovernanceError(f"approvals must precede {begins}, the first day that the version runs: {on} is too late")
    proposed = _changelog_row(book, kpi_id, version)
    if proposed and on < dt.date.fromisoformat(proposed["changed_on"]) and not stated:
        raise GovernanceError(f"{on} precedes the proposal of {proposed['changed_on']}: say why with --reason")
    book.file(f"{APPROVALS}_{row['domain']}").insert(
        {
            "kpi_id": kpi_id,
            "version": str(version),
            "role": role,
            "approver": by,
            "approved_on": on.isoformat(),
            "note": stated,
        },
        lambda cells: cells["kpi_id"] == kpi_id,
    )
    missing = [name for name in roles if name != role and name not in given]
    return Outcome(
        f"{kpi_id} version {version} approved by {role}",
        [f"still needed: {', '.join(missing)}" if missing else f"complete: `kpi release {kpi_id} {version}`"],
    )


def _check_approvals(book: Dictionary, row: Cells) -> None:
    given = {approval["role"]: approval for approval in book.approvals(row["kpi_id"], row["version"])}
    missing = [role for role in book.required_roles(row["domain"]) if role not in given]
    if missing:
        raise GovernanceError(f"{row['kpi_id']} version {row['version']} lacks the approval of {', '.join(missing)}")
    begins = _date(row["parallel_from"] or row["effective_from"])
    late = [
        role for role, approval in given.items() if begins and dt.date.fromisoformat(approval["approved_on"]) >= begins
    ]
    if late:
        raise GovernanceError(f"approved too late, not before {begins}: {', '.join(late)}")


def effect(store: Store, kpi_id: str, old: int, new: int) -> Effect:
    """What a version changes, from `metric_version_comparison`: final periods of the last 12 months.

    Compared is the whole (or every slice of a KPI that has none) at the coarsest of month, cohort month, quarter,
    week and so on that both versions have.

    Raises:
        GovernanceError: The two were never built side by side.
    """
    rows = store.rows(
        """select period_grain, period_start, period_end, dimension = 'all' as is_whole, difference,
            relative_difference
        from marts.metric_version_comparison
        where kpi_id = ? and version_a = ? and version_b = ? and is_final and difference is not null""",
        [kpi_id, old, new],
    )
    if not rows:
        raise GovernanceError(
            f"{store.path} compares no final period of {kpi_id} versions {old} and {new}: build with version {new} in "
            "parallel first"
        )
    grain = min((row["period_grain"] for row in rows), key=GRAIN_ORDER.index)
    rows = [row for row in rows if row["period_grain"] == grain]
    rows = [row for row in rows if row["is_whole"]] or rows
    since = add_months(max(row["period_end"] for row in rows).date(), -12)
    rows = [row for row in rows if row["period_start"].date() >= since]
    relative = [abs(row["relative_difference"]) for row in rows if row["relative_difference"] is not None]
    return Effect(
        len({row["period_start"] for row in rows}),
        sum(abs(row["difference"]) for row in rows) / len(rows),
        sum(relative) / len(relative) if relative else None,
    )


def _effect_text(value: float) -> str:
    """A difference as the changelog shows it; what only the order of a floating-point sum makes is none."""
    return "0" if abs(value) < ROUNDING else f"{value:.6g}"


def record_effect(book: Dictionary, store: Store, kpi_id: str, version: int) -> Effect:
    """Works out the effect of a version and writes it into the changelog.

    Raises:
        GovernanceError: It supersedes nothing, the changelog has no row of it, or nothing was compared.
    """
    row = book.version(kpi_id, version)
    line = _changelog_row(book, kpi_id, version)
    if not row["supersedes_version"]:
        raise GovernanceError(f"{kpi_id} version {version} supersedes none: there is nothing to compare")
    if line is None:
        raise GovernanceError(f"{CHANGELOG}.csv has no row of {kpi_id} version {version}")
    found = effect(store, kpi_id, int(row["supersedes_version"]), version)
    book.file(CHANGELOG).update(
        line,
        effect_periods=str(found.periods),
        effect_mean_abs=_effect_text(found.mean_abs),
        effect_mean_relative="" if found.mean_relative is None else _effect_text(found.mean_relative),
    )
    return found


def release(book: Dictionary, kpi_id: str, version: int, *, on: dt.date, store: Store | None = None) -> Outcome:
    """Takes a version one step on: a draft runs in parallel, a parallel one becomes official.

    The first version of a KPI has nothing to run beside and becomes official at once.

    Args:
        book: The dictionary; the caller saves it.
        kpi_id: The KPI.
        version: The version.
        on: Day of the release.
        store: A warehouse built with both versions: the last step writes the effect into the changelog.

    Raises:
        GovernanceError: An approval is missing or late, the parallel run too short, or nothing was compared.
    """
    _intact(book)
    row = book.version(kpi_id, version)
    sheet = book.file(f"{DEFINITIONS}_{row['domain']}")
    months = book.min_parallel_months(row["domain"])
    if row["status"] == "draft":
        _check_approvals(book, row)
        if not row["supersedes_version"]:
            sheet.update(row, status="active")
            return Outcome(f"{kpi_id} version {version} is official")
        parallel, effective = _date(row["parallel_from"]), _date(row["effective_from"])
        if parallel is None or effective is None or months_between(parallel, effective) < months:
            raise GovernanceError(
                f"{kpi_id} version {version} needs parallel_from at least {months} month(s) before effective_from"
            )
        sheet.update(row, status="parallel")
        return Outcome(
            f"{kpi_id} version {version} runs in parallel from {parallel}",
            [
                f"build, then `kpi release {kpi_id} {version}` once more from {add_months(parallel, months)} on",
                *stale_statements(book, kpi_id, version),
            ],
        )
    if row["status"] != "parallel":
        raise GovernanceError(f"{kpi_id} version {version} is {row['status']} already")
    parallel, effective = _date(row["parallel_from"]), _date(row["effective_from"])
    assert parallel and effective
    _check_approvals(book, row)
    if months_between(parallel, on) < months:
        raise GovernanceError(
            f"{kpi_id} version {version} has run in parallel since {parallel} only: release it from "
            f"{add_months(parallel, months)} on"
        )
    if store is None:
        raise GovernanceError("the last step needs a warehouse built with both versions (KPI_WAREHOUSE)")
    found = record_effect(book, store, kpi_id, version)
    old = book.version(kpi_id, int(row["supersedes_version"]))
    if old["effective_to"]:
        raise GovernanceError(f"version {old['version']} ends on {old['effective_to']} already")
    sheet.update(old, effective_to=effective.isoformat())
    sheet.update(row, status="active")
    notes = [f"version {old['version']} ends on {effective}; `kpi retire {kpi_id} {old['version']}` closes it then"]
    relative = "" if found.mean_relative is None else f" ({found.mean_relative:.2%} of the value)"
    notes.append(f"effect over {found.periods} final periods: {found.mean_abs:.6g} on average{relative}")
    if on > effective:
        notes.append(f"periods since {effective} are restated at the next publication (cause: definition)")
    return Outcome(f"{kpi_id} version {version} is official from {effective}", notes)


def retire(book: Dictionary, kpi_id: str, version: int, *, on: dt.date, effective_to: dt.date | None = None) -> Outcome:
    """Retires a version that a later one has replaced, or, with `effective_to`, ends a KPI.

    Its numbers stay published: a retired version is official for the periods in which it was in force.

    Raises:
        GovernanceError: It is still in force, or not an active version.
    """
    _intact(book)
    row = book.version(kpi_id, version)
    if row["status"] != "active":
        hint = "revert its proposal in version control" if row["status"] in ("draft", "parallel") else "nothing to do"
        raise GovernanceError(f"{kpi_id} version {version} is {row['status']}, not active: {hint}")
    sheet = book.file(f"{DEFINITIONS}_{row['domain']}")
    ends = _date(row["effective_to"])
    notes = []
    if ends is None:
        if effective_to is None:
            raise GovernanceError(
                f"{kpi_id} version {version} is in force and nothing replaces it: propose a new version, or end the "
                "KPI with --effective-to"
            )
        waiting = [v["version"] for v in book.versions(kpi_id) if v["status"] in ("draft", "parallel")]
        if waiting:
            raise GovernanceError(f"version {', '.join(waiting)} of {kpi_id} is under way: end that first")
        since = _date(row["effective_from"])
        if since and effective_to <= since:
            raise GovernanceError(f"version {version} is in force from {since} only")
        sheet.update(row, effective_to=effective_to.isoformat())
        ends = effective_to
        live = [r["target_id"] for r in book.rows("kpi_targets") if r["kpi_id"] == kpi_id]
        live += [r["rule_id"] for r in book.rows("alert_rules") if r["kpi_id"] == kpi_id]
        if live:
            notes.append(f"targets and alert rules of it remain, end them too: {', '.join(live)}")
    elif effective_to:
        raise GovernanceError(f"{kpi_id} version {version} ends on {ends} already")
    if ends > on:
        if effective_to is None:
            raise GovernanceError(f"{kpi_id} version {version} is in force until {ends}: retire it then")
        return Outcome(f"{kpi_id} ends on {ends}", [*notes, f"`kpi retire {kpi_id} {version}` closes it then"])
    sheet.update(row, status="retired")
    return Outcome(f"{kpi_id} version {version} is retired, in force until {ends}", notes)


# --------------------------------------------------------------------------- commands


def _pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise GovernanceError(f"{option} {text!r}: write name=value")
        pairs[name.strip()] = value.strip()
    return pairs


def finish(book: Dictionary, outcome: Outcome) -> None:
    """Saves what a command changed and says what it did."""
    outcome.files = book.save()
    click.echo(outcome.summary)
    for note in outcome.notes:
        click.echo(f"  {note}")
    for path in outcome.files:
        click.echo(f"  edited {path.relative_to(book.root)}")
    click.echo("  review the change with git diff, then commit it")


_DAY = click.DateTime(["%Y-%m-%d"])
_on = click.option("--on", type=_DAY, metavar="DATE", help="Day of the act; default: today.")


def _day(moment: dt.datetime | None) -> dt.date:
    return moment.date() if moment else dt.date.today()


@click.command("propose")
@click.argument("kpi_id", metavar="KPI")
@click.option("--set", "fields", multiple=True, metavar="FIELD=VALUE", help="A cell of the definition that changes.")
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter that changes or is new.")
@click.option("--drop-param", "dropped", multiple=True, metavar="NAME", help="A parameter that falls away.")
@click.option("--reason", required=True, help="Why the definition changes.")
@click.option("--effective-from", type=_DAY, required=True, metavar="DATE", help="First day it alone is official.")
@click.option("--parallel-from", type=_DAY, metavar="DATE", help="First day of the parallel run; default: the latest.")
@click.option("--change-en", help="What changes, for the changelog; default: the changed cells.")
@click.option("--change-zh", help="The same in Chinese.")
@_on
def propose_command(
    kpi_id: str,
    fields: tuple[str, ...],
    parameters: tuple[str, ...],
    dropped: tuple[str, ...],
    reason: str,
    effective_from: dt.datetime,
    parallel_from: dt.datetime | None,
    change_en: str | None,
    change_zh: str | None,
    on: dt.datetime | None,
) -> None:
    """Propose a new version of a KPI: a draft row, its parameters and a line of the changelog."""
    book = Dictionary(project_root())
    outcome = propose(
        book,
        kpi_id,
        fields=_pairs(fields, "--set"),
        parameters=_pairs(parameters, "--param"),
        dropped=dropped,
        reason=reason,
        effective_from=effective_from.date(),
        parallel_from=parallel_from.date() if parallel_from else None,
        change_en=change_en,
        change_zh=change_zh,
        on=_day(on),
    )
    finish(book, outcome)


@click.command("approve")
@click.argument("kpi_id", metavar="KPI")
@click.argument("version", type=int)
@click.option("--role", required=True, help="The role that approves, e.g. data_governance.")
@click.option("--by", required=True, metavar="CONTACT", help="Who approves: a contact of the role in owners.csv.")
@click.option("--reason", help="Why the day lies before the proposal or in the future.")
@_on
def approve_command(kpi_id: str, version: int, role: str, by: str, reason: str | None, on: dt.datetime | None) -> None:
    """Record an approval of a draft."""
    book = Dictionary(project_root())
    finish(book, approve(book, kpi_id, version, role=role, by=by, on=_day(on), reason=reason))


@click.command("release")
@click.argument("kpi_id", metavar="KPI")
@click.argument("version", type=int)
@_on
def release_command(kpi_id: str, version: int, on: dt.datetime | None) -> None:
    """Take an approved version on: draft to parallel, and after the parallel run to official.

    The last step reads KPI_WAREHOUSE for the effect on the last 12 months.
    """
    book = Dictionary(project_root())
    if book.version(kpi_id, version)["status"] == "parallel" and warehouse_path().exists():
        with open_store(warehouse_path()) as store:
            outcome = release(book, kpi_id, version, on=_day(on), store=store)
    else:
        outcome = release(book, kpi_id, version, on=_day(on))
    finish(book, outcome)


@click.command("effect")
@click.argument("kpi_id", metavar="KPI")
@click.argument("version", type=int)
def effect_command(kpi_id: str, version: int) -> None:
    """Work out from KPI_WAREHOUSE what a version changes and write it into the changelog."""
    book = Dictionary(project_root())
    with open_store(warehouse_path()) as store:
        found = record_effect(book, store, kpi_id, version)
    relative = "–" if found.mean_relative is None else f"{found.mean_relative:.2%}"
    text = f"over {found.periods} final periods: {found.mean_abs:.6g} on average, relative {relative}"
    finish(book, Outcome(f"{kpi_id} version {version} {text}"))


@click.command("retire")
@click.argument("kpi_id", metavar="KPI")
@click.argument("version", type=int)
@click.option("--effective-to", type=_DAY, metavar="DATE", help="End the KPI on this day, without a successor.")
@_on
def retire_command(kpi_id: str, version: int, effective_to: dt.datetime | None, on: dt.datetime | None) -> None:
    """Retire a version that a later one has replaced, or end a KPI."""
    book = Dictionary(project_root())
    ends = effective_to.date() if effective_to else None
    finish(book, retire(book, kpi_id, version, on=_day(on), effective_to=ends))
