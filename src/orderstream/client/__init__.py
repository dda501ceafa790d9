"""The client library that producers import to send orders."""

from orderstream.client.delivery import DeliveryError, RecordMetadata
from orderstream.client.producer import OrderProducer

__all__ = ["DeliveryError", "OrderProducer", "RecordMetadata"]
