"""Threads that do one thing together, and end together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from orderstream.errors import CloudError, OrderstreamError


class Threads:
    """Daemon threads that end at `stop`, or at the first unexpected error in one of them.

    `what` is what they do, for the error. `on_end` is called with that error, or None, after `stopping` was
    set.
    """

    def __init__(
        self, what: str, on_end: Callable[[BaseException | None], None] = lambda error: None
    ) -> None:
        self.stopping = threading.Event()
        self._what = what
        self._on_end = on_end
        self._error: BaseException | None = None
        self._threads: list[threading.Thread] = []

    def start(self, work: Callable[[], None], name: str) -> None:
        """Run `work` in a thread of its own."""

        def run() -> None:
            try:
                work()
            except BaseException as error:
                # The first error stops everything: half of it would look alive and fall behind.
                if self._error is None:
                    self._error = error
                    self._end(error)

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self, seconds: float) -> list[str]:
        """Stop the threads and wait at most `seconds`; return the names of those that still run."""
        self._end(None)
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        late = [thread.name for thread in self._threads if thread.is_alive()]
        self._threads.clear()
        return late

    def check(self) -> None:
        """Raise CloudError if an unexpected error has ended them."""
        if isinstance(self._error, OrderstreamError):
            raise self._error
        if self._error is not None:
            raise CloudError(f"{self._what} broke off: {self._error!r}") from self._error

    def _end(self, error: BaseException | None) -> None:
        self.stopping.set()
        self._on_end(error)
