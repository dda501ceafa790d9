"""The Lambda function QueueDeliveries: queue each change for the webhooks, and start their senders.

A schedule invokes it too: it starts the senders of what is due again, and measures how old that is.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
import msgspec

from orderstream.errors import CloudError
from orderstream.pipeline import telemetry
from orderstream.pipeline.clients import CONFIG, dynamodb_client
from orderstream.pipeline.concurrency import threads_for
from orderstream.pipeline.settings import positive_integer, required
from orderstream.sdk.errors import translate_errors
from orderstream.webhooks.announced_change import announced_change
from orderstream.webhooks.deliveries import Deliveries
from orderstream.webhooks.queueing import queue
from orderstream.webhooks.registry import Registry

MARGIN_SECONDS = 5.0
AGE = "WebhookAge"
# Unit and meaning of each metric.
METRICS = {AGE: ("Seconds", "the age of the oldest change that a webhook has not received; every minute")}


class QueueServices(msgspec.Struct, frozen=True):
    """Everything the handler needs. `start` starts the sender of a webhook, and raises CloudError."""

    stack: str
    registry: Registry
    deliveries: Deliveries
    start: Callable[[str], None]
    clock: Callable[[], float] = time.time


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Queue a batch, or start what is due. Return AWS's partial batch response; raise if nothing works."""
    return handle_with(services(), event, context)


def handle_with(use: QueueServices, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Queue a batch of records of the stream of changes; without records, start what is due."""
    if "Records" not in event:
        _start_what_is_due(use, context.aws_request_id)
        return {}
    records = event["Records"]
    found = [_announcement(record) for record in records]

    def seconds_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000 - MARGIN_SECONDS

    done = queue(
        [one for one in found if one], use.registry.all(), use.deliveries, seconds_left, clock=use.clock
    )
    problems = [*dict.fromkeys(done.problems), *_start(use, sorted(done.webhooks))]
    if unread := found.count(None):
        problems.append(f"{unread} records are no changes of orders")
    _print(
        {
            "Stack": use.stack,
            "request_id": context.aws_request_id,
            "received": len(records),
            "queued": done.new,
            "failed": len(done.failed),
            "problems": problems[: telemetry.MAX_PROBLEMS],
        },
        {},
    )
    # Lambda delivers everything from the first of them on again.
    return {"batchItemFailures": [{"itemIdentifier": number} for number in sorted(done.failed, key=int)]}


def _start_what_is_due(use: QueueServices, request_id: str) -> None:
    now = use.clock()
    ages, due = [], []
    webhooks = [webhook for webhook in use.registry.all() if not webhook.state.off]
    for webhook in webhooks:
        oldest = use.deliveries.oldest(webhook.id)
        ages.append(max(0.0, now - oldest) if oldest is not None else 0.0)
        next_due = use.deliveries.next_due(webhook.id)
        if next_due is not None and max(next_due, webhook.state.paused_until) <= now:
            due.append(webhook.id)
    problems = _start(use, due)
    if ages:
        fields = {"Stack": use.stack, "request_id": request_id, AGE: int(max(ages)), "problems": problems}
        _print(fields, {name: unit for name, (unit, _) in METRICS.items()})


def _start(use: QueueServices, webhook_ids: Iterable[str]) -> list[str]:
    """Start the senders of webhooks; return why some could not be started. The schedule tries again."""
    problems = []
    for webhook_id in webhook_ids:
        try:
            use.start(webhook_id)
        except CloudError as error:
            problems.append(error.message)
    return problems[: telemetry.MAX_PROBLEMS]


def _announcement(record: Mapping[str, Any]) -> Any:
    return announced_change(base64.b64decode(record["kinesis"]["data"]), record["kinesis"]["sequenceNumber"])


def _print(fields: dict[str, Any], units: dict[str, str]) -> None:
    print(telemetry.emf_line(fields, units, datetime.now(UTC)), flush=True)


@cache
def services() -> QueueServices:
    """The services of this process, from its environment. Raises InputError for invalid settings."""
    names = ("STACK_NAME", "ENDPOINTS_TABLE_NAME", "DELIVERIES_TABLE_NAME", "SENDER_FUNCTION_NAME")
    stack, webhooks, deliveries, sender = required(os.environ, *names)
    session: Any = botocore.session.get_session()
    dynamodb = dynamodb_client(session)
    lambda_ = session.create_client("lambda", config=CONFIG)
    memory = positive_integer(os.environ, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
    each = ThreadPoolExecutor(threads_for(memory), thread_name_prefix="calls").map

    def start(webhook_id: str) -> None:
        payload = msgspec.json.encode({"webhook": webhook_id})
        with translate_errors(f"function {sender}"):
            lambda_.invoke(FunctionName=sender, InvocationType="Event", Payload=payload)

    return QueueServices(
        stack, Registry(dynamodb, webhooks), Deliveries(dynamodb, deliveries, each=each), start
    )
