"""Is a KPI specific, measurable, achievable, relevant and time-bound? What is missing is named."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass

from kpi_warehouse.governance.store import GRAIN_ORDER, Row, Store, show

#: Final periods that a target is held against, and how many there must be for a judgement.
HISTORY, LEAST = 12, 3
LETTERS = {
    "S": ("specific", "具体"),
    "M": ("measurable", "可衡量"),
    "A": ("achievable", "可达成"),
    "R": ("relevant", "相关"),
    "T": ("time-bound", "有时限"),
}


@dataclass(frozen=True)
class Finding:
    """What keeps a KPI from being SMART."""

    kpi_id: str
    letter: str
    why_en: str
    why_zh: str


@dataclass(frozen=True)
class Achievable:
    """A target held against the official values before it."""

    target: float
    comparator: str
    upper: float | None
    history: list[float]

    def is_met(self, value: float) -> bool:
        """Whether a value meets the target."""
        if self.comparator == "between":
            return self.target <= value <= (self.upper if self.upper is not None else value)
        return {
            ">=": value >= self.target,
            ">": value > self.target,
            "<=": value <= self.target,
            "<": value < self.target,
        }[self.comparator]

    def distance(self) -> float:
        """How far the latest value lies from the target."""
        latest = self.history[-1]
        if self.comparator == "between" and self.upper is not None and latest > self.upper:
            return latest - self.upper
        return abs(self.target - latest)

    def is_out_of_reach(self) -> bool:
        """Never met, and further away than the values have ever moved."""
        if any(self.is_met(value) for value in self.history):
            return False
        return self.distance() > max(self.history) - min(self.history)


def in_force_rows(store: Store) -> list[Row]:
    """The version of each KPI that is official with an open end, by domain and place in the source document."""
    return store.rows(
        """select * from marts.metric_dictionary
        where status = 'active' and effective_to is null order by domain, seed_code, kpi_id"""
    )


def final_values(store: Store) -> dict[str, list[Row]]:
    """Official final values of each KPI at its first grain with any, oldest first.

    Of the slices the whole; for a KPI that has none the one with the largest sample.
    """
    rows = store.rows(
        """select kpi_id, period_grain, period_start, dimension, dimension_value, value, sample_size, target_value,
            target_comparator, target_id, status, gap_to_target, appraisal_suspended, as_of
        from marts.kpi_scorecard where is_final and (dimension = 'all' or kpi_id not in (
            select kpi_id from marts.kpi_scorecard where dimension = 'all'))
        order by period_start"""
    )
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["kpi_id"]].append(row)
    for kpi_id, values in found.items():
        grain = min((row["period_grain"] for row in values), key=GRAIN_ORDER.index)
        values = [row for row in values if row["period_grain"] == grain]
        samples: dict[tuple[str, str], int] = defaultdict(int)
        for row in values:
            samples[row["dimension"], row["dimension_value"]] += row["sample_size"] or 0
        best = max(sorted(samples), key=lambda member: samples[member])
        found[kpi_id] = [row for row in values if (row["dimension"], row["dimension_value"]) == best]
    return found


def _specific(row: Row, roles: set[str]) -> list[tuple[str, str]]:
    found = []
    texts = {
        "kpi_name_en": "English name", "kpi_name_zh": "Chinese name", "definition_en": "English definition",
        "definition_zh": "Chinese definition", "formula": "formula", "numerator_definition": "numerator",
        "formula_zh": "Chinese formula", "numerator_definition_zh": "Chinese numerator",
    }  # fmt: skip
    missing = [name for column, name in texts.items() if not row[column]]
    if missing:
        found.append((f"lacks {', '.join(missing)}", f"缺少：{'、'.join(missing)}"))
    if row["owner_role"] not in roles:
        found.append((f"owner {row['owner_role']!r} is no known role", f"责任角色 {row['owner_role']} 不存在"))
    return found


def _lacks_baseline(target: Row) -> bool:
    """Whether a target is stated against a baseline that neither the dictionary nor its occasion gives."""
    stated = target["target_value"] is not None or target["change_on_previous"] is not None
    measured = target["baseline_from"] is not None
    return not stated and target["baseline_value"] is None and target["condition"] is None and not measured


def _measurable(values: list[Row], targets: list[Row]) -> list[tuple[str, str]]:
    found = []
    if not values:
        found.append(
            ("no final value was ever published: its tables may not be landed", "尚无已定稿数值：可能缺少源表数据")
        )
    if targets and all(_lacks_baseline(target) for target in targets):
        found.append(
            (
                "its target is against a baseline that is not stated: `kpi baseline` keeps a measured one",
                "目标以基线为参照而基线未给出：用 `kpi baseline` 写入实测值",
            )
        )
    return found


def _without_rows(store: Store, targets: list[Row]) -> list[tuple[str, str]]:
    """Targets in whose grain and slice nothing was ever published."""
    empty = [
        target["target_id"]
        for target in targets
        if not store.one(
            """select 1 from marts.kpi_values where kpi_id = ? and period_grain = ? and dimension = ?
                and ? in ('*', dimension_value) limit 1""",
            [target["kpi_id"], target["period_grain"], target["dimension"], target["dimension_value"]],
        )
    ]
    return [(f"no row for its target {name}", f"目标 {name} 没有对应的数据行") for name in empty]


def _achievable(store: Store, row: Row, values: list[Row]) -> list[tuple[str, str]]:
    with_target = [value for value in values if value["target_value"] is not None]
    if not with_target:
        return []
    latest = with_target[-1]
    upper = store.one("select target_value_upper from marts.kpi_targets where target_id = ?", [latest["target_id"]])
    until = [value["value"] for value in values if value["period_start"] <= latest["period_start"]][-HISTORY:]
    if len(until) < LEAST:
        return [
            (
                f"only {len(until)} final periods to hold the target against",
                f"仅有 {len(until)} 个已定稿周期，无法判断目标能否达成",
            )
        ]
    judged = Achievable(
        latest["target_value"], latest["target_comparator"], upper["target_value_upper"] if upper else None, until
    )
    if not judged.is_out_of_reach():
        return []
    unit = row["unit"]
    low, high = show(min(until), unit), show(max(until), unit)
    wanted = f"{latest['target_comparator']} {show(latest['target_value'], unit)}"
    return [
        (
            f"target {wanted} was never met in the last {len(until)} periods ({low} to {high}) and lies further off "
            "than they ever moved",
            f"目标 {wanted} 在最近 {len(until)} 个周期({low} 至 {high})从未达成，且差距大于历史波动幅度",
        )
    ]


def _relevant(row: Row) -> list[tuple[str, str]]:
    missing = [
        name
        for name, column in (("rationale", "rationale"), ("Chinese rationale", "rationale_zh"), ("use", "use_cases"))
        if not row[column]
    ]
    return [(f"lacks {', '.join(missing)}", f"缺少：{'、'.join(missing)}")] if missing else []


def _time_bound(row: Row, targets: list[Row], today: dt.date | None) -> list[tuple[str, str]]:
    uses = set(str(row["use_cases"]).split("|"))
    if not targets:
        if uses & {"appraisal", "budget"}:
            return [("is used for appraisal or budget and has no target", "用于考核或预算但没有目标值")]
        return []
    # a change asked for from period to period has its term in each of them
    bound = [t for t in targets if t["valid_to"] or t["stage"] or t["change_on_previous"] is not None]
    if not bound:
        return [("its targets have neither an end nor a stage", "目标没有截止日期或阶段")]
    ends = [target["valid_to"] for target in targets]
    if today and all(end is not None and end <= today for end in ends):
        return [(f"its last target ended on {max(ends)}", f"最后一个目标已于 {max(ends)} 到期")]
    return []


def smart(store: Store, roles: set[str], domain: str | None = None) -> list[Finding]:
    """Names what keeps KPIs in force from being SMART, in the order of the dictionary.

    Args:
        store: The open publication or warehouse.
        roles: The roles of `owners.csv`.
        domain: Only this one.
    """
    history = final_values(store)
    targets: dict[str, list[Row]] = defaultdict(list)
    for target in store.rows("select * from marts.kpi_targets order by target_id"):
        targets[target["kpi_id"]].append(target)
    as_of = {
        row["domain"]: row["as_of"].date()
        for row in store.rows("select domain, max(as_of) as as_of from marts.kpi_values group by domain")
    }
    findings = []
    for row in in_force_rows(store):
        if domain and row["domain"] != domain:
            continue
        kpi_id = row["kpi_id"]
        # what is suspect neither meets a target nor misses it
        values = [value for value in history.get(kpi_id, []) if value["status"] != "suspect"]
        own = [target for target in targets[kpi_id] if target["version"] in (None, row["version"])]
        judged = {
            "S": _specific(row, roles),
            "M": _measurable(values, own) + (_without_rows(store, own) if values else []),
            "A": _achievable(store, row, values),
            "R": _relevant(row),
            "T": _time_bound(row, own, as_of.get(row["domain"])),
        }
        findings += [Finding(kpi_id, letter, *texts) for letter, found in judged.items() for texts in found]
    return findings
