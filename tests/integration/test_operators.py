"""What an operator does: look at bad records and mend them, redrive, verify, trace."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orderstream.domain.object_keys import DISCARDED
from orderstream.local.cloud import LocalCloud
from orderstream.recovery.verify import verify
from orderstream.recovery.watermark import GRACE
from orderstream.storage import stream
from orderstream.storage.order_events import read_events
from orderstream.storage.orders import get_order
from tests.integration.conftest import Orders, awaited
from tests.integration.discarded import failures_by_place, given_up, given_up_at
from tests.integration.local_orders import found_order, put, quarantined
from tests.integration.pipeline_harness import give_up, message_about


def new_id() -> str:
    return uuid.uuid4().hex


def await_quarantined(local: LocalCloud, event: str) -> None:
    awaited(lambda: quarantined(local).get(event))


def await_order(local: LocalCloud, order_id: str) -> dict[str, Any]:
    return awaited(lambda: found_order(local, order_id))


def test_a_bad_record_is_listed_shown_mended_and_becomes_an_order_once(
    local: LocalCloud, orders: Orders
) -> None:
    order_id = new_id()
    data = f'{{"order_id": "{order_id}", "customer_id": "c", "amount": -5, "note": "Zoë"}}'.encode()
    event = put(local, data, "zoe")
    await_quarantined(local, event)
    listed = [json.loads(line) for line in orders("quarantine", "list", "--json").stdout.splitlines()]
    (entry,) = (one for one in listed if one["event_id"] == event)
    assert (entry["order_id"], entry["partition_key"]) == (order_id, "zoe")
    assert entry["reasons"] == [
        {"path": "$.amount", "code": "not_positive", "message": "must be greater than zero"}
    ]
    assert event in orders("quarantine", "list", "--code", "not_positive", "--since", "5m").stdout
    assert event not in orders("quarantine", "list", "--code", "conflict").stdout
    shown = orders("quarantine", "show", event).stdout
    assert "$.amount must be greater than zero" in shown and data.decode() in shown
    assert json.loads(orders("quarantine", "show", event, "--json").stdout)["raw"] == data.decode()

    assert "must be greater than zero" in orders("quarantine", "resubmit", event, status=1).stderr
    planned = orders("quarantine", "resubmit", event, "--set", "amount=5.50", "--dry-run")
    assert '"amount":5.50' in planned.stdout and "1 would be resubmitted" in planned.stderr
    assert event in orders("quarantine", "list").stdout, "a dry run changes nothing"
    for _ in range(2):
        orders("quarantine", "resubmit", event, "--set", "amount=5.50")
    item = awaited(lambda: found_order(local, order_id))
    assert str(item["OrderAmount"]) == "5.5"
    assert event not in orders("quarantine", "list").stdout
    all_listed = orders("quarantine", "list", "--include-done", "--json").stdout.splitlines()
    (entry,) = (one for one in map(json.loads, all_listed) if one["event_id"] == event)
    assert [note["order_id"] for note in entry["resubmitted"]] == [order_id, order_id]


def test_a_record_without_an_id_is_resubmitted_under_the_id_that_it_would_have_had(
    local: LocalCloud, orders: Orders, tmp_path: Any
) -> None:
    event = put(local, b"amount 5, please")
    await_quarantined(local, event)
    assert "--edit" in orders("quarantine", "resubmit", event, "--set", "amount=5", status=1).stderr
    file = tmp_path / "order.json"
    file.write_text('{"customer_id": "c", "amount": 5}')
    orders("quarantine", "resubmit", event, "--edit", str(file))
    assert awaited(lambda: found_order(local, event))["OrderAmount"] == 5


def test_a_conflict_needs_an_id_of_its_own(local: LocalCloud, orders: Orders) -> None:
    order_id = new_id()
    put(local, f'{{"order_id": "{order_id}", "customer_id": "c", "amount": 1}}'.encode(), order_id)
    event = put(local, f'{{"order_id": "{order_id}", "customer_id": "c", "amount": 2}}'.encode(), order_id)
    await_quarantined(local, event)
    assert "is there with other content" in orders("quarantine", "resubmit", event, status=1).stderr
    orders("quarantine", "resubmit", event, "--set", f"order_id={order_id}-2")
    assert awaited(lambda: found_order(local, f"{order_id}-2"))["OrderAmount"] == 2
    assert get_order(local.deployment, order_id)["OrderAmount"] == 1


def test_an_event_is_resubmitted_as_one_event_however_often(local: LocalCloud, orders: Orders) -> None:
    order_id = new_id()
    put(local, f'{{"order_id": "{order_id}", "customer_id": "c", "amount": 5}}'.encode(), order_id)
    bad = put(local, f'{{"order_id": "{order_id}", "event": "captured", "amount": -5}}'.encode(), order_id)
    await_quarantined(local, bad)
    planned = orders("quarantine", "resubmit", bad, "--set", "amount=5", "--dry-run")
    assert f"{bad} as event captured of order {order_id}" in planned.stdout
    for _ in range(2):
        orders("quarantine", "resubmit", bad, "--set", "amount=5")
    awaited(lambda: {"applied", "duplicate"} <= {one["what"] for one in steps_of(orders, order_id)})
    item = get_order(local.deployment, order_id)
    assert (item["Captured"], item["Version"]) == (5, 2)
    (row,) = read_events(local.deployment, order_id)
    arrived = {one["at"] for one in steps_of(orders, order_id) if one["event_id"] == bad}
    assert row["OccurredAt"] in arrived, "it occurred when it first arrived"


def test_many_are_resubmitted_at_once_and_those_that_cannot_be_are_said(
    local: LocalCloud, orders: Orders
) -> None:
    # Unlike the records of other tests, these have a currency that is none.
    ids = [new_id() for _ in range(3)]
    good = [f'{{"order_id": "{one}", "customer_id": "c", "amount": 1, "currency": "euro"}}' for one in ids]
    events = [put(local, data.encode()) for data in good]
    bad = put(local, b'{"customer_id": "", "amount": 1, "currency": "euro"}')
    for event in (*events, bad):
        await_quarantined(local, event)
    arguments = ("quarantine", "resubmit", "--all", "--code", "unknown_currency", "--set", "currency=EUR")
    done = orders(*arguments, "--json", status=1)
    results = {one["event_id"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert all(results[event]["sent"] for event in events)
    assert "customer_id" in results[bad]["problem"]
    for one in ids:
        assert await_order(local, one)["Currency"] == "EUR"
    again = orders(*arguments, "--json", status=1)
    assert [json.loads(line)["event_id"] for line in again.stdout.splitlines()] == [bad]


def test_what_to_resubmit_must_be_said(orders: Orders) -> None:
    assert "event ids, or --all" in orders("quarantine", "resubmit", status=2).stderr
    assert "event ids, or --all" in orders("quarantine", "resubmit", "a:1", "--all", status=2).stderr
    assert "one event id" in orders("quarantine", "resubmit", "--all", "--edit", "x", status=2).stderr
    assert "cannot read" in orders("quarantine", "resubmit", "a:1", "--edit", "/none", status=2).stderr
    assert "no record a:1 in quarantine" in orders("quarantine", "show", "a:1", status=1).stderr


def test_what_aws_gave_up_is_brought_back_and_done_only_when_all_of_it_is_accounted_for(
    local: LocalCloud, orders: Orders
) -> None:
    ids = [new_id(), f'{new_id()}"\\']
    records = given_up(ids, b"bad")
    place = given_up_at(local, records)
    listed = failures_by_place(orders)[place]
    assert (listed["records"], listed["condition"], listed["done"]) == (3, "RetryAttemptsExhausted", False)
    assert "RetryAttemptsExhausted" in orders("dead-letters", "list").stdout
    assert [one["what"] for one in steps_of(orders, ids[0])] == ["arrived", "discarded", "open"]
    assert f"open: {place}: 3 records: 3 open" in orders("dead-letters", "redrive", "--dry-run").stdout
    assert found_order(local, ids[0]) is None, "a dry run changes nothing"
    assert f"done: {place}" in orders("dead-letters", "redrive").stdout
    steps = steps_of(orders, ids[0])
    assert {"discarded", "redriven", "archived", "stored"} <= {one["what"] for one in steps}
    assert place in {one["where"] for one in steps}
    for number, order_id in enumerate(ids):
        assert get_order(local.deployment, order_id)["EventID"] == records[number].event_id
    assert records[2].event_id in quarantined(local)
    assert place not in failures_by_place(orders)
    assert failures_by_place(orders, "--include-done")[place]["done"]
    assert "nothing to redrive" in orders("dead-letters", "redrive").stderr


def test_events_that_aws_gave_up_are_brought_back(local: LocalCloud, orders: Orders) -> None:
    order_id, late = new_id(), new_id()
    paid, early = (f'{{"order_id": "{one}", "event": "paid"}}'.encode() for one in (order_id, late))
    place = given_up_at(local, given_up([order_id], paid, early))
    assert f"open: {place}: 3 records: 3 open" in orders("dead-letters", "redrive", "--dry-run").stdout
    done = orders("dead-letters", "redrive").stdout
    assert f"done: {place}: 3 records" in done and "2 event" in done
    assert get_order(local.deployment, order_id)["Status"] == "paid"
    assert "and events of it wait" in orders("trace", late).stdout
    put(local, f'{{"order_id": "{late}", "customer_id": "c", "amount": 5}}'.encode(), late)
    assert awaited(lambda: found_order(local, late))


def test_an_object_that_is_no_failure_is_said_and_keeps_no_other_one_back(
    local: LocalCloud, orders: Orders
) -> None:
    strange = f"{DISCARDED}0/strange"
    local.cloud.s3.put_object(Bucket=local.deployment.discarded_bucket, Key=strange, Body=b"{}")
    try:
        order_id = new_id()
        give_up(local.deployment, given_up([order_id]))
        done = orders("dead-letters", "redrive", status=1)
        assert strange in done.stdout and "is not what AWS writes" in done.stderr
        assert found_order(local, order_id)
    finally:
        local.cloud.s3.delete_object(Bucket=local.deployment.discarded_bucket, Key=strange)


@contextmanager
def queue_as_destination(local: LocalCloud) -> Iterator[str]:
    """An SQS queue where the mapping's on-failure destination was a bucket; the event source knows it not."""
    cloud, mapping = local.cloud, local.deployment.mapping_id
    url = cloud.sqs.create_queue(QueueName=f"failures-{new_id()}")["QueueUrl"]
    attributes = cloud.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    before = cloud.lambda_.get_event_source_mapping(UUID=mapping)["DestinationConfig"]
    cloud.lambda_.update_event_source_mapping(
        UUID=mapping, DestinationConfig={"OnFailure": {"Destination": attributes["QueueArn"]}}
    )
    try:
        yield url
    finally:
        cloud.lambda_.update_event_source_mapping(UUID=mapping, DestinationConfig=before)
        cloud.sqs.delete_queue(QueueUrl=url)


def test_what_a_queue_tells_of_is_read_back_from_the_stream(local: LocalCloud, orders: Orders) -> None:
    deployment = local.deployment
    stream_arn = deployment.cloud.kinesis.describe_stream_summary(StreamName=deployment.stream)[
        "StreamDescriptionSummary"
    ]["StreamARN"]
    ids = [new_id(), new_id()]
    events = [
        put(local, f'{{"order_id": "{one}", "customer_id": "c", "amount": 1}}'.encode(), ids[0])
        for one in ids
    ]
    for one in ids:
        await_order(local, one)
        deployment.cloud.dynamodb.delete_item(TableName=deployment.table, Key={"OrderID": {"S": one}})
    mine = [record for record in stream.records(deployment) if record.event_id in events]
    with queue_as_destination(local) as url:
        deployment.cloud.sqs.send_message(QueueUrl=url, MessageBody=message_about(mine, stream_arn))
        gone = given_up([new_id()])
        deployment.cloud.sqs.send_message(QueueUrl=url, MessageBody=message_about(gone, stream_arn))
        foreign = message_about(gone, stream_arn.replace(deployment.stream, "another"))
        deployment.cloud.sqs.send_message(QueueUrl=url, MessageBody=foreign)
        listed = failures_by_place(orders)
        assert sorted(one["records"] for one in listed.values()) == [1, 2], "those of our stream"
        done = orders("dead-letters", "redrive", status=1)
        assert "1 done, 1 open" in done.stderr
        assert "gone from the stream" in done.stderr
        assert len(failures_by_place(orders)) == 1
        for one in ids:
            assert found_order(local, one)


def test_a_stack_in_order_is_verified_and_an_order_that_is_there_twice_is_named(
    local: LocalCloud, orders: Orders
) -> None:
    order_id = new_id()
    event = put(local, f'{{"order_id": "{order_id}", "customer_id": "c", "amount": 1}}'.encode())
    awaited(lambda: found_order(local, order_id))
    told = orders("stack", "verify")
    assert "no discrepancies" in told.stdout
    answer = json.loads(orders("stack", "verify", "--json", "--repair").stdout)
    assert answer["discrepancies"] == []
    assert answer["counts"]["items"] == answer["counts"]["stored"] >= 1
    assert answer["repaired"]["stored"] == 0

    key = {"OrderID": {"S": order_id}}
    item = local.cloud.dynamodb.get_item(TableName="Orders", Key=key)["Item"]
    local.cloud.dynamodb.put_item(TableName="Orders", Item=item | {"OrderID": {"S": f"{order_id}-2"}})
    try:
        assert "duplicate_item" in orders("stack", "verify", status=1).stdout
        (one,) = json.loads(orders("stack", "verify", "--json", status=1).stdout)["discrepancies"]
        assert (one["kind"], one["id"]) == ("duplicate_item", event)
    finally:
        local.cloud.dynamodb.delete_item(TableName="Orders", Key={"OrderID": {"S": f"{order_id}-2"}})


def steps_of(orders: Orders, order_id: str) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = json.loads(orders("trace", order_id, "--json").stdout)["steps"]
    return steps


def test_a_trace_tells_a_whole_story(local: LocalCloud, orders: Orders) -> None:
    order_id = new_id()
    dated = '"order_date": "2026-01-02T03:04:05Z"'
    text = f'{{"order_id": "{order_id}", "customer_id": "c", "amount": %s, {dated}}}'
    bad = put(local, (text % "-1").encode(), order_id)
    await_quarantined(local, bad)
    orders("quarantine", "resubmit", bad, "--set", "amount=1")
    item = awaited(lambda: found_order(local, order_id))
    again = put(local, (text % "1.0").encode(), order_id)
    conflict = put(local, (text % "2").encode(), order_id)
    await_quarantined(local, conflict)

    steps = steps_of(orders, order_id)
    told = {
        event: [one["what"] for one in steps if one["event_id"] == event] for event in (bad, again, conflict)
    }
    assert set(told[bad]) == {"arrived", "archived", "delivered", "quarantined", "resubmitted"}
    assert set(told[again]) == {
        "dated",
        "arrived",
        "archived",
        "delivered",
        "duplicate",
    }
    assert set(told[conflict]) == {"dated", "arrived", "archived", "delivered", "quarantined"}
    (stored,) = (one for one in steps if one["what"] == "stored")
    assert stored["event_id"] == item["EventID"]
    assert item["ReceivedAt"] < stored["at"] < steps[-1]["at"]
    archived = [one for one in steps if one["what"] == "archived" and one["event_id"] == item["EventID"]]
    assert archived[0]["where"] == item["ArchiveKey"] and archived[0]["detail"].startswith("line ")
    assert steps == sorted(steps, key=lambda one: one["at"])
    shown = orders("trace", order_id).stdout
    assert "duplicate" in shown and item["EventID"] in shown


def test_a_trace_of_nothing_is_one_line_and_a_hint(orders: Orders) -> None:
    error, hint = orders("trace", "no-such-order", status=1).stderr.splitlines()[-2:]
    assert error == "error: nothing is known of order no-such-order"
    assert hint.startswith("hint:")


@pytest.fixture(scope="module", autouse=True)
def nothing_is_amiss_after_all_that(local: LocalCloud) -> Iterator[None]:
    yield
    later = datetime.now(UTC) + GRACE + timedelta(minutes=1)
    report = verify(local.deployment, clock=lambda: later)
    assert report.discrepancies == ()
