"""Split aggregated records of the Kinesis Producer Library into their user records."""

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
    """The user records in `record`, each with its own event_id; the record itself if it is not aggregated.

    An aggregate that is damaged or expands too far is also returned unchanged, and is quarantined as a whole.
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
    """Decode and validate a record from `deaggregate`; a remaining aggregate is rejected with its reason."""
    if not data.startswith(AGGREGATE_MAGIC):
        return decode(data)
    found = _records_in(data)
    reason = found if isinstance(found, Violation) else _NESTED
    return Decoded(None, (reason,), None, "", None)


def _records_in(data: bytes) -> list[tuple[str, bytes]] | Violation:
    """The partition key and the data of each record in an aggregate, or why it is rejected."""
    message = data[len(AGGREGATE_MAGIC) : -_DIGEST_BYTES]
    if hashlib.md5(message, usedforsecurity=False).digest() != data[-_DIGEST_BYTES:]:
        return _DAMAGED
    # Imported lazily: few streams carry aggregates, and the import would slow down every cold start.
    from aws_kinesis_agg import deaggregator

    # Use only the library's message class: its own loop skips what it cannot read, and prints the payload.
    aggregate = deaggregator.messages_pb2.AggregatedRecord()
    inner: list[tuple[str, bytes]] = []
    size = 0
    try:
        aggregate.ParseFromString(message)
        keys = list(aggregate.partition_key_table)
        for one in aggregate.records:
            key = keys[one.partition_key_index]
            # protobuf returns a key that is not UTF-8 as bytes.
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
    # An aggregate without records is damaged: returning no records would lose track of it.
    return inner or _DAMAGED
