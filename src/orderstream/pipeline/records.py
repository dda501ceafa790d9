"""Convert the records of a Lambda event to those that this project uses."""

from binascii import a2b_base64
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from orderstream.domain.ids import event_id

_EPOCH = datetime.fromtimestamp(0, UTC)


class Record(msgspec.Struct, frozen=True):
    """One record of the stream: its position, its time of arrival (aware UTC), and its bytes as sent.

    `partition_key` is None if the producer gave none, which a stream that distributes records itself accepts.
    """

    event_id: str
    shard_id: str
    sequence_number: str
    partition_key: str | None
    arrived_at: datetime
    data: bytes


def from_event(event: dict[str, Any]) -> list[Record]:
    """The records of a Kinesis event, in the order of the shard.

    The event comes from AWS, not from a producer. If it does not have the documented form, KeyError or
    ValueError propagates and the invocation fails.
    """
    return [_record(entry) for entry in event["Records"]]


def _record(entry: dict[str, Any]) -> Record:
    kinesis = entry["kinesis"]
    shard_id = entry["eventID"].partition(":")[0]
    number = kinesis["sequenceNumber"]
    return Record(
        event_id(shard_id, number),
        shard_id,
        number,
        key_of(kinesis.get("partitionKey")),
        arrival(kinesis["approximateArrivalTimestamp"]),
        a2b_base64(kinesis["data"]),
    )


def key_of(given: str | None) -> str | None:
    """The partition key as AWS passes it; None if there is none."""
    # Kinesis does not accept an empty key: the local cloud returns one for a key that was left out.
    return given or None


def arrival(seconds: float) -> datetime:
    """The time of arrival (aware UTC), from seconds since the epoch with milliseconds."""
    # Rounding to milliseconds removes the error of binary fractions.
    return _EPOCH + timedelta(milliseconds=round(seconds * 1000))
