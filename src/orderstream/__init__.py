"""Real-time order processing on AWS: Kinesis, Lambda, DynamoDB and S3, and the same on your machine."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orderstream.domain.declaration import Model as Model
    from orderstream.domain.declaration import computed as computed
    from orderstream.domain.declaration import example as example
    from orderstream.domain.declaration import indexed as indexed
    from orderstream.domain.declaration import personal as personal
    from orderstream.domain.declaration import required_from as required_from
    from orderstream.domain.declaration import stored_as as stored_as
    from orderstream.domain.fields import InvalidValue as InvalidValue
    from orderstream.domain.fields import rule as rule
    from orderstream.domain.fields import text as text
    from orderstream.domain.order import Amount as Amount
    from orderstream.domain.order import Currency as Currency
    from orderstream.domain.order import Instant as Instant
    from orderstream.domain.order import Item as Item
    from orderstream.domain.order import Name as Name
    from orderstream.domain.order import Order as Order
    from orderstream.domain.order import Price as Price
    from orderstream.domain.order import Quantity as Quantity
    from orderstream.domain.validation import ValidationErrors as ValidationErrors

__version__ = "0.2.0"

# What a model of orders is declared with, imported when it is used: `orders --version` needs none of it.
_EXPORTS = {
    "declaration": ("Model", "computed", "example", "indexed", "personal", "required_from", "stored_as"),
    "fields": ("InvalidValue", "rule", "text"),
    "order": ("Amount", "Currency", "Instant", "Item", "Name", "Order", "Price", "Quantity"),
    "validation": ("ValidationErrors",),
}
_MODULES = {name: f"orderstream.domain.{module}" for module, names in _EXPORTS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'orderstream' has no attribute {name!r}")
