"""Verify names each discrepancy and nothing else; repair restores what can be restored."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import pytest
from aws_kinesis_agg import aggregator

from orderstream.aws.clients import AwsClients
from orderstream.domain.object_keys import ORDERS, QUARANTINE
from orderstream.pipeline.records import Record
from orderstream.recovery.verify import verify_and_repair
from orderstream.storage.bucket import TimeRange
from tests.integration.archive_harness import record
from tests.integration.pipeline_harness import Pipe, give_up
from tests.integration.reconciliation import LATER, found, items, order, verified


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_a_pipeline_that_worked_has_no_discrepancies_and_every_record_its_fate(
    cloud: AwsClients, layout: str
) -> None:
    pipe = Pipe(cloud, layout=layout)
    maker = aggregator.RecordAggregator()
    for data in (order("G"), order("H"), "bad"):
        maker.add_user_record("k", data)
    aggregate = maker.clear_and_get().get_contents()[2]
    compressed = gzip.compress(order("Z").encode())
    nameless = '{"customer_id": "c", "amount": 3}'
    pipe.put(order("A"), order("A"), order("A", "2"), "bad", "", nameless, compressed, aggregate)
    pipe.process()
    report = verified(pipe, later=LATER)
    assert report.discrepancies == ()
    counts = report.counts
    assert (counts.stored, counts.duplicates, counts.conflicts, counts.invalid) == (5, 1, 1, 3)
    assert (counts.streamed, counts.items, report.counts.in_flight) == (10, 5, 0)
    assert counts.archived == (10 if layout == "batch" else 5)
    # A redelivery in other batches changes nothing.
    records = pipe.records()
    pipe.process(records[3:])
    pipe.process(records[:6])
    assert verified(pipe, later=LATER) == report


def test_a_record_that_is_in_the_archive_alone_is_missing_until_it_is_repaired(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    events = pipe.put(order("A"), order("B", "2.50"), "bad", order("A", "9"))
    pipe.process()
    before = items(pipe)
    cloud.dynamodb.delete_item(TableName="Orders", Key={"OrderID": {"S": "B"}})
    (quarantine,) = pipe.keys(QUARANTINE)
    cloud.s3.delete_object(Bucket=pipe.deployment.bucket, Key=quarantine)
    wrong = {("missing", event) for event in (events[1], events[2], events[3])}
    assert found(verified(pipe, later=LATER)) == wrong

    done, report = verify_and_repair(pipe.deployment, clock=lambda: datetime.now(UTC) + LATER)
    assert (done.stored, done.conflicts + done.invalid, done.failed) == (1, 2, 0)
    assert report.discrepancies == ()
    assert items(pipe) == before, "restored to what it was"
    assert (report.counts.conflicts, report.counts.invalid) == (1, 1)


def test_a_repair_never_overwrites(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    pipe.put(order("A"))
    pipe.process()
    cloud.dynamodb.update_item(
        TableName="Orders",
        Key={"OrderID": {"S": "A"}},
        UpdateExpression="SET Fingerprint = :other",
        ExpressionAttributeValues={":other": {"S": "00" * 16}},
    )
    before = items(pipe)
    _, report = verify_and_repair(pipe.deployment, clock=lambda: datetime.now(UTC) + LATER)
    assert items(pipe) == before
    # The bytes say that the record is the item's; what is wrong with the item stays.
    assert found(report) == {("payload_mismatch", "A")}
    assert (report.counts.stored, report.counts.conflicts, pipe.keys(QUARANTINE)) == (1, 0, [])


def test_a_record_that_nothing_was_done_with_is_on_its_way_and_then_not_archived(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    first, second = pipe.put(order("A"), order("B"))
    pipe.process(pipe.records()[:1])
    report = verified(pipe)
    assert (report.counts.in_flight, report.discrepancies) == (1, ())
    assert found(verified(pipe, later=LATER)) == {("unarchived", second)}
    done, report = verify_and_repair(pipe.deployment, clock=lambda: datetime.now(UTC) + LATER)
    assert (done.stored, report.discrepancies) == (1, ())
    assert set(items(pipe)) == {"A", "B"}

    # Behind a backlog records are on their way for longer.
    pipe.put(order("C"))
    now = datetime.now(UTC)
    cloud.cloudwatch.put_metric_data(
        Namespace="AWS/Lambda",
        MetricData=[
            {
                "MetricName": "IteratorAge",
                "Dimensions": [{"Name": "FunctionName", "Value": "F"}],
                "Timestamp": now + LATER,
                "Value": 600_000,
            }
        ],
    )
    report = verified(pipe, later=LATER + timedelta(seconds=1))
    assert (report.counts.in_flight, report.discrepancies) == (1, ())


def test_an_item_that_is_not_of_one_archived_record_alone_is_named(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    event, _ = pipe.put(order("A"), order("B"))
    pipe.process()
    again = items(pipe)["A"] | {"OrderID": {"S": "A-again"}}
    cloud.dynamodb.put_item(TableName="Orders", Item=again)
    report = verified(pipe, later=LATER)
    assert found(report) == {("duplicate_item", event)}
    assert "A, A-again" in report.discrepancies[0].detail
    cloud.dynamodb.delete_item(TableName="Orders", Key={"OrderID": {"S": "A-again"}})

    forged = {"OrderID": {"S": "forged"}}
    cloud.dynamodb.put_item(TableName="Orders", Item=forged | {"OrderAmount": {"N": "1"}})
    assert found(verified(pipe, later=LATER)) == {("payload_missing", "forged")}
    cloud.dynamodb.delete_item(TableName="Orders", Key=forged)

    (key,) = pipe.keys(ORDERS)
    pipe.delete(key)
    assert found(verified(pipe, later=LATER)) == {("payload_missing", "A"), ("payload_missing", "B")}


def test_bytes_that_were_changed_are_named_by_their_event_and_their_order(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    event, _ = pipe.put(order("A", "100"), order("B", "200"))
    pipe.process()
    (key,) = pipe.keys(ORDERS)
    body = pipe.body(key)
    changed = gzip.compress(gzip.decompress(body).replace(b'"amount": 100', b'"amount": 999'))
    # In another object beside those that were sent, and in place of them.
    another = f"{key.rpartition('-')[0]}-another.ndjson.gz"
    pipe.write(another, changed)
    assert ("tampered", event) in found(verified(pipe, later=LATER))
    pipe.delete(another)
    pipe.write(key, changed)
    report = verified(pipe, later=LATER)
    assert {("tampered", event), ("payload_mismatch", "A")} <= found(report)
    assert "B" not in {one.id for one in report.discrepancies}


def test_an_object_that_is_cut_off_is_named_and_the_lines_before_the_cut_count(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.process([record(number, order(f"A{number}", customer=f"c{number * 7919}")) for number in range(500)])
    (key,) = pipe.keys(ORDERS)
    pipe.write(key, pipe.body(key)[:-2000])
    report = verified(pipe, later=LATER)
    assert ("corrupt", key) in found(report)
    assert 0 < len([one for one in report.discrepancies if one.kind == "payload_missing"]) < 500
    pipe.write(key, b"nothing like it")
    assert ("corrupt", key) in found(verified(pipe, later=LATER))


def test_what_aws_gave_up_is_told_from_what_is_missing(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    missing, event = pipe.put(order("A"), order("B"))
    key = give_up(pipe.deployment, pipe.records()[1:])
    report = verified(pipe, later=LATER)
    assert found(report) == {("unarchived", missing), ("discarded", event)}
    (detail,) = [one.detail for one in report.discrepancies if one.kind == "discarded"]
    assert f"s3://{pipe.deployment.discarded_bucket}/{key}" in detail
    assert report.counts.discarded == 1


def test_only_what_arrived_in_the_span_is_looked_at(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    now = datetime.now(UTC).replace(microsecond=0)
    old = [
        Record(
            f"shardId-old:{number}", "shardId-old", str(number), "k", now - timedelta(days=2), data.encode()
        )
        for number, data in enumerate((order("old"), "bad"), start=1)
    ]
    pipe.process(old)
    pipe.put(order("new"))
    pipe.process()
    for order_id in ("old", "new"):
        cloud.dynamodb.delete_item(TableName="Orders", Key={"OrderID": {"S": order_id}})
    recent, past = TimeRange(since=now - timedelta(hours=3)), TimeRange(until=now - timedelta(hours=3))
    assert {one.kind for one in verified(pipe, later=LATER, span=recent).discrepancies} == {"missing"}
    assert len(verified(pipe, later=LATER, span=recent).discrepancies) == 1
    assert found(verified(pipe, later=LATER, span=past)) == {("missing", "shardId-old:1")}
    assert len(verified(pipe, later=LATER).discrepancies) == 2
