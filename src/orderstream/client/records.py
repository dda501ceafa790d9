"""The records that the producer sends, one order or an aggregate of several, and their outcomes."""

import msgspec

from orderstream.client.delivery import DeliveryError, DeliveryFuture, RecordMetadata
from orderstream.client.queue import QueuedRecord


class OrderRecord(QueuedRecord, eq=False, gc=False):
    """A record with the Future of its order. An aggregate has `inner` records, whose outcome is its own."""

    data: bytes = b""
    order_id: str | None = None
    future: DeliveryFuture = msgspec.field(default_factory=DeliveryFuture)
    inner: tuple["OrderRecord", ...] = ()

    @property
    def orders(self) -> int:
        """How many orders it has."""
        return len(self.inner) or 1

    @property
    def has_outcome(self) -> bool:
        """Whether the Futures are resolved."""
        return all(one.future.done() for one in self.inner or (self,))

    def acknowledge(self, shard_id: str, sequence_number: str) -> None:
        """Resolve the Future of every order in it."""
        if not self.inner:
            self.future.resolve(RecordMetadata(self.order_id, shard_id, sequence_number, self.attempts))
        for number, one in enumerate(self.inner):
            place = shard_id, sequence_number, self.attempts, number
            one.future.resolve(RecordMetadata(one.order_id, *place))

    def fail(self, reason: str, hint: str = "", cause: BaseException | None = None) -> None:
        """The same with a DeliveryError."""
        for one in self.inner or (self,):
            error = DeliveryError(reason, attempts=self.attempts, order_id=one.order_id, hint=hint)
            error.__cause__ = cause
            one.future.resolve(error)
