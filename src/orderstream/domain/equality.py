"""Whether a record says the same as another, or as an item of the table (G3, G12)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import msgspec

from orderstream.domain.decode import Decoded, parse
from orderstream.domain.normalization import as_read

_ENCODER = msgspec.json.Encoder(order="sorted", decimal_format="number")
# Enough for eight fields that a model gained; each more would double the work.
_MOST_ADDED = 8
# The fields that the model had from the beginning, in the order and in an item.
_FIRST_FIELDS = frozenset(("customer_id", "amount", "order_id", "currency", "order_date", "items"))
_FIRST_ITEM_FIELDS = frozenset(("sku", "quantity", "unit_price"))


def same_content(one: Decoded, other: Decoded) -> bool:
    """Whether both say the same, in any spelling: for the model "250.00" is 250, and a date is an instant."""
    return not content_fingerprints(one).isdisjoint(content_fingerprints(other))


def content_fingerprints(what: Decoded) -> frozenset[str]:
    """The fingerprints of what was sent and of what the model reads; one in common means the same content."""
    return frozenset(filter(None, (what.fingerprint, reading_in(what.normalized))))


def reading_in(normalized: str) -> str:
    """The fingerprint of what the model read; empty where that is the fingerprint of what was sent."""
    return normalized.partition(":")[2]


def is_item(what: Decoded, item: Mapping[str, Any]) -> bool | None:
    """Whether `item` was made of the same content, by its fingerprints. None if only its bytes can tell.

    That is so where another model read the item, and the content is not the same as it stands.
    """
    stored, normalized = item.get("Fingerprint", ""), item.get("NormalizedFingerprint", "")
    model, _, reading = normalized.partition(":")
    if not content_fingerprints(what).isdisjoint(filter(None, (stored, reading))):
        return True
    if normalized:
        return False if model == what.normalized.partition(":")[0] else None
    return True if stored in earlier_fingerprints(what) else None


def earlier_fingerprints(what: Decoded) -> Iterator[str]:
    """The fingerprints that this order had as long as fingerprints depended on the model.

    Known fields were hashed as the model reads them and unknown ones as they were sent. So there is one for
    every set of fields that the model may have gained since.
    """
    if what.order is None or what.json is None:
        return
    document = parse(what.json)
    added = [name for name in what.order.__struct_fields__ if name in document and name not in _FIRST_FIELDS]
    for item in (what.order.items or ())[:1]:
        added += [f"items.{name}" for name in item.__struct_fields__ if name not in _FIRST_ITEM_FIELDS]
    added = added[:_MOST_ADDED]
    for count in range(len(added) + 1):
        for unknown in combinations(added, count):
            said = as_read(what.order, document, frozenset(unknown))
            # Of the order itself, a known field that is null did not count; of its items it did.
            for name in what.order.__struct_fields__:
                if name == "order_id" or (said.get(name) is None and name not in unknown):
                    said.pop(name, None)
            yield hashlib.blake2b(_ENCODER.encode(said), digest_size=16).hexdigest()
