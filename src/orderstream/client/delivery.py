"""What becomes of a record: a Receipt or a DeliveryError, in a Future that costs nothing until looked at."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

import msgspec

from orderstream.errors import CloudError

_log = logging.getLogger("concurrent.futures")


class RecordMetadata(msgspec.Struct, frozen=True, gc=False):
    """Kinesis holds the record. `order_id` is None for bytes sent as they were; `attempts` counts from 1."""

    order_id: str | None
    shard_id: str
    sequence_number: str
    attempts: int


class DeliveryError(CloudError):
    """Kinesis did not acknowledge a record in `attempts` attempts (0: it was never tried).

    After a timeout it may have arrived all the same. Sending the order again with this `order_id` is
    always safe.
    """

    def __init__(self, reason: str, *, attempts: int, order_id: str | None = None, hint: str = "") -> None:
        tried = f" after {attempts} attempt{'s' * (attempts > 1)}" if attempts else ""
        super().__init__(f"not sent{tried}: {reason}", hint)
        self.reason = reason
        self.attempts = attempts
        self.order_id = order_id


Callback = Callable[[Future[RecordMetadata]], object]

# Between a first look at a Future in one thread and its outcome coming from another. Shared, because a
# lock for each Future is one of the things that are saved.
_looking = threading.Lock()


class DeliveryFuture(Future[RecordMetadata]):
    """The Future of a record, which cannot be cancelled.

    Making a Future, with its lock and its lists, takes longer than all else that the producer does for a
    record, and few of them are waited for. So this one begins with no attribute of its base: the first
    use of one, by whatever method, makes them. Callbacks, and results that are there already, need none.
    """

    _outcome: RecordMetadata | DeliveryError | None = None
    _callbacks: tuple[Callback, ...] = ()
    _is_made = False

    def __init__(self) -> None:
        pass

    def __getattr__(self, name: str) -> object:
        with _looking:
            if not self._is_made:
                future: Future[RecordMetadata] = Future()
                for callback in self._callbacks:
                    future.add_done_callback(callback)
                if self._outcome is not None:
                    _resolve(future, self._outcome)
                # All at once: another thread sees no attribute or every one.
                self.__dict__.update(vars(future), _is_made=True)
        return object.__getattribute__(self, name)

    def resolve(self, outcome: RecordMetadata | DeliveryError) -> None:
        """Resolve the Future, once; its callbacks run in this thread."""
        with _looking:
            is_made = self._is_made
            if not is_made:
                self._outcome = outcome
                callbacks, self._callbacks = self._callbacks, ()
        if is_made:
            _resolve(self, outcome)
            return
        for callback in callbacks:
            try:
                callback(self)
            except Exception:
                # As every Future does it: an error in a callback is not the sender's.
                _log.exception("exception calling callback for %r", self)

    def cancel(self) -> bool:
        """False: an accepted record is sent."""
        return False

    def done(self) -> bool:
        """Whether the record has its fate."""
        return self._outcome is not None or super().done()

    def result(self, timeout: float | None = None) -> RecordMetadata:
        """The receipt; raises the DeliveryError, or TimeoutError after `timeout` seconds."""
        return self._outcome if isinstance(self._outcome, RecordMetadata) else super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """The DeliveryError, None for a receipt; raises TimeoutError after `timeout` seconds."""
        return None if isinstance(self._outcome, RecordMetadata) else super().exception(timeout)

    def add_done_callback(self, fn: Callback) -> None:
        """Call `fn` with this Future when the record has its fate, in the sender's thread, or now."""
        with _looking:
            if not self._is_made and self._outcome is None:
                self._callbacks = (*self._callbacks, fn)
                return
        super().add_done_callback(fn)


def _resolve(future: Future[RecordMetadata], outcome: RecordMetadata | DeliveryError) -> None:
    if isinstance(outcome, RecordMetadata):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
