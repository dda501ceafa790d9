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


def _list(values: list[Any]) -> dict[str, Any]:
    return {"L": [ENCODERS[type(value)](value) for value in values]}


def _map(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "M": {
            name: {"S": value} if type(value) is str else ENCODERS[type(value)](value)
            for name, value in fields.items()
        }
    }


# A lookup by type, because it runs for each value of each order. Most values are text, for which the callers
# that render many do without the call.
ENCODERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    str: lambda text: {"S": text},
    Decimal: lambda number: {"N": _number(number)},
    int: lambda number: {"N": str(number)},
    bool: lambda value: {"BOOL": value},
    list: _list,
    dict: _map,
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
