"""The bench of large builds, on a small one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from kpi_warehouse.demo.bench import main

pytestmark = pytest.mark.long


def test_reports_time_and_memory_and_holds_the_limit(tmp_path: Path) -> None:
    options = ["--domain", "credit", "--size", "1000", "--work", str(tmp_path)]
    result = CliRunner().invoke(main, [*options, "--limit", "8"])
    assert result.exit_code == 0, result.output
    measured = json.loads(result.output)
    assert measured["rows"]["accounts"] == pytest.approx(1_000, rel=0.05)
    assert 0.05 < measured["peak_gb"] < 8
    assert (tmp_path / "published" / "kpi.duckdb").exists()
    raw = {path: path.stat().st_mtime_ns for path in (tmp_path / "raw").rglob("*.parquet")}
    strict = CliRunner().invoke(main, [*options, "--limit", "0.01"])
    assert strict.exit_code == 1
    assert "is more than 0.01 GB" in strict.output
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "raw").rglob("*.parquet")} == raw
