"""Generation of the whole demonstration."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kpi_warehouse.demo.contract import DOMAINS
from kpi_warehouse.demo.sink import MANIFEST, Sink, clear, read_manifest

ACCOUNTS = 3_950
"""Credit accounts of the default size."""


@dataclass
class DemoSummary:
    """What was written.

    Attributes:
        out: Root folder.
        seed: The seed.
        events: The events asked for.
        rows: Rows by domain and table, dirt included.
        planted: Rows of dirt by domain, table and kind.
        files: Paths below the root.
        seconds: Time taken by domain.
    """

    out: str
    seed: int
    events: int
    rows: dict[str, dict[str, int]] = field(default_factory=dict)
    planted: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def total_rows(self) -> int:
        """Rows over all tables."""
        return sum(sum(tables.values()) for tables in self.rows.values())


def generate(
    out: Path,
    *,
    events: int = 200_000,
    seed: int = 20260401,
    domains: Sequence[str] = DOMAINS,
    accounts: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> DemoSummary:
    """Write the raw tables of the demonstration below ``out/<domain>/<table>/``.

    The same arguments give the same bytes. Manufacturing and credit grow with the square root of ``events``:
    a shop may have a hundred times the visitors, three lines do not make a hundred times the units.

    Args:
        out: Root of the landing zone; created if need be. Files of an earlier demonstration are replaced.
        events: About how many e-commerce events to write, at least 2,000.
        seed: Seed of every random stream.
        domains: Which of ecommerce, manufacturing, credit.
        accounts: About how many credit accounts to write (within a few per cent); by default ``events`` decides.
        progress: Called with a line of text now and then.

    Returns:
        Rows, files and planted dirt; the same is kept as ``demo_manifest.json`` in ``out``.

    Raises:
        ValueError: Too few events or accounts, or an unknown domain.
        FileExistsError: The folder holds raw data that no demonstration wrote.
    """
    from kpi_warehouse.demo.credit import write_credit
    from kpi_warehouse.demo.ecommerce import write_ecommerce
    from kpi_warehouse.demo.manufacturing import write_manufacturing

    if events < 2_000:
        raise ValueError("events must be at least 2,000: the story needs a few orders a month")
    if accounts is not None and accounts < 400:
        raise ValueError("accounts must be at least 400: the story needs a few arrears a month")
    unknown = sorted(set(domains) - set(DOMAINS))
    if unknown:
        raise ValueError(f"unknown domain {unknown[0]!r}: choose from {', '.join(DOMAINS)}")
    out.mkdir(parents=True, exist_ok=True)
    clear(out, domains)
    summary = DemoSummary(str(out), seed, events)
    scale = (events / 200_000) ** 0.5
    for domain in DOMAINS:
        if domain not in domains:
            continue
        started = time.perf_counter()
        sink = Sink(out, domain, seed, progress)
        try:
            if domain == "ecommerce":
                write_ecommerce(sink, events=events, seed=seed)
            elif domain == "manufacturing":
                write_manufacturing(sink, scale=scale, seed=seed)
            else:
                write_credit(sink, scale=accounts / ACCOUNTS if accounts else scale, seed=seed)
        finally:
            # An interrupted run is on record too, so that the next one may replace it.
            _record(out, sink, events)
        summary.rows[domain] = sink.rows
        summary.planted[domain] = sink.planted
        summary.files += sink.files
        summary.seconds[domain] = round(time.perf_counter() - started, 2)
        if progress:
            progress(f"{domain}: {sum(sink.rows.values()):,} rows in {summary.seconds[domain]} s")
    return summary


def _record(out: Path, sink: Sink, events: int) -> None:
    """Enter a domain in the manifest, beside the domains that other runs wrote."""
    manifest = read_manifest(out)
    manifest[sink.domain] = {
        "events": events,
        "seed": sink.seed,
        "rows": sink.rows,
        "planted": sink.planted,
        "files": sink.files,
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False, sort_keys=True)
    (out / MANIFEST).write_text(text + "\n", encoding="utf-8")
