"""Where the time of an order goes, part by part, on one processor: the floor below the function.

Runs in the function's artifact, with the stub as AWS: `bench/cost_breakdown.py PROJECT ARTIFACT PROCESSOR
SIZE` prints µs an order for each part as JSON, the median of several rounds. What is no part of the SDK is
measured without it; a call of the SDK is measured with a body that is ready.
"""

import http.client
import json
import os
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

ORDERS = 1000
ROUNDS = 15


class Nowhere:
    """A bucket and a table that take everything at once, and remember it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def put_new(self, key: str, body: bytes) -> bool:
        """Take an object."""
        self.bodies.append(body)
        return True

    def get(self, key: str) -> bytes | None:
        """Not with new orders."""
        raise AssertionError

    def batch_execute_statement(self, **parameters: Any) -> dict[str, Any]:
        """Take orders, rendered as the function does it."""
        import msgspec

        self.bodies.append(msgspec.json.encode(parameters))
        return {"Responses": [{}] * len(parameters["Statements"])}


def measure(size: int) -> dict[str, float]:
    """µs an order, by part. `call` is the SDK's, with signature and HTTP.

    `call over http.client` is the same with Python's own HTTP client in the place of the SDK's.
    """
    import botocore.session
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    from bench.events import traffic
    from orderstream.domain.decode import decode
    from orderstream.domain.ids import order_id_of
    from orderstream.pipeline.archive import BatchArchive
    from orderstream.pipeline.process import item_of
    from orderstream.pipeline.records import from_event
    from orderstream.pipeline.services import dynamodb_client
    from orderstream.pipeline.table import OrderTable

    event = json.loads(traffic(ORDERS, size, seed=1).event)
    parts: dict[str, float] = {}

    def part(name: str, work: Callable[[], T]) -> T:
        found = []
        for _ in range(ROUNDS):
            begin = time.process_time()
            result = work()
            found.append(time.process_time() - begin)
        parts[name] = median(found) / ORDERS * 1e6
        return result

    records = part("unpack", lambda: from_event(event))
    decoded = part("decode", lambda: [decode(record.data) for record in records])
    places = part("archive", lambda: BatchArchive(Nowhere()).write(records, decoded))

    def render() -> list[bytes]:
        table = Nowhere()
        items = []
        for record, what in zip(records, decoded, strict=True):
            assert what.order
            order_id, key = order_id_of(what.order, record.event_id), places[record.event_id].key
            items.append(item_of(record, what.order, what, order_id, key, "EUR"))
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
    client = dynamodb_client(botocore.session.get_session())
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
    client.meta.events.register("before-send.dynamodb.BatchExecuteStatement", _straight(endpoint))
    part("call over http.client", call)
    return parts


def _straight(endpoint: str) -> Callable[..., Any]:
    """Sends requests of botocore without its HTTP client, on one connection that stays open."""
    from botocore.awsrequest import AWSResponse

    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)

    class Read:
        def __init__(self, body: bytes) -> None:
            self._body = body

        def stream(self, **_: Any) -> list[bytes]:
            return [self._body]

    def send(request: Any, **_: Any) -> Any:
        connection.request(request.method, "/", request.body, dict(request.headers.items()))
        answer = connection.getresponse()
        headers: Any = answer.headers
        return AWSResponse(request.url, answer.status, headers, Read(answer.read()))

    return send


def main() -> None:
    """Measure on one processor."""
    project, artifact, processor, size = sys.argv[1:5]
    os.sched_setaffinity(0, {int(processor)})
    sys.path[:0] = [artifact, project]
    print(json.dumps(measure(int(size))))


if __name__ == "__main__":
    main()
