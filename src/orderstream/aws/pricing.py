"""AWS prices and limits, from the one file that has their dates, region and sources."""

import tomllib
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from orderstream.capacity.reference_data import ReferenceData


@cache
def reference_data() -> ReferenceData:
    """Everything in `pricing.toml`: prices in US dollars, limits, measurements."""
    return msgspec.convert(_document(), ReferenceData)


@cache
def prices() -> dict[str, dict[str, Decimal]]:
    """The prices that are a single number, by service and name, in US dollars."""
    return {
        service: {
            name: Decimal(price)
            for name, price in values.items()
            if isinstance(price, str) and name != "source"
        }
        for service, values in _document()["prices"].items()
    }


def _document() -> dict[str, Any]:
    return tomllib.loads((resources.files("orderstream.aws") / "pricing.toml").read_text())
