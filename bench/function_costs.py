"""Where the function's time goes, and what each of its choices saves; runs in its artifact (`Worker`).

All figures are µs an order, medians of rounds, of the same batch on one processor.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any, TypeVar
from urllib.parse import urlsplit

import botocore.session
import msgspec
from botocore.awsrequest import AWSResponse

from bench.events import traffic
from bench.worker import Context
from orderstream.domain.decode import decode
from orderstream.domain.ids import order_id_of
from orderstream.pipeline import archive_codec, clients, services
from orderstream.pipeline.archive import BatchArchive
from orderstream.pipeline.concurrency import MOST_THREADS
from orderstream.pipeline.items import order_item
from orderstream.pipeline.lambda_handler import handle_with
from orderstream.pipeline.records import from_event
from orderstream.pipeline.table import OrderTable
from orderstream.sdk.connections import Connections
from orderstream.sdk.sigv4 import Signer
from orderstream.sdk.thin_client import DynamoClient, current_credentials

T = TypeVar("T")

ORDERS = 1000


class Memory:
    """A bucket and a table that take everything at once, and remember it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def put_new(self, key: str, body: bytes) -> bool:
        self.bodies.append(body)
        return True

    def get(self, key: str) -> bytes | None:
        raise AssertionError("new orders are not read")

    def batch_execute_statement(self, **parameters: Any) -> dict[str, Any]:
        self.bodies.append(msgspec.json.encode(parameters))
        return {"Responses": [{}] * len(parameters["Statements"])}


def breakdown(size: int, rounds: int) -> dict[str, float]:
    """Processor time by part. `call` is one with signature and HTTP, of a body that is ready.

    `call_of_botocore` is the same by the SDK's client, without validation and with msgspec, and
    `botocore_without_session` by that client on the function's own connections.
    """
    event = json.loads(traffic(ORDERS, size, seed=1).event)
    parts: dict[str, float] = {}

    def part(name: str, work: Callable[[], T]) -> T:
        found = []
        for _ in range(rounds):
            begin = time.process_time()
            result = work()
            found.append(time.process_time() - begin)
        parts[name] = median(found) / ORDERS * 1e6
        return result

    records = part("unpack", lambda: from_event(event))
    decoded = part("decode", lambda: [decode(record.data) for record in records])
    places = part("archive", lambda: BatchArchive(Memory()).write(records, decoded))

    def render() -> list[bytes]:
        table = Memory()
        items = []
        for record, what in zip(records, decoded, strict=True):
            assert what.order
            order_id, key = order_id_of(what.order, record.event_id), places[record.event_id].key
            items.append(order_item(record, what.order, what, order_id, key, "EUR"))
        OrderTable(table, "Orders").insert(items, lambda: 60.0)
        return table.bodies

    bodies = part("render", render)
    signer = Signer("dynamodb", os.environ["AWS_REGION"])
    credentials = current_credentials(os.environ)
    signed = {"host": "dynamodb", "x-amz-date": "20261130T000000Z", "x-amz-target": "BatchExecuteStatement"}

    def sign() -> None:
        for body in bodies:
            signer.authorization(credentials, "POST", "/", signed, hashlib.sha256(body).hexdigest())

    part("sign", sign)
    dynamo = DynamoClient(1)
    target = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "D.BatchExecuteStatement"}

    def call() -> None:
        for body in bodies:
            dynamo.call("BatchExecuteStatement", dynamo.endpoint.url, "POST", "/", dict(target), body)

    part("call", call)
    client = clients.dynamodb_client(botocore.session.get_session())
    ready = iter(bodies)
    client.meta.events.register_last(
        "before-call.dynamodb.BatchExecuteStatement", lambda params, **_: params.update(body=next(ready))
    )

    def call_of_botocore() -> None:
        nonlocal ready
        ready = iter(bodies)
        for _ in bodies:
            client.batch_execute_statement()

    part("call_of_botocore", call_of_botocore)
    connections = Connections(dynamo.endpoint.url, os.environ, most=1, connect_seconds=2, read_seconds=5)
    client.meta.events.register("before-send.dynamodb.BatchExecuteStatement", partial(_send, connections))
    part("botocore_without_session", call_of_botocore)
    return parts


class _Body:
    """The body of an answer, as botocore reads it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> list[bytes]:
        return [self._content]


def _send(connections: Connections, request: Any, **_: Any) -> Any:
    """Send a request of botocore on the function's own connections."""
    # They say the length themselves.
    given = request.headers.items()
    headers = {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in given
        if name.lower() != "content-length"
    }
    headers.setdefault("host", urlsplit(request.url).netloc)
    answer = connections.request(request.method, "/", headers, request.body)
    found: Any = answer.headers
    return AWSResponse(request.url, answer.status, found, _Body(answer.body))


def processor_choices(size: int, rounds: int) -> list[dict[str, Any]]:
    """Processor time without and with each choice."""
    run = partial(_handle, size, time.process_time)
    choice = partial(_choice, rounds, "cpu")
    sdk = clients.dynamodb_client(botocore.session.get_session())
    return [
        choice("the thin client instead of the SDK's", partial(run, sdk), run),
        choice("gzip at level 1 instead of 6", partial(run, level=6), partial(run, level=1)),
    ]


def waiting_choices(size: int, rounds: int) -> list[dict[str, Any]]:
    """Wall without and with calls in threads; the stub must take 5 ms for a call of the table."""
    run = partial(_handle, size, time.perf_counter, DynamoClient(MOST_THREADS))
    return [_choice(rounds, "wall", "calls in threads, 5 ms each", partial(run, each=map), run)]


def _choice(
    rounds: int, what: str, name: str, without: Callable[[], float], with_it: Callable[[], float]
) -> dict[str, Any]:
    # In turns; the first round warms up and does not count.
    costs = [(without(), with_it()) for _ in range(rounds + 1)][1:]
    before, after = (median(values) for values in zip(*costs, strict=True))
    return {"choice": name, "what": what, "before": before, "after": after}


def _handle(
    size: int, clock: Callable[[], float], client: Any = None, each: Any = None, level: int | None = None
) -> float:
    """Handle a batch with the function's own services, but for what is given."""
    use = services.services()
    if client:
        table = OrderTable(client, use.settings.table, each=each or use.table.each)
        use = msgspec.structs.replace(use, table=table)
    usual = archive_codec.COMPRESS_LEVEL
    archive_codec.COMPRESS_LEVEL = usual if level is None else level
    event = json.loads(traffic(ORDERS, size, seed=1).event)
    begin = clock()
    answer = handle_with(use, event, Context(), cold=False)
    spent = clock() - begin
    archive_codec.COMPRESS_LEVEL = usual
    assert answer == {"batchItemFailures": []}
    return spent / ORDERS * 1e6
