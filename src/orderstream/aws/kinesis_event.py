"""The event a function gets from a Kinesis stream, byte for byte as AWS's event source mapping builds it."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

from orderstream.pipeline.records import Record as StreamRecord

_HEAD, _TAIL = b'{"Records":[', b"]}"


@dataclass(frozen=True, slots=True)
class EventRecord:
    """A record as read from its shard, with what the event source needs to know about it.

    `arrived_at` is in seconds since the epoch, `read_at` in seconds of the monotonic clock. `before` is the
    sequence number of the record read just before it in its shard, None for the very first. `json` is its
    entry in the event, `size` its bytes of data and partition key in the shard.
    """

    sequence_number: str
    partition_key: str | None
    arrived_at: float
    read_at: float
    before: str | None
    json: bytes
    size: int = 0


@dataclass(frozen=True, slots=True)
class EventOrigin:
    """Where records come from and who reads them; the same for a whole shard. `role_arn` may be ""."""

    stream_arn: str
    shard_id: str
    role_arn: str


def entry(
    origin: EventOrigin, *, sequence_number: str, partition_key: str | None, data: bytes, arrived_at: float
) -> bytes:
    """The JSON of one record in `Records` of the event."""
    document = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": sequence_number,
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": round(arrived_at, 3),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{origin.shard_id}:{sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": origin.role_arn,
        "awsRegion": origin.stream_arn.split(":")[3],
        "eventSourceARN": origin.stream_arn,
    }
    return json.dumps(document, separators=(",", ":")).encode()


def entry_of(origin: EventOrigin, record: StreamRecord) -> bytes:
    """The JSON of a record in the pipeline's form."""
    return entry(
        origin,
        sequence_number=record.sequence_number,
        partition_key=record.partition_key,
        data=record.data,
        arrived_at=record.arrived_at.timestamp(),
    )


def event_of(records: Sequence[EventRecord]) -> bytes:
    """The event that contains `records`: the payload of one invocation."""
    return _HEAD + b",".join(record.json for record in records) + _TAIL


def event_size(entries: int, entry_bytes: int) -> int:
    """The size in bytes of what `event_of` builds from `entries` records with `entry_bytes` in total."""
    return len(_HEAD) + entry_bytes + max(entries - 1, 0) + len(_TAIL)
