"""Compare the content of a record with another record or with an item of the table (G3, G12)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import msgspec

from orderstream.domain.decode import Decoded, parse
from orderstream.domain.normalization import as_read

_ENCODER = msgspec.json.Encoder(order="sorted", decimal_format="number")
# The most added fields to consider: each one doubles the work.
_MOST_ADDED = 8
# The fields of the first version of the model, in the order and in its items.
_FIRST_FIELDS = frozenset(("customer_id", "amount", "order_id", "currency", "order_date", "items"))
_FIRST_ITEM_FIELDS = frozenset(("sku", "quantity", "unit_price"))


def same_content(one: Decoded, other: Decoded) -> bool:
    """Whether both have the same content, however written: "250.00" equals 250, dates compare as instants."""
    return not content_fingerprints(one).isdisjoint(content_fingerprints(other))


def content_fingerprints(what: Decoded) -> frozenset[str]:
    """The fingerprints as sent and as the model reads it; if two sets share one, the content is the same."""
    return frozenset(filter(None, (what.fingerprint, reading_in(what.normalized))))


def reading_in(normalized: str) -> str:
    """The fingerprint of the values that the model read; empty if it equals the fingerprint as sent."""
    return normalized.partition(":")[2]


def is_item(what: Decoded, item: Mapping[str, Any]) -> bool | None:
    """Whether `item` was created from the same content, by its fingerprints; None if its bytes must decide.

    None means that another version of the model read the item and no fingerprint matches.
    """
    stored, normalized = item.get("Fingerprint", ""), item.get("NormalizedFingerprint", "")
    model, _, reading = normalized.partition(":")
    if not content_fingerprints(what).isdisjoint(filter(None, (stored, reading))):
        return True
    if normalized:
        return False if model == what.normalized.partition(":")[0] else None
    return True if stored in earlier_fingerprints(what) else None


def earlier_fingerprints(what: Decoded) -> Iterator[str]:
    """The fingerprints that earlier releases, in which they depended on the model, gave this order.

    Known fields were hashed as the model reads them and unknown ones as sent. So there is one for every set
    of fields that may have been added to the model since.
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
            # A known field that is null was ignored in the order itself but hashed in its items.
            for name in what.order.__struct_fields__:
                if name == "order_id" or (said.get(name) is None and name not in unknown):
                    said.pop(name, None)
            yield hashlib.blake2b(_ENCODER.encode(said), digest_size=16).hexdigest()
