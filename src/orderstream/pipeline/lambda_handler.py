"""The Lambda handler: process a Kinesis batch and return the sequence numbers that failed."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from orderstream.pipeline import telemetry
from orderstream.pipeline.process import Invocation, process
from orderstream.pipeline.records import from_event
from orderstream.pipeline.services import Services, services
from orderstream.pipeline.slices import SLICE_BYTES, process_in_slices

# Time reserved at the end of an invocation for the quarantine, the report and the log line.
MARGIN_SECONDS = 3.0

_utc_now = partial(datetime.now, UTC)


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Process a batch. Return AWS's partial batch response; raise if the whole batch failed."""
    cold = services.cache_info().currsize == 0
    return handle_with(services(), event, context, cold=cold)


def handle_with(
    use: Services,
    event: dict[str, Any],
    context: Any,
    *,
    cold: bool,
    slice_bytes: int = SLICE_BYTES,
    now: Callable[[], datetime] = _utc_now,
) -> dict[str, Any]:
    """Process a batch with the given services; `cold` is whether it is the first in this process."""
    records = from_event(event)
    invocation = Invocation(
        request_id=context.aws_request_id,
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS,
        now=now,
    )
    process_slice = partial(
        process,
        archive=use.archive,
        table=use.table,
        events=use.events,
        quarantine=use.quarantine,
        currency=use.settings.currency,
        invocation=invocation,
    )
    report = process_in_slices(records, process_slice, invocation.seconds_left, slice_bytes)
    ended_at = now()
    line = telemetry.log_line(
        report,
        records,
        stack=use.settings.stack,
        objective_seconds=use.settings.objective_seconds,
        request_id=context.aws_request_id,
        cold=cold,
        now=ended_at,
    )
    print(line, flush=True)
    for line in telemetry.revenue_lines(report.revenue, stack=use.settings.stack, now=ended_at):
        print(line, flush=True)
    return {"batchItemFailures": [{"itemIdentifier": number} for number in report.failed]}
