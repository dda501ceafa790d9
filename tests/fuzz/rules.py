"""What holds for any bytes at all that come out of the stream."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from orderstream.domain.decode import Decoded, decode
from orderstream.domain.equality import same_content
from orderstream.domain.ids import order_id_of
from orderstream.domain.item import attributes
from orderstream.domain.order import Order
from orderstream.domain.validation import Violation
from orderstream.pipeline.archive_codec import encode, original_bytes, read_line
from orderstream.pipeline.attributes import attribute_value, plain_value
from orderstream.pipeline.deaggregate import deaggregate
from orderstream.pipeline.records import Record

# For the largest record on a slow machine; a plain order takes a ten-thousandth of it.
MAX_SECONDS = 0.5

_ARRIVAL = datetime(2026, 11, 22, 18, tzinfo=UTC)
_CODE = re.compile(r"[a-z][a-z0-9_]*")
_HASH = re.compile(r"[0-9a-f]{32}")
# As DynamoDB takes them, and never longer than this.
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(E[+-][0-9]{1,3})?")
_MOST_DIGITS = 80


@dataclass(frozen=True)
class Verdict:
    """How many orders and other records were in one or several, and the most seconds of CPU that one took."""

    orders: int = 0
    refused: int = 0
    seconds: float = 0.0
    records: int = 1

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(
            self.orders + other.orders,
            self.refused + other.refused,
            max(self.seconds, other.seconds),
            self.records + other.records,
        )


def check(data: bytes) -> Verdict:
    """Take a record through all that the function does with its bytes. Raises AssertionError."""
    verdict = _check(data)
    if verdict.seconds > MAX_SECONDS:
        # Once more: a noisy neighbour can take the cache away, but not twice in a row as a rule.
        verdict = min(verdict, _check(data), key=lambda one: one.seconds)
    assert verdict.seconds <= MAX_SECONDS, f"it takes {verdict.seconds:.2f} s"
    return verdict


def _check(data: bytes) -> Verdict:
    start = time.thread_time()
    inner = deaggregate(Record("shard-1:42", "shard-1", "42", "key", _ARRIVAL, data))
    decoded = [decode(record.data) for record in inner]
    lines = [_line(record, what) for record, what in zip(inner, decoded, strict=True)]
    items = [_item(record, what.order) for record, what in zip(inner, decoded, strict=True) if what.order]
    values = [attribute_value(item) for item in items]
    seconds = time.thread_time() - start

    assert inner, "there is nothing left of it"
    assert len({record.event_id for record in inner}) == len(inner)
    for record, what, line in zip(inner, decoded, lines, strict=True):
        assert line.count(b"\n") == 1 and line.endswith(b"\n")
        assert original_bytes(read_line(line)) == record.data, "the bytes do not come back"
        _check_decoded(what)
    for item, value in zip(items, values, strict=True):
        assert plain_value(value) == item
        _check_value(value)
    return Verdict(len(items), len(inner) - len(items), seconds)


def _line(record: Record, what: Decoded) -> bytes:
    reasons = [msgspec.structs.asdict(reason) for reason in what.reasons]
    return encode(record, json=what.json, order_id=what.raw_order_id, reasons=reasons)


def _item(record: Record, order: Order) -> dict[str, Any]:
    order_id = order_id_of(order, record.event_id)
    return attributes(
        order, order_id=order_id, order_date=order.order_date or _ARRIVAL, currency="EUR", computed={}
    )


def _check_decoded(what: Decoded) -> None:
    assert (what.order is None) == bool(what.reasons)
    for reason in what.reasons:
        _check_reason(reason)
    if what.order is None:
        assert not what.fingerprint or _HASH.fullmatch(what.fingerprint)
        return
    assert _HASH.fullmatch(what.fingerprint)
    assert same_content(what, what)
    _check_number(what.order.amount)
    assert what.order.amount > 0
    if what.order.items is not None:
        shares = (Fraction(item.quantity) * Fraction(item.unit_price) for item in what.order.items)
        assert sum(shares, Fraction()) == Fraction(what.order.amount)


def _check_reason(reason: Violation) -> None:
    assert reason.path.startswith("$")
    assert _CODE.fullmatch(reason.code)
    assert reason.message.strip()


def _check_number(number: Decimal) -> None:
    """It is one that DynamoDB can hold."""
    assert number.is_finite()
    assert len(number.as_tuple().digits) <= 38
    assert not number or -130 <= number.adjusted() <= 125


def _check_value(value: dict[str, Any]) -> None:
    ((kind, content),) = value.items()
    if kind == "N":
        assert _NUMBER.fullmatch(content) and len(content) <= _MOST_DIGITS
        _check_number(Decimal(content).normalize())
    elif kind == "S":
        assert content and content.encode()
    else:
        for inner in content if kind == "L" else content.values():
            _check_value(inner)
