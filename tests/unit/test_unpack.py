"""Aggregates of the Kinesis Producer Library come apart into what was put in; a damaged one stays whole."""

import hashlib
from datetime import UTC, datetime

import pytest
from aws_kinesis_agg import aggregator, messages_pb2
from hypothesis import given
from hypothesis import strategies as st

from orderstream.domain.decode import AGGREGATE_MAGIC, decode
from orderstream.pipeline.records import Record
from orderstream.pipeline.unpack import unpack

ARRIVAL = datetime(2026, 11, 22, 18, tzinfo=UTC)


def record(data: bytes) -> Record:
    return Record("shard-1:42", "shard-1", "42", "outer", ARRIVAL, data)


def aggregate(entries: list[tuple[str, bytes]]) -> bytes:
    """As the Producer Library makes it, by the library that AWS publishes."""
    maker = aggregator.RecordAggregator()
    for key, data in entries:
        maker.add_user_record(key, data)
    _, _, body = maker.clear_and_get().get_contents()
    assert isinstance(body, bytes)
    return body


def sealed(message: bytes) -> bytes:
    return AGGREGATE_MAGIC + message + hashlib.md5(message).digest()


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="ascii"), min_size=1), st.binary()), min_size=1, max_size=9
    )
)
def test_every_user_record_comes_out_as_it_was_put_in(entries: list[tuple[str, bytes]]) -> None:
    found = unpack(record(aggregate(entries)))
    assert [(one.partition_key, one.data) for one in found] == entries
    assert [one.event_id for one in found] == [f"shard-1:42:{number}" for number in range(len(entries))]
    assert {(one.shard_id, one.sequence_number, one.arrived_at) for one in found} == {
        ("shard-1", "42", ARRIVAL)
    }


def test_a_plain_record_stays_as_it_is() -> None:
    for data in (b"", b"{}", AGGREGATE_MAGIC[:3], b"x" + AGGREGATE_MAGIC):
        assert unpack(record(data)) == [record(data)]


def with_bad_index() -> bytes:
    message = messages_pb2.AggregatedRecord()
    message.partition_key_table.append("key")
    for index in (0, 7):
        entry = message.records.add()
        entry.partition_key_index = index
        entry.data = b"{}"
    return sealed(message.SerializeToString())


@pytest.mark.parametrize(
    "data",
    [
        AGGREGATE_MAGIC,
        AGGREGATE_MAGIC + b"\0" * 16,
        aggregate([("key", b"{}")])[:-1],
        aggregate([("key", b"{}")]).replace(b"{}", b"[]"),
        sealed(b"\xff\xff\xff"),
        with_bad_index(),
        sealed(b""),
        # A field that the message does not know, and no record.
        sealed(b"\x7a\x03abc"),
        # A record, but its key is no text.
        sealed(b"\x0a\x02\xff\xfe" + b"\x1a\x06\x08\x00\x1a\x02{}"),
    ],
)
def test_a_damaged_aggregate_stays_whole_and_is_refused(
    data: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    assert unpack(record(data)) == [record(data)]
    assert [reason.code for reason in decode(data).reasons] == ["corrupt_aggregate"]
    assert capfd.readouterr() == ("", ""), "its payload is nobody's to read in a log"
