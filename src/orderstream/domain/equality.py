"""Whether two records say the same: by fingerprint, or else by what the model reads in them (G3, G12)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import msgspec

from orderstream.domain.decode import Decoded, parse
from orderstream.domain.identity import fingerprint

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
    return frozenset(filter(None, (what.fingerprint, reading_fingerprint(what))))


def reading_fingerprint(what: Decoded) -> str | None:
    """The fingerprint of an order as the model reads it, one for all spellings; None for what is no order."""
    if what.order is None or what.json is None:
        return None
    return fingerprint(_as_read(what.order, parse(what.json)))


def has_fingerprint(what: Decoded, stored: str | None) -> bool:
    """Whether `stored` is the fingerprint of this content, computed by this version or an earlier one."""
    if not stored or stored == what.fingerprint:
        return bool(stored)
    return stored == reading_fingerprint(what) or stored in earlier_fingerprints(what)


def earlier_fingerprints(what: Decoded) -> Iterator[str]:
    """The fingerprints that versions before 0.1.0 gave this order.

    They hashed known fields as the model reads them and unknown ones as they were sent. So they depended on
    which fields the model had: there is one for every set of fields that it may have gained since.
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
            said = _as_read(what.order, document, frozenset(unknown))
            # Of the order itself, a known field that is null did not count; of its items it did.
            for name in what.order.__struct_fields__:
                if name == "order_id" or (said.get(name) is None and name not in unknown):
                    said.pop(name, None)
            yield hashlib.blake2b(_ENCODER.encode(said), digest_size=16).hexdigest()


def _as_read(
    read: msgspec.Struct, sent: dict[str, Any], unknown: frozenset[str] = frozenset(), path: str = ""
) -> dict[str, Any]:
    """What was sent, with each field as the model read it, except those of which the path is in `unknown`."""
    said = dict(sent)
    for name in read.__struct_fields__:
        value = getattr(read, name)
        if path + name in unknown:
            continue
        if value is not None:
            said[name] = _plain(value, sent[name], unknown, f"{path}{name}.")
        elif path:
            said[name] = None
    return said


def _plain(value: Any, sent: Any, unknown: frozenset[str], path: str) -> Any:
    if isinstance(value, msgspec.Struct):
        return _as_read(value, sent, unknown, path)
    if isinstance(value, tuple):
        return [_plain(one, raw, unknown, path) for one, raw in zip(value, sent, strict=True)]
    return value
