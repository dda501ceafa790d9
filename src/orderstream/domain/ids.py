"""Ids of events and orders, and fingerprints of content."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from orderstream.domain.fields import canonical_number

if TYPE_CHECKING:
    from orderstream.domain.order import Order

_CANONICAL = msgspec.json.Encoder(order="sorted", decimal_format="number")
# Below this, a whole number is hashed as an integer, however it was written.
_EXACT_INTEGERS = 10**15


def event_id(shard_id: str, sequence_number: str) -> str:
    """The id of a record: its position in the stream. It is the same at every delivery."""
    return f"{shard_id}:{sequence_number}"


def order_id_of(order: Order, event: str) -> str:
    """The order's own id, or else the id of its event, so that a redelivery is the same order (G2)."""
    return order.order_id or event


def fingerprint(document: dict[str, Any]) -> str:
    """A hash (32 hex digits) of the content of a JSON document, independent of the model (G3, G12).

    At every depth, numbers are compared by value (250 equals 250.00) and text exactly. The order of keys is
    ignored, as are null members and the order_id, which only selects the documents to compare.
    """
    said = {
        name: _canonical(value)
        for name, value in document.items()
        if value is not None and name != "order_id"
    }
    return hashlib.blake2b(_CANONICAL.encode(said), digest_size=16).hexdigest()


def _canonical(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return value
    if kind is Decimal or (kind is int and not -_EXACT_INTEGERS < value < _EXACT_INTEGERS):
        return canonical_number(Decimal(value))
    if kind is dict:
        return {name: _canonical(inner) for name, inner in value.items() if inner is not None}
    if kind is list:
        return [_canonical(inner) for inner in value]
    return value
