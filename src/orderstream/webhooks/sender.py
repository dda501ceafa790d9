"""Send what is due for a webhook: the versions of an order in their order, different orders in parallel.

Only who has the lease of a webhook sends to it. Every pending delivery has a time at which it is due,
whatever happens to its sender. So a sender that dies anywhere loses nothing, and its last requests may be
repeated.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Protocol

import msgspec

from orderstream.errors import InputError
from orderstream.webhooks.deliveries import Deliveries
from orderstream.webhooks.delivery import Delivery
from orderstream.webhooks.health import Health
from orderstream.webhooks.http_client import CONNECT_SECONDS, REQUEST_SECONDS, Answer
from orderstream.webhooks.registry import Registry, Webhook
from orderstream.webhooks.schedule import MOST_RETRY_AFTER, delay
from orderstream.webhooks.signature import signed_headers

# What a request can take beyond its own time, and what is left afterwards to store what came of it.
RESERVE_SECONDS = REQUEST_SECONDS + CONNECT_SECONDS + 5.0
# A lease ends a little after the invocation of its sender.
_LEASE_MARGIN = 10.0
# The index shows a new delivery a moment after it was queued. What it does not show then, the schedule finds.
SETTLE_SECONDS = 0.25
# The first retry and the first pause are shorter than this. Then the schedule starts the next sender.
PATIENCE_SECONDS = 10.0
_ORDERS_PER_THREAD = 10
_HEADERS = {
    "content-type": "application/cloudevents+json; charset=utf-8",
    "user-agent": "orderstream-webhooks",
}

SecondsLeft = Callable[[], float]


class Client(Protocol):
    """Posts to one endpoint, from several threads, until it is closed."""

    def post(self, body: bytes, headers: dict[str, str]) -> Answer: ...

    def close(self) -> None: ...


class Sent(msgspec.Struct):
    """What came of the requests of a run: how many succeeded, failed, and made dead letters."""

    succeeded: int = 0
    failed: int = 0
    dead: int = 0
    switched_off: str = ""


class Sender:
    """Serves webhooks, one at a time.

    `connect` makes the client for a URL, and raises InputError if nothing may be sent there. `secrets_of` are
    the secrets that sign for a webhook. At most `concurrency` requests run at a time. `clock` (seconds since
    the epoch), `sleep` and `jitter` can be replaced.
    """

    def __init__(
        self,
        registry: Registry,
        deliveries: Deliveries,
        secrets_of: Callable[[Webhook], Sequence[str]],
        connect: Callable[[str], Client],
        *,
        concurrency: int,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._registry = registry
        self._deliveries = deliveries
        self._secrets_of = secrets_of
        self._connect = connect
        self._concurrency = concurrency
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    def run(self, webhook_id: str, owner: str, seconds_left: SecondsLeft) -> Sent:
        """Send what is due for a webhook, until nothing is, or the time ends.

        `owner` identifies this invocation. Sends nothing if another one has the lease. AWS errors propagate.
        """
        sent = Sent()
        while seconds_left() > RESERVE_SECONDS:
            until = self._clock() + seconds_left() + _LEASE_MARGIN
            webhook = self._registry.acquire(webhook_id, owner, self._clock(), until)
            if webhook is None:
                return sent
            health = Health(webhook.state, self._clock, self._jitter)
            try:
                self._serve(webhook, owner, health, sent, seconds_left)
            finally:
                self._registry.release(webhook_id, owner, health.state)
            sent.switched_off = health.state.off
            if sent.switched_off or not self._waits_for_more(webhook_id, health.state.paused_until):
                return sent
        return sent

    def post(self, client: Client, webhook: Webhook, event_id: str, body: bytes) -> Answer:
        """Sign and send one event, whatever the state of the webhook."""
        return self._post(client, self._secrets_of(webhook), event_id, body)

    def _waits_for_more(self, webhook_id: str, paused_until: float) -> bool:
        """Wait until something is due. Return False at once if that takes longer than a moment."""
        # Whoever queued something until now may have found the lease taken.
        self._sleep(SETTLE_SECONDS)
        due = self._deliveries.next_due(webhook_id)
        if due is None or (wait := max(due, paused_until) - self._clock()) > PATIENCE_SECONDS:
            return False
        self._sleep(max(0.0, wait))
        return True

    def _serve(
        self, webhook: Webhook, owner: str, health: Health, sent: Sent, seconds_left: SecondsLeft
    ) -> None:
        if not self._deliveries.due(webhook.id, self._clock(), 1):
            return
        try:
            client = self._connect(webhook.url)
        except InputError as refused:
            health.cannot_send(refused.message)
            return
        secrets = self._secrets_of(webhook)
        lock = threading.Lock()

        def may_send() -> bool:
            return not health.is_halted and seconds_left() > RESERVE_SECONDS

        def serve_order(order_id: str) -> int:
            """Send what is pending of an order; return how many of its deliveries changed."""
            changed = 0
            for one, followers in _with_followers(self._deliveries.pending(webhook.id, order_id)):
                if not may_send():
                    return changed
                # The first one decides for the order: those behind it were postponed because of it.
                if not changed and one.due > self._clock():
                    return self._postpone(followers, one.due)
                answer = self._post(client, secrets, one.event_id, one.body)
                health.note(answer)
                changed += 1
                with lock:
                    _count(sent, answer)
                if not answer.error:
                    self._deliveries.done(one, self._clock())
                elif health.state.off:
                    return changed
                elif not self._failed(one, followers, answer):
                    return changed
                else:
                    with lock:
                        sent.dead += 1
            return changed

        with (
            closing(client),
            ThreadPoolExecutor(self._concurrency, thread_name_prefix="webhook") as threads,
        ):
            while may_send() and self._registry.is_held(webhook.id, owner):
                limit = 1 if health.is_failing else self._concurrency * _ORDERS_PER_THREAD
                orders = self._deliveries.due(webhook.id, self._clock(), limit)
                if not sum(threads.map(serve_order, orders)):
                    # There is none, or the index still shows what is done.
                    return

    def _failed(self, one: Delivery, followers: Sequence[Delivery], answer: Answer) -> bool:
        """Note that a delivery failed. Return whether it is a dead letter now, and its order goes on."""
        wait = delay(one.attempts + 1, self._jitter())
        if wait is None:
            self._deliveries.bury(one, self._clock(), answer.error)
            return True
        due = self._clock() + max(wait, min(answer.retry_after or 0.0, MOST_RETRY_AFTER))
        self._deliveries.failed(one, due, answer.error)
        self._postpone(followers, due)
        return False

    def _postpone(self, followers: Sequence[Delivery], due: float) -> int:
        """Make what follows due with the delivery that it waits for, so that it is not looked at before."""
        early = [one for one in followers if one.due < due]
        for one in early:
            self._deliveries.postpone(one, due)
        return len(early)

    def _post(self, client: Client, secrets: Sequence[str], event_id: str, body: bytes) -> Answer:
        headers = signed_headers(event_id, int(self._clock()), body, secrets)
        return client.post(body, _HEADERS | headers)


def _with_followers(deliveries: Sequence[Delivery]) -> list[tuple[Delivery, Sequence[Delivery]]]:
    return [(one, deliveries[number:]) for number, one in enumerate(deliveries, start=1)]


def _count(sent: Sent, answer: Answer) -> None:
    if answer.error:
        sent.failed += 1
    else:
        sent.succeeded += 1
