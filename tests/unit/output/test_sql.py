"""An answer in each format: exact for programs, legible for people, and nothing left out without a word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from orderstream.archive.cache_sync import SyncResult
from orderstream.archive.sql import QueryResult
from orderstream.errors import InputError
from orderstream.output import console, sql
from orderstream.output.sql import Format, format_of
from orderstream.storage import parquet

VALUES = """
    SELECT 19.9::DECIMAL(38,10) AS amount, 3::DECIMAL(38,0) AS quantity, 1e-10::DECIMAL(38,10) AS tiny,
        100::DECIMAL(38,10) AS round, NULL::VARCHAR AS nothing, '' AS empty, 'a "b", c' AS text,
        TIMESTAMPTZ '2026-11-22 18:00:00+00' AS at, [{'sku': 'š', 'price': 1.50::DECIMAL(38,10)}] AS items,
        true AS yes, 0.1::DOUBLE AS average, 2::HUGEINT ** 2 AS power, DATE '2026-11-22' AS day,
        INTERVAL 90 MINUTE AS late, 170141183460469231731687303715884105727::HUGEINT AS huge
"""


@pytest.fixture
def wide() -> Iterator[None]:
    """A terminal of 200 columns."""
    before = console.out.width
    console.out.width = 200
    yield
    console.out.width = before


def shown(query: str, form: Format, file: Path | None = None, *, unfit: int = 0) -> None:
    with parquet.database() as database:
        sql.print_result(QueryResult(SyncResult(), unfit, database, query), form, file)


def test_json_is_one_object_a_line_with_exact_numbers(tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    shown(VALUES, "json", file)
    (line,) = file.read_text().splitlines()
    assert json.loads(line, parse_float=Decimal) == {
        "amount": Decimal("19.9"),
        "quantity": 3,
        "tiny": Decimal("0.0000000001"),
        "round": 100,
        "nothing": None,
        "empty": "",
        "text": 'a "b", c',
        "at": "2026-11-22T18:00:00.000000Z",
        "items": [{"sku": "š", "price": Decimal("1.5")}],
        "yes": True,
        "average": Decimal("0.1"),
        "power": 4,
        "day": "2026-11-22",
        "late": "PT5400S",
        "huge": 2**127 - 1,
    }
    assert '"tiny":0.0000000001,"round":100,' in line


def test_csv_is_exact_and_tells_null_from_an_empty_text(tmp_path: Path) -> None:
    file = tmp_path / "answer.csv"
    shown(VALUES, "csv", file)
    names, row = file.read_text().splitlines()
    assert names.startswith("amount,quantity,tiny,round,nothing,empty,text,at,items,")
    assert row.startswith('19.9,3,0.0000000001,100,,"","a ""b"", c",2026-11-22T18:00:00.000000Z,"[{""sku"":')
    assert row.endswith(f",true,0.1,4.0,2026-11-22,PT5400S,{2**127 - 1}")


def test_parquet_has_the_types(tmp_path: Path) -> None:
    file = tmp_path / "answer.parquet"
    shown(VALUES, "parquet", file)
    with parquet.database() as database:
        (row,) = database.execute(f"SELECT amount, typeof(amount), typeof(items) FROM '{file}'").fetchall()
    assert row == (Decimal("19.9"), "DECIMAL(38,10)", "STRUCT(sku VARCHAR, price DECIMAL(38,10))[]")


def test_two_columns_of_one_name_are_both_there(tmp_path: Path) -> None:
    query = "SELECT 1 AS a, 2 AS a, 3 AS a_1"
    shown(query, "json", tmp_path / "x.json")
    assert (tmp_path / "x.json").read_text() == '{"a":1,"a_1":2,"a_1_1":3}\n'


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_many_rows_are_all_there(tmp_path: Path, form: Format) -> None:
    file = tmp_path / f"answer.{form}"
    shown("FROM range(5000)", form, file)
    with parquet.database() as database:
        assert database.execute(f"SELECT count(*), sum(range) FROM '{file}'").fetchall() == [(5000, 12497500)]


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "table"])
def test_an_answer_without_rows_is_one_too(tmp_path: Path, form: Format) -> None:
    file = tmp_path / "answer"
    shown("SELECT 1 AS a WHERE false", form, file)
    assert file.exists()
    assert file.read_bytes().startswith({"csv": b"a\n", "json": b"", "parquet": b"PAR1", "table": b""}[form])


def test_a_table_shows_money_as_people_read_it(wide: None, capsys: pytest.CaptureFixture[str]) -> None:
    shown("SELECT amount, quantity, tiny, round, nothing FROM (" + VALUES + ")", "table")
    printed = capsys.readouterr()
    cells = [cell.strip() for cell in printed.out.splitlines()[3].strip("│").split("│")]
    assert cells == ["19.90", "3", "0.0000000001", "100.00", "NULL"]
    assert printed.err.splitlines()[-1] == "1 row"


def test_a_row_that_is_too_wide_stands_upright(wide: None, capsys: pytest.CaptureFixture[str]) -> None:
    shown(f"SELECT *, {', '.join(f'{number} AS n{number}' for number in range(9))} FROM ({VALUES})", "table")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["row", "1"]
    assert ["amount", "19.90"] in lines and ["n8", "8"] in lines


def test_a_table_that_is_cut_says_so(wide: None, capsys: pytest.CaptureFixture[str]) -> None:
    shown("FROM range(1001)", "table")
    assert "the first 1,000 rows, and there are more" in capsys.readouterr().err
    shown("FROM range(1000)", "table")
    assert "1,000 rows" in capsys.readouterr().err.splitlines()


def test_what_a_shop_sent_does_not_steer_the_terminal(wide: None, capsys: pytest.CaptureFixture[str]) -> None:
    shown("SELECT chr(27) || '[31m[bold]red[/bold]' AS text", "table")
    printed = capsys.readouterr().out
    assert "�[31m[bold]red[/bold]" in printed and "\x1b" not in printed


def test_what_sums_lack_is_told(wide: None, capsys: pytest.CaptureFixture[str]) -> None:
    shown("SELECT 1", "table", unfit=3)
    assert "does not fit its column: 3" in " ".join(capsys.readouterr().err.split())


def test_a_file_is_there_when_all_of_it_is(tmp_path: Path) -> None:
    file = tmp_path / "answer.csv"
    file.write_text("before")
    with pytest.raises(InputError):
        shown("SELECT CASE WHEN range > 20000 THEN error('no') ELSE 1 END FROM range(30000)", "csv", file)
    assert [one.name for one in tmp_path.iterdir()] == ["answer.csv"]
    assert file.read_text() == "before"
    with pytest.raises(InputError, match="cannot write"):
        shown("SELECT 1", "csv", tmp_path / "no" / "folder.csv")


def test_the_name_of_a_file_says_its_format() -> None:
    names = {"a.csv": "csv", "a.ndjson": "json", "a.JSON": "json", "a.parquet": "parquet"}
    assert {name: format_of(None, Path(name)) for name in names} == names
    assert format_of(None, None) == "table"
    assert format_of("csv", Path("a.txt")) == "csv"
    with pytest.raises(InputError, match="a.txt"):
        format_of(None, Path("a.txt"))


def test_a_table_in_a_file_is_as_wide_as_the_terminal(tmp_path: Path) -> None:
    shown("SELECT 1 AS a", "table", tmp_path / "a.txt")
    assert "│ 1 │" in (tmp_path / "a.txt").read_text()
