"""The announcements on the stream OrderChanges, as consumers read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import msgspec

from orderstream.feed.cloud_event import TYPE
from orderstream.pipeline.records import Record


class ChangeData(msgspec.Struct, frozen=True):
    """What an announcement says: `order` is the state after the change, None if the order was erased."""

    version: int
    order: dict[str, Any] | None = None
    event: dict[str, Any] | None = None
    reached: tuple[str, ...] = ()
    truncated: bool = False


class CloudEvent(msgspec.Struct, frozen=True):
    """The CloudEvent of a change. `time` is RFC 3339 as announced; numbers are exact."""

    id: str
    type: str
    subject: str
    time: str
    data: ChangeData

    @property
    def name(self) -> str:
        """What happened: the type without its prefix."""
        return self.type.removeprefix(TYPE)


class Announced(msgspec.Struct, frozen=True):
    """A CloudEvent, its record of the stream, and the JSON as it is there."""

    change: CloudEvent
    record: Record


_DECODER = msgspec.json.Decoder(CloudEvent, float_hook=Decimal)


def announced(records: Iterable[Record]) -> Iterator[Announced]:
    """The announcements among records of the stream. Others may have put something else on it."""
    for record in records:
        if change := read_change(record.data):
            yield Announced(change, record)


def read_change(data: bytes) -> CloudEvent | None:
    """The CloudEvent in the bytes of a record; None if there is none."""
    try:
        change = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return change if change.type.startswith(TYPE) else None
