"""Webhooks with tables in memory, endpoints that answer as told, and a clock that moves when told."""

from __future__ import annotations

import base64
import contextlib
import io
import math
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from standardwebhooks.webhooks import Webhook as Verifier

from orderstream.errors import InputError
from orderstream.webhooks.deliveries import Deliveries
from orderstream.webhooks.http_client import Answer
from orderstream.webhooks.queue_handler import QueueServices
from orderstream.webhooks.queue_handler import handle_with as handle_queue
from orderstream.webhooks.registry import Registry, Webhook
from orderstream.webhooks.sender import Sender, Sent
from orderstream.webhooks.signature import new_secret
from tests.unit.feed.harness import Context
from tests.unit.webhooks.fake_tables import DELIVERIES, WEBHOOKS, FakeTables, Kill

OK = Answer(200)
# Decides about a request, by the id of the event and its number among those to the endpoint.
Verdict = Callable[[str, int], Answer]


def failed(status: int = 500, retry_after: float | None = None) -> Answer:
    return Answer(status, f"status {status}", retry_after)


def change_record(change: str, number: int, **more: Any) -> dict[str, Any]:
    """The record, with this sequence number, that announces a change such as `A/2 paid`."""
    event_id, _, kind = change.partition(" ")
    order_id, _, version = event_id.rpartition("/")
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": "/orderstream/test",
        "type": f"orderstream.order.{kind or 'placed'}",
        "subject": order_id,
        "data": {"version": int(version), "order": {"OrderID": order_id}} | more,
    }
    return raw_record(msgspec.json.encode(event), number)


def raw_record(body: bytes, number: int) -> dict[str, Any]:
    """A record of the stream of changes as Lambda gets it."""
    data = base64.b64encode(body).decode()
    return {"kinesis": {"data": data, "sequenceNumber": f"{number}", "partitionKey": "k"}}


class Endpoint:
    """An endpoint that checks each signature; `received` are the ids of the events that it accepted."""

    def __init__(self, secret: str, verdict: Verdict, kill: Callable[[], Kill]) -> None:
        self.secret = secret
        self.verdict = verdict
        self.requests: list[str] = []
        self.received: list[str] = []
        self.bodies: list[bytes] = []
        # Runs when a request arrives, in its thread.
        self.before: Callable[[], object] = lambda: None
        self._kill = kill
        self._lock = threading.Lock()

    def post(self, body: bytes, headers: dict[str, str]) -> Answer:
        return self._kill()(lambda: self._answer(body, headers))

    def close(self) -> None:
        """There is nothing to close."""

    def _answer(self, body: bytes, headers: dict[str, str]) -> Answer:
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        wanted = Verifier(self.secret).sign(headers["webhook-id"], at, body.decode())
        assert wanted in headers["webhook-signature"].split(" ")
        event_id = msgspec.json.decode(body)["id"]
        self.before()
        with self._lock:
            self.requests.append(event_id)
            answer = self.verdict(event_id, len(self.requests))
            if not answer.error:
                self.received.append(event_id)
                self.bodies.append(body)
        return answer


class Webhooks:
    """Announcements in, requests out. `now` is the time in seconds since the epoch."""

    def __init__(self, *, concurrency: int = 4) -> None:
        self.tables = FakeTables()
        self.registry = Registry(self.tables, WEBHOOKS)
        self.deliveries = Deliveries(self.tables, DELIVERIES)
        self.endpoints: dict[str, Endpoint] = {}
        self.refused_urls: set[str] = set()
        self.started: list[str] = []
        self.now = 1_800_000_000.0
        self.log = io.StringIO()
        self._concurrency = concurrency
        self._sequence = 0
        self._owners = 0

    def add(self, name: str = "a", verdict: Verdict = lambda event_id, number: OK, *types: str) -> Endpoint:
        """Register an endpoint, of which the id is `name`."""
        self.registry.add(
            Webhook(name, f"https://{name}.example/", f"2026-11-30T{len(self.endpoints):06}", types)
        )
        endpoint = self.endpoints[name] = Endpoint(new_secret(), verdict, lambda: self.tables.kill)
        return endpoint

    def announce(self, *changes: str, seconds: float = 60.0) -> list[str]:
        """Announce changes such as `A/2 paid`, and return the sequence numbers of those that failed."""
        return self.queue([self.record(change) for change in changes], seconds)

    def record(self, change: str, **more: Any) -> dict[str, Any]:
        """A record of the stream of changes; each has a sequence number of its own."""
        self._sequence += 1
        return change_record(change, self._sequence, **more)

    def queue(self, records: Iterable[dict[str, Any]], seconds: float = 60.0) -> list[str]:
        return self._handle({"Records": list(records)}, seconds)

    def tick(self) -> list[str]:
        """What the schedule does each minute; returns the webhooks that it started."""
        self.started = []
        self._handle({"source": "aws.events"}, 60.0)
        return self.started

    def _handle(self, event: dict[str, Any], seconds: float) -> list[str]:
        use = QueueServices(
            "orderstream", self.registry, self.deliveries, self.started.append, clock=lambda: self.now
        )
        self.log = io.StringIO()
        with contextlib.redirect_stdout(self.log):
            answer = handle_queue(use, event, Context(seconds))
        return [one["itemIdentifier"] for one in answer.get("batchItemFailures", [])]

    def send(self, name: str = "a", seconds: float = 120.0) -> Sent:
        """One invocation of the sender."""
        self._owners += 1
        return self.sender().run(name, f"owner-{self._owners}", lambda: seconds)

    def sender(self, sleep: Callable[[float], None] | None = None) -> Sender:
        """A sender; its `sleep` moves the clock, unless given."""
        return Sender(
            self.registry,
            self.deliveries,
            lambda webhook: [self.endpoints[webhook.id].secret],
            self.connect,
            concurrency=self._concurrency,
            clock=lambda: self.now,
            sleep=sleep or self._sleep,
            jitter=lambda: 0.5,
        )

    def run(self, seconds: float) -> None:
        """Let this much time pass, with the schedule and every sender that it starts."""
        end = self.now + seconds
        while self.now < end:
            for name in self.tick():
                self.send(name)
            # The schedule finds nothing before the next minute in which something is due.
            wait = min(self._next(), end) - self.now
            self.now += 60.0 * max(1, math.ceil(wait / 60))

    def _next(self) -> float:
        """When a webhook can be served next."""
        found = [
            max(due, webhook.state.paused_until)
            for webhook in self.registry.all()
            if not webhook.state.off and (due := self.deliveries.next_due(webhook.id))
        ]
        return min(found, default=math.inf)

    def connect(self, url: str) -> Endpoint:
        if url in self.refused_urls:
            raise InputError("the host has the address 10.0.0.1, which is not public")
        return self.endpoints[url.removeprefix("https://").removesuffix(".example/")]

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
