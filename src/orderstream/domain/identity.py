"""Who is who: ids of events and orders, fingerprints of content, keys of objects."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from orderstream.domain.order import Order

_CANONICAL = msgspec.json.Encoder(order="sorted", decimal_format="number")


def event_id(shard_id: str, sequence_number: str) -> str:
    """The id of a record: where it lies in the stream. The same at every delivery of it."""
    return f"{shard_id}:{sequence_number}"


def order_id_of(order: Order, event: str) -> str:
    """The order's own id, or the id of its event, so that a redelivery is the same order (G2)."""
    return order.order_id or event


def fingerprint(document: dict[str, Any], order: Order) -> str:
    """A hash (32 hex digits) of what an order says, however it is spelt (G3).

    250, 250.00 and "250.00" are one amount, a date is one instant in any zone, and the order of keys
    does not count. Fields that the model does not know do count: "never silently different" is about
    all that a shop sent. Defaults do not count, for they are not the shop's; nor does the order_id,
    under which the comparison is made.
    """
    said = document.copy()
    for name in order.__struct_fields__:
        value = getattr(order, name)
        if value is not None and name != "order_id":
            said[name] = value
        else:
            said.pop(name, None)
    if order.items:
        known = frozenset(order.items[0].__struct_fields__)
        said["items"] = [
            item if known.issuperset(raw) else raw | msgspec.structs.asdict(item)
            for raw, item in zip(document["items"], order.items, strict=True)
        ]
    return hashlib.blake2b(_CANONICAL.encode(said), digest_size=16).hexdigest()


def hour_of(moment: datetime) -> datetime:
    """The full hour, UTC, that `moment` (aware) lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hour_prefix(prefix: str, moment: datetime) -> str:
    """Where the objects of the hour of `moment` (aware) lie; text sorts as hours do."""
    return f"{prefix}/{hour_of(moment):year=%Y/month=%m/day=%d/hour=%H}"


def batch_key(prefix: str, hour: datetime, shard_id: str, sequence: list[str], event_ids: list[str]) -> str:
    """The key of the object with records of one shard and hour: from where to where, and which of those.

    Between the same first and last another batch can have other records (after a change of the lanes,
    or when a few are brought back): it gets another key, so that no object takes the place of one with
    more in it.
    """
    which = hashlib.blake2b("\n".join(event_ids).encode(), digest_size=4).hexdigest()
    return f"{hour_prefix(prefix, hour)}/{shard_id}-{sequence[0]}-{sequence[-1]}-{which}.ndjson.gz"
