"""The client library that producers import to send orders."""

from orderstream.client.delivery import DeliveryError, RecordMetadata
from orderstream.client.producer import OrderProducer
from orderstream.client.serialization import set_order_id

__all__ = ["DeliveryError", "OrderProducer", "RecordMetadata", "set_order_id"]
