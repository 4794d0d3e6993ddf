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


@pytest.mark.parametrize("folder", ["it's", 'say "x"', "a'; attach ':memory:' as evil; --"])
def test_publishing_to_a_folder_of_any_name(tmp_path: Path, folder: str) -> None:
    """A path is a path: a quote in it neither stops a publication nor runs as SQL."""
    from kpi_warehouse import publish as publishing

    from .test_publish import NOON, make_warehouse, rows_of

    (tmp_path / folder).mkdir()
    warehouse = make_warehouse(tmp_path / folder / "ware'ho\"use.duckdb", [("ec_cvr", 1, 4, 0.5, True, "green")])
    with duckdb.connect(str(warehouse)) as db:
        catalog = identifier(warehouse.stem)
        db.execute("create schema intermediate; create table intermediate.spells as select 7 as days")
        db.execute(f"create view marts.fct_daily as select days * 2 as doubled from {catalog}.intermediate.spells")
    target = tmp_path / folder / "pub'd" / "kpi's.duckdb"
    for _ in range(2):  # the second one meets a publication and a ledger there
        publishing.publish(warehouse, target, now=NOON)
    assert rows_of(target, "select doubled from marts.fct_daily") == [(14,)]
    assert sorted(path.name for path in target.parent.iterdir() if "lock" not in path.name) == [
        "kpi's.duckdb",
        "ledger.duckdb",
    ]
