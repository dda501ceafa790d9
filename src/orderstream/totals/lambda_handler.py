"""The Lambda function behind the totals: count each order whose change the table's stream reports."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
import msgspec

from orderstream.feed.changes import images_of
from orderstream.pipeline import telemetry
from orderstream.pipeline.clients import dynamodb_client
from orderstream.pipeline.settings import required
from orderstream.totals.contribution import contribution
from orderstream.totals.counter import ORDERS_AT_ONCE, Counted, TotalsTable, latest

# Time reserved at the end of an invocation for its report.
MARGIN_SECONDS = 3.0
# Unit and meaning of each metric. There is one data point of each for every batch.
METRICS = {"Counted": ("Count", "orders of which the totals have the latest change")}


class TotalsServices(msgspec.Struct, frozen=True):
    """Everything the handler needs."""

    stack: str
    table: TotalsTable


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Count a batch. Return AWS's partial batch response; raise if nothing could be counted."""
    return handle_with(services(), event, context)


def handle_with(use: TotalsServices, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Count the orders in a batch of records of the table's stream, each with its latest state in there.

    The first record of an order that could not be counted is reported: Lambda delivers it again, and
    everything behind it. What is counted already is not counted again.
    """
    records = event["Records"]
    orders = latest(counted_in(records))

    def seconds_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000 - MARGIN_SECONDS

    waiting = list(orders.values())
    problem = ""
    while waiting and not problem:
        if failure := use.table.count(waiting[:ORDERS_AT_ONCE], seconds_left):
            problem = str(failure)
        else:
            del waiting[:ORDERS_AT_ONCE]
    missing = {order.order_id for order in waiting}
    failed = next((one for one in records if _order_id(one) in missing), None)
    fields = {
        "Stack": use.stack,
        "Counted": len(orders) - len(waiting),
        "request_id": context.aws_request_id,
        "received": len(records),
        "failed": len(missing),
        "problems": [problem] if problem else [],
    }
    units = {name: unit for name, (unit, _) in METRICS.items()}
    print(telemetry.emf_line(fields, units, datetime.now(UTC)), flush=True)
    failures = [{"itemIdentifier": failed["dynamodb"]["SequenceNumber"]}] if failed else []
    return {"batchItemFailures": failures}


def counted_in(records: Sequence[Mapping[str, Any]]) -> Iterator[Counted]:
    """The orders in the records of a DynamoDB event, as each record leaves them."""
    for record in records:
        before, after = images_of(record)
        if before is not None or after is not None:
            yield Counted(_order_id(record), _position(record), contribution(after))


def _order_id(record: Mapping[str, Any]) -> str:
    return str(record["dynamodb"]["Keys"]["OrderID"]["S"])


def _position(record: Mapping[str, Any]) -> str:
    """The position of a record: of a later stream of the table higher than of an earlier one.

    The label of a stream is the time when it was created; a sequence number has at most 40 digits.
    """
    label = record["eventSourceARN"].rpartition("/stream/")[2]
    return f"{label}/{record['dynamodb']['SequenceNumber']:0>40}"


@cache
def services() -> TotalsServices:
    """The services of this process, from its environment. Raises InputError for invalid settings."""
    return services_of(os.environ)


def services_of(environ: Mapping[str, str]) -> TotalsServices:
    """The services by these environment variables."""
    table, stack = required(environ, "TOTALS_TABLE_NAME", "STACK_NAME")
    return TotalsServices(stack, TotalsTable(dynamodb_client(botocore.session.get_session()), table))
