"""The Lambda function SendDeliveries: send what is due for one webhook, or one test event."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
import msgspec
from botocore.config import Config

from orderstream.domain.fields import utc_text
from orderstream.errors import InputError
from orderstream.pipeline import telemetry
from orderstream.pipeline.clients import CONFIG
from orderstream.pipeline.settings import positive_integer, required
from orderstream.webhooks.address import addresses, parse_url
from orderstream.webhooks.deliveries import Deliveries
from orderstream.webhooks.http_client import Answer, HttpClient
from orderstream.webhooks.registry import Registry
from orderstream.webhooks.sender import Client, Sender
from orderstream.webhooks.signing_secrets import SigningSecrets

TEST_TYPE = "orderstream.webhook.test"
DELIVERED, FAILED, DEAD = "WebhookDelivered", "WebhookFailed", "WebhookDead"
# Unit and meaning of each metric.
METRICS = {
    DELIVERED: ("Count", "changes that webhooks have received"),
    FAILED: ("Count", "requests to webhooks that failed, and are repeated"),
    DEAD: ("Count", "deliveries that became dead letters, and webhooks that were switched off"),
}


class SendServices(msgspec.Struct, frozen=True):
    """Everything the handler needs. `connect` makes the client for a URL."""

    stack: str
    registry: Registry
    sender: Sender
    connect: Callable[[str], Client]


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Serve the webhook in `webhook`, or send a test event to that in `test`. AWS errors propagate."""
    return handle_with(services(), event, context)


def handle_with(use: SendServices, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Return what came of it: the counts of a run, or the answer to the test event."""
    if "test" in event:
        return msgspec.structs.asdict(_test(use, event["test"], context.aws_request_id))

    def seconds_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    sent = use.sender.run(event["webhook"], context.aws_request_id, seconds_left)
    counts = {
        DELIVERED: sent.succeeded,
        FAILED: sent.failed,
        DEAD: sent.dead + bool(sent.switched_off),
    }
    found = {name: count for name, count in counts.items() if count}
    fields: dict[str, Any] = {"Stack": use.stack, "request_id": context.aws_request_id} | found
    fields["webhook"] = event["webhook"]
    if sent.switched_off:
        fields["problems"] = [f"switched off: {sent.switched_off}"]
    if found:
        units = {name: METRICS[name][0] for name in found}
        print(telemetry.emf_line(fields, units, datetime.now(UTC)), flush=True)
    return msgspec.structs.asdict(sent)


def _test(use: SendServices, webhook_id: str, request_id: str) -> Answer:
    """Send a test event now, whatever waits."""
    webhook = use.registry.get(webhook_id)
    if webhook is None:
        return Answer(0, f"there is no webhook {webhook_id}")
    event_id = f"test/{request_id}"
    body = msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": f"/orderstream/{use.stack}",
            "type": TEST_TYPE,
            "time": utc_text(datetime.now(UTC)),
            "datacontenttype": "application/json",
            "data": {"webhook": webhook_id},
        }
    )
    try:
        client = use.connect(webhook.url)
    except InputError as refused:
        return Answer(0, refused.message)
    with closing(client):
        return use.sender.post(client, webhook, event_id, body)


def connector(*, private: bool) -> Callable[[str], HttpClient]:
    """What makes the client for a URL: it checks the URL and all addresses of its host."""

    def connect(url: str) -> HttpClient:
        target = parse_url(url, private=private)
        return HttpClient(target, addresses(target, private=private))

    return connect


@cache
def services() -> SendServices:
    """The services of this process, from its environment. Raises InputError for invalid settings."""
    names = ("STACK_NAME", "ENDPOINTS_TABLE_NAME", "DELIVERIES_TABLE_NAME")
    stack, webhooks, deliveries = required(os.environ, *names)
    connect = connector(private=os.environ.get("PRIVATE_ADDRESSES") == "true")
    concurrency = positive_integer(os.environ, "CONCURRENCY", "10")
    session: Any = botocore.session.get_session()
    dynamodb = session.create_client(
        "dynamodb", config=CONFIG.merge(Config(max_pool_connections=concurrency))
    )
    registry = Registry(dynamodb, webhooks)
    secrets = SigningSecrets(session.create_client("secretsmanager", config=CONFIG), stack)
    sender = Sender(
        registry,
        Deliveries(dynamodb, deliveries),
        secrets,
        connect,
        concurrency=concurrency,
    )
    return SendServices(stack, registry, sender, connect)
