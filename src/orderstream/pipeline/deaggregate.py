"""Aggregated records (of the Kinesis Producer Library) taken apart into the records that were put in."""

import hashlib

from orderstream.domain.decode import AGGREGATE_MAGIC, Decoded, decode
from orderstream.domain.expansion import MAX_EXPANDED_BYTES, expanded_bytes
from orderstream.domain.ids import event_id
from orderstream.domain.validation import Violation
from orderstream.pipeline.records import Record

_DIGEST_BYTES = 16
# The limit of Kinesis.
MAX_KEY_CHARACTERS = 256

_DAMAGED = Violation("$", "corrupt_aggregate", "is a damaged aggregate of records")
_NESTED = Violation("$", "nested_aggregate", "is an aggregate of records inside another one")
_LONG_KEY = Violation(
    "$", "partition_key_too_long", f"has a partition key of more than {MAX_KEY_CHARACTERS} characters"
)
_TOO_LARGE = Violation(
    "$", "too_large_expanded", f"is an aggregate that expands to more than {MAX_EXPANDED_BYTES} bytes"
)


def deaggregate(record: Record) -> list[Record]:
    """The user records in `record`, each with its own event_id; the record itself if it is no aggregate.

    An aggregate that is damaged in any way or expands too far also stays as it is, and is quarantined whole.
    """
    if not record.data.startswith(AGGREGATE_MAGIC):
        return [record]
    inner = _records_in(record.data)
    if isinstance(inner, Violation):
        return [record]
    return [
        Record(
            event_id=f"{event_id(record.shard_id, record.sequence_number)}:{number}",
            shard_id=record.shard_id,
            sequence_number=record.sequence_number,
            partition_key=partition_key,
            arrived_at=record.arrived_at,
            data=data,
        )
        for number, (partition_key, data) in enumerate(inner)
    ]


def decode_record(data: bytes) -> Decoded:
    """Decode and validate what `deaggregate` left; an aggregate in it is refused with its exact reason."""
    if not data.startswith(AGGREGATE_MAGIC):
        return decode(data)
    found = _records_in(data)
    reason = found if isinstance(found, Violation) else _NESTED
    return Decoded(None, (reason,), None, "", None)


def _records_in(data: bytes) -> list[tuple[str, bytes]] | Violation:
    """The partition key and the data of each record in an aggregate, or why none of them can be taken."""
    message = data[len(AGGREGATE_MAGIC) : -_DIGEST_BYTES]
    if hashlib.md5(message, usedforsecurity=False).digest() != data[-_DIGEST_BYTES:]:
        return _DAMAGED
    # Imported only now: few streams carry aggregates, and every other start would pay for it.
    from aws_kinesis_agg import deaggregator

    # Only the library's message: its own loop leaves out what it cannot read, and prints the payload.
    aggregate = deaggregator.messages_pb2.AggregatedRecord()
    inner: list[tuple[str, bytes]] = []
    size = 0
    try:
        aggregate.ParseFromString(message)
        keys = list(aggregate.partition_key_table)
        for one in aggregate.records:
            key = keys[one.partition_key_index]
            # A key that is not UTF-8, which makes a text of the message, is handed over as bytes.
            if isinstance(key, bytes):
                return _DAMAGED
            if len(key) > MAX_KEY_CHARACTERS:
                return _LONG_KEY
            size += expanded_bytes(key, one.data)
            if size > MAX_EXPANDED_BYTES:
                return _TOO_LARGE
            inner.append((key, one.data))
    except (deaggregator.google.protobuf.message.DecodeError, IndexError):
        return _DAMAGED
    # Of an aggregate without records nothing would be left to account for.
    return inner or _DAMAGED
