"""Where the function's time goes, and what each of its choices saves; runs in its artifact (`Worker`).

All figures are µs an order, medians of rounds, of the same batch on one processor.
"""

import http.client
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
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials

from bench.events import traffic
from bench.worker import Context
from orderstream.domain.decode import decode
from orderstream.domain.ids import order_id_of
from orderstream.pipeline import archive_codec, clients, services
from orderstream.pipeline.archive import BatchArchive
from orderstream.pipeline.items import order_item
from orderstream.pipeline.lambda_handler import handle_with
from orderstream.pipeline.records import from_event
from orderstream.pipeline.table import OrderTable
from orderstream.sdk.codec import use_msgspec

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
    """Processor time by part. `call` is the SDK's, with signature and HTTP, of a body that is ready.

    `call_over_http_client` is the same with Python's own HTTP client in place of the SDK's.
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
    credentials = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    signer = SigV4Auth(credentials, "dynamodb", os.environ["AWS_REGION"])
    endpoint = os.environ["AWS_ENDPOINT_URL"]

    def sign() -> None:
        for body in bodies:
            signer.add_auth(AWSRequest(method="POST", url=endpoint, data=body))

    part("sign", sign)
    client = clients.dynamodb_client(botocore.session.get_session())
    ready = iter(bodies)
    client.meta.events.register_last(
        "before-call.dynamodb.BatchExecuteStatement", lambda params, **_: params.update(body=next(ready))
    )

    def call() -> None:
        nonlocal ready
        ready = iter(bodies)
        for _ in bodies:
            client.batch_execute_statement()

    part("call", call)
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
    client.meta.events.register("before-send.dynamodb.BatchExecuteStatement", partial(_send, connection))
    part("call_over_http_client", call)
    return parts


class _Body:
    """The body of an answer, as botocore reads it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> list[bytes]:
        return [self._content]


def _send(connection: http.client.HTTPConnection, request: Any, **_: Any) -> Any:
    """Send a request of botocore without its HTTP client, on a connection that stays open."""
    connection.request(request.method, "/", request.body, dict(request.headers.items()))
    answer = connection.getresponse()
    headers: Any = answer.headers
    return AWSResponse(request.url, answer.status, headers, _Body(answer.read()))


def processor_choices(size: int, rounds: int) -> list[dict[str, Any]]:
    """Processor time without and with each choice; each of the first three builds on the one before it."""
    own_agent = {"user_agent": None}
    checked = _client(is_light=False, parameter_validation=True, **own_agent)
    unchecked, named = _client(is_light=False, **own_agent), _client(is_light=False)
    run = partial(_handle, size, time.process_time)
    choice = partial(_choice, rounds, "cpu")
    return [
        choice("parameters not validated by the SDK", partial(run, checked), partial(run, unchecked)),
        choice("a user agent that is ready", partial(run, unchecked), partial(run, named)),
        choice("rendered and read by msgspec", partial(run, named), run),
        choice("gzip at level 1 instead of 6", partial(run, level=6), partial(run, level=1)),
    ]


def waiting_choices(size: int, rounds: int) -> list[dict[str, Any]]:
    """Wall without and with calls in threads; the stub must take 5 ms for a call of the table."""
    run = partial(_handle, size, time.perf_counter, _client(is_light=True))
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


def _client(*, is_light: bool, **options: Any) -> Any:
    config = clients.CONFIG.merge(Config(**options))
    client = botocore.session.get_session().create_client("dynamodb", config=config)
    if is_light:
        use_msgspec(client)
    return client
