"""Records as Lambda hands them over, and as this project uses them."""

from binascii import a2b_base64
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from orderstream.domain.ids import event_id

_EPOCH = datetime.fromtimestamp(0, UTC)


class Record(msgspec.Struct, frozen=True):
    """One record of the stream: its place, when Kinesis took it (aware UTC), and its bytes as sent.

    `partition_key` is None where the producer gave none: a stream that distributes records itself takes that.
    """

    event_id: str
    shard_id: str
    sequence_number: str
    partition_key: str | None
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
    """The partition key as AWS hands it over; None where it has none."""
    # Kinesis takes no empty key: the laptop cloud makes one of a key that was left out.
    return given or None


def arrival(seconds: float) -> datetime:
    """When Kinesis took a record, from what AWS says: seconds since the epoch, with milliseconds."""
    # Rounding to those undoes binary fractions.
    return _EPOCH + timedelta(milliseconds=round(seconds * 1000))
