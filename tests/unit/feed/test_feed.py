"""The change feed: every version of an order is announced, in order, without a gap, whatever fails (G11)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import orderstream
from orderstream.domain.user_model import set_order_model
from orderstream.feed.changes import changes_in
from orderstream.feed.cloud_event import cloud_event
from orderstream.pipeline.records import Record
from tests.unit.client.fake_kinesis import AnswerLost, api_error, refuse
from tests.unit.feed.harness import Announced, Feed
from tests.unit.pipeline.harness import ARRIVAL, record

AMOUNT = Decimal("100.1")
LINE: dict[str, Any] = {"sku": "S", "quantity": 1, "unit_price": "100.10"}
ORDER: dict[str, Any] = {"customer_id": "nobody", "amount": "100.10", "items": [LINE]}


def sent(number: int, order_id: str = "A", **fields: Any) -> Record:
    body = msgspec.json.encode({"order_id": order_id} | fields)
    return record(number, body, ARRIVAL + timedelta(seconds=number))


def types(announced: list[Announced]) -> list[tuple[str, str]]:
    return [(one["id"], one["type"].removeprefix("orderstream.order.")) for one in announced]


def test_an_order_and_each_of_its_events_are_announced_as_versions_without_a_gap() -> None:
    feed = Feed()
    feed.run(sent(1, **ORDER), sent(2, event="paid", amount="100.10"), sent(3, event="packed"))
    assert feed.announce(feed.dynamo.records) == []
    assert types(feed.announced) == [("A/1", "placed"), ("A/2", "paid"), ("A/3", "packed")]


def test_an_announcement_is_a_cloud_event_with_the_state_and_what_happened() -> None:
    feed = Feed()
    feed.run(sent(1, **ORDER), sent(2, event="paid", amount="100.10", event_id="p-1", seq=1))
    feed.announce(feed.dynamo.records)
    placed, paid = feed.announced
    assert placed.pop("data") == {
        "version": 1,
        "order": {
            "OrderID": "A",
            "OrderAmount": AMOUNT,
            "OrderDate": "2026-11-22T18:30:01.000000Z",
            "Currency": "EUR",
            "Status": "placed",
            "Items": [{"sku": "S", "quantity": 1, "unit_price": AMOUNT}],
            "ReceivedAt": "2026-11-22T18:30:01.000000Z",
            "Version": 1,
            "UpdatedAt": "2026-11-22T18:30:01.000000Z",
            "Total": AMOUNT,
            "Captured": 0,
            "Refunded": 0,
            "Balance": 0,
        },
        "reached": ["placed"],
    }
    assert placed == {
        "specversion": "1.0",
        "id": "A/1",
        "source": "/orderstream/test",
        "type": "orderstream.order.placed",
        "subject": "A",
        "time": "2026-11-22T18:30:01.000000Z",
        "datacontenttype": "application/json",
    }
    assert paid["time"] == "2026-11-22T18:30:02.000000Z"
    assert paid["data"]["reached"] == ["paid"]
    assert paid["data"]["order"]["Captured"] == AMOUNT
    assert paid["data"]["event"] == {
        "event": "paid",
        "occurred_at": "2026-11-22T18:30:02.000000Z",
        "event_id": "p-1",
        "seq": 1,
        "amount": AMOUNT,
        "effect": "applied",
    }


def test_what_is_of_a_person_is_announced_only_if_the_stack_says_so() -> None:
    event = {"event": "paid", "note": "for Zoë"}
    for personal in (False, True):
        feed = Feed(personal=personal)
        feed.run(sent(1, **ORDER), sent(2, **event))
        feed.announce(feed.dynamo.records)
        placed, paid = feed.announced
        assert ("CustomerID" in placed["data"]["order"]) == personal
        assert paid["data"]["event"].get("details") == ({"note": "for Zoë"} if personal else None)
        text = b"".join(feed.kinesis.stored).decode()
        assert ("nobody" in text) == ("Zoë" in text) == personal


class Address(orderstream.Model):
    street: Annotated[orderstream.Name, orderstream.personal]
    country: orderstream.Name


class Delivery(orderstream.Item):
    recipient: Annotated[orderstream.Name, orderstream.personal] | None = None


class Shipped(orderstream.Order):
    items: tuple[Delivery, ...] | None = None
    ship_to: Address
    phone: Annotated[orderstream.Name, orderstream.personal, orderstream.stored_as("Telephone")] | None = None

    @orderstream.computed
    def label(self) -> Annotated[str, orderstream.personal]:
        return self.ship_to.street


@pytest.fixture
def shipped() -> Iterator[None]:
    yield
    set_order_model(lambda: orderstream.Order)


def test_personal_fields_are_left_out_at_any_depth(shipped: None) -> None:
    feed = Feed()
    set_order_model(lambda: Shipped)
    line = LINE | {"recipient": "Zoë"}
    order: dict[str, Any] = ORDER | {
        "ship_to": {"street": "Zoë Street", "country": "DE"},
        "phone": "Zoë 1",
        "items": [line],
    }
    amended: dict[str, Any] = {"event": "amended", "items": [line, line]}
    feed.run(sent(1, **order), sent(2, **amended))
    feed.announce(feed.dynamo.records)
    placed, after = (one["data"]["order"] for one in feed.announced)
    assert placed["ShipTo"] == {"country": "DE"}
    assert "Telephone" not in placed and "Label" not in placed
    assert [one.keys() for one in after["AmendedItems"]] == [LINE.keys()] * 2
    assert "Zo" not in b"".join(feed.kinesis.stored).decode()


def test_a_forbidden_event_is_a_version_that_says_so() -> None:
    feed = Feed()
    feed.run(sent(1, **ORDER), sent(2, event="shipped", seq=2), sent(3, event="cancelled", seq=1))
    feed.announce(feed.dynamo.records)
    assert types(feed.announced) == [("A/1", "placed"), ("A/2", "cancelled"), ("A/3", "shipped")]
    shipped = feed.announced[2]["data"]
    assert (shipped["event"]["effect"], shipped["reached"]) == ("forbidden", [])
    assert shipped["event"]["reason"] == "shipped may not follow cancelled"


def test_a_late_event_announces_all_statuses_that_it_makes_possible() -> None:
    feed = Feed()
    for one in (sent(1, **ORDER), sent(2, event="packed", seq=2), sent(3, event="paid", seq=1)):
        feed.run(one)
    feed.announce(feed.dynamo.records)
    assert types(feed.announced) == [("A/1", "placed"), ("A/2", "packed"), ("A/3", "paid")]
    assert [one["data"]["reached"] for one in feed.announced] == [["placed"], [], ["paid", "packed"]]


def test_events_that_wait_are_announced_when_their_order_comes() -> None:
    feed = Feed()
    feed.run(sent(1, event="paid"))
    feed.announce(feed.dynamo.records)
    assert feed.announced == []
    feed.run(sent(2, **ORDER))
    feed.announce(feed.dynamo.records)
    assert types(feed.announced) == [("A/1", "placed"), ("A/2", "paid")]


def test_an_erased_order_is_announced_without_anything_of_it() -> None:
    feed = Feed()
    feed.run(sent(1, **ORDER), sent(2, event="paid"))
    feed.dynamo.erase("A")
    feed.announce(feed.dynamo.records[2:])
    (erased,) = feed.announced
    assert (erased["id"], erased["type"], erased["data"]) == (
        "A/3",
        "orderstream.order.erased",
        {"version": 3},
    )


def test_an_item_that_expired_is_not_erased() -> None:
    feed = Feed()
    feed.run(sent(1, **ORDER))
    feed.dynamo.erase("A", by={"type": "Service", "principalId": "dynamodb.amazonaws.com"})
    feed.announce(feed.dynamo.records)
    assert types(feed.announced) == [("A/1", "placed")]


def test_an_order_from_before_there_were_events_goes_on_with_version_two() -> None:
    feed = Feed()
    feed.run(sent(1, **ORDER))
    feed.dynamo.items["A"]["Status"] = {"S": "RECEIVED"}
    feed.run(sent(2, event="paid"))
    feed.announce(feed.dynamo.records[1:])
    assert types(feed.announced) == [("A/2", "paid")]


def test_a_change_that_is_no_version_is_not_announced() -> None:
    feed = Feed()
    feed.run(sent(1, **ORDER))
    feed.dynamo._update("A", {"Note": {"S": "by hand"}}, [], ("Version", None))
    feed.dynamo._update("A", {"Version": {"N": "2"}}, [], ("Version", None))
    feed.announce(feed.dynamo.records)
    assert types(feed.announced) == [("A/1", "placed"), ("A/2", "updated")]


def test_what_is_too_large_for_a_record_is_announced_without_its_items_and_details() -> None:
    feed = Feed()
    feed.run(sent(1, **ORDER), sent(2, event="amended", items=[LINE] * 2, note="x" * 500))
    _, change = changes_in(feed.dynamo.records)

    def announced(most_bytes: int) -> dict[str, Any]:
        body = cloud_event(
            change, feed.events, orderstream.Order, source="/s", personal=True, most_bytes=most_bytes
        )
        assert len(body) <= most_bytes
        found: dict[str, Any] = msgspec.json.decode(body)["data"]
        return found

    whole, part = announced(5000), announced(1200)
    assert "truncated" not in whole and whole["event"]["details"] == {"note": "x" * 500}
    assert part["truncated"] is True
    assert part["order"].keys() == whole["order"].keys() - {"Items", "AmendedItems"}
    assert part["event"].keys() == whole["event"].keys() - {"items", "details"}


def test_a_throttled_stream_is_tried_again_and_the_order_of_versions_stays() -> None:
    feed = Feed(verdicts=iter([refuse(0), refuse(0, 1), api_error("InternalFailure", 500), AnswerLost()]))
    feed.run(*(sent(n, order_id, **ORDER) for n, order_id in enumerate("ABC")))
    feed.run(*(sent(9 + n, order_id, event="paid") for n, order_id in enumerate("ABC")))
    assert feed.announce(feed.dynamo.records) == []
    for order_id in "ABC":
        found = [msgspec.json.decode(data)["id"] for data in feed.kinesis.of_key(order_id)]
        assert list(dict.fromkeys(found)) == [f"{order_id}/1", f"{order_id}/2"]


def test_what_cannot_be_announced_is_reported_with_everything_behind_it_of_its_order() -> None:
    feed = Feed(verdicts=iter([refuse(0)]))
    feed.run(sent(1, "A", **ORDER), sent(2, "B", **ORDER), sent(3, "A", event="paid"))
    failed = feed.announce(feed.dynamo.records, seconds=0)
    assert failed == [feed.dynamo.records[n]["dynamodb"]["SequenceNumber"] for n in (0, 2)]
    assert types(feed.announced) == [("B/1", "placed")]


def test_without_the_events_of_an_order_nothing_of_it_and_nothing_behind_it_is_announced() -> None:
    feed = Feed()
    feed.run(
        sent(1, "A", **ORDER), sent(2, "B", **ORDER), sent(3, "A", event="paid"), sent(4, "B", event="paid")
    )
    feed.dynamo.failing_calls = iter([api_error("ThrottlingException")])
    # Without time for a second attempt.
    failed = feed.announce(feed.dynamo.records, 3.0)
    numbers = [one["dynamodb"]["SequenceNumber"] for one in feed.dynamo.records]
    assert failed == numbers[numbers.index(failed[0]) :]
    assert feed.announce(feed.dynamo.records) == []


def test_events_that_cannot_be_read_at_once_are_read_again_while_there_is_time() -> None:
    feed = Feed()
    feed.run(sent(1, "A", **ORDER), sent(2, "A", event="paid"))
    feed.dynamo.failing_calls = iter([api_error("ThrottlingException")] * 2)
    assert feed.announce(feed.dynamo.records) == []
    assert [one["id"] for one in feed.announced] == ["A/1", "A/2"]


def test_the_log_counts_announcements_and_names_nobody() -> None:
    feed = Feed()
    feed.run(sent(1, **ORDER), sent(2, event="paid"))
    feed.announce(feed.dynamo.records)
    line = msgspec.json.decode(feed.log.getvalue())
    assert (line["Announced"], line["received"], line["failed"], line["problems"]) == (2, 2, 0, [])
    assert "nobody" not in feed.log.getvalue()


EVENTS: list[dict[str, Any]] = [
    {"event": "paid", "seq": 1, "amount": 50},
    {"event": "packed", "seq": 2},
    {"event": "shipped", "seq": 3},
    {"event": "refunded", "event_id": "r", "amount": 60},
    {"event": "cancelled", "occurred_at": "2026-11-22T18:00:00Z"},
]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_without_duplicates_a_consumer_sees_every_version_in_order_whatever_fails(seed: int) -> None:
    draw = random.Random(seed)
    records = [sent(n, order_id, **ORDER) for n, order_id in enumerate("ABC")]
    repeated = [event for event in EVENTS for _ in "ABC"]
    records += [sent(10 + n, "ABC"[n % 3], **event) for n, event in enumerate(repeated)]
    verdicts = [None, None, refuse(0), refuse(1, 2), AnswerLost(), api_error("InternalFailure", 500)]
    feed = Feed(verdicts=iter(lambda: draw.choice(verdicts), object()))
    feed.seconds_left = 1e6
    draw.shuffle(records)
    for one in records:
        feed.run(one)
    changes = feed.dynamo.records
    # As Lambda does: from the lowest failed record, with an invocation that may end before it reports.
    place = 0
    while place < len(changes):
        batch = changes[place : place + draw.randint(1, 12)]
        failed = feed.announce(batch, draw.choice([0.0, 3.2, 60.0]))
        if draw.random() < 0.7:
            numbers = [one["dynamodb"]["SequenceNumber"] for one in batch]
            place += numbers.index(min(failed)) if failed else len(batch)
    for order_id in "ABC":
        seen = [msgspec.json.decode(body) for body in feed.kinesis.of_key(order_id)]
        first = {one["id"]: one for one in reversed(seen)}
        assert list(dict.fromkeys(one["id"] for one in seen)) == [f"{order_id}/{n}" for n in range(1, 7)]
        # Whatever is repeated says the same.
        assert all(one == first[one["id"]] for one in seen)
        stored = feed.orders[order_id]
        last = first[f"{order_id}/6"]["data"]["order"]
        assert (last["Status"], last["Version"]) == (stored["Status"], stored["Version"])
