"""Aggregated records (of the Kinesis Producer Library) taken apart into the records that were put in."""

import hashlib

from orderstream.domain.decode import AGGREGATE_MAGIC
from orderstream.domain.identity import event_id
from orderstream.pipeline.records import Record

_DIGEST_BYTES = 16


def unpack(record: Record) -> list[Record]:
    """The user records in `record`, each with its own event_id; the record itself if it is no aggregate.

    So is an aggregate that is damaged in any way: none of it can be trusted, and it is quarantined whole.
    """
    if not record.data.startswith(AGGREGATE_MAGIC):
        return [record]
    message = record.data[len(AGGREGATE_MAGIC) : -_DIGEST_BYTES]
    if hashlib.md5(message, usedforsecurity=False).digest() != record.data[-_DIGEST_BYTES:]:
        return [record]
    # Imported only now: few streams carry aggregates, and every other start would pay for it.
    from aws_kinesis_agg import deaggregator

    # Only the library's message: its own loop leaves out what it cannot read, and prints the payload.
    aggregate = deaggregator.messages_pb2.AggregatedRecord()
    try:
        aggregate.ParseFromString(message)
        keys = aggregate.partition_key_table
        inner = [(keys[one.partition_key_index], one.data) for one in aggregate.records]
    except (deaggregator.google.protobuf.message.DecodeError, IndexError):
        return [record]
    # Of an aggregate without records nothing would be left to account for. And a key that is not
    # UTF-8, which makes a text of the message, is handed over as bytes.
    if not inner or any(isinstance(key, bytes) for key, _ in inner):
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
