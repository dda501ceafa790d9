"""An order as a shop of its own could declare it: with all that a field can be."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Annotated

import msgspec
from msgspec import Meta

from orderstream.domain.order import Instant, Name, Order, Price, Quantity


class Channel(Enum):
    """Where an order comes from."""

    WEB = "web"
    APP = "app"


class Address(msgspec.Struct, frozen=True):
    """A model inside the order."""

    street: Annotated[Name, Meta(description="With its number.", examples=["Long Street 7"])]
    floor: Quantity | None = None
    since: Instant | None = None


class Parcel(msgspec.Struct, frozen=True):
    """A model in a list, with another inside."""

    weight: Price
    channels: tuple[Channel, ...]
    address: Address | None = None
    fragile: bool = False


class AnotherOrder(Order, frozen=True, kw_only=True):
    """Adds to the order what a shop may need."""

    address: Address
    channel: Channel = Channel.WEB
    discount: Price | None = None
    rate: Price = Decimal("0.5")
    deliver_at: Instant | None = None
    gift: bool | None = None
    tags: tuple[Name, ...] = ()
    channels: tuple[Channel, ...] | None = None
    parcels: tuple[Parcel, ...] | None = None


FULL = {
    "order_id": "A-1",
    "customer_id": "c",
    "amount": "19.90",
    "address": {"street": "Long Street 7", "floor": 3, "since": "2026-01-01T00:00:00+01:00"},
    "channel": "app",
    "discount": "1.50",
    "rate": 0.25,
    "deliver_at": "2026-11-23T08:00:00Z",
    "gift": True,
    "tags": ["new", "late"],
    "channels": ["web", "app"],
    "parcels": [
        {"weight": "2.5", "channels": ["app"], "address": {"street": "Short Street 1"}, "fragile": True},
        {"weight": 1, "channels": []},
    ],
}
SHORT = {"order_id": "A-2", "customer_id": "c", "amount": 1, "address": {"street": "Long Street 7"}}
NULLS = SHORT | {"order_id": "A-3", "channel": None, "gift": None, "tags": None, "parcels": None}
