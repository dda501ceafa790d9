"""The outcome of a record: RecordMetadata or DeliveryError, in a Future that is initialized lazily."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

import msgspec

from orderstream.errors import CloudError

_log = logging.getLogger("concurrent.futures")


class RecordMetadata(msgspec.Struct, frozen=True, gc=False):
    """An acknowledged record. `order_id` is None if sent with `send_bytes`; `attempts` starts at 1.

    `subsequence_number` is its place in an aggregate, from 0; None if it was sent by itself.
    """

    order_id: str | None
    shard_id: str
    sequence_number: str
    attempts: int
    subsequence_number: int | None = None


class DeliveryError(CloudError):
    """Kinesis did not acknowledge a record after `attempts` attempts (0: none was made).

    After a timeout the record may have arrived nevertheless. It is always safe to send the order again with
    this `order_id`.
    """

    def __init__(self, reason: str, *, attempts: int, order_id: str | None = None, hint: str = "") -> None:
        tried = f" after {attempts} attempt{'s' * (attempts > 1)}" if attempts else ""
        super().__init__(f"not sent{tried}: {reason}", hint)
        self.reason = reason
        self.attempts = attempts
        self.order_id = order_id


Callback = Callable[[Future[RecordMetadata]], object]

# Synchronizes the first access to a Future in one thread with its resolution in another. Shared, because a
# lock for each Future is part of the cost that is avoided.
_looking = threading.Lock()


class DeliveryFuture(Future[RecordMetadata]):
    """The Future of a record, which cannot be cancelled.

    Creating a Future with its lock and lists takes longer than everything else that the producer does for a
    record, and few are waited for. So this one starts without the attributes of its base class: the first
    access to one, by any method, creates them all. Callbacks and available results do not need them.
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
                # All at once: another thread sees either none of the attributes or all of them.
                self.__dict__.update(vars(future), _is_made=True)
        return object.__getattribute__(self, name)

    def resolve(self, outcome: RecordMetadata | DeliveryError) -> None:
        """Resolve the Future, once; its callbacks run in the calling thread."""
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
                # As in any Future: an error in a callback does not affect the sender.
                _log.exception("exception calling callback for %r", self)

    def cancel(self) -> bool:
        """Return False: an accepted record is always sent."""
        return False

    def done(self) -> bool:
        """Whether the record has an outcome."""
        return self._outcome is not None or super().done()

    def result(self, timeout: float | None = None) -> RecordMetadata:
        """The RecordMetadata; raises the DeliveryError, or TimeoutError after `timeout` seconds."""
        return self._outcome if isinstance(self._outcome, RecordMetadata) else super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """The DeliveryError, or None if acknowledged; raises TimeoutError after `timeout` seconds."""
        return None if isinstance(self._outcome, RecordMetadata) else super().exception(timeout)

    def add_done_callback(self, fn: Callback) -> None:
        """Call `fn` with this Future: on the outcome, in the sender's thread, or now if there is one."""
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
