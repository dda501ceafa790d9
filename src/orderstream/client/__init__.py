"""What shops import to send orders."""

from orderstream.client.delivery import NotSentError, Receipt
from orderstream.client.producer import OrderProducer

__all__ = ["NotSentError", "OrderProducer", "Receipt"]
