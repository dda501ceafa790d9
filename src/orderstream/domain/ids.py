"""Ids of events and orders, and fingerprints of content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
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
    said = _object({name: value for name, value in document.items() if name != "order_id"})
    return hashlib.blake2b(_CANONICAL.encode(said), digest_size=16).hexdigest()


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value if (canonical := _BY_TYPE.get(type(value))) is None else canonical(value)
        for name, value in fields.items()
        if value is not None
    }


def _array(values: list[Any]) -> list[Any]:
    return [
        value if (canonical := _BY_TYPE.get(type(value))) is None else canonical(value) for value in values
    ]


def _whole(number: int) -> Decimal | int:
    return number if -_EXACT_INTEGERS < number < _EXACT_INTEGERS else canonical_number(Decimal(number))


# A lookup by type, because it runs for each value of each order. Values of other types, most of them text,
# are canonical.
_BY_TYPE: dict[type, Callable[[Any], Any]] = {
    Decimal: canonical_number,
    int: _whole,
    dict: _object,
    list: _array,
}
