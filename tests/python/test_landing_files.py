"""Landed files of every shape: each row is read as it was meant, refused with file and line, or stops the build by name.

The reading itself, without dbt; `test_landing.py` takes the same through the models.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kpi_warehouse.landing.files import LandingError
from kpi_warehouse.landing.plan import Landing, Table

COLUMNS = ["order_id", "user_id", "created_at", "gross_amount", "paid_amount", "platform", "_loaded_at"]
NEEDED = ["order_id", "user_id", "created_at", "gross_amount", "paid_amount"]
KNOWN = {"ecommerce": {"orders": COLUMNS, "refunds": ["refund_id"]}, "credit": {"accounts": ["account_id"]}}
HEAD = "order_id,user_id,created_at,gross_amount,paid_amount,platform\n"
ROW = "{0},u{0},2026-03-01 02:00:00,10,10,web\n"


class Shop:
    """A raw root with the table ecommerce.orders."""

    def __init__(self, work: Path) -> None:
        self.root = work / "it's [raw] *"
        self.orders = self.root / "ecommerce" / "orders"
        self.orders.mkdir(parents=True)
        self.landing = Landing(self.root, work / "stage")

    def put(self, name: str, content: str | bytes | pa.Table, encoding: str = "utf-8") -> Path:
        path = self.orders / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pa.Table):
            pq.write_table(content, path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    def table(self) -> Table:
        return self.landing.table("ecommerce", "orders", COLUMNS, NEEDED)

    def rows(self, *columns: str) -> list[tuple[Any, ...]]:
        """Rows of the table by the names given (all that were landed), sorted."""
        table = self.table()
        if not table.found:
            return []
        names = ", ".join('"' + name.replace('"', '""') + '"' for name in columns) or "*"
        with duckdb.connect() as db:
            db.execute("set TimeZone = 'UTC'")
            return sorted(db.execute(f"select {names} from {table.relation}").fetchall(), key=str)

    def ids(self) -> list[str]:
        return [row[0] for row in self.rows("order_id") if row[0] is not None]

    def refused(self) -> list[tuple[str, str, int, list[str]]]:
        """Rows refused for their form: why, file, line, values."""
        if not any(column["name"] == "_landed_fault" for column in self.table().columns):
            return []
        rows = self.rows("_landed_fault", "_landed_file", "_landed_line", "_landed_values")
        return [(*row[:3], json.loads(row[3])) for row in rows if row[0] is not None]

    def stops(self) -> str:
        """The message with which the build stops; it begins with the file."""
        with pytest.raises(LandingError) as stopped:
            self.table()
        message = str(stopped.value)
        assert (
            message.startswith(("ecommerce/orders/", "ecommerce/orders: "))
            and "\n" not in message
            and "Traceback" not in message
        )
        return message

    def unread(self) -> dict[str, str]:
        return {finding.name: finding.reason for finding in self.landing.findings(KNOWN)}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def rows(*names: str) -> str:
    return "".join(ROW.format(name) for name in names)


# --------------------------------------------------------------------------- which files


def test_every_letter_case_and_every_subfolder_is_read(shop: Shop) -> None:
    shop.put("a.csv", HEAD + rows("a"))
    shop.put("B.CSV", HEAD + rows("b"))
    shop.put("c.Csv.gZ", gzip.compress((HEAD + rows("c")).encode()))
    shop.put("dt=2026-03-01/order_id=77/d.csv", HEAD + rows("d"))
    table = pa.table({name: [name] for name in NEEDED})
    shop.put("E.PARQUET", table)
    shop.put("platform=app/x.parquet/part-0.snappy.parquet", table.set_column(0, "order_id", pa.array(["f"])))
    assert shop.ids() == ["a", "b", "c", "d", "f", "order_id"]
    # a folder named like a partition makes no column and overwrites none
    assert {column["name"] for column in shop.table().columns} == {*NEEDED, "platform"}
    assert ("f", None) in shop.rows("order_id", "platform")
    assert shop.unread() == {}


def test_whatever_is_not_read_is_named(shop: Shop) -> None:
    shop.put("a.csv", HEAD + rows("a"))
    for name in (
        "b.json",
        "c.xlsx",
        "d.csv.bz2",
        "e.tsv",
        "f.csv.tmp",
        "g",
        "h.parquet.crc2",
        "sub/i.txt",
        ".hidden.csv",
        ".csv",
    ):
        shop.put(name, b"x")
    shop.put("j.parquet", b"")
    shop.put("_temporary/0/k.csv", HEAD + rows("k"))
    shop.put(".ipynb_checkpoints/l.csv", HEAD + rows("l"))
    (shop.root / "ecommerce" / "order").mkdir()
    (shop.root / "ecommerce" / "order" / "m.csv").write_text(HEAD)
    (shop.root / "ecommerce" / "n.csv").write_text(HEAD)
    (shop.root / "o.parquet").write_bytes(b"x")
    (shop.root / "Ecommerce" / "orders").mkdir(parents=True)
    (shop.root / "Ecommerce" / "orders" / "p.csv").write_text(HEAD)
    (shop.root / "empty").mkdir()
    os.mkfifo(shop.orders / "pipe")
    unread = shop.unread()
    table = "ecommerce/orders/"
    assert set(unread) == {
        *(table + name for name in ("b.json", "c.xlsx", "d.csv.bz2", "e.tsv", "f.csv.tmp", "g", "h.parquet.crc2", "sub/i.txt")),
        *(table + name for name in (".hidden.csv", ".csv", "j.parquet", "_temporary (1 file)", ".ipynb_checkpoints (1 file)", "pipe")),
        *("ecommerce/order (1 file)", "ecommerce/n.csv", "o.parquet", "Ecommerce (1 file)"),
    }  # fmt: skip
    assert "no table of the input contract" in unread["ecommerce/order (1 file)"]
    assert shop.ids() == ["a"]


def test_marks_of_tools_are_nothing_to_tell(shop: Shop) -> None:
    shop.put("part-0.csv", HEAD + rows("a"))
    for name in ("_SUCCESS", ".part-0.csv.crc", ".DS_Store", "._part-0.csv", "Thumbs.db", ".gitkeep"):
        shop.put(name, b"\0\1")
    (shop.root / ".demo").touch()
    (shop.root / "demo_manifest.json").write_text("{}")
    assert shop.unread() == {} and shop.ids() == ["a"]


def test_letters_of_a_file_name_mean_nothing(shop: Shop) -> None:
    for number, name in enumerate(
        ("a*.csv", "ab.csv", "c[1].csv", "c1.csv", "it's {x}.csv", "?.csv", "d\nd.csv", "名.csv")
    ):
        shop.put(name, HEAD + rows(str(number)))
    shop.put("e*.parquet", pa.table({name: ["8"] for name in NEEDED}))
    shop.put("ef.parquet", pa.table({name: ["9"] for name in NEEDED}))
    assert shop.ids() == [str(number) for number in range(10)]
    (shop.orders / os.fsdecode(b"bad\xff.csv")).write_text(HEAD)
    assert "not UTF-8" in shop.stops()


@pytest.mark.parametrize("mark", ["_delta_log/0.json", ".hoodie/x", "metadata/v1.metadata.json"])
def test_tables_of_a_lakehouse_are_refused(shop: Shop, mark: str) -> None:
    shop.put("data/a.csv", HEAD + rows("a"))
    shop.put(mark, "{}")
    assert "lakehouse" in shop.stops()


def test_an_empty_file_is_nothing_landed(shop: Shop) -> None:
    for name, content in {
        "a.csv": b"",
        "b.csv": b"\xef\xbb\xbf",
        "c.csv": b"\r\n\r\n",
        "d.csv.gz": gzip.compress(b""),
    }.items():
        shop.put(name, content)
    assert not shop.table().found
    shop.put("e.csv", HEAD.rstrip("\n"))
    assert shop.table().found and shop.ids() == []


# --------------------------------------------------------------------------- links


def test_links_that_leave_the_root_are_refused_by_name(shop: Shop, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "x.csv").write_text(HEAD + rows("x"))
    shop.put("a.csv", HEAD + rows("a"))
    for link, target, name in (
        (shop.orders / "x.csv", outside / "x.csv", "x.csv"),
        (shop.orders / "deep" / "er" / "sub", outside, "deep/er/sub"),
        (shop.orders / "up.csv", Path("../../../outside/x.csv"), "up.csv"),
        (shop.orders / "gone.csv", outside / "gone.csv", "gone.csv"),
        (shop.orders / "round.csv", shop.orders / "round.csv", "round.csv"),
    ):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
        message = shop.stops()
        assert message.startswith(f"ecommerce/orders/{name}: it is a link"), message
        link.unlink()
    assert shop.ids() == ["a"]


@pytest.mark.parametrize("place", ["ecommerce/orders", "ecommerce"])
def test_a_linked_table_or_domain_outside_is_refused(tmp_path: Path, place: str) -> None:
    outside = tmp_path / "outside" / "orders"
    outside.mkdir(parents=True)
    (outside / "x.csv").write_text(HEAD + rows("x"))
    link = tmp_path / "raw" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(outside if place.endswith("orders") else outside.parent)
    landing = Landing(tmp_path / "raw", tmp_path / "stage")
    with pytest.raises(LandingError, match=f"^{place}: it is a link that leaves the raw root"):
        landing.table("ecommerce", "orders", COLUMNS, NEEDED)
    assert [finding.name for finding in landing.findings(KNOWN) if finding.is_refused] == [place]


def test_links_inside_the_root_are_followed_once(shop: Shop) -> None:
    shop.put("2026/a.csv", HEAD + rows("a"))
    (shop.root / "store").mkdir()
    (shop.root / "store" / "b.csv").write_text(HEAD + rows("b"))
    (shop.orders / "latest.csv").symlink_to(shop.orders / "2026" / "a.csv")
    (shop.orders / "b").symlink_to(shop.root / "store")
    (shop.orders / "2026" / "round").symlink_to(shop.orders)
    assert shop.ids() == ["a", "b"]
    assert "a link to a folder that holds it" in shop.unread()["ecommerce/orders/2026/round"]


def test_the_root_itself_may_be_a_link(shop: Shop, tmp_path: Path) -> None:
    shop.put("a.csv", HEAD + rows("a"))
    (tmp_path / "link").symlink_to(shop.root)
    shop.landing = Landing(tmp_path / "link", tmp_path / "stage")
    assert shop.ids() == ["a"]


# --------------------------------------------------------------------------- rows of a CSV file

WIDE = {
    "decimal comma": "w,u,2026-03-01 02:00:00,12,50,10,web\n",
    "thousands": "w,u,2026-03-01 02:00:00,1,234.50,1,234.50,web\n",
    "an empty value too many": "w,u,2026-03-01 02:00:00,12,50,10,\n",
    "nothing but separators too many": "w,u,2026-03-01 02:00:00,12,10,web,\n",
    "three empty ones": "w,u,2026-03-01 02:00:00,12,10,web,,,\n",
    "many": "w,u,2026-03-01 02:00:00,12,10,web" + ",x" * 300 + "\n",
    "quoted beside": '"w","u, v",2026-03-01 02:00:00,"1,234.50",1,234.50,web\n',
}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
@pytest.mark.parametrize("row", WIDE.values(), ids=WIDE)
def test_a_row_with_more_values_than_the_header_is_refused(shop: Shop, row: str, ending: str, end: str) -> None:
    content = (HEAD + rows("a") + row + rows("b")).replace("\n", end).encode()
    shop.put(f"x.{ending}", gzip.compress(content) if ending == "csv.gz" else content)
    assert shop.ids() == ["a", "b"]
    ((why, file, line, values),) = shop.refused()
    assert (why, file, line) == ("too_many_values", f"ecommerce/orders/x.{ending}", 3)
    assert values[0] == "w" and len(values) > 6


@pytest.mark.parametrize("row", ["w\n", "w,u,2026-03-01 02:00:00,12,1", "w,u,2026-03-01 02:00:00,12,10\n", "w,,,,\n"])
def test_a_row_with_fewer_values_is_refused(shop: Shop, row: str) -> None:
    shop.put("x.csv", HEAD + rows("a") + row)
    assert shop.ids() == ["a"]
    assert [row[:3] for row in shop.refused()] == [("too_few_values", "ecommerce/orders/x.csv", 3)]


def test_a_line_end_that_was_not_quoted_shifts_nothing(shop: Shop) -> None:
    shop.put("x.csv", HEAD + "w,u,2026-03-01 02:00:00,12,10,we\nb,x\n" + rows("a"))
    assert shop.ids() == ["a", "w"]
    assert [row[2] for row in shop.refused()] == [3]


def test_blank_lines_are_no_rows_and_rows_of_empty_cells_are_blank(shop: Shop) -> None:
    shop.put("x.csv", HEAD + "\n" + rows("a") + ",,,,,\n\n" + rows("b") + ' , ,"",,\t,\n,,,,,,,,\n,,\n')
    assert [name for name in shop.ids() if name.strip()] == ["a", "b"] and shop.refused() == []
    assert len(shop.rows()) == 6  # four of them blank: the reconciliation counts them


ODD = {
    "mixed line ends": (HEAD + rows("a")).replace("\n", "\r\n") + rows("b") + rows("c").replace("\n", "\r"),
    "blank lines first": "\n\n" + HEAD + rows("a", "b", "c"),
    "byte-order mark": "\ufeff" + HEAD + rows("a", "b", "c"),
    "a word of Excel's": "sep=,\n" + HEAD + rows("a", "b", "c"),
    "names in other letters, with blanks": HEAD.upper().replace(",", " ,\t") + rows("a", "b", "c"),
    "quoted names": ",".join(f'"{name}"' for name in HEAD.strip().split(",")) + "\n" + rows("a", "b", "c"),
    "blanks before a quote": HEAD + rows("a") + 'b, "u,1" ,2026-03-01,10,10,web\n' + rows("c"),
    "no line end at the end": (HEAD + rows("a", "b", "c")).rstrip("\n"),
    "a trailing separator in every line": (HEAD + rows("a", "b", "c")).replace("\n", ",\n"),
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_odd_files_are_read(shop: Shop, content: str) -> None:
    shop.put("x.csv", content)
    assert shop.ids() == ["a", "b", "c"] and shop.refused() == []
    assert {row[1] for row in shop.rows("order_id", "gross_amount")} == {"10"}


TEXTS = [
    '12" pipe',
    'say ""hi"", she',
    "two\nlines",
    "two\r\nlines, \"\"x\"\"",
    "C:\\dir\\",
    "it's",
    "名、值",
    "#1",
    "x" * 3_000_000,
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
@pytest.mark.parametrize("beside", ["", "w,u\n"])
def test_quoted_text_is_read_as_it_is_whatever_stands_beside(shop: Shop, text: str, beside: str) -> None:
    field = text if text == '12" pipe' else f'"{text}"'
    shop.put("x.csv", HEAD + f"a,{field},2026-03-01,10,10,web\n" + beside)
    assert ("a", text.replace('""', '"')) in shop.rows("order_id", "user_id")
    assert len(shop.refused()) == bool(beside)


@pytest.mark.parametrize("text", ['say \\"hi\\"', 'say \\"hi\\", she', '\\"', "C:\\\\new\\\\", 'two\n\\"lines\\"'])
def test_quotes_behind_a_backslash_are_read(shop: Shop, text: str) -> None:
    shop.put("x.csv", HEAD + f'a,"{text}",2026-03-01,10,10,web\nb,"\\"",2026-03-01,10,10,web\n')
    assert shop.rows("order_id", "user_id") == [("a", text.replace('\\"', '"').replace("\\\\", "\\")), ("b", '"')]


STOPPED: dict[str, tuple[bytes, str, int | None]] = {
    "an open quote": ((HEAD + rows("a") + 'b,"u,2026-03-01,10,10,web\n' + rows("c")).encode(), "never closed", 3),
    "text behind a quote": ((HEAD + 'b,"u"x,2026-03-01,10,10,web\n').encode(), "text follows a closing quote", 2),
    "GBK": ((HEAD + rows("a") + rows("已付款")).encode("gb18030"), "may be GBK", 3),
    "Latin-1": ((HEAD + rows("café")).encode("latin-1"), "may be Latin-1", 2),
    "UTF-16": ((HEAD + rows("a")).encode("utf-16"), "UTF-16", 1),
    "UTF-16 without a mark": ((HEAD + rows("a")).encode("utf-16-le"), "NUL bytes", 1),
    "NUL bytes": ((HEAD + rows("a", "b\0")).encode(), "NUL bytes", 3),
    "a block of NUL": ((HEAD + rows("a")).encode() + b"\0" * 5000, "NUL bytes", 3),
    "NUL alone": (b"\0" * 5000, "NUL bytes", 1),
    "semicolons": ((HEAD + rows("a")).replace(",", ";").encode(), "semicolons", 1),
    "semicolons and decimal commas": (
        (HEAD.replace(",", ";") + "a;u;2026-03-01;12,50;12,50;web\n").encode(), "semicolons", 1
    ),
    "tabs": ((HEAD + rows("a")).replace(",", "\t").encode(), "tabs", 1),
    "no header": (rows("a", "b").encode(), "the first line names the columns", 1),
    "doubled name": ((HEAD.replace("platform", "paid_amount") + rows("a")).encode(), "'paid_amount' is named twice", 1),
    "doubled in other letters": (
        (HEAD.replace("platform", " Paid_Amount ") + rows("a")).encode(), "'paid_amount' is named twice", 1
    ),
    "a workbook": (b"PK\x03\x04" + b"x" * 100, "Excel workbook", None),
    "a Parquet file": (b"PAR1" + b"x" * 100, "a Parquet file", None),
    "gzip": (gzip.compress(HEAD.encode()), "name it .csv.gz", None),
    "too many columns": ((HEAD.strip() + ",x" * 5000 + "\n").encode(), "5,006 columns", 1),
}  # fmt: skip


@pytest.mark.parametrize(("content", "words", "line"), STOPPED.values(), ids=STOPPED)
def test_what_has_no_sure_meaning_stops_the_build_with_file_and_line(
    shop: Shop, content: bytes, words: str, line: int | None
) -> None:
    shop.put("good.csv", HEAD + rows("z"))
    shop.put("x.csv", content)
    message = shop.stops()
    place = "ecommerce/orders/x.csv" + (f", line {line}" if line else "") + ": "
    assert message.startswith(place) and words in message, message


@pytest.mark.parametrize("name", ["semicolons", "no header"])
def test_a_header_that_lacks_everything_names_a_required_column(shop: Shop, name: str) -> None:
    shop.put("x.csv", STOPPED[name][0])
    assert "lacks the required column 'order_id'" in shop.stops()


def test_doubled_names_that_the_contract_does_not_know_are_told_apart(shop: Shop) -> None:
    shop.put("x.csv", HEAD.strip() + ",note,,Note,\n" + rows("a").strip() + ",1,2,3,4\n")
    shop.put("y.parquet", pa.table([["b"], ["1"], ["2"]], names=["order_id", "x", "X"]))
    names = [column["name"] for column in shop.table().columns]
    assert len({name.lower() for name in names}) == len(names)
    assert {"1", "2", "3", "4"} <= {value for row in shop.rows() for value in row}


def test_a_parquet_file_that_names_a_column_twice_is_refused(shop: Shop) -> None:
    shop.put("x.parquet", pa.table([["b"], ["1"], ["2"]], names=["order_id", "paid_amount", "Paid_Amount"]))
    assert "'paid_amount' is named twice" in shop.stops()


@pytest.mark.parametrize("cut", [lambda data: data[:-12], lambda data: data[: len(data) // 2], lambda data: b"\x1f\x8b", lambda data: data[:-8] + b"\0" * 8, lambda data: HEAD.encode()])  # fmt: skip
def test_damaged_gzip_is_refused(shop: Shop, cut: Callable[[bytes], bytes]) -> None:
    shop.put("x.csv.gz", cut(gzip.compress((HEAD + rows(*map(str, range(5000)))).encode())))
    assert shop.stops().startswith("ecommerce/orders/x.csv.gz: ")


@pytest.mark.parametrize("cut", [lambda data: data[:-12], lambda data: data[: len(data) // 2], lambda data: data[20:], lambda data: b"hello"])  # fmt: skip
def test_damaged_parquet_is_refused(shop: Shop, cut: Callable[[bytes], bytes]) -> None:
    path = shop.put("x.parquet", pa.table({name: [name] for name in NEEDED}))
    path.write_bytes(cut(path.read_bytes()))
    assert shop.stops().startswith("ecommerce/orders/x.parquet: ")


# --------------------------------------------------------------------------- columns of several files

NASTY_NAMES = [
    'note" , (select 1) , "note',
    "note', (select content from read_text('/etc/hostname')), '",
    "x; drop table t; --",
    "/* x",
    "{{ 1 + 1 }}",
    "{% raw %}",
    "a.b",
    "`tick`",
    "select",
    "名",
    "_landed_fault",
    "raw_order_id",
    "%s ? $1",
    "\\",
    "tab\tin",
]


@pytest.mark.parametrize("name", NASTY_NAMES)
def test_a_column_name_is_a_name_and_nothing_else(shop: Shop, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    shop.put("x.csv", HEAD.strip() + f",{quoted}\n" + rows("a").strip() + ",v\n")
    shop.put("y.parquet", pa.table({**{column: ["b"] for column in NEEDED}, name: ["w"]}))
    assert shop.ids() == ["a", "b"]
    table = shop.table()
    shown = f"{name}_2" if name == "_landed_fault" else name
    assert {column["name"] for column in table.columns} == {*NEEDED, "platform", shown}
    assert {row[0] for row in shop.rows(shown)} == {"v", "w"}


def test_columns_are_united_by_name(shop: Shop) -> None:
    shop.put("a.csv", "order_id,USER_ID,Note\na,u1,n\n")
    shop.put("b.csv", "Platform,order_id\nweb,b\n")
    shop.put("c.parquet", pa.table({"ORDER_ID": ["c"], "user_id": ["u3"], "extra": [1]}))
    names = ("order_id", "user_id", "platform", "note", "extra")
    assert shop.rows(*names) == [
        ("a", "u1", None, "n", None), ("b", None, "web", None, None), ("c", "u3", None, None, 1),
    ]  # fmt: skip


NESTED = {
    "int": pa.array([1]),
    "text": pa.array(["t"]),
    "double": pa.array([1.5]),
    "bool": pa.array([True]),
    "struct": pa.array([{"a": 1, "b": [b"\xff"]}]),
    "list": pa.array([[1, 2]]),
    "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
    "bytes": pa.array([b"\xff\x00\x01"]),
    "utf-8 bytes": pa.array(["é".encode()]),
    "time": pa.array([dt.time(1, 2, 3)]),
    "instant": pa.array([dt.datetime(2026, 3, 1, tzinfo=dt.UTC)]),
    "date": pa.array([dt.date(2026, 3, 1)]),
    "decimal": pa.array([Decimal("1.10")]),
    "null": pa.nulls(1),
    "enum": pa.array(["e"]).dictionary_encode(),
    "fixed": pa.array([b"abcd"], pa.binary(4)),
    "duration": pa.array([5], pa.int64()),
    "list of structs": pa.array([[{"x": {"y": [1.5]}}]]),
}


@pytest.mark.parametrize("name", ["other", "paid_amount"])
def test_columns_of_clashing_and_nested_types_are_read(shop: Shop, name: str) -> None:
    base = {column: ["p"] for column in NEEDED if column != name}
    for number, array in enumerate(NESTED.values()):
        shop.put(f"{number}.parquet", pa.table({**base, name: array}))
    shop.put("x.csv", f"order_id,{name}\nc,csv\n")
    values = {row[0] for row in shop.rows(name)}
    assert {"1", "t", "1.5", "true", "é", "1.10", "csv", "2026-03-01", "2026-03-01 00:00:00Z", None} <= values
    assert {type(value) for value in values} == {str, type(None)}


@pytest.mark.parametrize("name", ["struct", "list", "map", "bytes", "time", "list of structs", "null"])
def test_a_nested_or_binary_column_alone_is_text(shop: Shop, name: str) -> None:
    shop.put("a.parquet", pa.table({**{column: ["p"] for column in NEEDED}, "other": NESTED[name]}))
    ((value,),) = shop.rows("other")
    assert value is None if name == "null" else isinstance(value, str)


def test_values_of_clashing_types_keep_their_exact_text(shop: Shop) -> None:
    big, nineteen = 2**53 - 1, 9_223_372_036_854_775_807
    shop.put("int.parquet", pa.table({"order_id": [nineteen, 1001]}))
    shop.put("uint.parquet", pa.table({"order_id": pa.array([18_446_744_073_709_551_615], pa.uint64())}))
    shop.put("double.parquet", pa.table({"order_id": [1002.0, float(big), 0.1, 2.0**53, 1e300, float("nan"), -0.0]}))
    shop.put("decimal.parquet", pa.table({"order_id": pa.array([Decimal("1003.0000000000")], pa.decimal128(38, 10))}))
    shop.put("text.csv", "order_id\n0001004\n")
    assert {row[0] for row in shop.rows("order_id")} == {
        str(nineteen), "1001", "18446744073709551615", "1002", str(big), "0.1", "9007199254740992.0", "1e+300",
        None, "0", "1003.0000000000", "0001004",
    }  # fmt: skip


def test_one_type_in_all_files_stays_what_it_is(shop: Shop) -> None:
    when = dt.datetime(2026, 3, 1, 2, tzinfo=dt.UTC)
    for number, kind in enumerate((pa.int8(), pa.int32(), pa.int64())):
        shop.put(f"{number}.parquet", pa.table({"order_id": pa.array([number], kind), "created_at": [when]}))
    types = {column["name"]: column["type"] for column in shop.table().columns}
    assert types == {"order_id": "bigint", "created_at": "timestamp with time zone"}


# --------------------------------------------------------------------------- what grows


def bomb(path: Path, arrays: dict[str, pa.Array], **options: Any) -> None:
    pq.write_table(pa.table(arrays), path, **options)


def test_a_small_file_that_would_grow_large_meets_the_limit(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPI_MAX_EXPANDED_MB", "20")
    text = pa.array(["x" * 100_000]).dictionary_encode()
    many = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), text.dictionary)
    path = shop.put("x.parquet", b"")
    makers: dict[str, Callable[[], None]] = {
        "one long text, often": lambda: bomb(path, {"order_id": many}),
        "front-coded": lambda: bomb(
            path, {"order_id": pa.array(["x" * 100_000] * 500)}, use_dictionary=False,
            column_encoding={"order_id": "DELTA_BYTE_ARRAY"}, compression="zstd",
        ),
        "packed text": lambda: bomb(
            path, {"order_id": pa.array(["x" * 100_000] * 500)}, use_dictionary=False, compression="zstd"
        ),
        "many equal numbers": lambda: bomb(path, {"order_id": pa.array([7] * 5_000_000)}),
        "nested": lambda: bomb(path, {"order_id": pa.array([["x" * 100_000] * 500])}),
    }  # fmt: skip
    for name, make in makers.items():
        make()
        assert path.stat().st_size < 200_000, name
        message = shop.stops()
        assert message.startswith("ecommerce/orders/x.parquet: "), name
        assert "KPI_MAX_EXPANDED_MB" in message, name
    path.unlink()
    packed = shop.put("x.csv.gz", gzip.compress((HEAD + rows("a") * 1_000_000).encode()))
    assert packed.stat().st_size < 200_000 and "KPI_MAX_EXPANDED_MB" in shop.stops()
    monkeypatch.setenv("KPI_MAX_EXPANDED_MB", "2000")
    assert len(shop.rows("order_id")) == 1_000_000


def test_files_that_are_what_they_seem_meet_no_limit(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPI_MAX_EXPANDED_MB", "1")
    number = 50_000
    shop.put(
        "x.parquet",
        pa.table(
            {
                "order_id": [f"o{n}" for n in range(number)],
                "user_id": [f"u{n % 5000}" for n in range(number)],
                "created_at": [dt.datetime(2026, 3, 1) + dt.timedelta(seconds=n) for n in range(number)],
                "gross_amount": [n / 7 for n in range(number)],
                "paid_amount": [n / 7 for n in range(number)],
                "platform": ["web"] * number,
            }
        ),
    )
    shop.put("y.csv.gz", gzip.compress((HEAD + "".join(ROW.format(f"g{n}") for n in range(number))).encode()))
    assert len(shop.rows("order_id")) == 2 * number


def test_a_limit_that_is_no_number_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPI_MAX_EXPANDED_MB", "much")
    shop.put("x.csv.gz", gzip.compress(HEAD.encode()))
    with pytest.raises(LandingError, match="KPI_MAX_EXPANDED_MB='much' is no number"):
        shop.table()


# --------------------------------------------------------------------------- changes, and speed


def test_a_file_that_changed_is_looked_at_again(shop: Shop) -> None:
    shop.put("x.csv", HEAD + rows("a"))
    assert shop.ids() == ["a"]
    shop.put("x.csv", HEAD + rows("a", "b"))
    shop.put("y.csv", HEAD + "c,short\n")
    assert shop.ids() == ["a", "b"] and len(shop.refused()) == 1


def test_only_misfits_of_a_large_file_are_read_row_by_row(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from kpi_warehouse.landing import csvfile

    def never(*_: object) -> None:
        raise AssertionError("read row by row")

    monkeypatch.setattr(csvfile, "write_rows", never)
    many = [f"o{number}" for number in range(20_000)]
    shop.put("x.csv", HEAD + rows(*many) + "w,u,2026-03-01,1,234.50,1,\n,,,,,\n,,,,,,\n" + rows("z") + "s,u\n")
    assert shop.ids() == sorted([*many, "z"])
    assert [row[:3] for row in shop.refused()] == [
        ("too_few_values", "ecommerce/orders/x.csv", 20006), ("too_many_values", "ecommerce/orders/x.csv", 20002),
    ]  # fmt: skip
    assert len(shop.rows()) == 20_005  # two of them blank


def test_a_sound_file_is_never_read_row_by_row(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from kpi_warehouse.landing import csvfile

    def never(*_: object) -> None:
        raise AssertionError("read row by row")

    monkeypatch.setattr(csvfile, "write_rows", never)
    shop.put("x.csv", HEAD + rows("a", "b"))
    shop.put("y.csv", HEAD + 'c,"two\nlines",2026-03-01,10,10,\n')
    shop.put("z.csv.gz", gzip.compress((HEAD + rows("d")).encode()))
    assert shop.ids() == ["a", "b", "c", "d"]


def test_spark_is_handed_the_same_rows_and_findings(shop: Shop, tmp_path: Path) -> None:
    from kpi_warehouse.spark.register import spark_text, stage_raw

    shop.put("A.CSV", HEAD.strip() + ',"no`te"\n' + rows("a").strip() + ",1\nw,12,50\n,,,,,,\n")
    shop.put("sub/b.parquet", pa.table({"order_id": [7.0], "created_at": pa.array([0], pa.timestamp("ns"))}))
    shop.put("left.json", b"{}")
    staged = {
        f"{database}.{table}": (file, count) for database, table, file, count in stage_raw(shop.root, tmp_path / "s")
    }
    assert {name: count for name, (_, count) in staged.items()} == {
        "raw_ecommerce.orders": 4,
        "raw_landing.findings": 1,
    }
    found = sorted(pq.read_table(staged["raw_ecommerce.orders"][0]).to_pylist(), key=lambda row: str(row["order_id"]))
    assert [row["order_id"] for row in found] == ["7", None, None, "a"]
    assert sorted(str(row["_landed_fault"]) for row in found) == ["None", "None", "None", "too_few_values"]
    assert found[3]["no`te"] == "1"
    assert pq.read_table(staged["raw_landing.findings"][0]).to_pylist()[0]["name"] == "ecommerce/orders/left.json"
    assert not (tmp_path / "s" / "_by_line").exists()
    assert spark_text("it's a\\b") == "'it\\'s a\\\\b'"
    shop.put("bad.csv", STOPPED["GBK"][0])
    with pytest.raises(LandingError, match=r"^ecommerce/orders/bad.csv, line 3: "):
        list(stage_raw(shop.root, tmp_path / "t"))
    (shop.root / "credit").symlink_to(tmp_path / "s")
    with pytest.raises(LandingError, match=r"^credit: it is a link that leaves the raw root"):
        list(stage_raw(shop.root, tmp_path / "t"))


def test_a_damaged_page_is_told_by_the_file(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from kpi_warehouse.landing import plan

    path = shop.put("x.parquet", pa.table({name: [f"{name}{n}" for n in range(5000)] for name in NEEDED}))
    content = bytearray(path.read_bytes())
    content[2000:6000] = bytes(4000)
    path.write_bytes(content)
    assert shop.stops().startswith("ecommerce/orders/x.parquet: ")
    monkeypatch.setattr(plan, "READ_THROUGH", 0)  # as a large file, far below its limit
    monkeypatch.setenv("KPI_MAX_EXPANDED_MB", "9000")
    path.write_bytes(content)
    assert shop.table().found
    (line,) = shop.landing.diagnose("ecommerce", "orders")
    assert line.startswith("ecommerce/orders/x.parquet: ")
