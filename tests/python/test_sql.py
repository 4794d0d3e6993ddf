"""Names, texts and paths that go into SQL: quoted in one place, whatever they hold."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_warehouse.sql import attach, identifier, literal, literals

NASTY = ["it's", 'say "hi"', "a'; drop table t; --", '" , (select 1) , "', "$$", "\\", "{{ x }}", "名", "a\nb", "%s ?"]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1) | st.sampled_from(NASTY))
def test_a_text_comes_back_as_it_is(text: str) -> None:
    assert duckdb.execute(f"select {literal(text)}").fetchall() == [(text,)]
    made = duckdb.execute(f"select 1 as {identifier(text)}")
    assert [column[0] for column in made.description] == [text]


def test_lists() -> None:
    assert duckdb.execute(f"select {literals(NASTY)}").fetchall() == [(NASTY,)]
    assert literals([]) == "[]"


@pytest.mark.parametrize("name", NASTY)
def test_attach_takes_any_path_and_name(tmp_path: Path, name: str) -> None:
    # DuckDB itself takes a question mark in a path for the start of options
    path = tmp_path / f"{name.replace('?', '')} x" / "file's.duckdb"
    path.parent.mkdir()
    with duckdb.connect() as db:
        db.execute(attach(path, name))
        db.execute(f"create table {identifier(name)}.t as select 1 as x")
        db.execute(f"detach {identifier(name)}")
        db.execute(attach(path, name, read_only=True))
        assert db.execute(f"select x from {identifier(name)}.t").fetchall() == [(1,)]
        with pytest.raises(duckdb.Error, match="read-only"):
            db.execute(f"create table {identifier(name)}.u as select 1 as x")


@pytest.mark.parametrize("make", [identifier, literal])
def test_what_no_sql_can_hold_is_refused(make: object) -> None:
    with pytest.raises(ValueError, match="can hold"):
        make("a\0b")
    with pytest.raises(ValueError, match="can hold"):
        identifier("")
