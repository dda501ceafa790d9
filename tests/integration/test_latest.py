"""The latest orders: out of the log, the archive and the table, and only what is new at each look."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_logs.type_defs import InputLogEventTypeDef

from orderstream.aws.clients import AwsClients
from orderstream.domain.fields import timestamp
from orderstream.domain.object_keys import ORDERS
from orderstream.errors import CloudError
from orderstream.lookup.recent_orders import RecentOrders
from orderstream.pipeline import telemetry
from orderstream.pipeline.batch_result import BatchResult
from orderstream.pipeline.records import Record
from tests.integration.archive_harness import compact
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import order

GROUP = "/aws/lambda/F"


class Logged(Pipe):
    """The pipeline with the log that its function would write."""

    def __init__(self, cloud: AwsClients, *, layout: str = "batch") -> None:
        super().__init__(cloud, layout=layout)
        cloud.logs.create_log_group(logGroupName=GROUP)
        for name in ("a", "b"):
            cloud.logs.create_log_stream(logGroupName=GROUP, logStreamName=name)

    def batch(self, *orders: str, ago: float = 0, instance: str = "a") -> BatchResult:
        """Put the orders, and process them in a batch whose line is logged so many seconds ago."""
        events = self.put(*orders)
        return self.deliver([one for one in self.records() if one.event_id in events], ago, instance)

    def deliver(self, records: Sequence[Record], ago: float = 0, instance: str = "a") -> BatchResult:
        """Process a batch, and log what came of it."""
        report = self.process(records)
        now = datetime.now(UTC) - timedelta(seconds=ago)
        line = telemetry.log_line(
            report,
            records,
            stack="test",
            objective_seconds=30,
            request_id=uuid.uuid4().hex,
            cold=False,
            now=now,
        )
        at = int(now.timestamp() * 1000)
        events: list[InputLogEventTypeDef] = [
            {"timestamp": at, "message": one} for one in ("START RequestId: r\n", line)
        ]
        self.cloud.logs.put_log_events(logGroupName=GROUP, logStreamName=instance, logEvents=events)
        return report


class Counted(Counter[str]):
    """Counts the calls of a cloud's clients by their operation."""

    def __init__(self, cloud: AwsClients) -> None:
        super().__init__()
        for client in (cloud.logs, cloud.s3, cloud.dynamodb):
            client.meta.events.register("before-call", self._count)

    def _count(self, model: Any, **_: Any) -> None:
        self[model.name] += 1


def ids(latest: RecentOrders) -> list[str]:
    return [item["OrderID"] for item in latest.poll()]


@pytest.fixture
def pipe(cloud: AwsClients) -> Logged:
    return Logged(cloud)


def test_they_are_the_items_of_the_table_newest_first_and_no_more_objects_are_read_than_it_takes(
    pipe: Logged,
) -> None:
    pipe.batch(order("A"), order("B"), ago=3)
    pipe.batch(*(order(f"C-{number}", "7") for number in range(3)), ago=2, instance="b")
    found = RecentOrders(pipe.deployment).poll()
    assert [item["OrderID"] for item in found] == ["C-2", "C-1", "C-0", "B", "A"]
    assert (found[0]["OrderAmount"], found[0]["Currency"], found[0]["Status"]) == (7, "EUR", "placed")
    assert found[0]["ReceivedAt"] > found[3]["ReceivedAt"]
    calls = Counted(pipe.cloud)
    assert ids(RecentOrders(pipe.deployment, most=2)) == ["C-2", "C-1"]
    assert calls == {"FilterLogEvents": 1, "GetObject": 1, "BatchGetItem": 1}


def test_what_became_no_item_is_not_shown(pipe: Logged) -> None:
    # So long ago that no look goes back to it.
    pipe.batch(order("A"), ago=4_000)
    pipe.batch(order("A"), order("A", "2"), order("B"), "bad", order("B"), ago=2, instance="b")
    assert ids(RecentOrders(pipe.deployment)) == ["B"]


def test_a_second_look_reads_what_is_new_and_remembers_the_rest(pipe: Logged) -> None:
    latest = RecentOrders(pipe.deployment, most=3)
    pipe.batch(order("A"), ago=3)
    pipe.batch(order("B"), ago=2)
    assert ids(latest) == ["B", "A"]
    calls = Counted(pipe.cloud)
    assert ids(latest) == ["B", "A"]
    assert calls == {"FilterLogEvents": 1, "BatchGetItem": 1}
    calls.clear()
    pipe.batch(order("C"), order("D"), ago=1)
    calls.clear()
    assert ids(latest) == ["D", "C", "B"]
    assert calls == {"FilterLogEvents": 1, "GetObject": 1, "BatchGetItem": 1}
    # A line that is late in the log is seen, whenever it is looked for.
    late = RecentOrders(pipe.deployment)
    assert ids(late) == ["D", "C", "B", "A"]
    pipe.batch(order("late"), ago=6, instance="b")
    assert ids(late) == ["late", "D", "C", "B", "A"]


def test_what_a_second_delivery_stored_is_shown_and_what_was_erased_meanwhile_is_gone(pipe: Logged) -> None:
    latest = RecentOrders(pipe.deployment)
    first = pipe.batch(order("A"), order("B"), ago=2)
    # As if the table had not taken it then.
    pipe.cloud.dynamodb.delete_item(TableName="Orders", Key={"OrderID": {"S": "B"}})
    assert ids(latest) == ["A"]
    assert pipe.deliver(pipe.records(), ago=1).objects == first.objects
    assert ids(latest) == ["B", "A"]
    pipe.cloud.dynamodb.delete_item(TableName="Orders", Key={"OrderID": {"S": "A"}})
    assert ids(latest) == ["B"]


def test_it_looks_back_an_hour_and_says_when_there_is_nothing(pipe: Logged) -> None:
    latest = RecentOrders(pipe.deployment)
    assert latest.poll() == []
    assert latest.empty_reason == "no order was stored in the last hour"
    pipe.batch(order("A"), ago=3_700)
    assert latest.poll() == []
    pipe.batch(order("B"), ago=3_500, instance="b")
    assert ids(latest) == ["B"]
    assert latest.empty_reason == ""


def test_orders_that_were_compacted_or_lie_in_a_damaged_object_are_shown_as_far_as_they_can_be_read(
    pipe: Logged, tmp_path: Path
) -> None:
    pipe.batch(order("A"), order("B"), ago=2)
    expected = RecentOrders(pipe.deployment).poll()
    compact(pipe, timestamp(expected[0]["ReceivedAt"]), tmp_path)
    assert pipe.keys(ORDERS) == []
    assert RecentOrders(pipe.deployment).poll() == expected
    (key,) = pipe.batch(order("C"), ago=1).objects
    pipe.write(key, b"damage")
    assert RecentOrders(pipe.deployment).poll() == expected


def test_with_one_object_an_order_there_is_no_telling_and_it_says_so(cloud: AwsClients) -> None:
    pipe = Logged(cloud, layout="order")
    pipe.batch(order("A"))
    latest = RecentOrders(pipe.deployment)
    for _ in range(2):
        assert latest.poll() == []
        assert latest.empty_reason == "with ArchiveLayout=order, the log does not say where orders lie"


def test_a_log_that_cannot_be_read_is_one_of_our_errors(cloud: AwsClients) -> None:
    with pytest.raises(CloudError, match="cannot read the log of F"):
        RecentOrders(Pipe(cloud).deployment).poll()
