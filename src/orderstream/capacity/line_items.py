"""The lines of a bill, and their sums."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

Service = Literal["Kinesis", "Lambda", "DynamoDB", "S3", "CloudWatch", "EventBridge", "Secrets Manager"]

_CENT = Decimal("0.01")


@dataclass(frozen=True)
class LineItem:
    """One line of a bill, in US dollars a month."""

    service: Service
    what: str
    dollars: Decimal


@dataclass(frozen=True)
class Bill:
    """A month's bill at list prices, without free tiers and discounts. US dollars, to the cent."""

    entries: tuple[LineItem, ...]
    services: dict[Service, Decimal]
    total: Decimal


def bill_of(entries: list[LineItem]) -> Bill:
    """The entries with their sums. Each is rounded to the cent, so that the displayed lines add up."""
    rounded = tuple(
        replace(entry, dollars=entry.dollars.quantize(_CENT, ROUND_HALF_UP))
        for entry in entries
        if entry.dollars
    )
    services: dict[Service, Decimal] = {}
    for entry in rounded:
        services[entry.service] = services.get(entry.service, Decimal(0)) + entry.dollars
    return Bill(rounded, services, sum(services.values(), Decimal(0)))
