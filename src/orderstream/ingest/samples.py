"""Generated orders and events, reproducible by seed: valid, repeated, conflicting and invalid ones."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from heapq import heappop, heappush
from itertools import count
from typing import Any, Literal

import msgspec

from orderstream.domain.examples import example_order
from orderstream.domain.order import Order
from orderstream.domain.user_model import order_model
from orderstream.errors import InputError
from orderstream.ingest.lives import events_of

Kind = Literal["order", "event", "duplicate", "conflict", "bad"]

_CUSTOMERS = 500
_PRODUCTS = 200
_REMEMBERED = 200
# How many records lie between the events of an order, at most; some are later, and some come too early.
_APART = 40
_SHARE_LATE = 0.05
_SHARE_EARLY = 0.1
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True)
class Sample:
    """A record to send, and what it is intended to be."""

    kind: Kind
    data: bytes
    partition_key: str


def samples(
    seed: int,
    *,
    bad_share: float = 0.0,
    duplicate_share: float = 0.0,
    conflict_share: float = 0.0,
    lives: bool = False,
    model: type[Order] | None = None,
) -> Iterator[Sample]:
    """An endless stream of samples; shares are fractions of all records (0.02 is one in fifty).

    A duplicate is an earlier order sent again, a conflict is an earlier order_id with other content. With
    `lives`, the events of each order follow it, among other records; some are late or out of order, and some
    arrive before their order.
    """
    dice = random.Random(seed)
    earlier: deque[dict[str, object]] = deque(maxlen=_REMEMBERED)
    # The ticket tells samples apart that are due as the same record.
    due: list[tuple[int, int, Sample]] = []
    tickets = count()
    for number in count():
        if due and due[0][0] <= number:
            yield heappop(due)[2]
            continue
        draw = dice.random()
        if draw < bad_share:
            bad = dice.choice(BAD)
            yield Sample("bad", bad, f"C{dice.randrange(_CUSTOMERS):05d}")
            continue
        if earlier and draw < bad_share + duplicate_share:
            yield _sample("duplicate", dice.choice(earlier))
            continue
        if earlier and draw < bad_share + duplicate_share + conflict_share:
            order = dice.choice(earlier)
            yield _sample("conflict", {**order, "sample": f"changed {dice.getrandbits(64):x}"})
            continue
        order = _order(dice, model)
        earlier.append(order)
        sample = _sample("order", order)
        if lives:
            for at, one in _life(dice, number, sample, order, model):
                heappush(due, (at, next(tickets), one))
        else:
            yield sample


def _life(
    dice: random.Random, number: int, sample: Sample, order: dict[str, object], model: type[Order] | None
) -> Iterator[tuple[int, Sample]]:
    """An order and its events, each with the number of the record as which it is due."""
    events = [*events_of(order, (model or order_model()).TRANSITIONS, dice)]
    at = number
    yield number + (_APART if dice.random() < _SHARE_EARLY else 0), sample
    for event in events:
        at += dice.randint(1, _APART)
        late = 10 * _APART if dice.random() < _SHARE_LATE else 0
        yield at + late, Sample("event", _ENCODER.encode(event), str(event["order_id"]))


def _order(dice: random.Random, model: type[Order] | None) -> dict[str, object]:
    # As in reality, a few customers buy a lot and most buy little, so partition keys are uneven too.
    customer = int(_CUSTOMERS * dice.random() ** 2)
    items = []
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 5))):
        product = dice.randrange(_PRODUCTS)
        price = Decimal(199 + product * 137 % 9800) / 100
        items.append({"sku": f"SKU-{product:04d}", "quantity": dice.randint(1, 4), "unit_price": price})
    amount = sum((item["quantity"] * item["unit_price"] for item in items), Decimal(0))  # type: ignore[operator]
    usual: dict[str, Any] = {
        "order_id": f"{dice.getrandbits(128):032x}",
        "customer_id": f"C{customer:05d}",
        "amount": amount,
        "currency": dice.choice(("EUR", "EUR", "EUR", "USD", "GBP")),
        "items": items,
    }
    # With the fields that the model has beside these. Its rules may allow no items and amount but its own.
    try:
        return example_order(usual, dice.choice, model)
    except InputError:
        own = {name: value for name, value in usual.items() if name not in ("amount", "items")}
        return example_order(own, dice.choice, model)


def _sample(kind: Kind, order: dict[str, object]) -> Sample:
    return Sample(kind, _ENCODER.encode(order), str(order["customer_id"]))


# One for each way in which a record is not a valid order.
BAD: tuple[bytes, ...] = (
    b"not JSON at all",
    b'{"customer_id": "\xff\xfe", "amount": 1}',
    b'[{"customer_id": "12345", "amount": 250.00}]',
    b'{"amount": 250.00}',
    b'{"customer_id": "", "amount": 250.00}',
    b'{"customer_id": "12345"}',
    b'{"customer_id": "12345", "amount": -1}',
    b'{"customer_id": "12345", "amount": 0}',
    b'{"customer_id": "12345", "amount": NaN}',
    b'{"customer_id": "12345", "amount": Infinity}',
    b'{"customer_id": "12345", "amount": 1e400}',
    b'{"customer_id": "12345", "amount": 0.' + b"1" * 39 + b"}",
    b'{"customer_id": "12345", "amount": "12,50"}',
    b'{"customer_id": "12345", "amount": "1e3"}',
    b'{"customer_id": "12345", "amount": " 1 "}',
    b'{"customer_id": "12345", "amount": 1, "order_date": "2026-11-22T18:00:00"}',
    b'{"customer_id": "12345", "amount": 1, "order_date": "20266-11-22T18:00:00Z"}',
    b'{"customer_id": "12345", "amount": 3, "items": [{"sku": "A", "quantity": 1, "unit_price": 2}]}',
    b'{"customer_id": "12345", "amount": 1, "order_id": "a\\u0007b"}',
    b'{"customer_id": "12345", "amount": 1, "order_id": "' + b"x" * 300 + b'"}',
    b'{"customer_id": "12345", "amount": 1, "padding": "' + b"x" * (2**20 - 1024) + b'"}',
    b"[" * 100_000,
    b"",
)
