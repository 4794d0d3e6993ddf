"""The data-quality rules of the dictionary (`seeds/dictionary/dq_checks.csv`): thresholds, severity, owner, repair."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

ERROR, WARN = "error", "warn"
#: What a check is told as; a warning is `WARN`.
PASS, FAIL, NOT_JUDGED = "pass", "fail", "not_judged"
SEED = Path("seeds") / "dictionary" / "dq_checks.csv"


@dataclass(frozen=True)
class Rule:
    """A row of the seed; numbers that are not given are None."""

    rule_id: str
    domain: str
    applies_to: str
    threshold: float | None
    baseline_days: int | None
    tested_days: int | None
    min_points: int | None
    min_rows: int | None
    floor_share: float | None
    severity: str
    owner_role: str
    repair_days: int

    def fits(self, check_id: str) -> bool:
        """The rule governs this check of `dq_results` (`%` stands for any text, as in SQL)."""
        pattern = ".*".join(re.escape(part) for part in self.applies_to.split("%"))
        return bool(self.applies_to) and re.fullmatch(pattern, check_id) is not None


class Rules:
    """All rules of a project; a project without the seed has none."""

    def __init__(self, root: Path) -> None:
        self.rows: list[Rule] = []
        if not (root / SEED).exists():
            return
        with (root / SEED).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                whole = {
                    name: int(row[name]) if row[name] else None
                    for name in ("baseline_days", "tested_days", "min_points", "min_rows")
                }
                parts = {name: float(row[name]) if row[name] else None for name in ("threshold", "floor_share")}
                texts = {name: row[name] for name in ("rule_id", "domain", "applies_to", "severity", "owner_role")}
                self.rows.append(Rule(**texts, **whole, **parts, repair_days=int(row["repair_days"])))  # type: ignore[arg-type]

    def get(self, rule_id: str, domain: str = "all") -> Rule:
        """The rule of a domain, else the one of all domains.

        Raises:
            KeyError: There is none.
        """
        found = [rule for rule in self.rows if rule.rule_id == rule_id and rule.domain in (domain, "all")]
        if not found:
            raise KeyError(f"{SEED} has no rule {rule_id!r} for {domain}")
        return next((rule for rule in found if rule.domain == domain), found[0])

    def limit(self, rule_id: str, domain: str = "all") -> float:
        """The threshold of a rule.

        Raises:
            KeyError: There is none, or it has no threshold.
        """
        threshold = self.get(rule_id, domain).threshold
        if threshold is None:
            raise KeyError(f"rule {rule_id!r} of {SEED} has no threshold")
        return threshold

    def of(self, check_id: str, domain: str) -> Rule | None:
        """The rule that governs a check: the longest pattern that fits, the domain's own before that of all."""
        fitting = [rule for rule in self.rows if rule.domain in (domain, "all") and rule.fits(check_id)]
        return max(fitting, key=lambda rule: (len(rule.applies_to), rule.domain != "all"), default=None)

    def owner(self, check_id: str, domain: str) -> str | None:
        """The role that repairs a check: that of its rule, else the data owner of the domain (rule `any`)."""
        rule = self.of(check_id, domain)
        if rule is None or rule.owner_role:
            return rule.owner_role if rule else None
        return self.get("any", domain).owner_role
