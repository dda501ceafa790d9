"""Aggregates of the Kinesis Producer Library come apart into what was put in; a damaged one stays whole."""

import gzip
import hashlib
from datetime import UTC, datetime

import pytest
from aws_kinesis_agg import aggregator, messages_pb2
from hypothesis import given
from hypothesis import strategies as st

from orderstream.domain.decode import AGGREGATE_MAGIC
from orderstream.domain.expansion import MAX_EXPANDED_BYTES, RECORD_BYTES
from orderstream.domain.order import MAX_BYTES
from orderstream.pipeline.deaggregate import deaggregate, decode_record
from orderstream.pipeline.records import Record

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
    found = deaggregate(record(aggregate(entries)))
    assert [(one.partition_key, one.data) for one in found] == entries
    assert [one.event_id for one in found] == [f"shard-1:42:{number}" for number in range(len(entries))]
    assert {(one.shard_id, one.sequence_number, one.arrived_at) for one in found} == {
        ("shard-1", "42", ARRIVAL)
    }


def test_a_plain_record_stays_as_it_is() -> None:
    for data in (b"", b"{}", AGGREGATE_MAGIC[:3], b"x" + AGGREGATE_MAGIC):
        assert deaggregate(record(data)) == [record(data)]


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
    assert deaggregate(record(data)) == [record(data)]
    assert [reason.code for reason in decode_record(data).reasons] == ["corrupt_aggregate"]
    assert capfd.readouterr() == ("", ""), "its payload is nobody's to read in a log"


def codes(data: bytes) -> list[str]:
    return [reason.code for reason in decode_record(data).reasons]


LARGE = gzip.compress(b'{"customer_id":"c","amount":1}' + b" " * (MAX_BYTES - 30), mtime=0)
COUNTED = RECORD_BYTES + len("key") + len(LARGE) + MAX_BYTES


def test_an_aggregate_that_would_expand_beyond_its_bound_stays_whole() -> None:
    most = MAX_EXPANDED_BYTES // COUNTED
    assert len(deaggregate(record(aggregate([("key", LARGE)] * most)))) == most
    over = aggregate([("key", LARGE)] * (most + 1))
    assert len(over) < 100_000
    assert deaggregate(record(over)) == [record(over)]
    assert codes(over) == ["too_large_expanded"]


def test_a_bomb_in_an_aggregate_counts_for_no_more_than_is_read_of_it() -> None:
    bomb = gzip.compress(b" " * 64 * MAX_BYTES, mtime=0)
    assert len(deaggregate(record(aggregate([("key", bomb)] * 9)))) == 9


def repeated(body: bytes, count: int) -> bytes:
    """An aggregate that may be larger than the Producer Library would make it."""
    message = messages_pb2.AggregatedRecord(partition_key_table=["k"])
    for _ in range(count):
        message.records.add(partition_key_index=0, data=body)
    return sealed(message.SerializeToString())


@pytest.mark.parametrize("body", [b"", b'{"customer_id":"c","amount":1}'])
def test_the_number_of_records_in_an_aggregate_is_bounded(body: bytes) -> None:
    most = MAX_EXPANDED_BYTES // (RECORD_BYTES + len("k") + len(body))
    assert len(deaggregate(record(repeated(body, most)))) == most
    over = repeated(body, most + 1)
    assert deaggregate(record(over)) == [record(over)]
    assert codes(over) == ["too_large_expanded"]


def test_the_smallest_orders_that_fill_an_aggregate_of_a_mebibyte_are_taken() -> None:
    body = b'{"customer_id":"c","amount":1}'
    count = 2**20 // (len(body) + 8)
    assert len(deaggregate(record(repeated(body, count)))) == count


def test_a_partition_key_longer_than_kinesis_takes_keeps_an_aggregate_whole() -> None:
    assert len(deaggregate(record(aggregate([("k" * 256, b"{}"), ("é" * 256, b"{}")])))) == 2
    long = aggregate([("key", b"{}"), ("k" * 257, b"{}")])
    assert deaggregate(record(long)) == [record(long)]
    assert codes(long) == ["partition_key_too_long"]


def test_an_aggregate_inside_another_record_is_refused_and_not_taken_apart() -> None:
    inner = aggregate([("key", b"{}")])
    (outer,) = deaggregate(record(aggregate([("key", inner)])))
    assert outer.data == inner
    assert codes(inner) == ["nested_aggregate"]
    # What is compressed is not looked into once more: it could expand again.
    assert codes(gzip.compress(inner)) == ["corrupt_aggregate"]
