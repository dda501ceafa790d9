"""What AWS charges, from the one file with its date, region and sources."""

import tomllib
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any


@cache
def prices() -> dict[str, Any]:
    """The prices of `prices.toml`: by service and name, US dollars as Decimal."""
    text = (resources.files("orderstream.ops") / "prices.toml").read_text()
    return {
        service: {name: Decimal(price) for name, price in values.items()}
        for service, values in tomllib.loads(text).items()
        if isinstance(values, dict)
    }
