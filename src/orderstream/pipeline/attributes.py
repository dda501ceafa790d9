"""Convert values to and from DynamoDB JSON: `{"S": "text"}`."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from orderstream.domain.fields import MAX_DIGITS


def attribute_value(value: Any) -> dict[str, Any]:
    """Convert text, Decimal, int, bool, list or dict to DynamoDB JSON."""
    return ENCODERS[type(value)](value)


def _number(number: Decimal) -> str:
    """The number as text: plain, or with an exponent if that avoids a long row of zeros."""
    return f"{number:f}" if -MAX_DIGITS <= number.adjusted() < MAX_DIGITS else str(number)


# A lookup by type, because it runs for each value of each order.
ENCODERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    str: lambda text: {"S": text},
    Decimal: lambda number: {"N": _number(number)},
    int: lambda number: {"N": str(number)},
    bool: lambda value: {"BOOL": value},
    list: lambda values: {"L": [ENCODERS[type(value)](value) for value in values]},
    dict: lambda fields: {"M": {name: ENCODERS[type(value)](value) for name, value in fields.items()}},
}


def plain_value(value: dict[str, Any]) -> Any:
    """The inverse of `attribute_value`, with numbers as Decimal."""
    ((kind, content),) = value.items()
    if kind == "N":
        return Decimal(content)
    if kind == "L":
        return [plain_value(element) for element in content]
    if kind == "M":
        return {name: plain_value(element) for name, element in content.items()}
    return content
