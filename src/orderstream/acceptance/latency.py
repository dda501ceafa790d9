"""Checks of latency: from arrival to stored, with polling and enhanced fan-out, and cold starts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain

from orderstream.acceptance.context import Context, Evidence, expect
from orderstream.acceptance.deployment import deploy
from orderstream.acceptance.traffic import await_stored, new_orders, send
from orderstream.aws.stack import consumer_of
from orderstream.lookup.function_log import log_lines, log_pages
from orderstream.pipeline.telemetry import LATENCY
from orderstream.sdk.errors import translate_errors

ORDERS, PER_SECOND = 200, 10.0
# The template's objective for 99 % of the orders (LatencyObjectiveSeconds).
OBJECTIVE_MS = 30_000
_LOG_SECONDS = 180.0
_FUNCTIONS = ("ProcessOrders", "MaintainArchive", "OrdersApi", "Canary", "CheckPending")


def fan_out(context: Context) -> Evidence:
    """Measure again after updating the stack to enhanced fan-out."""
    seconds, _ = context.deployer.do(
        "deploy EnhancedFanOut=true", lambda cloud: deploy(context, cloud, {"EnhancedFanOut": "true"})
    )
    deployment = context.deployment
    with translate_errors("cannot look at the event source mapping"):
        source = context.cloud.lambda_.get_event_source_mapping(UUID=deployment.mapping_id)["EventSourceArn"]
    expect(consumer_of(source), f"the mapping reads {source}, which is not a consumer")
    # The new mapping rereads the whole stream; orders sent now come after that.
    first = new_orders("after-update", 1)
    send(context, first)
    await_stored(context, first)
    return {"update_s": round(seconds, 1), "consumer": consumer_of(source), **measured(context)}


def measured(context: Context) -> Evidence:
    """Send orders at a steady rate, and read from the function's log how long each took."""
    since = context.cloud.now()
    orders = new_orders("paced", ORDERS)
    send(context, orders, per_second=PER_SECOND)
    await_stored(context, orders)

    def look() -> list[int]:
        found = list(_latencies(context, since))
        expect(len(found) >= ORDERS, f"the log has {len(found)} of {ORDERS} latencies")
        return sorted(found)

    values = context.until(look, seconds=_LOG_SECONDS, what="the function's log")
    p50, p99 = _percentile(values, 50), _percentile(values, 99)
    expect(p99 <= OBJECTIVE_MS, f"p99 is {p99:,} ms, more than {OBJECTIVE_MS:,}")
    return {"orders": ORDERS, "p50_ms": p50, "p99_ms": p99, "most_ms": values[-1]}


def _latencies(context: Context, since: datetime) -> Iterator[int]:
    """Milliseconds from arrival to stored of each order since `since`, from the function's log."""
    for lines in log_lines(context.deployment, f'"{LATENCY}"', since):
        for line in lines:
            yield from line.latencies or ()


def cold_starts(context: Context) -> Evidence:
    """Every function had a cold start in this run; Lambda's log has its duration."""

    def look() -> Evidence:
        found: Evidence = {}
        for logical_id in _FUNCTIONS:
            pages = log_pages(context.cloud, context.physical_id(logical_id), '"Init Duration"')
            lines = chain.from_iterable(pages)
            times = [float(one) for line in lines for one in re.findall(r"Init Duration: ([0-9.]+) ms", line)]
            expect(times, f"{logical_id} has no cold start in its log")
            found |= {f"{logical_id}_starts": len(times), f"{logical_id}_most_ms": round(max(times))}
        return found

    return context.until(look, seconds=_LOG_SECONDS, what="the functions' logs")


def _percentile(values: Sequence[int], percent: int) -> int:
    """The percentile of sorted values by nearest rank."""
    return values[max(0, -(-len(values) * percent // 100) - 1)]
