"""Read the table Totals: the buckets of a span of time, and their sums by what one asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from orderstream.aws.deployment import Deployment
from orderstream.errors import InputError
from orderstream.progress import Progress
from orderstream.sdk.errors import translate_errors
from orderstream.storage.bucket import TimeRange
from orderstream.totals.contribution import Bucket, Sums
from orderstream.totals.rows import META, SPREAD, bucket_of, generation_of, partition_of

_CONCURRENT_READS = 16
_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)


class Dimension(StrEnum):
    """By what totals can be told apart, in the order in which they are shown."""

    HOUR = "hour"
    MINUTE = "minute"
    CUSTOMER = "customer"
    CURRENCY = "currency"
    STATUS = "status"


@dataclass(frozen=True)
class TotalsState:
    """The current generation of the totals, and since when they are being rebuilt (UTC text), "" if not."""

    generation: int
    rebuilding_since: str


@dataclass(frozen=True)
class Total:
    """Sums by dimension: `key` has the values of those asked for, and the currency always."""

    key: dict[Dimension, str]
    sums: Sums


@dataclass(frozen=True)
class TotalsReport:
    """The totals of the orders that arrived from `since` to before `until`, which are whole minutes in UTC.

    `rebuilding_since` (UTC text) says that they are incomplete, because a rebuild has not ended, or is "".
    """

    since: datetime
    until: datetime
    rebuilding_since: str
    totals: list[Total]


def state_of(deployment: Deployment) -> TotalsState:
    """The state of the totals. Raises CloudError if the stack has none."""
    table = deployment.totals_table
    with translate_errors(f"cannot read table {table}"):
        row = deployment.cloud.dynamodb.get_item(TableName=table, Key=META, ConsistentRead=True).get(
            "Item", {}
        )
    return TotalsState(
        int(row.get("Generation", {"N": "0"})["N"]), row.get("RebuildingSince", {"S": ""})["S"]
    )


def read_totals(
    deployment: Deployment, span: TimeRange, by: Collection[Dimension], *, progress: Progress
) -> TotalsReport:
    """The totals of orders by arrival: the latest first, then by currency, and the highest total first.

    `span` needs a `since`, and ends now if it has no `until`; it is widened to whole minutes. Amounts of
    different currencies are never added. Raises InputError for an empty span, CloudError if the stack has no
    totals.
    """
    assert span.since
    since = _floor(span.since, _MINUTE)
    until = _floor((span.until or deployment.cloud.now()) + _MINUTE - timedelta.resolution, _MINUTE)
    if since >= until:
        raise InputError(f"no time lies {span}")
    state = state_of(deployment)
    totals = group(_buckets(deployment, state.generation, since, until, progress), by)
    return TotalsReport(since, until, state.rebuilding_since, totals)


def group(buckets: Iterable[tuple[Bucket, Sums]], by: Collection[Dimension]) -> list[Total]:
    """The sums by dimension, sorted as `read_totals` has them."""
    wanted = _with_currency(by)
    return _added((({one: _value(bucket, one) for one in wanted}, sums) for bucket, sums in buckets))


def narrow(totals: Iterable[Total], by: Collection[Dimension]) -> list[Total]:
    """The same totals by fewer dimensions."""
    wanted = _with_currency(by)
    return _added(({name: one.key[name] for name in wanted}, one.sums) for one in totals)


def _with_currency(by: Collection[Dimension]) -> list[Dimension]:
    return [one for one in Dimension if one in by or one is Dimension.CURRENCY]


def _added(found: Iterable[tuple[dict[Dimension, str], Sums]]) -> list[Total]:
    sums: dict[tuple[str, ...], Total] = {}
    for key, more in found:
        name = tuple(key.values())
        before = sums.get(name)
        sums[name] = Total(key, before.sums + more if before else more)
    totals = [one for one in sums.values() if one.sums]
    totals.sort(key=lambda one: (one.key[Dimension.CURRENCY], -one.sums.total, *one.key.values()))
    return sorted(totals, key=_time, reverse=True)


def scan_buckets(deployment: Deployment, generation: int) -> Iterator[tuple[Bucket, Sums]]:
    """All buckets of a generation."""
    table = deployment.totals_table
    with translate_errors(f"cannot read table {table}"):
        pages = deployment.cloud.dynamodb.get_paginator("scan").paginate(
            TableName=table,
            ConsistentRead=True,
            FilterExpression="attribute_exists(CustomerID) AND attribute_not_exists(OrderID)",
        )
        for page in pages:
            yield from (bucket_of(row) for row in page["Items"] if generation_of(row) == generation)


def _buckets(
    deployment: Deployment, generation: int, since: datetime, until: datetime, progress: Progress
) -> Iterator[tuple[Bucket, Sums]]:
    """The buckets of a span of whole minutes, of several hours at a time."""
    last = until - _MINUTE
    first_hour, last_hour = _floor(since, _HOUR), _floor(last, _HOUR)
    hours = (last_hour - first_hour) // _HOUR + 1

    def read(number: int) -> list[tuple[Bucket, Sums]]:
        hour = first_hour + number * _HOUR
        begin = since.minute if number == 0 else 0
        end = last.minute if hour == last_hour else 59
        return list(_of_hour(deployment, generation, f"{hour:%Y-%m-%dT%H}", begin, end))

    with ThreadPoolExecutor(_CONCURRENT_READS) as threads:
        for number, found in enumerate(threads.map(read, range(hours)), start=1):
            progress("hours", number, hours)
            yield from found


def _of_hour(
    deployment: Deployment, generation: int, hour: str, begin: int, end: int
) -> Iterator[tuple[Bucket, Sums]]:
    table = deployment.totals_table
    with translate_errors(f"cannot read table {table}"):
        for number in range(SPREAD):
            pages = deployment.cloud.dynamodb.get_paginator("query").paginate(
                TableName=table,
                ConsistentRead=True,
                KeyConditionExpression="PK = :partition AND SK BETWEEN :begin AND :end",
                ExpressionAttributeValues={
                    ":partition": {"S": partition_of(generation, hour, number)},
                    ":begin": {"S": f"{begin:02}/"},
                    # Higher than any digit of a hash.
                    ":end": {"S": f"{end:02}/~"},
                },
            )
            for page in pages:
                yield from (bucket_of(row) for row in page["Items"])


def _value(bucket: Bucket, dimension: Dimension) -> str:
    # As RFC 3339 has it, to go on with --since.
    if dimension is Dimension.HOUR:
        return f"{bucket.minute[:-3]}:00Z"
    if dimension is Dimension.MINUTE:
        return f"{bucket.minute}Z"
    return str(getattr(bucket, dimension))


def _time(total: Total) -> tuple[str, str]:
    return total.key.get(Dimension.HOUR, ""), total.key.get(Dimension.MINUTE, "")


def _floor(at: datetime, unit: timedelta) -> datetime:
    at = at.astimezone(UTC)
    return at - (at - datetime.fromtimestamp(0, UTC)) % unit
