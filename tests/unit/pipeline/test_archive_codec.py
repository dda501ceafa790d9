"""The exact bytes come back out of an archive line, whatever they are (G4)."""

import gzip
import json
from datetime import UTC, datetime
from io import BytesIO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderstream.domain.decode import decode
from orderstream.pipeline.archive_codec import compress, encode, original_bytes, read_line, read_lines
from orderstream.pipeline.records import Record

ARRIVAL = datetime(2026, 11, 22, 18, 0, 0, 123000, tzinfo=UTC)


def record(data: bytes, sequence_number: str = "1") -> Record:
    return Record(f"shard:{sequence_number}", "shard", sequence_number, "key", ARRIVAL, data)


def line(data: bytes) -> bytes:
    return encode(record(data), json=decode(data).json, order_id=None)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_come_back_exactly(data: bytes) -> None:
    assert original_bytes(read_line(line(data))) == data


@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(), st.lists))
def test_any_json_comes_back_exactly_in_every_spelling(value: object) -> None:
    for data in (
        json.dumps({"v": value}).encode(),
        json.dumps({"v": value}, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass"),
        b" " + json.dumps({"v": value}).encode() + b"\r\n",
    ):
        assert original_bytes(read_line(line(data))) == data
        assert line(data).count(b"\n") == 1


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b'{"amount": 250.00, "a": 1e2}', "raw"),
        (b'{"amount":\n250.00}', "raw_text"),
        (b'{"amount":\r250.00}', "raw_text"),
        (b'{"amount": 250.00} ', "raw_text"),
        (b"\t{}", "raw_text"),
        (b"", "raw_text"),
        (b"not JSON", "raw_text"),
        (b'{"amount": NaN}', "raw_text"),
        (b"\xff", "raw_base64"),
    ],
)
def test_one_line_of_json_stands_as_json_and_the_rest_as_text_or_base64(data: bytes, field: str) -> None:
    written = json.loads(line(data), parse_float=str)
    assert {name for name in written if name.startswith("raw")} == {field}


@given(st.binary(), st.booleans())
def test_compressed_bytes_come_back_exactly_and_what_is_in_them_stands_as_json(
    data: bytes, nice: bool
) -> None:
    text = json.dumps({"v": data.hex()}, indent=None if nice else 1).encode()
    sent = gzip.compress(text)
    written = json.loads(line(sent))
    assert written.get("raw") == ({"v": data.hex()} if nice else None)
    assert original_bytes(read_line(line(sent))) == sent


def test_a_line_says_where_and_when_the_record_came_from() -> None:
    written = json.loads(encode(record(b'{"a":1}', "42"), json=b'{"a":1}', order_id="A"))
    assert written == {
        "event_id": "shard:42",
        "partition_key": "key",
        "arrived_at": "2026-11-22T18:00:00.123000Z",
        "order_id": "A",
        "raw": {"a": 1},
    }


def test_the_same_lines_make_the_same_object() -> None:
    lines = [line(b'{"a":1}'), line(b"x")]
    assert compress(lines) == compress(lines)
    assert [original_bytes(read) for read in read_lines("orders.ndjson.gz", BytesIO(compress(lines)))] == [
        b'{"a":1}',
        b"x",
    ]


def test_a_record_without_a_partition_key_has_null_in_its_line() -> None:
    keyless = msgspec.structs.replace(record(b'{"a":1}'), partition_key=None)
    written = encode(keyless, json=b'{"a":1}', order_id=None)
    assert json.loads(written)["partition_key"] is None
    assert read_line(written).partition_key is None
