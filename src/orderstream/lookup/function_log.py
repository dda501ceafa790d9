"""Read CloudWatch Logs: the messages of a log group, and the lines that the function logs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.pipeline.telemetry import LogLine, read_log_line
from orderstream.sdk.errors import translate_errors

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef


def event_pages(
    cloud: AwsClients,
    function: str,
    pattern: str,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    newest_first: bool = False,
) -> Iterator[list[FilteredLogEventTypeDef]]:
    """The events in the log of a function that match a filter pattern, page by page."""
    request: dict[str, Any] = {"logGroupName": f"/aws/lambda/{function}", "filterPattern": pattern}
    if since:
        request["startTime"] = int(since.timestamp() * 1000)
    if until:
        request["endTime"] = int(until.timestamp() * 1000) + 1
    if newest_first:
        request["startFromHead"] = False
    with translate_errors(f"cannot read the log of {function}"):
        for page in cloud.logs.get_paginator("filter_log_events").paginate(**request):
            yield page["events"]


def log_pages(cloud: AwsClients, function: str, pattern: str, **options: Any) -> Iterator[list[str]]:
    """The messages of the same events."""
    for events in event_pages(cloud, function, pattern, **options):
        yield [event["message"] for event in events]


def log_lines(
    deployment: Deployment,
    pattern: str,
    since: datetime,
    until: datetime | None = None,
    *,
    newest_first: bool = False,
) -> Iterator[list[LogLine]]:
    """The lines of the stack's function, page by page. Lambda's own lines and other output are left out."""
    cloud, function = deployment.cloud, deployment.function
    for messages in log_pages(cloud, function, pattern, since=since, until=until, newest_first=newest_first):
        yield [line for line in map(read_log_line, messages) if line]
