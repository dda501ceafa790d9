"""Records as Lambda hands them over, and as this project uses them."""

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec

from orderstream.domain.identity import event_id


class Record(msgspec.Struct, frozen=True):
    """One record of the stream: its place, when Kinesis took it (aware UTC), and its bytes as sent."""

    event_id: str
    shard_id: str
    sequence_number: str
    partition_key: str
    arrived_at: datetime
    data: bytes


def from_event(event: dict[str, Any]) -> list[Record]:
    """The records of a Kinesis event, in the order of the shard.

    The event is AWS's, not a shop's: if it is not of the documented form, KeyError or ValueError
    comes through and the invocation fails.
    """
    return [_record(entry) for entry in event["Records"]]


def _record(entry: dict[str, Any]) -> Record:
    kinesis = entry["kinesis"]
    shard_id = entry["eventID"].partition(":")[0]
    return Record(
        event_id=event_id(shard_id, kinesis["sequenceNumber"]),
        shard_id=shard_id,
        sequence_number=kinesis["sequenceNumber"],
        partition_key=kinesis["partitionKey"],
        arrived_at=arrival(kinesis["approximateArrivalTimestamp"]),
        data=base64.b64decode(kinesis["data"]),
    )


def arrival(seconds: float) -> datetime:
    """When Kinesis took a record, from what AWS says: seconds since the epoch, with milliseconds."""
    # Rounding to those undoes binary fractions.
    milliseconds = round(seconds * 1000)
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)
