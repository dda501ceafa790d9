"""What an order adds to the totals: it counts in one bucket, with its amounts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from orderstream.domain.fields import exact_sum

_NOTHING = Decimal(0)
_MINUTE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")


class Bucket(msgspec.Struct, frozen=True):
    """Orders that are counted together: those of one customer, in one currency and one status, that arrived
    in one minute (UTC text without seconds).
    """

    minute: str
    customer: str
    currency: str
    status: str


class Sums(msgspec.Struct, frozen=True):
    """How many orders, and their exact amounts; what was refunded is negative."""

    orders: int = 0
    total: Decimal = _NOTHING
    captured: Decimal = _NOTHING
    refunded: Decimal = _NOTHING

    @property
    def net(self) -> Decimal:
        """What was captured and not refunded."""
        return exact_sum(self.captured, self.refunded)

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.orders + other.orders,
            exact_sum(self.total, other.total),
            exact_sum(self.captured, other.captured),
            exact_sum(self.refunded, other.refunded),
        )

    def __neg__(self) -> Sums:
        return Sums(
            -self.orders, self.total.copy_negate(), self.captured.copy_negate(), self.refunded.copy_negate()
        )

    def __bool__(self) -> bool:
        return bool(self.orders or self.total or self.captured or self.refunded)


class Contribution(msgspec.Struct, frozen=True):
    """What one order adds to one bucket."""

    bucket: Bucket
    sums: Sums


def contribution(item: Mapping[str, Any] | None) -> Contribution | None:
    """What the item of an order adds, None if there is none.

    It depends on nothing but the item, and neither on the order model nor on the clock, so what was added can
    be taken away again. An item that lacks what every order has was not written by the pipeline, and adds
    nothing.
    """
    if item is None:
        return None
    # An order without events has only its amount.
    total = item.get("Total", item.get("OrderAmount"))
    match (item.get("ReceivedAt"), item.get("CustomerID"), item.get("Currency"), item.get("Status")):
        case (str(received), str(customer), str(currency), str(status)) if minute := _MINUTE.match(received):
            bucket = Bucket(minute[0], customer, currency, status)
        case _:
            return None
    match (total, item.get("Captured", _NOTHING), item.get("Refunded", _NOTHING)):
        case (Decimal() as total, Decimal() as captured, Decimal() as refunded):
            return Contribution(bucket, Sums(1, total, captured, refunded.copy_negate()))
        case _:
            return None


def added(changes: Iterable[tuple[Bucket, Sums]]) -> dict[Bucket, Sums]:
    """The sum of each bucket, without those where nothing is left."""
    found: dict[Bucket, Sums] = {}
    for bucket, sums in changes:
        found[bucket] = found.get(bucket, Sums()) + sums
    return {bucket: sums for bucket, sums in found.items() if sums}
