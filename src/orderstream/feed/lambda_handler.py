"""The Lambda function behind the change feed: announce each change that the table's stream reports."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
import msgspec

from orderstream.client.put_records import producer_client
from orderstream.domain.user_model import order_model, use_model_of
from orderstream.feed.changes import Change, changes_in
from orderstream.feed.cloud_event import cloud_event
from orderstream.feed.publisher import Announcement, Publisher
from orderstream.pipeline import telemetry
from orderstream.pipeline.clients import dynamodb_client
from orderstream.pipeline.concurrency import MOST_THREADS
from orderstream.pipeline.dynamo import CallFailedError
from orderstream.pipeline.event_table import EventTable
from orderstream.pipeline.settings import required
from orderstream.pipeline.table import OrderTable

# Time reserved at the end of an invocation for its report.
MARGIN_SECONDS = 3.0
# Unit and meaning of each metric. There is one data point of each for every batch.
METRICS = {"Announced": ("Count", "changes of orders that are on the stream OrderChanges")}


class FeedServices(msgspec.Struct, frozen=True):
    """Everything the handler needs; `source` is that of its events."""

    stack: str
    source: str
    personal: bool
    events: EventTable
    publisher: Publisher


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Announce a batch. Return AWS's partial batch response; raise if nothing could be announced."""
    return handle_with(services(), event, context)


def handle_with(use: FeedServices, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Announce the changes in a batch of records of the table's stream.

    What could not be announced is reported, and everything behind it: Lambda delivers both again. The
    announcements that are repeated by that have the same ids.
    """
    changes = changes_in(event["Records"])

    def seconds_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000 - MARGIN_SECONDS

    events, unread = _read_events(use.events, changes, seconds_left)
    # Of an order whose events could not be read nothing is announced, and of no order anything behind it.
    ready = next((n for n, change in enumerate(changes) if change.order_id in unread), len(changes))
    announcements = [
        Announcement(
            change.order_id,
            cloud_event(
                change,
                events.get(change.order_id, []),
                order_model(),
                source=use.source,
                personal=use.personal,
            ),
        )
        for change in changes[:ready]
    ]
    missing, problem = use.publisher.put(announcements, seconds_left())
    failed = [changes[n].sequence_number for n in (*sorted(missing), *range(ready, len(changes)))]
    problems = [text for text in (problem, *sorted(set(unread.values()))) if text]
    fields = {
        "Stack": use.stack,
        "Announced": len(announcements) - len(missing),
        "request_id": context.aws_request_id,
        "received": len(event["Records"]),
        "failed": len(failed),
        "problems": problems[: telemetry.MAX_PROBLEMS],
    }
    units = {name: unit for name, (unit, _) in METRICS.items()}
    print(telemetry.emf_line(fields, units, datetime.now(UTC)), flush=True)
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}


def _read_events(
    table: EventTable, changes: list[Change], seconds_left: Callable[[], float]
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, str]]:
    """The events of each order that had one, and why those of others could not be read."""
    order_ids = dict.fromkeys(change.order_id for change in changes if (change.after or {}).get("Applied"))
    events: dict[str, list[dict[str, Any]]] = {}
    unread: dict[str, str] = {}
    for order_id, rows in table.read_each(order_ids, seconds_left):
        if isinstance(rows, CallFailedError):
            unread[order_id] = str(rows)
        else:
            events[order_id] = rows
    return events, unread


@cache
def services() -> FeedServices:
    """The services of this process, from its environment. Raises InputError for invalid settings."""
    use_model_of(os.environ)
    # Imported now, and not with the first record.
    order_model()
    return services_of(os.environ)


def services_of(environ: Mapping[str, str]) -> FeedServices:
    """The services by these environment variables."""
    table, events, stream, stack = required(
        environ, "TABLE_NAME", "EVENTS_TABLE_NAME", "CHANGES_STREAM_NAME", "STACK_NAME"
    )
    session = botocore.session.get_session()
    dynamodb = dynamodb_client(session)
    each = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="calls").map
    return FeedServices(
        stack,
        f"/orderstream/{stack}",
        environ.get("PERSONAL_DATA") == "true",
        EventTable(dynamodb, events, OrderTable(dynamodb, table, each=each)),
        Publisher(stream, producer_client(session)),
    )
