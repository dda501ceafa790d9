"""The health of an endpoint while one sender serves it: when it is paused, and when it is switched off.

A dead endpoint then costs one request at a time, however many deliveries wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from orderstream.webhooks.http_client import GONE, Answer
from orderstream.webhooks.registry import State
from orderstream.webhooks.schedule import GIVE_UP_SECONDS, MOST_FAILURES, MOST_RETRY_AFTER, pause


class Health:
    """Follows the answers of an endpoint from a `state` on. Can be used by several threads."""

    def __init__(self, state: State, clock: Callable[[], float], jitter: Callable[[], float]) -> None:
        self._state = msgspec.structs.replace(state, paused_until=0.0)
        self._clock = clock
        self._jitter = jitter
        self._lock = threading.Lock()

    @property
    def state(self) -> State:
        """The state by now."""
        return self._state

    @property
    def is_halted(self) -> bool:
        """Whether nothing may be sent to it now."""
        return bool(self._state.off) or self._state.paused_until > 0

    @property
    def is_failing(self) -> bool:
        """Whether it was paused and nothing has succeeded since: a single request finds out."""
        return self._state.pauses > 0

    def note(self, answer: Answer) -> None:
        """Note what came of a request."""
        with self._lock:
            if not answer.error:
                # It answers, whatever requests that began earlier said.
                self._state = State()
                return
            self._fail(answer.error)
            if answer.status == GONE:
                self._change(off="the endpoint answered 410 Gone")
            elif answer.retry_after is not None:
                wait = min(answer.retry_after, MOST_RETRY_AFTER)
                self._change(paused_until=self._clock() + wait)
            elif self.is_failing or self._state.failures >= MOST_FAILURES:
                self._pause()

    def cannot_send(self, error: str) -> None:
        """Note that nothing can be sent at all, and why."""
        with self._lock:
            self._fail(error)
            self._pause()

    def _fail(self, error: str) -> None:
        self._change(failures=self._state.failures + 1, last_error=error)

    def _pause(self) -> None:
        if self.is_halted:
            return
        now = self._clock()
        since = self._state.failing_since or now
        if now - since >= GIVE_UP_SECONDS:
            self._change(off=f"nothing succeeded for three days: {self._state.last_error}")
            return
        wait = pause(self._state.pauses, self._jitter())
        self._change(pauses=self._state.pauses + 1, failing_since=since, paused_until=now + wait)

    def _change(self, **given: object) -> None:
        self._state = msgspec.structs.replace(self._state, **given)
