"""Read the changes of orders from the records of the table's DynamoDB stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from orderstream.domain.fields import utc_text
from orderstream.domain.fold import is_placeholder, version_of
from orderstream.pipeline.attributes import plain_value

Item = dict[str, Any]

_EPOCH = datetime.fromtimestamp(0, UTC)
# Who deletes expired items, as the records of the stream say.
_TTL = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


class Change(msgspec.Struct, frozen=True):
    """A version of an order: the item before it (None if there was none) and after it (None if erased).

    `sequence_number` is that of the record in the DynamoDB stream; `at` is when the table changed, as UTC
    text.
    """

    order_id: str
    version: int
    before: Item | None
    after: Item | None
    sequence_number: str
    at: str


def changes_in(records: Iterable[Mapping[str, Any]]) -> list[Change]:
    """The changes in the records of a DynamoDB event, in their order.

    A record is none if it is not about an order, if the version stays, or if an item expired.
    """
    return [change for record in records if (change := _change(record))]


def images_of(record: Mapping[str, Any]) -> tuple[Item | None, Item | None]:
    """The item of an order before and after a record; None where there is none, or only a placeholder.

    If an item expired, the order stays as it was.
    """
    found = record["dynamodb"]
    before, after = _order(found.get("OldImage")), _order(found.get("NewImage"))
    return before, before if record.get("userIdentity") == _TTL else after


def _change(record: Mapping[str, Any]) -> Change | None:
    found = record["dynamodb"]
    before, after = images_of(record)
    if after is None:
        if before is None:
            return None
        version = version_of(before) + 1
    else:
        version = version_of(after)
        if before is not None and version_of(before) == version:
            return None
    return Change(
        order_id=found["Keys"]["OrderID"]["S"],
        version=version,
        before=before,
        after=after,
        sequence_number=found["SequenceNumber"],
        at=utc_text(_EPOCH + timedelta(seconds=float(found["ApproximateCreationDateTime"]))),
    )


def _order(image: Mapping[str, Any] | None) -> Item | None:
    """The item of an order in an image; None if there is none."""
    item: Item = plain_value({"M": dict(image or {})})
    return item if is_order(item) else None


def is_order(item: Item) -> bool:
    """Whether an item is an order: not a placeholder, nor something that was not written here."""
    return not is_placeholder(item) and item.keys() >= {"OrderID", "OrderAmount", "ReceivedAt"}
