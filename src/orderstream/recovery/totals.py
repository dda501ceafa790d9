"""Compare the totals with the orders in the table, and rebuild them while orders go on arriving.

A rebuild begins a new generation of rows, in which nothing is counted yet. From then on, UpdateTotals counts
each order that changes there. The rebuild counts those of which nothing is counted. An order that it has read
before a change is corrected by that change, which is delivered later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from orderstream.aws.deployment import Deployment
from orderstream.domain.fields import utc_text
from orderstream.domain.fold import is_placeholder
from orderstream.errors import CloudError
from orderstream.pipeline.attributes import plain_value
from orderstream.progress import Progress
from orderstream.recovery.table_scan import scan
from orderstream.sdk.errors import error_code, translate_errors
from orderstream.storage.bucket import TimeRange
from orderstream.storage.totals import Dimension, Total, group, scan_buckets, state_of
from orderstream.totals.contribution import Bucket, Contribution, Sums, contribution
from orderstream.totals.counter import ORDERS_AT_ONCE, Counted, TotalsTable
from orderstream.totals.rows import META, generation_of

T = TypeVar("T")

# Longer than an invocation needs for what it counts in the generation that it has read.
SETTLE_SECONDS = 20.0
# The totals follow the table in a second or two, so a difference that stays the same is a real one.
SECONDS_BETWEEN_PASSES = 5.0
_MOST_PASSES = 5
_CONCURRENT_CALLS = 8
_MOST_SECONDS = 60.0
_DELETES_AT_ONCE = 25
# What of an item decides what it adds.
_COUNTED = (
    "OrderID",
    "EventID",
    "Pending",
    "ReceivedAt",
    "CustomerID",
    "Currency",
    "Status",
    "OrderAmount",
    "Total",
    "Captured",
    "Refunded",
)
_BY = (Dimension.MINUTE, Dimension.CURRENCY, Dimension.STATUS)


@dataclass(frozen=True)
class TotalsDifference:
    """Orders of which the totals are not the sums of the table, by minute, currency and status."""

    minute: str
    currency: str
    status: str
    counted: Sums
    stored: Sums

    @property
    def difference(self) -> tuple[str, str, str, Sums]:
        """By how much the totals differ, and where."""
        return self.minute, self.currency, self.status, self.counted + -self.stored


@dataclass(frozen=True)
class TotalsCheck:
    """How many orders of the table were compared, and where the totals differ.

    `changing` is in how many more places they did, but each time by something else: orders change there.
    """

    orders: int
    differences: list[TotalsDifference]
    changing: int


def check(
    deployment: Deployment,
    span: TimeRange,
    *,
    progress: Progress,
    sleep: Callable[[float], None] = time.sleep,
) -> TotalsCheck:
    """Compare the totals of orders that arrived in `span` with the table; read-only.

    Reads both tables, and again as long as they differ, and not as they did before. Raises CloudError if the
    stack has no totals, or if they are being rebuilt.
    """
    before: set[tuple[str, str, str, Sums]] = set()
    for _ in range(_MOST_PASSES):
        orders, found = _differences(deployment, span, progress)
        stay = [one for one in found if one.difference in before]
        if len(stay) == len(found) == len(before):
            break
        before = {one.difference for one in found}
        if before:
            sleep(SECONDS_BETWEEN_PASSES)
    return TotalsCheck(orders, stay, len(found) - len(stay))


def rebuild(
    deployment: Deployment,
    *,
    progress: Progress,
    settle_seconds: float = SETTLE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Count all orders in the table anew; return how many. Orders may arrive meanwhile.

    Until it ends, the totals are incomplete. If it is interrupted, it must be run again. Raises CloudError if
    the stack has no totals, or if another rebuild has begun.
    """
    begun = time.monotonic()
    generation = _begin(deployment)
    counted = 0
    with ThreadPoolExecutor(_CONCURRENT_CALLS) as threads:
        scanned = (Counted(order_id, "", one) for order_id, one in _contributions(deployment))
        # As many at a time as keep the threads busy.
        for some in _in_lists(_in_lists(scanned, ORDERS_AT_ONCE), 4 * _CONCURRENT_CALLS):
            counted += sum(threads.map(lambda orders: _count(deployment, generation, orders), some))
            progress("orders", counted)
    _end(deployment, generation)
    progress("waiting for what is being counted in the old totals")
    sleep(max(0.0, settle_seconds - (time.monotonic() - begun)))
    _delete_others(deployment, generation, progress)
    return counted


def _differences(
    deployment: Deployment, span: TimeRange, progress: Progress
) -> tuple[int, list[TotalsDifference]]:
    state = state_of(deployment)
    if state.rebuilding_since:
        raise CloudError(
            f"the totals are being rebuilt since {state.rebuilding_since}",
            hint="if that was interrupted: orders totals --rebuild",
        )
    orders = 0

    def stored() -> Iterator[tuple[Bucket, Sums]]:
        nonlocal orders
        for _, one in _contributions(deployment):
            if span.contains(f"{one.bucket.minute}:00.000000Z"):
                orders += 1
                progress("orders", orders)
                yield one.bucket, one.sums

    in_table = _by_key(group(stored(), _BY))
    progress("reading the totals")
    buckets = (
        (bucket, sums)
        for bucket, sums in scan_buckets(deployment, state.generation)
        if span.contains(f"{bucket.minute}:00.000000Z")
    )
    in_totals = _by_key(group(buckets, _BY))
    nothing = Sums()
    return orders, [
        TotalsDifference(*key, *sums)
        for key in sorted(in_table.keys() | in_totals.keys())
        if (sums := (in_totals.get(key, nothing), in_table.get(key, nothing)))[0] != sums[1]
    ]


def _contributions(deployment: Deployment) -> Iterator[tuple[str, Contribution]]:
    """What each order in the table adds, with its id."""
    for item in scan(deployment, deployment.table, _COUNTED):
        plain = plain_value({"M": item})
        if not is_placeholder(plain) and (counted := contribution(plain)):
            yield plain["OrderID"], counted


def _by_key(totals: list[Total]) -> dict[tuple[str, str, str], Sums]:
    minute, currency, status = _BY
    return {(one.key[minute], one.key[currency], one.key[status]): one.sums for one in totals}


def _begin(deployment: Deployment) -> int:
    table = deployment.totals_table
    with translate_errors(f"cannot write to table {table}"):
        answer = deployment.cloud.dynamodb.update_item(
            TableName=table,
            Key=META,
            UpdateExpression="SET RebuildingSince = :now ADD Generation :one",
            ExpressionAttributeValues={
                ":now": {"S": utc_text(deployment.cloud.now())},
                ":one": {"N": "1"},
            },
            ReturnValues="UPDATED_NEW",
        )
    return int(answer["Attributes"]["Generation"]["N"])


def _end(deployment: Deployment, generation: int) -> None:
    table = deployment.totals_table
    with translate_errors(f"cannot write to table {table}"):
        try:
            deployment.cloud.dynamodb.update_item(
                TableName=table,
                Key=META,
                UpdateExpression="REMOVE RebuildingSince",
                ConditionExpression="Generation = :mine",
                ExpressionAttributeValues={":mine": {"N": str(generation)}},
            )
            return
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
    raise CloudError("another rebuild of the totals has begun", hint="let it end")


def _count(deployment: Deployment, generation: int, orders: list[Counted]) -> int:
    end = time.monotonic() + _MOST_SECONDS
    table = TotalsTable(deployment.cloud.dynamodb, deployment.totals_table)
    if failure := table.count(orders, lambda: end - time.monotonic(), only=generation):
        raise CloudError(f"cannot write to table {deployment.totals_table}: {failure}", hint="run it again")
    return len(orders)


def _delete_others(deployment: Deployment, generation: int, progress: Progress) -> None:
    """Delete the rows of all generations before this one."""
    table, client = deployment.totals_table, deployment.cloud.dynamodb
    deleted = 0
    with translate_errors(f"cannot delete the old totals in table {table}"):
        pages = client.get_paginator("scan").paginate(
            TableName=table, ConsistentRead=True, ProjectionExpression="PK, SK"
        )
        keys = (key for page in pages for key in page["Items"])
        old = (key for key in keys if (found := generation_of(key)) is not None and found < generation)
        for some in _in_lists(old, _DELETES_AT_ONCE):
            wanted: Any = {table: [{"DeleteRequest": {"Key": key}} for key in some]}
            while wanted:
                wanted = client.batch_write_item(RequestItems=wanted)["UnprocessedItems"]
            deleted += len(some)
            progress("rows of the old totals deleted", deleted)


def _in_lists(values: Iterable[T], most: int) -> Iterator[list[T]]:
    rest = iter(values)
    while some := list(islice(rest, most)):
        yield some
