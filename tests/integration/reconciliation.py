"""Orders as JSON, the items of a table, and the report of `orders stack verify`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from orderstream.recovery.verify import ReconciliationReport, verify
from orderstream.recovery.watermark import GRACE
from orderstream.storage.bucket import ALL_TIME, TimeRange
from tests.integration.pipeline_harness import Pipe


def order(order_id: str, amount: str = "1", customer: str = "c") -> str:
    return f'{{"order_id": "{order_id}", "customer_id": "{customer}", "amount": {amount}}}'


def event(order_id: str, name: str, **fields: Any) -> str:
    return json.dumps({"order_id": order_id, "event": name} | fields)


def verified(
    pipe: Pipe, *, later: timedelta = timedelta(0), span: TimeRange = ALL_TIME
) -> ReconciliationReport:
    return verify(pipe.deployment, span, clock=lambda: datetime.now(UTC) + later)


def found(report: ReconciliationReport) -> set[tuple[str, str]]:
    return {(one.kind, one.id) for one in report.discrepancies}


def items(pipe: Pipe) -> dict[str, Any]:
    return {item["OrderID"]["S"]: item for item in _scanned(pipe, "Orders")}


def event_rows(pipe: Pipe) -> dict[tuple[str, str], Any]:
    """The rows of the table OrderEvents by their keys."""
    return {(row["OrderID"]["S"], row["Position"]["S"]): row for row in _scanned(pipe, "OrderEvents")}


def _scanned(pipe: Pipe, table: str) -> list[Any]:
    pages = pipe.cloud.dynamodb.get_paginator("scan").paginate(TableName=table)
    return [item for page in pages for item in page["Items"]]


LATER = GRACE + timedelta(minutes=1)


def drop_table(pipe: Pipe) -> None:
    """Replace the tables by empty ones."""
    for name in ("Orders", "OrderEvents"):
        pipe.cloud.dynamodb.delete_table(TableName=name)
    pipe.make_table()
    pipe.make_events_table()
    assert items(pipe) == {}
