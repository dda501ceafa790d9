"""Orders out of files: each format is recognised, bytes stay as written, a bad line stops nothing."""

import csv
import json
import tracemalloc
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderstream.errors import InputError
from orderstream.ingest.order_reader import MAX_ARRAY_BYTES, MAX_LINE_BYTES, BadLine, InputLine, read_orders

BOM = b"\xef\xbb\xbf"


def read(content: bytes) -> list[InputLine | BadLine]:
    return list(read_orders("-", BytesIO(content)))


def rows(content: str | bytes) -> list[object]:
    """Orders as (place, object), faults as they are."""
    data = content.encode() if isinstance(content, str) else content
    return [
        (found.place, json.loads(found.raw)) if isinstance(found, InputLine) else found
        for found in read(data)
    ]


# --- Where from ---


def test_orders_come_from_a_file_from_standard_input_and_from_the_argument(tmp_path: Path) -> None:
    raw = b'{"customer_id": "1", "amount": 250.00}'
    file = tmp_path / "orders"
    file.write_bytes(raw)
    expected = [InputLine("line 1", raw)]
    assert list(read_orders(str(file), BytesIO())) == expected
    assert list(read_orders("-", BytesIO(raw))) == expected
    assert list(read_orders(None, BytesIO(raw))) == expected
    assert list(read_orders(raw.decode(), BytesIO())) == expected
    assert list(read_orders(" [" + raw.decode() + "]", BytesIO())) == [InputLine("element 1", raw)]


def test_an_argument_that_is_not_utf8_keeps_its_bytes() -> None:
    assert list(read_orders('{"a":"\udcff"}', BytesIO())) == [
        BadLine("line 1", "is not a JSON object: it is not UTF-8")
    ]


def test_what_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for source, message in [
        (tmp_path / "nothing", "there is no such file"),
        (tmp_path, "is a directory"),
        (tmp_path / "loop", "cannot be read"),
        ("nul\0l", "is not a path"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            next(read_orders(str(source), BytesIO()))
        assert "\n" not in caught.value.message


def test_a_read_that_fails_midway_is_an_input_error() -> None:
    class Broken(BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().readline(size)

        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    orders = read_orders("-", Broken(b"{}\n{}\n"))
    assert next(orders) == InputLine("line 1", b"{}")
    with pytest.raises(InputError, match="standard input: cannot be read: Input/output error"):
        next(orders)
    with pytest.raises(InputError, match="cannot be read"):
        list(read_orders("-", Broken(b"[1]")))


@pytest.mark.parametrize("content", [b"", b" \n\r\n\t", BOM, BOM + b"\n"])
def test_an_empty_input_is_an_error(content: bytes) -> None:
    with pytest.raises(InputError, match="is empty") as caught:
        read(content)
    assert "customer_id" in caught.value.hint


@pytest.mark.parametrize(
    "content", [b"hello\n", b"\x1f\x8b\x08gzip", b"12345", b'"{}"', b"customer,amount\n1,2\n", b"\xff\xfe{\0"]
)
def test_what_is_not_recognised_is_an_error_that_names_the_formats(content: bytes) -> None:
    with pytest.raises(InputError, match="is not recognised") as caught:
        read(content)
    assert "CSV" in caught.value.hint


@pytest.mark.parametrize(
    ("separator", "called"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")]
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_columns_that_something_else_than_a_comma_separates_are_said_to_be(
    separator: str, called: str, quote: str
) -> None:
    header = separator.join(f"{quote}{name}{quote}" for name in ("order_id", "customer_id", "amount"))
    for bom in (b"", BOM):
        with pytest.raises(InputError, match=f"separated by {called}") as caught:
            read(bom + f"{header}\r\nX-1{separator}c{separator}19,90\r\n".encode())
        assert "commas" in caught.value.hint and "19.90" in caught.value.hint


# --- Newline-delimited JSON ---


def test_a_line_is_its_bytes_without_the_line_end() -> None:
    content = b' {"a": 1.10}\t\n{"b":\xc3\xbc}\n'.replace(b"\xc3\xbc", b'"\xc3\xbc"') + b'{"c":2}\r\n{"d":3}'
    assert read(content) == [
        InputLine("line 1", b' {"a": 1.10}\t'),
        InputLine("line 2", b'{"b":"\xc3\xbc"}'),
        InputLine("line 3", b'{"c":2}'),
        InputLine("line 4", b'{"d":3}'),
    ]


def test_blank_lines_and_a_byte_order_mark_are_skipped_and_counted() -> None:
    assert read(BOM + b'\n\r\n{"a":1}\n  \n{"b":2}\n\n') == [
        InputLine("line 3", b'{"a":1}'),
        InputLine("line 5", b'{"b":2}'),
    ]
    assert read(BOM + b'{"a":1}') == [InputLine("line 1", b'{"a":1}')]


@pytest.mark.parametrize(
    "bad",
    [
        b"no JSON",
        b"[1]",
        b'"text"',
        b"12",
        b'{"a":1',
        b'{"a":1},',
        b'{"a":NaN}',
        b'{"a":"\xff"}',
        b'{"a":1e99999999999999999999}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' + b"9" * 5000 + b"}",
    ],
    ids=lambda bad: repr(bad[:24]),
)
def test_a_bad_line_is_a_fault_with_its_number_and_the_rest_goes_on(bad: bytes) -> None:
    good = InputLine("line 1", b'{"a":1}')
    for content, place in [(b'{"a":1}\n%b\n{"b":2}', "line 2"), (b'{"a":1}\n{"b":2}\n%b', "line 3")]:
        found = read(content % bad)
        assert found[0] == good
        (fault,) = [line for line in found if isinstance(line, BadLine)]
        assert fault.place == place
        assert fault.text.startswith("is not a JSON object: ")
        assert "\n" not in fault.text
        assert len(found) == 3


def test_a_first_line_that_is_bad_stops_nothing_either() -> None:
    assert [type(line) for line in read(b'{"a":1,\n{"b":2}\n\n{"c":3}\n')] == [BadLine, InputLine, InputLine]


def test_one_object_over_several_lines_is_one_order_byte_for_byte() -> None:
    pretty = b'{\r\n  "customer_id": "1",\n\n  "amount": 250.00\n}'
    assert read(BOM + b"\n" + pretty + b"\n\n") == [InputLine("line 2", pretty)]
    assert list(read_orders(pretty.decode(), BytesIO())) == [InputLine("line 1", pretty)]


def test_looking_ahead_for_such_an_object_loses_no_order_behind_it() -> None:
    blank = (b" " * (MAX_LINE_BYTES - 1) + b"\n") * 2
    found = read(b'{\n"a":1}\n' + blank + b'{"b":2}')
    assert [type(line) for line in found] == [BadLine, BadLine, InputLine]
    assert found[-1] == InputLine("line 5", b'{"b":2}')


def test_numbers_of_any_size_are_not_judged_here() -> None:
    raw = b'{"amount": 1e400, "n": 123456789012345678901234567890.12345678901234567890}'
    assert read(raw) == [InputLine("line 1", raw)]


def test_a_line_without_end_is_a_fault_and_is_not_read_into_memory() -> None:
    long = b'{"a":"' + b"x" * 6 * MAX_LINE_BYTES + b'"}'
    content = BytesIO(b"\n" + b'{"b":2}\n' + long + b"\n" + b'{"c":3}')
    tracemalloc.start()
    found = list(read_orders("-", content))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * MAX_LINE_BYTES
    assert found == [
        InputLine("line 2", b'{"b":2}'),
        BadLine("line 3", "is longer than 10485760 bytes"),
        InputLine("line 4", b'{"c":3}'),
    ]
    assert read(long + b"\n{}") == [
        BadLine("line 1", "is longer than 10485760 bytes"),
        InputLine("line 2", b"{}"),
    ]


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers()), min_size=1))
def test_every_object_comes_back_whichever_way_it_is_written(objects: list[dict[str, object]]) -> None:
    def written(content: str) -> list[object]:
        return [json.loads(line.raw) for line in read(content.encode()) if isinstance(line, InputLine)]

    assert written("\n".join(map(json.dumps, objects))) == objects
    assert written(json.dumps(objects)) == objects
    assert written(json.dumps(objects, indent=2)) == objects
    assert written(json.dumps(objects[0], indent=2, ensure_ascii=False)) == objects[:1]


# --- Arrays ---


def test_the_elements_of_an_array_keep_their_bytes_and_bad_ones_are_faults() -> None:
    assert read(b' [ {"a" : 1.10 } ,\n{\n"b":2}, 3, [{}], null ]\n') == [
        InputLine("element 1", b'{"a" : 1.10 }'),
        InputLine("element 2", b'{\n"b":2}'),
        BadLine("element 3", "is not a JSON object: Expected `object`, got `int`"),
        BadLine("element 4", "is not a JSON object: Expected `object`, got `array`"),
        BadLine("element 5", "is not a JSON object: Expected `object`, got `null`"),
    ]
    assert read(b"[]") == []


@pytest.mark.parametrize("content", [b"[", b"[{},]", b"[{}] {}", b"[\xff]", b"[" * 100_000])
def test_what_begins_as_an_array_and_is_none_is_an_error(content: bytes) -> None:
    with pytest.raises(InputError, match="is not a JSON array"):
        read(content)


def test_an_array_that_is_too_large_to_be_read_whole_is_an_error() -> None:
    array = b"[{},\n{}" + b" " * (MAX_ARRAY_BYTES - 8) + b"]"
    assert len(read(array)) == 2
    with pytest.raises(InputError, match="more than 67108864 bytes") as caught:
        read(array + b"\n")
    assert "one order a line" in caught.value.hint


# --- CSV ---


def test_a_row_is_an_object_of_texts_without_its_empty_cells() -> None:
    content = (
        "order_id, customer_id,amount,order_date,note\r\n"
        'o-1,12345,250.00,2026-11-22T18:00:00Z,"a ""quote"", a comma"\r\n'
        "\r\n"
        ",Jürgen,007.10,,\r\n"
    )
    assert rows(content) == [
        (
            "line 2",
            {
                "order_id": "o-1",
                "customer_id": "12345",
                "amount": "250.00",
                "order_date": "2026-11-22T18:00:00Z",
                "note": 'a "quote", a comma',
            },
        ),
        ("line 4", {"customer_id": "Jürgen", "amount": "007.10"}),
    ]
    assert rows(BOM + content.encode()) == rows(content)


def test_a_row_over_several_lines_is_at_its_first() -> None:
    content = 'customer_id,note\n1,"two\nlines"\n2,x\n'
    assert rows(content) == [
        ("line 2", {"customer_id": "1", "note": "two\nlines"}),
        ("line 4", {"customer_id": "2", "note": "x"}),
    ]


def test_a_bad_row_is_a_fault_and_the_rest_goes_on() -> None:
    content = b'customer_id,amount\n1\n2,2,2\n"3"x,3\n\xff,4\n5,5\n'
    assert rows(content) == [
        BadLine("line 2", "has 1 cells for 2 columns"),
        BadLine("line 3", "has 3 cells for 2 columns"),
        BadLine("line 4", "is not a row of CSV: ',' expected after '\"'"),
        BadLine("line 5", "is not UTF-8"),
        ("line 6", {"customer_id": "5", "amount": "5"}),
    ]


def test_a_quote_that_is_never_closed_is_a_fault_that_says_how_far_it_reached() -> None:
    assert rows('customer_id,amount\n1,"250\n2,250\n3,250\n') == [
        BadLine("line 2", "is not a row of CSV: unexpected end of data (up to line 4)")
    ]
    lines = [f"{number},250\n" for number in range(20_000)]
    found = rows('customer_id,amount\n0,"250\n' + "".join(lines))
    assert isinstance(found[0], BadLine)
    assert f"field larger than field limit ({csv.field_size_limit()})" in found[0].text
    assert found[-1] == ("line 20002", {"customer_id": "19999", "amount": "250"})


def test_a_csv_file_must_name_the_customer(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    for header in (b"customer;amount\n1;2\n", b"\xff\n", b'"customer_id\n'):
        file.write_bytes(header)
        with pytest.raises(InputError, match="no column customer_id") as caught:
            next(read_orders(str(file), BytesIO()))
        assert "customer_id,amount" in caught.value.hint


@pytest.mark.parametrize("header", ["customer_id,amount,amount", "customer_id,,amount", "customer_id,"])
def test_columns_have_names_and_different_ones(header: str) -> None:
    with pytest.raises(InputError, match="a column has no name, or two have the same"):
        rows(header + "\n1,2,3\n")


def test_a_header_without_rows_is_no_orders() -> None:
    assert rows("customer_id,amount\n") == []


# --- Memory ---


@pytest.mark.parametrize("header", [b"", b"customer_id,amount\n"], ids=["ndjson", "csv"])
def test_memory_is_flat_however_many_lines_there_are(header: bytes) -> None:
    line = b"12345,250.00\n" if header else b'{"customer_id":"12345","amount":250.00}\n'
    content = BytesIO(header + line * 10_000)
    tracemalloc.start()
    assert sum(isinstance(found, InputLine) for found in read_orders("-", content)) == 10_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1024 * 1024
