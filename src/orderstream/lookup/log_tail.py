"""The latest log events of a stack's functions, once or as they arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from orderstream.aws.deployment import Deployment
from orderstream.errors import CloudError, NotFoundError
from orderstream.lookup.function_log import event_pages
from orderstream.sdk.errors import error_code

Function = Literal["process", "maintenance", "api", "canary", "pending", "changes", "totals", "queue", "send"]

# The name of each function, without that of the stack, and the parameter that deploys it.
_NAMES: dict[Function, tuple[str, str]] = {
    "process": ("ProcessOrders", ""),
    "maintenance": ("MaintainArchive", "ArchiveMaintenance=compact"),
    "api": ("OrdersApi", "HttpApi=iam"),
    "canary": ("Canary", "CanaryMinutes=5"),
    "pending": ("CheckPending", "PendingAlarmMinutes=60"),
    "changes": ("PublishChanges", "ChangeFeed=true"),
    "totals": ("UpdateTotals", "Totals=true"),
    "queue": ("QueueDeliveries", "Webhooks=true"),
    "send": ("SendDeliveries", "Webhooks=true"),
}
# Events of several log streams arrive late and out of order.
_LATE = timedelta(seconds=30)


class LogEvent(msgspec.Struct, frozen=True):
    """A log event: when it was logged (UTC), its log stream, and its text without the final newline."""

    at: datetime
    stream: str
    message: str


def log_events(deployment: Deployment, function: Function, since: datetime, text: str) -> Iterator[LogEvent]:
    """The events of a function that contain `text` ("" for all), oldest first.

    Raises NotFoundError if the function has no log.
    """
    name, parameter = _NAMES[function]
    full_name = deployment.function_named(name)
    # An exact phrase, in CloudWatch's syntax. MiniStack does not know its escapes.
    pattern = f'"{text}"' if text and not {'"', "\\"} & set(text) else ""
    pages = event_pages(deployment.cloud, full_name, pattern, since)
    try:
        for page in pages:
            for event in page:
                # MiniStack ignores case, and looks for single words.
                if text in event["message"]:
                    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                    yield LogEvent(at, event.get("logStreamName", ""), event["message"].rstrip("\r\n"))
    except CloudError as error:
        if error.__cause__ and error_code(error.__cause__) == "ResourceNotFoundException":  # type: ignore[arg-type]
            raise NotFoundError(
                f"there is no log of the function {full_name}",
                hint=f"deploy it: orders deploy --parameter {parameter}" if parameter else "",
            ) from error
        raise


def follow(read: Callable[[datetime], Iterator[LogEvent]], since: datetime) -> Iterator[LogEvent | None]:
    """The events that `read` returns from a time on, each once, again and again; None after each reading."""
    seen: set[LogEvent] = set()
    while True:
        for event in read(since):
            if event not in seen:
                seen.add(event)
                yield event
        if seen:
            since = max(since, max(event.at for event in seen) - _LATE)
            seen = {event for event in seen if event.at >= since}
        yield None
