"""Totals are read by whole minutes, and added up by what one asks for; currencies are never added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.errors import CloudError, InputError
from orderstream.progress import no_progress
from orderstream.storage.bucket import TimeRange
from orderstream.storage.totals import Dimension, Total, group, narrow, read_totals
from orderstream.totals.contribution import Bucket, Sums
from orderstream.totals.rows import bucket_key, bucket_texts, sum_parts

NOW = datetime(2026, 11, 22, 18, 30, 20, tzinfo=UTC)


class Table:
    """The table Totals, with one order in each minute of some hours; counts what is read."""

    dynamodb: Any

    def __init__(self, generation: int, *, rebuilding: str = "") -> None:
        self.dynamodb = self
        self.queries: Counter[str] = Counter()
        self._meta = {"Generation": {"N": str(generation)}}
        if rebuilding:
            self._meta["RebuildingSince"] = {"S": rebuilding}
        begin = NOW.replace(hour=15, minute=0)
        minutes = [f"{begin + timedelta(minutes=number):%Y-%m-%dT%H:%M}" for number in range(240)]
        self.rows = [row(0, minute) for minute in minutes] + [row(generation, one) for one in minutes]

    def now(self) -> datetime:
        return NOW

    def get_item(self, **request: Any) -> dict[str, Any]:
        return {"Item": self._meta}

    def get_paginator(self, name: str) -> Any:
        assert name == "query"
        return self

    def paginate(self, *, ExpressionAttributeValues: dict[str, Any], **rest: Any) -> Iterator[dict[str, Any]]:
        partition, begin, end = (value["S"] for value in ExpressionAttributeValues.values())
        self.queries[partition] += 1
        yield {
            "Items": [
                one for one in self.rows if one["PK"]["S"] == partition and begin <= one["SK"]["S"] <= end
            ]
        }


def row(generation: int, minute: str) -> dict[str, Any]:
    bucket = Bucket(minute, f"c-{minute[-1]}", "EUR", "placed")
    key = bucket_key(generation, bucket)
    return key | bucket_texts(bucket) | sum_parts(Sums(1, Decimal("0.10")))


def deployment(table: Any, **resources: str) -> Deployment:
    return Deployment(cast("AwsClients", table), "orderstream", resources)


@pytest.mark.parametrize(
    ("since", "until", "minutes"),
    [
        (timedelta(hours=1), None, 61),
        (timedelta(minutes=1), None, 2),
        (timedelta(hours=3, minutes=15), timedelta(hours=2), 76),
        (timedelta(seconds=20), timedelta(seconds=19), 1),
    ],
)
def test_a_span_is_widened_to_whole_minutes_and_reads_no_other(
    since: timedelta, until: timedelta | None, minutes: int
) -> None:
    table = Table(3)
    span = TimeRange(NOW - since, NOW - until if until is not None else None)
    report = read_totals(deployment(table, TotalsTableName="Totals"), span, (), progress=no_progress)
    assert report.since <= NOW - since and report.until >= NOW - (until or timedelta())
    assert report.until - report.since == timedelta(minutes=minutes)
    (total,) = report.totals
    assert total == Total({Dimension.CURRENCY: "EUR"}, Sums(minutes, Decimal("0.1") * minutes))
    assert set(table.queries.values()) == {1} and all(one.startswith("3/") for one in table.queries)


def test_an_empty_span_is_refused() -> None:
    found = deployment(Table(0), TotalsTableName="Totals")
    with pytest.raises(InputError, match="no time lies"):
        read_totals(found, TimeRange(NOW, NOW - timedelta(hours=1)), (), progress=no_progress)


def test_a_stack_without_totals_says_how_to_have_them() -> None:
    with pytest.raises(CloudError, match="has no totals") as refused:
        read_totals(deployment(Table(0)), TimeRange(NOW), (), progress=no_progress)
    assert refused.value.hint == "deploy it: orders deploy --parameter Totals=true"


def test_totals_that_are_being_rebuilt_say_so() -> None:
    found = deployment(Table(1, rebuilding="2026-11-22T18:00:00.000000Z"), TotalsTableName="Totals")
    report = read_totals(found, TimeRange(NOW), (), progress=no_progress)
    assert report.rebuilding_since == "2026-11-22T18:00:00.000000Z"


BUCKETS = [
    (Bucket(minute, customer, currency, "paid"), Sums(1, Decimal(total), Decimal(total), Decimal(-1)))
    for minute, customer, currency, total in (
        ("2026-11-22T18:59", "a", "EUR", 10),
        ("2026-11-22T18:58", "b", "EUR", 30),
        ("2026-11-22T19:00", "a", "EUR", 5),
        ("2026-11-22T19:00", "a", "USD", 1000),
    )
]


def test_the_highest_total_of_each_currency_comes_first_and_the_latest_time_before_it() -> None:
    by_customer = group(BUCKETS, (Dimension.CUSTOMER,))
    assert [(*one.key.values(), one.sums.total, one.sums.net) for one in by_customer] == [
        ("b", "EUR", 30, 29),
        ("a", "EUR", 15, 13),
        ("a", "USD", 1000, 999),
    ]
    by_hour = group(BUCKETS, (Dimension.HOUR,))
    assert [(*one.key.values(), one.sums.orders) for one in by_hour] == [
        ("2026-11-22T19:00Z", "EUR", 1),
        ("2026-11-22T19:00Z", "USD", 1),
        ("2026-11-22T18:00Z", "EUR", 2),
    ]


def test_totals_are_the_same_whether_they_are_grouped_once_or_narrowed() -> None:
    fine = group(BUCKETS, (Dimension.CUSTOMER, Dimension.STATUS))
    for by in ((Dimension.CUSTOMER,), (Dimension.STATUS,), ()):
        assert narrow(fine, by) == group(BUCKETS, by)


def test_what_adds_up_to_nothing_is_left_out() -> None:
    (bucket, sums) = BUCKETS[0]
    assert group([(bucket, sums), (bucket, -sums)], ()) == []
