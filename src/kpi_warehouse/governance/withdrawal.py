"""How much of what was published a publication would take back, and what is too much without a reason.

Late data restates some numbers of recent periods, and a version that hands over states its periods anew: both are
normal. A domain or a KPI whose numbers all vanish, and more than a share of a domain withdrawn or restated, is what a
wrong folder, a lost table or a broken rule looks like. The shares stand in the dictionary (`dq_checks.csv`: rules
`publication_withdrawn` and `publication_restated`, per domain).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from kpi_warehouse.quality.rules import Rules

#: Rule -> (share of a domain's official numbers, fewest numbers that are judged), where the dictionary has no rule.
DEFAULTS = {"publication_withdrawn": (0.1, 20), "publication_restated": (0.2, 20)}
EXAMPLES = 5


@dataclass
class Toll:
    """What a publication takes back: counts, and what of it needs a reason."""

    withdrawn: int = 0
    restated: int = 0
    objections: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)

    def message(self) -> str:
        """The refusal: what would happen, the list, and the remedy."""
        return "\n".join(
            [
                "nothing is published: too much of what was published would be taken back.",
                *(f"  {line}" for line in self.objections),
                *(f"    {line}" for line in self.details),
                "Look at KPI_RAW_ROOT and at what was landed first. Where it is meant (data taken back on purpose, a "
                "KPI given up, the demonstration made anew at another size): "
                '`kpi build --allow-withdrawal "REASON"` or '
                '`kpi publish --allow-withdrawal "REASON"`; the ledger keeps the reason. To start over beside it, set '
                "KPI_PUBLISHED to another folder.",
            ]
        )


def _rule(rules: Rules, rule_id: str, domain: str) -> tuple[float, int]:
    share, fewest = DEFAULTS[rule_id]
    try:
        rule = rules.get(rule_id, domain)
    except KeyError:
        return share, fewest
    return (
        share if rule.threshold is None else rule.threshold,
        fewest if rule.min_rows is None else rule.min_rows,
    )


def toll(db: duckdb.DuckDBPyConnection, root: Path, same: str, differ: str) -> Toll:
    """Compares the temporary tables `official` (to be published) and `standing` (last published, by key).

    Args:
        db: A connection that holds both.
        root: The project folder (rules of the dictionary).
        same: SQL: `official` and `standing` have one key.
        differ: SQL: their values differ.
    """
    db.execute(
        f"""create or replace temp table taken_back as
        select
            standing.domain, standing.kpi_id, standing.period_grain, standing.period_start, standing.dimension,
            standing.dimension_value, standing.value as stood, official.value as becomes,
            official.kpi_id is null as is_withdrawn,
            official.kpi_id is not null and official.version = standing.version and {differ} as is_restated
        from standing left join official on {same}
        where not standing.is_withdrawn"""
    )
    found = Toll()
    rules = Rules(root)
    domains = db.execute(
        """select domain, count(*), count(*) filter (where is_withdrawn), count(*) filter (where is_restated)
        from taken_back group by domain order by domain"""
    ).fetchall()
    suspects: list[tuple[str, str]] = []
    whole_domains = set()
    for domain, stood, withdrawn, restated in domains:
        found.withdrawn += withdrawn
        found.restated += restated
        for rule_id, count, column, word in (
            ("publication_withdrawn", withdrawn, "is_withdrawn", "withdrawn"),
            ("publication_restated", restated, "is_restated", "restated"),
        ):
            share, fewest = _rule(rules, rule_id, domain)
            is_whole = column == "is_withdrawn" and withdrawn == stood
            if is_whole or (count >= max(fewest, 1) and count > share * stood):
                all_ = "every one" if is_whole else f"{count / stood:.0%}, more than the {share:.0%} of rule {rule_id}"
                found.objections.append(f"{domain}: {count:,} of {stood:,} official numbers would be {word} ({all_})")
                suspects.append((domain, column))
                if is_whole:
                    whole_domains.add(domain)
    kpis = db.execute(
        """select domain, kpi_id, count(*) from taken_back group by all
        having bool_and(is_withdrawn) order by domain, kpi_id"""
    ).fetchall()
    for domain, kpi_id, stood in kpis:
        if domain not in whole_domains and stood >= _rule(rules, "publication_withdrawn", domain)[1]:
            found.objections.append(
                f"{domain}: every one of the {stood:,} official numbers of {kpi_id} would be withdrawn"
            )
            if (domain, "is_withdrawn") not in suspects:
                suspects.append((domain, "is_withdrawn"))
    for domain, column in suspects:
        found.details.extend(_details(db, domain, column))
    return found


def _details(db: duckdb.DuckDBPyConnection, domain: str, column: str) -> list[str]:
    word = "withdrawn" if column == "is_withdrawn" else "restated"
    counts = db.execute(
        f"""select kpi_id, count(*) filter (where {column}) as taken, count(*) from taken_back where domain = ?
        group by kpi_id having taken > 0 order by taken desc, kpi_id""",
        [domain],
    ).fetchall()
    per_kpi = ", ".join(f"{kpi_id} {taken:,} of {stood:,}" for kpi_id, taken, stood in counts)
    examples = db.execute(
        f"""select kpi_id, period_grain, period_start, dimension, dimension_value, stood, becomes from taken_back
        where domain = ? and {column}
        order by dimension <> 'all', period_grain not in ('month', 'cohort_month'), period_start desc, kpi_id
        limit {EXAMPLES}""",
        [domain],
    ).fetchall()
    lines = [f"{domain}, {word} by KPI: {per_kpi}"]
    for kpi_id, grain, start, dimension, member, stood, becomes in examples:
        where = "all" if dimension == "all" else f"{dimension}={member}"
        then = "withdrawn" if word == "withdrawn" else _number(becomes)
        lines.append(f"e.g. {kpi_id} {grain} {start:%Y-%m-%d %H:%M} {where}: {_number(stood)} -> {then}")
    return lines


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
