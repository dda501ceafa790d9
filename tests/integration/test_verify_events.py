"""Verify compares orders with their events; repair stores and applies what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.domain.fold import STATE
from orderstream.domain.object_keys import ORDERS
from orderstream.pipeline.records import Record
from orderstream.progress import no_progress
from orderstream.recovery.reconciliation_store import ReconciliationStore
from orderstream.recovery.reprocess import ReprocessResult
from orderstream.recovery.verify import (
    ReconciliationReport,
    load_sources,
    reconcile,
    verify,
    verify_and_repair,
)
from orderstream.storage.bucket import ALL_TIME, TimeRange
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import LATER, found, items, order, verified


def event(order_id: str, name: str, more: str = "") -> str:
    return f'{{"order_id": "{order_id}", "event": "{name}"{more}}}'


def repaired(pipe: Pipe) -> tuple[ReprocessResult, ReconciliationReport]:
    return verify_and_repair(pipe.deployment, clock=lambda: datetime.now(UTC) + LATER)


def rows(pipe: Pipe) -> dict[str, Any]:
    """The events in the table, by the ids of their records."""
    page = pipe.cloud.dynamodb.scan(TableName="OrderEvents")
    return {row["EventID"]["S"]: row for row in page["Items"]}


def delete_row(pipe: Pipe, event_id: str) -> None:
    row = rows(pipe)[event_id]
    key = {name: row[name] for name in ("OrderID", "Position")}
    pipe.cloud.dynamodb.delete_item(TableName="OrderEvents", Key=key)


def change(pipe: Pipe, order_id: str, **attributes: str) -> None:
    """Give attributes of an item a text, or remove those with an empty one."""
    item: dict[str, Any] = items(pipe)[order_id] | {name: {"S": text} for name, text in attributes.items()}
    kept = {name: value for name, value in item.items() if value != {"S": ""} or name not in attributes}
    pipe.cloud.dynamodb.put_item(TableName="Orders", Item=kept)


def state(pipe: Pipe, order_id: str) -> dict[str, Any]:
    """The item without its version, which counts how often it changed."""
    return {name: value for name, value in items(pipe)[order_id].items() if name != "Version"}


PAID = ', "amount": 1, "occurred_at": "2026-11-29T12:00:00Z"'


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_orders_and_events_that_were_processed_have_no_discrepancies(cloud: AwsClients, layout: str) -> None:
    pipe = Pipe(cloud, layout=layout)
    lines = '"items": [{"sku": "s", "quantity": 2, "unit_price": 1}]'
    with_items = f'{{"order_id": "B", "customer_id": "c", "amount": 2, {lines}}}'
    pipe.put(
        order("A"),
        with_items,
        event("A", "paid", PAID),
        event("A", "paid", PAID),
        event("A", "delivered", ', "seq": 3'),
        event("B", "amended", ', "amount": 5'),
        event("B", "captured", ', "amount": 2'),
        event("C", "paid"),
        event("C", "unheard_of"),
    )
    pipe.process()
    report = verified(pipe, later=LATER)
    assert report.discrepancies == ()
    counts = report.counts
    assert (counts.stored, counts.events, counts.duplicates, counts.invalid, counts.missing) == (
        2,
        5,
        1,
        1,
        0,
    )
    assert (counts.items, counts.order_events, counts.records) == (2, 5, 9)
    assert counts.waiting == 1
    assert report.waiting_since == rows(pipe)[pipe.records()[7].event_id]["ReceivedAt"]["S"]
    pipe.process()
    assert verified(pipe, later=LATER) == report


def test_an_archived_event_that_is_in_no_table_is_missing_until_it_is_repaired(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    _, paid = pipe.put(order("A"), event("A", "paid", PAID))
    pipe.process(pipe.records()[:1])
    report = verified(pipe)
    assert (report.counts.in_flight, report.discrepancies) == (1, ())
    pipe.process()
    before, row = items(pipe), rows(pipe)
    cloud.dynamodb.delete_item(TableName="Orders", Key={"OrderID": {"S": "A"}})
    pipe.process(pipe.records()[:1])
    delete_row(pipe, paid)
    assert found(verified(pipe, later=LATER)) == {("missing", paid)}

    done, report = repaired(pipe)
    assert (done.events, done.failed, report.discrepancies) == (1, 0, ())
    assert (items(pipe), rows(pipe)) == (before, row), "restored to what it was"


def test_an_event_that_was_stored_and_not_applied_is_named_and_repaired(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    placed, paid, packed = pipe.put(order("A"), event("A", "paid", PAID), event("A", "packed"))
    pipe.process()
    before = items(pipe)
    # The item as it was before its events.
    plain = {name: value for name, value in before["A"].items() if name not in STATE}
    cloud.dynamodb.put_item(TableName="Orders", Item=plain | {"Status": {"S": "placed"}})
    assert verified(pipe).discrepancies == (), "it may be on its way"
    assert found(verified(pipe, later=LATER)) == {("event_not_applied", paid), ("event_not_applied", packed)}
    done, report = repaired(pipe)
    assert (done.records, done.updated, report.discrepancies) == (0, 1, ())
    assert items(pipe) == before

    # The item is gone, and so is everything that was stored of the order.
    cloud.dynamodb.delete_item(TableName="Orders", Key={"OrderID": {"S": "A"}})
    wrong = {("missing", placed), ("event_not_applied", paid), ("event_not_applied", packed)}
    assert found(verified(pipe, later=LATER)) == wrong
    done, report = repaired(pipe)
    assert (done.stored, done.updated, report.discrepancies) == (1, 1, ())
    assert items(pipe) == before


def test_an_event_without_its_order_waits_after_a_repair(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    (paid,) = pipe.put(event("A", "paid", PAID))
    pipe.process()
    before = items(pipe)
    cloud.dynamodb.delete_table(TableName="Orders")
    pipe.make_table()
    assert found(verified(pipe, later=LATER)) == {("event_not_applied", paid)}
    _, report = repaired(pipe)
    assert (report.discrepancies, report.counts.waiting) == ((), 1)
    assert items(pipe) == before


def test_a_state_that_is_not_that_of_its_events_is_named_and_corrected_by_a_further_version(
    cloud: AwsClients,
) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    pipe.put(order("A"), order("B"), order("C"), event("A", "paid", PAID), event("B", "paid", PAID))
    pipe.process()
    before = {order_id: state(pipe, order_id) for order_id in "ABC"}
    change(pipe, "A", Status="delivered", MissingSeq="7")
    change(pipe, "B", Captured="")
    change(pipe, "C", Pending="order", PendingSince="2026-11-29T12:00:00.000000Z")
    report = verified(pipe, later=LATER)
    assert found(report) == {("state_differs", order_id) for order_id in "ABC"}
    (detail,) = [one.detail for one in report.discrepancies if one.id == "A"]
    assert detail == "Status is delivered, not paid; MissingSeq is 7, not absent"

    stored = rows(pipe)
    done, report = repaired(pipe)
    assert (done.records, done.updated, done.problems, report.discrepancies) == (0, 3, [], ())
    assert {order_id: state(pipe, order_id) for order_id in "AB"} == {one: before[one] for one in "AB"}
    assert {items(pipe)[one]["Version"]["N"] for one in "AB"} == {"3"}
    assert "Pending" not in items(pipe)["C"]
    assert rows(pipe) == stored


def test_an_order_keeps_the_effect_of_an_event_that_cannot_be_found(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    _, paid, packed = pipe.put(order("A"), event("A", "paid", PAID), event("A", "packed"))
    pipe.process()
    before, stored = items(pipe), rows(pipe)
    delete_row(pipe, paid)
    (key,) = pipe.keys(ORDERS)
    body = pipe.body(key)
    pipe.delete(key)
    cloud.kinesis.delete_stream(StreamName="S")
    cloud.kinesis.get_waiter("stream_not_exists").wait(StreamName="S", WaiterConfig={"Delay": 1})
    cloud.kinesis.create_stream(StreamName="S", ShardCount=1)
    _, report = repaired(pipe)
    lost = {("event_missing", "A"), ("payload_missing", "A"), ("payload_missing", packed)}
    assert (found(report), items(pipe)) == (lost, before)

    pipe.write(key, body)
    assert found(verified(pipe, later=LATER)) == {("event_missing", "A"), ("missing", paid)}
    done, report = repaired(pipe)
    assert (done.events, report.discrepancies) == (1, ())
    assert (items(pipe), rows(pipe)) == (before, stored)


def test_an_event_that_is_not_of_one_archived_record_alone_is_named(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    _, paid = pipe.put(order("A"), event("A", "paid"))
    pipe.process()
    row = rows(pipe)[paid]
    other = row["Position"]["S"].replace("/", "/0", 1)
    cloud.dynamodb.put_item(TableName="OrderEvents", Item=row | {"Position": {"S": other}})
    report = verified(pipe, later=LATER)
    assert found(report) == {
        ("duplicate_item", paid),
        ("event_not_applied", paid),
        ("payload_mismatch", paid),
    }


def test_only_events_that_arrived_in_the_span_are_looked_at(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    _, paid = pipe.put(order("A"), event("A", "paid"))
    pipe.process()
    cloud.dynamodb.delete_item(TableName="Orders", Key={"OrderID": {"S": "A"}})
    pipe.process(pipe.records()[:1])
    now = datetime.now(UTC)
    past, recent = TimeRange(until=now - timedelta(hours=1)), TimeRange(since=now - timedelta(hours=1))
    assert found(verified(pipe, later=LATER, span=past)) == set()
    assert found(verified(pipe, later=LATER, span=recent)) == {("event_not_applied", paid)}


def test_a_stack_of_a_version_without_events_is_verified(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.put(order("A"))
    pipe.process()
    cloud.dynamodb.delete_table(TableName="OrderEvents")
    resources = {name: one for name, one in pipe.deployment.resources.items() if name != "EventsTableName"}
    older = replace(pipe.deployment, resources=resources)
    report = verify(older, clock=lambda: datetime.now(UTC) + LATER)
    assert (report.discrepancies, report.counts.stored) == ((), 1)


def test_no_discrepancy_is_reported_while_events_are_applied(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    ids = [f"A{number}" for number in range(8)]
    names = ("paid", "packed", "shipped", "delivered", "paid", "returned")
    pipe.put(*(event(one, name) for name in names[:2] for one in ids), *map(order, ids))
    pipe.put(*(event(one, name) for name in names[2:] for one in ids))
    records = pipe.records()

    def work(half: Sequence[Record]) -> None:
        for one in half:
            pipe.process([one])

    with ThreadPoolExecutor(2) as threads:
        working = [threads.submit(work, records[half::2]) for half in (0, 1)]
        reports = [verified(pipe)]
        while not all(one.done() for one in working):
            reports.append(verified(pipe))
        for one in working:
            one.result()
    assert [report.discrepancies for report in reports] == [()] * len(reports)
    report = verified(pipe, later=LATER)
    assert (report.discrepancies, report.counts.events) == ((), len(ids) * len(names))


def test_an_order_that_changes_while_it_is_verified_is_read_again(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.put(order("A"), order("B"), event("A", "paid", PAID), event("B", "paid", PAID))
    pipe.process()
    after = items(pipe)
    for order_id in "AB":
        cloud.dynamodb.delete_item(TableName="Orders", Key={"OrderID": {"S": order_id}})
    pipe.process(pipe.records()[:2])
    now = datetime.now(UTC) + LATER
    with ReconciliationStore() as store:
        load_sources(store, pipe.deployment, ALL_TIME, progress=no_progress)
        cloud.dynamodb.put_item(TableName="Orders", Item=after["A"])
        report = reconcile(store, pipe.deployment, ALL_TIME, now)
    assert [one.detail for one in report.discrepancies] == ["paid, of order B"]
