"""What commands print: nothing in the data steers the terminal, nothing is lost at 80 columns or in a pipe."""

from __future__ import annotations

import csv
import io
import json

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from kpi_warehouse.output import as_csv, as_json, clean, emit, output_options, print_table

HOSTILE = [
    "[/x]",
    "[bold]x",
    "\x1b[31mred",
    "a\rb",
    "x\u202egnp.exe",
    "one\ntwo",
    "\x07",
    "\u200b",
    ":smile:",
    "[link=x]",
]


def printed(width: int, rows: list[list[str]]) -> str:
    page = Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False)
    print_table(["slice", "a long heading", "value"], rows, page=page)
    return page.file.getvalue()


@pytest.mark.parametrize("width", [20, 80, 400])
@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_data_is_shown_as_it_is(width: int, text: str) -> None:
    out = printed(width, [[text, "b", "1"]])
    assert clean(text) in "".join(out.split())  # a narrow terminal folds it
    assert not set("\x1b\r\x07\u202e\u200b") & set(out)


def test_nothing_is_cut_at_80_columns() -> None:
    long = [f"{place:03d}" * 30 for place in range(3)]
    folded = printed(80, [long]).replace("\n", "").replace(" ", "")
    assert all(cell in folded for cell in long)
    assert max(map(len, printed(80, [long]).splitlines())) <= 80


def test_chinese_widths_fit() -> None:
    out = printed(40, [["站内转化率" * 3, "x", "1"]])
    assert "站内转化率" in out.replace("\n", "")


def test_a_pipe_has_one_line_a_row() -> None:
    lines = [line for line in printed(100_000, [["x" * 300, "y" * 300, "1"]]).splitlines() if "x" in line]
    assert len(lines) == 1 and "y" * 300 in lines[0]


def test_json_and_csv_hold_every_value() -> None:
    rows = [{"a": "1,2", "b": None}, {"a": 'say "no"\n', "c": {"x": float("nan")}}]
    assert list(csv.DictReader(io.StringIO(as_csv(rows)))) == [
        {"a": "1,2", "b": "", "c": ""},
        {"a": 'say "no"\n', "b": "", "c": '{"x": null}'},
    ]
    assert json.loads(as_json(rows))[1]["c"] == {"x": None}


@click.command()
@output_options
def sample(form: str) -> None:
    if not emit([{"a": 1}], form, ["a"]):
        click.echo("table")


@pytest.mark.parametrize(
    ("options", "text"), [([], "table\n"), (["--csv"], "a\n1\n"), (["--json"], '[\n  {\n    "a": 1\n  }\n]\n')]
)
def test_reading_commands_take_both(options: list[str], text: str) -> None:
    assert CliRunner().invoke(sample, options).output == text


def test_one_form_at_a_time() -> None:
    assert CliRunner().invoke(sample, ["--json", "--csv"]).exit_code == 2


@pytest.mark.parametrize(
    "address",
    [
        "hunter2token",
        "slack:/hunter2token/x",
        "nosuch://hunter2token@x",
        "//hunter2token",
        "mailto://",
        " hunter2token",
    ],
)
def test_an_address_that_is_none_is_not_printed(
    address: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("apprise")
    from kpi_warehouse.governance.alerts import apprise_sender
    from kpi_warehouse.governance.store import GovernanceError

    with pytest.raises(GovernanceError) as told:
        apprise_sender([address])
    captured = capfd.readouterr()
    assert "hunter2token" not in told.value.message + captured.out + captured.err + caplog.text
