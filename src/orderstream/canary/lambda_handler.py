"""The handler of the canary: send an order through the pipeline and poll the table for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import botocore.session
import msgspec
from botocore.config import Config

from orderstream.domain.currencies import TEST_CURRENCY
from orderstream.domain.examples import example_order, least
from orderstream.domain.user_model import use_model_of
from orderstream.pipeline import telemetry
from orderstream.pipeline.settings import positive_integer, required

# In the test currency, so that revenue never includes a canary.
CUSTOMER, CURRENCY = "orderstream-canary", TEST_CURRENCY
POLL_SECONDS = 0.5
# Unit and meaning.
METRICS = {
    "CanaryArrived": ("Count", "1 if the canary's order was stored within the latency objective, else 0")
}
_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})


class CanaryResult(msgspec.Struct, frozen=True):
    """The outcome of a canary: whether its order was stored in time, and after how many seconds."""

    order_id: str
    arrived: bool
    seconds: float


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Send an order, wait at most the latency objective until it is stored, and log the outcome.

    AWS errors propagate: the invocation fails, and the canary counts as not arrived.
    """
    use_model_of(os.environ)
    stream, table, stack, objective = settings(os.environ)
    session: Any = botocore.session.get_session()
    kinesis, dynamodb = (session.create_client(name, config=_CONFIG) for name in ("kinesis", "dynamodb"))

    def is_there(order_id: str) -> bool:
        key = {"OrderID": {"S": order_id}}
        found = dynamodb.get_item(
            TableName=table, Key=key, ConsistentRead=True, ProjectionExpression="OrderID"
        )
        return "Item" in found

    flight = probe(
        context.aws_request_id,
        lambda order_id, order: kinesis.put_record(StreamName=stream, PartitionKey=order_id, Data=order),
        is_there,
        patience=objective,
    )
    print(line(flight, stack=stack, request_id=context.aws_request_id, now=datetime.now(UTC)), flush=True)
    return msgspec.structs.asdict(flight)


def settings(environ: Mapping[str, str]) -> tuple[str, str, str, int]:
    """Stream, table, stack and latency objective (seconds). Raises InputError for an invalid variable."""
    stream, table, stack = required(environ, "STREAM_NAME", "TABLE_NAME", "STACK_NAME")
    return stream, table, stack, positive_integer(environ, "LATENCY_OBJECTIVE_SECONDS")


def probe(
    name: str,
    send: Callable[[str, bytes], Any],
    is_there: Callable[[str], bool],
    *,
    patience: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> CanaryResult:
    """Send an order whose id contains `name`, and poll for it for at most `patience` seconds.

    Its partition key is its id, so that canaries are spread over the shards.
    """
    order_id = f"canary-{name}"
    order = example_order({"order_id": order_id, "customer_id": CUSTOMER, "currency": CURRENCY}, least)
    begin = clock()
    send(order_id, msgspec.json.encode(order))
    while True:
        arrived = is_there(order_id)
        seconds = clock() - begin
        if arrived or seconds >= patience:
            return CanaryResult(order_id, arrived and seconds <= patience, round(seconds, 3))
        sleep(POLL_SECONDS)


def line(flight: CanaryResult, *, stack: str, request_id: str, now: datetime) -> str:
    """The log line of a canary, with its metric."""
    fields = {"Stack": stack, "CanaryArrived": int(flight.arrived)}
    said = {"request_id": request_id, "order_id": flight.order_id, "seconds": flight.seconds}
    return telemetry.emf_line(fields | said, {"CanaryArrived": "Count"}, now)
