"""What the checks found, in one sentence: failed, warned, not judged, and what was refused and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from kpi_warehouse.quality.rules import FAIL, NOT_JUDGED, PASS, WARN

#: Columns of `dq_results` that the sentence is made of.
COLUMNS = (
    "check_id",
    "domain",
    "table",
    "status",
    "failed_rows",
    "checked_rows",
    "failed_money_share",
    "reason",
    "follows_from",
)
STATUSES = (PASS, WARN, FAIL, NOT_JUDGED)
#: Checks that tell of refused rows.
REFUSED = (".few_reject_reason", ".usable")
#: Tables whose refusals are named; the rest is counted.
NAMED = 3

_FAULTS = {
    "en": {
        "missing_required": "missing {column}",
        "unparseable": "unreadable {column}",
        "no_identity": "no id of a visitor",
        "ends_before_start": "{column} before its start",
        "from_the_future": "{column} after the data horizon",
        "implausible_time": "implausible {column}",
        "decision_before_submission": "decided before it was submitted",
    },
    "zh": {
        "missing_required": "缺少{column}",
        "unparseable": "{column}无法解析",
        "no_identity": "没有任何访客标识",
        "ends_before_start": "{column}早于开始时间",
        "from_the_future": "{column}晚于数据截止时点",
        "implausible_time": "{column}时间不合理",
        "decision_before_submission": "审批早于提交",
    },
}
_WORDS = {
    "en": {
        "counts": "{failed} failed, {warned} warned{follow}, {unjudged} not judged",
        "refused": "{share} of {table} refused: {fault}",
        "money": " ({share} of {column})",
        "more": "{count} more tables with refused rows",
        "one": "1 more table with refused rows",
        "follow": " ({count} of them for refused rows)",
        "join": "; ",
    },
    "zh": {
        "counts": "{failed}项未通过，{warned}项警告{follow}，{unjudged}项未判定",
        "refused": "{table}有{share}的记录被拒收：{fault}",
        "money": "(占{column}的{share})",
        "more": "另有{count}张表有记录被拒收",
        "one": "另有1张表有记录被拒收",
        "follow": "(其中{count}项源自被拒收的记录)",
        "join": "；",
    },
}


def fault(reason: str, lang: str = "en") -> str:
    """A reason of refusal (`missing_required:user_id`) in words; one that is not known reads as it stands.

    Args:
        reason: Reason and, after a colon, the column at fault.
        lang: `en` or `zh`.
    """
    name, _, column = reason.partition(":")
    pattern = _FAULTS[lang].get(name)
    if pattern is None:
        return f"{name.replace('_', ' ')} {column}".strip()
    return pattern.format(column=column).strip()


def share(part: float, lang: str = "en") -> str:
    """A share of 0 to 1 as it is read: `16 %`, `7.1 %`, `< 0.1 %`; a part is never told as nothing, nor as all."""
    gap = " " if lang == "en" else ""
    if 0 < part < 0.0005:
        return f"<{gap}0.1{gap}%"
    if 0.9995 < part < 1:
        return f">{gap}99.9{gap}%"
    digits = 0 if 0.0995 <= part <= 0.995 or part in (0, 1) else 1
    return f"{part * 100:.{digits}f}{gap}%"


def summary(results: Iterable[Mapping[str, Any]], lang: str = "en", *, worth: Mapping[str, str] | None = None) -> str:
    """One sentence on what the checks found, for builds, explanations and reports.

    Args:
        results: Rows of `dq_results` with at least the columns of `COLUMNS`.
        lang: `en` or `zh`.
        worth: Table -> the column that its share of money is of; without it money is left out.

    Returns:
        E.g. `0 failed, 4 warned, 2 not judged; 16 % of orders refused: missing user_id`. The largest refusals are
        named; how many of the warnings only follow from refused rows stands in brackets.
    """
    rows = list(results)
    words = _WORDS[lang]
    unmet = [row for row in rows if row["status"] in (FAIL, WARN)]
    follow = sum(bool(row["follows_from"]) for row in unmet)
    parts = [
        words["counts"].format(
            failed=sum(row["status"] == FAIL for row in rows),
            warned=sum(row["status"] == WARN for row in rows),
            follow=words["follow"].format(count=follow) if follow else "",
            unjudged=sum(row["status"] == NOT_JUDGED for row in rows),
        )
    ]
    refused: dict[tuple[str, str], tuple[float, Mapping[str, Any]]] = {}
    for row in unmet:
        if str(row["check_id"]).endswith(REFUSED) and row["checked_rows"]:
            refused[row["domain"], row["table"]] = (row["failed_rows"] / row["checked_rows"], row)
    ranked = sorted(refused.values(), key=lambda found: (-found[1]["failed_rows"], str(found[1]["table"])))
    for part, row in ranked[:NAMED]:
        told = words["refused"].format(
            share=share(part, lang), table=row["table"], fault=fault(row["reason"] or "?", lang)
        )
        column = (worth or {}).get(str(row["table"]))
        if column and row["failed_money_share"] is not None:
            told += words["money"].format(share=share(row["failed_money_share"], lang), column=column)
        parts.append(told)
    if left := len(ranked) - NAMED if len(ranked) > NAMED else 0:
        parts.append(words["one"] if left == 1 else words["more"].format(count=left))
    return words["join"].join(parts)


def told(path: Path, lang: str = "en", *, domain: str | None = None) -> str:
    """What the checks of a warehouse or a publication found, in one sentence.

    Args:
        path: A file with `marts.dq_results`; no other connection may write to it.
        lang: `en` or `zh`.
        domain: Only this one.
    """
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    with duckdb.connect(str(path), read_only=True) as db:
        rows = db.execute(
            f"select {names} from marts.dq_results where domain = coalesce(?, domain)", [domain]
        ).fetchall()
    return summary((dict(zip(COLUMNS, row, strict=True)) for row in rows), lang)
