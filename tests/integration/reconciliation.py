"""Orders as JSON, the items of a table, and the report of `orders stack verify`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from orderstream.recovery.verify import GRACE, ReconciliationReport, verify
from orderstream.storage.bucket import ALL_TIME, TimeRange
from tests.integration.pipeline_harness import Pipe


def order(order_id: str, amount: str = "1", customer: str = "c") -> str:
    return f'{{"order_id": "{order_id}", "customer_id": "{customer}", "amount": {amount}}}'


def verified(
    pipe: Pipe, *, later: timedelta = timedelta(0), span: TimeRange = ALL_TIME
) -> ReconciliationReport:
    return verify(pipe.deployment, span, clock=lambda: datetime.now(UTC) + later)


def found(report: ReconciliationReport) -> set[tuple[str, str]]:
    return {(one.kind, one.id) for one in report.discrepancies}


def items(pipe: Pipe) -> dict[str, Any]:
    pages = pipe.cloud.dynamodb.get_paginator("scan").paginate(TableName="Orders")
    return {item["OrderID"]["S"]: item for page in pages for item in page["Items"]}


LATER = GRACE + timedelta(minutes=1)


def drop_table(pipe: Pipe) -> None:
    """Replace the table by an empty one."""
    pipe.cloud.dynamodb.delete_table(TableName="Orders")
    pipe.make_table()
    assert items(pipe) == {}
