"""Fifty receivers on real sockets that fail in every way, and real tables: each gets every version, in order.

Only the clock is not real, so that hours of retries take seconds. The receivers verify each signature with
the package `standardwebhooks`.
"""

from __future__ import annotations

import contextlib
import io
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from orderstream.aws.clients import AwsClients
from orderstream.webhooks.address import parse_url
from orderstream.webhooks.deliveries import Deliveries
from orderstream.webhooks.http_client import Answer, HttpClient
from orderstream.webhooks.queue_handler import QueueServices, handle_with
from orderstream.webhooks.registry import Registry, Webhook
from orderstream.webhooks.schedule import MOST_FAILURES
from orderstream.webhooks.sender import Sender
from orderstream.webhooks.signature import new_secret
from tests.integration.expanded import EVERYTHING, resources
from tests.unit.feed.harness import Context
from tests.unit.webhooks.fake_tables import KilledError
from tests.unit.webhooks.harness import change_record
from tests.unit.webhooks.receiver import Handler, receiver

pytestmark = pytest.mark.system

RECEIVERS, ORDERS, VERSIONS = 50, 8, 3
DEAD, GONE, BACK_LATER = 47, 48, 49
TIMEOUT = 0.5
HOUR = 3600.0


class Clock:
    """Begins now and moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = time.time()
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


class Receiver:
    """Answers at random, or as its number says. `seen` are the ids that it processed, with repetitions."""

    def __init__(self, number: int, is_back: threading.Event) -> None:
        self.number = number
        self.secret = new_secret()
        self.seen: list[str] = []
        self.requests = 0
        self._random = random.Random(number)
        self._is_back = is_back
        self._lock = threading.Lock()

    def respond(self, handler: Handler) -> None:
        at = datetime.fromtimestamp(int(handler.headers["webhook-timestamp"]), UTC)
        wanted = Verifier(self.secret).sign(handler.headers["webhook-id"], at, handler.body.decode())
        assert handler.headers["webhook-signature"] == wanted
        with self._lock:
            self.requests += 1
            what = self._choose()
            if what in ("ok", "slow", "lost"):
                self.seen.append(msgspec.json.decode(handler.body)["id"])
        if what == "slow":
            time.sleep(0.02)
        if what in ("ok", "slow"):
            handler.answer(self._random.choice((200, 202, 204)))
        elif what in ("reset", "lost"):
            _reset(handler.connection)
            handler.close_connection = True
        elif what == "late":
            # The sender gives up first.
            time.sleep(TIMEOUT * 1.5)
        elif what == "garbage":
            handler.wfile.write(b"\x00\xff\r\n\r\n")
            handler.close_connection = True
        elif what == "redirect":
            handler.answer(307, location="http://127.0.0.1:1/")
        elif what == "busy":
            handler.answer(429, retry_after="7")
        else:
            handler.answer(410 if what == "gone" else 500)

    def _choose(self) -> str:
        if self.number == DEAD or (self.number == BACK_LATER and not self._is_back.is_set()):
            return "reset"
        if self.number == GONE:
            return "gone" if self.requests > 5 else "ok"
        faults = ("error", "error", "reset", "lost", "garbage", "redirect", "busy")
        draw = self._random.random()
        if draw < 0.002:
            return "late"
        return self._random.choice(faults) if draw < 0.2 else self._random.choice(("ok", "ok", "slow"))


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Mortal(HttpClient):
    """A client whose process may be killed before or after a request."""

    def __init__(self, url: str, draws: random.Random) -> None:
        super().__init__(parse_url(url, private=True), ["127.0.0.1"], seconds=TIMEOUT)
        self._draws = draws

    def post(self, body: bytes, headers: Any) -> Answer:
        draw = self._draws.random()
        if draw < 0.01:
            raise KilledError
        answer = super().post(body, headers)
        if draw > 0.99:
            raise KilledError
        return answer


@contextmanager
def tables(cloud: AwsClients) -> Iterator[tuple[Registry, Deliveries]]:
    """The tables as the template has them."""
    made = resources("AWS::DynamoDB::Table", EVERYTHING)
    needed = ("TableName", "BillingMode", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")
    for name in ("WebhookEndpoints", "WebhookDeliveries"):
        cloud.dynamodb.create_table(**{key: made[name][key] for key in needed if key in made[name]})
    yield Registry(cloud.dynamodb, "WebhookEndpoints"), Deliveries(cloud.dynamodb, "WebhookDeliveries")


def test_fifty_flaky_receivers_see_every_version_in_order_and_a_dead_one_delays_nobody(
    cloud: AwsClients,
) -> None:
    clock, is_back = Clock(), threading.Event()
    receivers = [Receiver(number, is_back) for number in range(RECEIVERS)]
    draws = random.Random(1)
    killed: Counter[int] = Counter()
    with ExitStack() as stack:
        registry, deliveries = stack.enter_context(tables(cloud))
        # One server: each receiver is a path of it.
        url = stack.enter_context(
            receiver(lambda handler: receivers[int(handler.path.rpartition("x=1")[2])].respond(handler))
        )
        for one in receivers:
            registry.add(Webhook(f"{one.number}", f"{url}{one.number}", f"{one.number:02}"))
        threads = stack.enter_context(ThreadPoolExecutor(12))
        started: list[str] = []
        queueing = QueueServices("s", registry, deliveries, started.append, clock=lambda: clock.now)

        def send(webhook_id: str) -> None:
            sender = Sender(
                registry,
                deliveries,
                lambda webhook: [receivers[int(webhook.id)].secret],
                lambda url: Mortal(url, draws),
                concurrency=4,
                clock=lambda: clock.now,
                sleep=clock.sleep,
            )
            ends = time.monotonic() + 60
            try:
                sender.run(webhook_id, f"{random.random()}", lambda: 60 + ends - time.monotonic())
            except KilledError:
                killed[int(webhook_id)] += 1

        def handle(event: dict[str, Any]) -> None:
            with contextlib.redirect_stdout(io.StringIO()):
                answer = handle_with(queueing, event, Context())
            assert not answer.get("batchItemFailures")
            list(threads.map(send, dict.fromkeys(started)))
            started.clear()

        def await_complete(*awaited: Receiver) -> None:
            """Let time pass, to whenever something is due."""
            began = clock.now
            while missing := [one.number for one in awaited if not is_complete(one)]:
                assert clock.now - began < 4 * 24 * HOUR, missing
                handle({})
                dues = [deliveries.next_due(f"{number}") or 0.0 for number in missing]
                clock.now = max(clock.now + 60.0, min(dues))

        batches = list(announced())
        for number, batch in enumerate(batches):
            handle({"Records": [change_record(change, at) for at, change in batch]})
            clock.sleep(5.0)
            if number == len(batches) // 2:
                # Lambda delivers a batch again whose end was not reported.
                handle({"Records": [change_record(change, at) for at, change in batch]})
        healthy = [one for one in receivers if one.number not in (DEAD, GONE, BACK_LATER)]
        began = clock.now
        await_complete(*healthy)
        assert receivers[BACK_LATER].seen == []
        is_back.set()
        await_complete(receivers[BACK_LATER])
        # A dead endpoint costs a request each half hour, and what it did not get is kept.
        hours = (clock.now - began) / HOUR
        assert receivers[DEAD].requests <= 4 * MOST_FAILURES + 3 * hours and receivers[DEAD].seen == []
        assert deliveries.counts(f"{DEAD}") == (ORDERS * VERSIONS, 0)
        assert _webhook(registry, GONE).state.off == "the endpoint answered 410 Gone"
        assert 5 <= receivers[GONE].requests <= 5 + 4
        for one in [*healthy, receivers[BACK_LATER]]:
            assert deliveries.counts(f"{one.number}") == (0, 0)
            assert _webhook(registry, one.number).state.off == ""
    # They were repeated, and senders died: else this would prove little.
    assert sum(killed.values()) > 5
    assert sum(len(one.seen) - len(set(one.seen)) for one in healthy) > 20


def announced() -> Iterator[list[tuple[int, str]]]:
    """Batches of changes with their sequence numbers, of all orders in turn; some are announced twice."""
    draws = random.Random(0)
    number = 0
    for version in range(1, VERSIONS + 1):
        batch = []
        for order in range(ORDERS):
            for _ in range(2 if draws.random() < 0.1 else 1):
                number += 1
                batch.append((number, f"order-{order}/{version}"))
        yield batch


def is_complete(one: Receiver) -> bool:
    """Whether it has every version; raises an exception if one came too early."""
    by_order: dict[str, list[int]] = {}
    for event_id in dict.fromkeys(list(one.seen)):
        order_id, _, version = event_id.rpartition("/")
        by_order.setdefault(order_id, []).append(int(version))
    assert all(seen == list(range(1, len(seen) + 1)) for seen in by_order.values()), (one.number, by_order)
    return len(by_order) == ORDERS and all(len(seen) == VERSIONS for seen in by_order.values())


def _webhook(registry: Registry, number: int) -> Webhook:
    found = registry.get(f"{number}")
    assert found
    return found
