"""The incidents of the whole demonstration against its story: recall, precision, and what an owner is asked to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Built, run_kpi
from .support.story_score import score


@pytest.mark.long
def test_incidents_tell_the_story_and_no_more_than_people_can_read(
    build_in: Callable[..., Built], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Goals of the story: every planted incident is named with its slices and days, and the lists stay short."""
    raw: Path = tmp_path_factory.mktemp("story") / "raw"
    run_kpi("demo", "--out", str(raw))
    told = score(build_in("story", raw).warehouse)
    print(told.table())
    assert [name for name, titles in told.found.items() if not titles] == []
    assert max(told.most_a_day.values()) <= 10
    assert max(told.median_a_day.values()) <= 3
    assert told.open_at_end <= 40
