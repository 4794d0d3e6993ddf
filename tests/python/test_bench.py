"""The bench of large builds, on a small one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from kpi_warehouse.demo import bench


@pytest.mark.long
def test_reports_time_and_memory(tmp_path: Path) -> None:
    options = ["--domain", "credit", "--size", "1000", "--work", str(tmp_path), "--limit", "8"]
    result = CliRunner().invoke(bench.main, options)
    assert result.exit_code == 0, result.output
    measured = json.loads(result.output)
    assert measured["rows"]["accounts"] == pytest.approx(1_000, rel=0.05)
    assert 0.05 < measured["peak_gb"] < 8
    assert (tmp_path / "published" / "kpi.duckdb").exists()


def test_fails_above_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = bench.Measured("credit", {"accounts": 1}, seconds=1.0, peak_gb=8.01, warehouse_gb=0.1)
    monkeypatch.setattr(bench, "measure", lambda *_: measured)
    options = ["--work", str(tmp_path), "--limit"]
    assert CliRunner().invoke(bench.main, [*options, "8.01"]).exit_code == 0
    beyond = CliRunner().invoke(bench.main, [*options, "8"])
    assert beyond.exit_code == 1
    assert "8.01 GB is more than 8.0 GB" in beyond.output
