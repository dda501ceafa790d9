"""Events on their way through the function: stored once, applied to their order, in nobody's way (G10)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderstream.domain.object_keys import ORDERS, order_key
from orderstream.domain.order_event import MAX_EVENTS
from orderstream.pipeline.archive_codec import original_bytes, read_lines
from orderstream.pipeline.batch_result import BatchResult
from orderstream.pipeline.records import Record
from tests.unit.pipeline.harness import ARRIVAL, Pipeline, record

ORDER = {"order_id": "A", "customer_id": "c", "amount": 100}


def sent(number: int, **fields: Any) -> Record:
    """A record with these fields of order A, which arrived that many seconds after the first."""
    body = msgspec.json.encode({"order_id": "A"} | fields)
    return record(number, body, ARRIVAL + timedelta(seconds=number))


def placed(number: int = 1) -> Record:
    return sent(number, **ORDER)


def state(pipeline: Pipeline, *names: str) -> tuple[Any, ...]:
    return tuple(pipeline.orders["A"].get(name) for name in names)


def counts(report: BatchResult) -> tuple[int, int, int, int, int]:
    return report.received, report.stored, report.events, report.duplicates, report.invalid


def test_an_event_changes_the_status_the_version_and_the_money_of_its_order() -> None:
    pipeline = Pipeline()
    report = pipeline.run(placed(), sent(2, event="paid", amount="99.50"), sent(3, event="packed"))
    assert counts(report) == (3, 1, 2, 0, 0)
    assert state(pipeline, "Status", "Version", "Captured") == ("packed", 3, Decimal("99.5"))
    assert state(pipeline, "Total", "Refunded", "OrderAmount") == (100, 0, 100)
    assert state(pipeline, "UpdatedAt") == ("2026-11-22T18:30:03.000000Z",)


def test_an_order_without_events_has_no_more_attributes_than_before() -> None:
    pipeline = Pipeline()
    pipeline.run(placed())
    assert state(pipeline, "Status") == ("placed",)
    assert not pipeline.orders["A"].keys() & {"Version", "Total", "Applied", "UpdatedAt"}


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_an_event_is_archived_byte_for_byte_and_its_row_names_the_object(layout: str) -> None:
    pipeline = Pipeline(layout)
    event = sent(2, event="paid", by="card")
    pipeline.run(placed(), event)
    (row,) = pipeline.events
    assert row["ArchiveKey"].startswith(f"{ORDERS}year=")
    lines = list(read_lines(row["ArchiveKey"], BytesIO(pipeline.store.objects[row["ArchiveKey"]])))
    (line,) = (line for line in lines if line.event_id == row["EventID"])
    assert (original_bytes(line), line.order_id, line.event) == (event.data, "A", "paid")
    assert (order_key("A") in pipeline.store.objects) == (layout == "order")


def test_an_event_that_is_delivered_or_sent_again_changes_nothing() -> None:
    pipeline = Pipeline()
    pay = {"event": "paid", "event_id": "p", "amount": 5, "occurred_at": "2026-11-22T18:00:00Z"}
    pipeline.run(placed(), sent(2, **pay))
    before = pipeline.orders, pipeline.events
    assert counts(pipeline.run(sent(2, **pay))) == (1, 0, 0, 1, 0)
    assert counts(pipeline.run(sent(3, **pay), sent(4, **pay))) == (2, 0, 0, 2, 0)
    assert (pipeline.orders, pipeline.events) == before


def test_events_before_their_order_wait_for_it_visibly() -> None:
    pipeline = Pipeline()
    report = pipeline.run(sent(2, event="packed"), sent(1, event="paid"))
    assert (report.events, report.waiting, report.stored) == (2, 2, 0)
    assert pipeline.orders["A"] == {
        "OrderID": "A",
        "Pending": "order",
        "PendingSince": "2026-11-22T18:30:01.000000Z",
    }
    report = pipeline.run(placed(9))
    assert (report.stored, report.revenue) == (1, {"EUR": Decimal(100)})
    assert state(pipeline, "Status", "Version", "Pending") == ("packed", 3, None)


def test_an_order_of_other_content_does_not_take_the_place_of_events_that_wait() -> None:
    pipeline = Pipeline()
    pipeline.run(sent(1, event="paid"), placed(2))
    report = pipeline.run(sent(3, customer_id="c", amount=7))
    assert (report.conflicts, state(pipeline, "OrderAmount", "Status")) == (1, (100, "paid"))


def test_the_first_status_of_an_item_that_an_earlier_version_stored_does_not_matter() -> None:
    pipeline = Pipeline()
    pipeline.run(placed())
    pipeline.dynamo.items["A"]["Status"] = {"S": "RECEIVED"}
    pipeline.run(sent(2, event="paid"))
    assert state(pipeline, "Status", "Version") == ("paid", 2)


def test_forbidden_events_are_counted_and_cease_to_be_when_a_late_event_allows_them() -> None:
    pipeline = Pipeline()
    pipeline.run(placed())
    assert pipeline.run(sent(4, event="packed", seq=2)).forbidden == 1
    assert pipeline.run(sent(5, event="paid", seq=1)).forbidden == -1
    assert state(pipeline, "Status", "Forbidden", "MissingSeq") == ("packed", None, None)


def test_an_invalid_event_is_quarantined_and_keeps_nobody_waiting() -> None:
    pipeline = Pipeline()
    report = pipeline.run(placed(), sent(2, event="eaten"), sent(3, event="paid"))
    assert counts(report) == (3, 1, 1, 0, 1)
    assert pipeline.quarantined == {"shard-1:2": ["unknown_event"]}
    assert state(pipeline, "Status") == ("paid",)


def test_an_order_has_a_limited_number_of_events_before_and_after_it_arrives() -> None:
    pipeline = Pipeline()
    events = [sent(number, event="captured", amount=1) for number in range(MAX_EVENTS - 1)]
    assert pipeline.run(*events).waiting == MAX_EVENTS - 1
    report = pipeline.run(*(sent(MAX_EVENTS + n, event="captured", amount=1) for n in range(3)))
    assert (report.waiting, report.invalid) == (1, 2)
    pipeline.seconds_left = 1e6
    pipeline.run(placed(3 * MAX_EVENTS))
    assert state(pipeline, "Version", "Captured") == (MAX_EVENTS + 1, MAX_EVENTS)
    report = pipeline.run(sent(4 * MAX_EVENTS, event="captured", amount=1), events[0])
    assert (report.invalid, report.duplicates) == (1, 1)
    assert {tuple(reasons) for reasons in pipeline.quarantined.values()} == {("too_many_events",)}


# Each by number, by time or by arrival; twice, forbidden, in conflict, refunding too much.
HISTORY: list[dict[str, Any]] = [
    {"event": "paid", "seq": 1, "amount": "60.10"},
    {"event": "packed", "seq": 2, "occurred_at": "2026-11-22T17:00:00Z"},
    {"event": "shipped", "seq": 4},
    {"event": "refunded", "event_id": "r", "amount": "20.05", "occurred_at": "2026-11-22T20:00:00Z"},
    {"event": "captured", "event_id": "k", "amount": 1, "occurred_at": "2026-11-22T19:00:00Z"},
    {"event": "captured", "event_id": "k", "amount": 2, "occurred_at": "2026-11-22T19:00:01Z"},
    {"event": "amended", "amount": "61.10"},
    {"event": "cancelled", "occurred_at": "2026-11-22T18:59:00Z"},
    {"event": "refunded", "event_id": "s", "amount": "500"},
    {"event": "captured", "amount": "0.01"},
]


def after(records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """The items after the records, one at a time."""
    pipeline = Pipeline()
    for one in records:
        assert not pipeline.run(one).failed
    return pipeline.dynamo.items


@pytest.mark.parametrize("begin", [0, 3, 6])
def test_every_order_of_arrival_gives_the_same_item_byte_for_byte(begin: int) -> None:
    records = [placed(), *(sent(n + 2, **HISTORY[n]) for n in range(begin, begin + 4))]
    expected = after(records)
    for order in permutations(records):
        assert after(order) == expected


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_late_repeated_and_forbidden_events_in_batches_of_any_size_give_the_same_item(
    data: st.DataObject,
) -> None:
    records = [placed(), *(sent(n + 2, **event) for n, event in enumerate(HISTORY))]
    expected = after(records)
    shuffled = data.draw(st.permutations(records + records[:: data.draw(st.integers(1, 5))]))
    pipeline = Pipeline()
    while shuffled:
        size = data.draw(st.integers(1, 6))
        assert not pipeline.run(*shuffled[:size]).failed
        shuffled = shuffled[size:]
    # The object that its bytes are in is that of the batch that came first.
    found = {name: value for name, value in pipeline.dynamo.items["A"].items() if name != "ArchiveKey"}
    assert found == {name: value for name, value in expected["A"].items() if name != "ArchiveKey"}
