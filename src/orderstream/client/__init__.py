"""The client library that producers import to send orders."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orderstream.client.delivery import DeliveryError as DeliveryError
    from orderstream.client.delivery import RecordMetadata as RecordMetadata
    from orderstream.client.producer import OrderProducer as OrderProducer
    from orderstream.client.serialization import set_order_id as set_order_id

# Imported when they are used: most commands need nothing but `put_records`, which all AWS clients do. What
# ships to Lambda imports the modules themselves, because its imports are read from the sources.
_MODULES = {
    "DeliveryError": "delivery",
    "OrderProducer": "producer",
    "RecordMetadata": "delivery",
    "set_order_id": "serialization",
}
__all__ = ["DeliveryError", "OrderProducer", "RecordMetadata", "set_order_id"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
