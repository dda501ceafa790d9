"""Aggregated records (of the Kinesis Producer Library) taken apart into the records that were put in."""

from orderstream.domain.aggregate import AGGREGATE_MAGIC, records_in
from orderstream.domain.checks import Reason
from orderstream.domain.identity import event_id
from orderstream.pipeline.records import Record


def unpack(record: Record) -> list[Record]:
    """The user records in `record`, each with its own event_id; the record itself if it is no aggregate.

    An aggregate that is damaged in any way or expands too far also stays as it is, and is quarantined whole.
    """
    if not record.data.startswith(AGGREGATE_MAGIC):
        return [record]
    inner = records_in(record.data)
    if isinstance(inner, Reason):
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
