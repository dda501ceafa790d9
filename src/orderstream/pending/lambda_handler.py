"""The handler of CheckPending: measure how long the oldest event and the oldest order have been waiting."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import botocore.session
from botocore.config import Config

from orderstream.domain.fold import PENDING_EVENT, PENDING_ORDER
from orderstream.pipeline import telemetry
from orderstream.pipeline.settings import required

INDEX = "ByPending"
WAITING, GAP = "EventsWaitingAge", "SequenceGapAge"
# Unit and meaning. There is a data point every five minutes while there is something to measure.
METRICS = {
    WAITING: ("Seconds", "the age of the oldest event whose order has not arrived"),
    GAP: ("Seconds", "the age of the oldest event that follows a missing `seq` of its order"),
}
_PENDING = {WAITING: PENDING_ORDER, GAP: PENDING_EVENT}
_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})


def handle(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Log the ages in seconds, and return them by metric. AWS errors propagate: the invocation fails."""
    table, stack = required(os.environ, "TABLE_NAME", "STACK_NAME")
    session: Any = botocore.session.get_session()
    client = session.create_client("dynamodb", config=_CONFIG)
    now = datetime.now(UTC)
    found = ages(lambda pending: _oldest(client, table, pending), now)
    if found:
        print(line(found, stack=stack, request_id=context.aws_request_id, now=now), flush=True)
    return found


def ages(oldest: Callable[[str], str | None], now: datetime) -> dict[str, int]:
    """The age of the oldest in whole seconds, by metric. `oldest` gives its time in RFC 3339, None if none.

    A clock that is ahead counts as now.
    """
    found = {}
    for metric, pending in _PENDING.items():
        if since := oldest(pending):
            found[metric] = max(0, int((now - datetime.fromisoformat(since)).total_seconds()))
    return found


def line(found: Mapping[str, int], *, stack: str, request_id: str, now: datetime) -> str:
    """The log line with these metrics. A metric that has no value is left out: it would cost money."""
    units = {name: METRICS[name][0] for name in found}
    return telemetry.emf_line({"Stack": stack, "request_id": request_id, **found}, units, now)


def _oldest(client: Any, table: str, pending: str) -> str | None:
    """Since when the oldest order with this `Pending` has been waiting. Reads one key of the index."""
    answer = client.query(
        TableName=table,
        IndexName=INDEX,
        KeyConditionExpression="Pending = :pending",
        ExpressionAttributeValues={":pending": {"S": pending}},
        ProjectionExpression="PendingSince",
        Limit=1,
    )
    return next((str(item["PendingSince"]["S"]) for item in answer["Items"]), None)
