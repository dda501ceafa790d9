"""Aggregates of the Kinesis Producer Library: the records in one, or the reason why it is not taken apart."""

import hashlib

from orderstream.domain.checks import Reason
from orderstream.domain.expansion import MAX_EXPANDED_BYTES, expanded_bytes

# How an aggregate begins; behind its message comes the MD5 of that.
AGGREGATE_MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES = 16
# The limit of Kinesis.
MAX_KEY_CHARACTERS = 256

NESTED = Reason("$", "nested_aggregate", "is an aggregate of records inside another record")
_DAMAGED = Reason("$", "corrupt_aggregate", "is a damaged aggregate of records")
_LONG_KEY = Reason(
    "$",
    "partition_key_too_long",
    f"has a partition key of more than {MAX_KEY_CHARACTERS} characters",
)
_TOO_LARGE = Reason(
    "$",
    "too_large_expanded",
    f"is an aggregate that expands to more than {MAX_EXPANDED_BYTES} bytes",
)


def records_in(data: bytes) -> list[tuple[str, bytes]] | Reason:
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


def why_not(data: bytes) -> Reason:
    """Why an aggregate, or what begins like one, is no order."""
    found = records_in(data)
    return found if isinstance(found, Reason) else NESTED
