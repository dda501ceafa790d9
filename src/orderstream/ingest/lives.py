"""Sample events: the life of an order, by the transitions of its model, with exact amounts."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from orderstream.domain.fields import exact_sum_of_products
from orderstream.domain.lifecycle import AMENDED, CAPTURED, PAID, REFUNDED, Transitions, first_status

# Most orders take the way that the transitions name first, and few go on after these many events.
_SHARE_FIRST = 0.85
_SHARE_GOING_ON = 0.95
_USUAL_EVENTS = 4
_SHARE_AFTER = 0.2


def events_of(
    order: Mapping[str, Any], transitions: Transitions, dice: random.Random
) -> Iterator[dict[str, Any]]:
    """The events of an order in the order of their `seq`, each allowed after those before it."""
    life = _Life(order, first_status(transitions))
    seq = 0
    while dice.random() < (_SHARE_GOING_ON if seq < _USUAL_EVENTS else _SHARE_AFTER):
        possible = [name for name in transitions[life.status] if life.allows(name)]
        if not possible:
            return
        name = possible[0] if dice.random() < _SHARE_FIRST else dice.choice(possible)
        seq += 1
        own = life.apply(name, dice)
        if name in transitions and (name != REFUNDED or life.refunded == life.captured):
            life.status = name
        order_id = str(order["order_id"])
        yield {"order_id": order_id, "event": name, "event_id": f"{order_id[:100]}-{seq}", "seq": seq} | own


class _Life:
    """The status and the money of an order."""

    def __init__(self, order: Mapping[str, Any], status: str) -> None:
        self.status = status
        self.captured = self.refunded = Decimal(0)
        self._total = Decimal(str(order["amount"]))
        self._items: list[Any] = list(order.get("items") or ())

    def allows(self, name: str) -> bool:
        """Whether the money of the order allows the event."""
        if name == AMENDED:
            # Without its last item, which all models allow.
            return not self.captured and len(self._items) > 1
        if name == CAPTURED:
            return not self.captured
        return name != REFUNDED or self.refunded < self.captured

    def apply(self, name: str, dice: random.Random) -> dict[str, Any]:
        """The fields that the event has of its own."""
        if name == AMENDED:
            self._items.pop()
            self._total = exact_sum_of_products(
                (Decimal(str(one["quantity"])), Decimal(str(one["unit_price"]))) for one in self._items
            )
            return {"items": [*self._items]}
        if name in (PAID, CAPTURED) and not self.captured:
            self.captured = self._total
            return {"amount": self._total}
        if name == REFUNDED:
            rest = self.captured - self.refunded
            amount = dice.choice((rest, rest, _half(rest)))
            self.refunded += amount
            return {"amount": amount}
        return {}


def _half(amount: Decimal) -> Decimal:
    """About half of it, with as many decimal places; never zero."""
    return (amount / 2).quantize(amount) or amount
