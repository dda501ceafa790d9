"""Orders for the checks: generates them, sends them with the project's own producer, and awaits them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from orderstream.acceptance.context import Context, Evidence, expect
from orderstream.client import OrderProducer
from orderstream.domain.currencies import TEST_CURRENCY
from orderstream.domain.examples import example_order, least
from orderstream.pipeline.table import OrderTable
from orderstream.recovery.verify import ReconciliationReport, verify
from orderstream.storage.bucket import ALL_TIME, TimeRange

Order = dict[str, Any]

# Added to an order, it is another one, which every model accepts.
OTHER_CONTENT = {"acceptance": "other content"}

SECONDS_FOR_READING = 60.0
# From the stream to the table: many times the usual duration, so that only lost orders exceed it.
ARRIVAL_SECONDS = 180.0


def new_orders(label: str, count: int) -> list[Order]:
    """New orders, one customer each; their ids start with `label`. They add no revenue (currency XTS)."""
    unique = secrets.token_hex(4)
    return [
        example_order(
            {
                "order_id": f"{label}-{unique}-{number}",
                "customer_id": f"customer-{unique}-{number}",
                "currency": TEST_CURRENCY,
            },
            least,
        )
        for number in range(count)
    ]


def send(context: Context, orders: Iterable[Order], *, per_second: float | None = None) -> None:
    """Put the orders on the stream; return when Kinesis has all of them. DeliveryErrors propagate."""
    _send(context, ((json.dumps(one).encode(), one["customer_id"]) for one in orders), per_second)


def send_events(context: Context, events: Iterable[Order]) -> None:
    """Like `send`, for events; those of an order have the same partition key."""
    _send(context, ((json.dumps(one).encode(), one["order_id"]) for one in events), None)


def send_bytes(context: Context, records: Iterable[bytes]) -> None:
    """Like `send`, for arbitrary records."""
    _send(context, ((record, "no order") for record in records), None)


def _send(context: Context, records: Iterable[tuple[bytes, str]], per_second: float | None) -> None:
    outcomes = []
    with OrderProducer(context.deployment.stream, context.cloud.kinesis_no_retry) as producer:
        for data, key in records:
            outcomes.append(producer.send_bytes(data, partition_key=key))
            if per_second:
                context.sleep(1 / per_second)
    for outcome in outcomes:
        outcome.result()


def await_stored(context: Context, orders: Sequence[Order], *, seconds: float = ARRIVAL_SECONDS) -> None:
    """Return when every order is an item. Raises CheckFailedError if one is not stored in time."""
    table = OrderTable(context.cloud.dynamodb, context.deployment.table)
    missing = [one["order_id"] for one in orders]

    def look() -> None:
        nonlocal missing
        found = table.read(missing, lambda: SECONDS_FOR_READING)
        missing = [one for one in missing if one not in found]
        expect(not missing, f"{len(missing):,} of {len(orders):,} orders are not stored")

    context.until(look, seconds=seconds, what="orders")


def accounted(context: Context, span: TimeRange = ALL_TIME) -> ReconciliationReport:
    """The result of `orders stack verify` once nothing is pending. Raises CheckFailedError otherwise."""

    def look() -> ReconciliationReport:
        report = verify(context.deployment, span)
        found = [f"{one.kind} {one.id}: {one.detail}" for one in report.discrepancies]
        expect(not found, f"{len(found):,} discrepancies: {'; '.join(found[:3])}")
        expect(not report.counts.in_flight, f"{report.counts.in_flight:,} records are in flight")
        return report

    return context.until(look, seconds=ARRIVAL_SECONDS, what="orders stack verify")


def verified(context: Context) -> Evidence:
    """`orders stack verify` accounts for every record on the stream."""
    counts = accounted(context).counts
    return {
        "records": counts.records,
        "stored": counts.stored,
        "duplicates": counts.duplicates,
        "conflicts": counts.conflicts,
        "invalid": counts.invalid,
        "discrepancies": 0,
    }
