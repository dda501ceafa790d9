"""What a record says of its customer, amount and currency, whether it is a valid order or not."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from orderstream.domain.decode import decode, parse
from orderstream.domain.fields import InvalidValue, exact_number

# An invalid record can say anything, of any length.
_MOST_CHARACTERS = 256


@dataclass(frozen=True)
class RecordSummary:
    """Text as sent, "" where the record does not say it; `number` is the amount if it is one."""

    customer: str = ""
    amount: str = ""
    currency: str = ""
    number: Decimal | None = None


def summary_of(data: bytes) -> RecordSummary:
    """What the bytes of a record say, as far as they are a JSON object."""
    found = decode(data)
    if found.order is not None:
        order = found.order
        return RecordSummary(order.customer_id, f"{order.amount:f}", order.currency or "", order.amount)
    document = parse(found.json) if found.json is not None else None
    if not isinstance(document, dict):
        return RecordSummary()
    number = None
    with suppress(InvalidValue):
        number = exact_number(document.get("amount"))
    customer, amount, currency = (_text(document.get(name)) for name in ("customer_id", "amount", "currency"))
    return RecordSummary(customer, amount if number is None else f"{number:f}", currency, number)


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:_MOST_CHARACTERS]
