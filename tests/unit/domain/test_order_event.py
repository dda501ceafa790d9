"""A record with an event: it is read whole or refused with every reason, and it is known by its content."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest

import orderstream
from orderstream.domain.decode import Decoded, decode
from orderstream.domain.order_event import ReadEvent, event_attributes, position, position_hash

ARRIVAL = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)


def decoded(**fields: Any) -> Decoded:
    return decode(msgspec.json.encode({"order_id": "A-1", "event": "paid"} | fields))


def read(**fields: Any) -> ReadEvent:
    found = decoded(**fields)
    assert found.event, found.reasons
    return found.event


def codes(**fields: Any) -> list[tuple[str, str]]:
    return [(reason.path, reason.code) for reason in decoded(**fields).reasons]


def place(record: str = "shard-1:7", **fields: Any) -> str:
    return position(read(**fields), record, ARRIVAL)


def test_an_event_is_no_order_and_names_the_order_that_it_is_of() -> None:
    found = decoded(amount="19.90", seq=3, event_id="pay-77", occurred_at="2026-11-22T20:00:00+02:00")
    assert (found.order, found.reasons, found.raw_order_id) == (None, (), "A-1")
    assert found.event
    sent = found.event.sent
    assert (sent.event, sent.event_id, sent.seq, sent.amount) == ("paid", "pay-77", 3, Decimal("19.9"))
    assert sent.occurred_at == datetime(2026, 11, 22, 18, tzinfo=UTC)


def test_a_record_whose_event_is_null_is_an_order() -> None:
    assert decode(b'{"customer_id": "c", "amount": 1, "event": null}').order


@pytest.mark.parametrize(
    ("fields", "reasons"),
    [
        ({"order_id": None}, [("$.order_id", "missing")]),
        ({"event": 7}, [("$.event", "not_a_string")]),
        ({"event": "eaten"}, [("$.event", "unknown_event")]),
        # The first status is that of the order itself.
        ({"event": "placed"}, [("$.event", "unknown_event")]),
        ({"seq": -1, "occurred_at": "yesterday"}, [("$.seq", "negative"), ("$.occurred_at", "not_a_date")]),
        ({"seq": 1.5}, [("$.seq", "not_an_integer")]),
        ({"amount": -1}, [("$.amount", "negative")]),
        ({"amount": 0}, [("$.amount", "not_positive")]),
        ({"event": "packed", "amount": 1}, [("$.amount", "unexpected")]),
        ({"event": "captured"}, [("$.amount", "missing")]),
        ({"event": "refunded"}, [("$.amount", "missing")]),
        ({"event": "amended"}, [("$.amount", "missing")]),
        ({"items": []}, [("$.items", "unexpected")]),
        (
            {"event": "amended", "amount": 3, "items": [{"sku": "S", "quantity": 2, "unit_price": 1}]},
            [("$.items", "items_do_not_add_up")],
        ),
        (
            {"event": "amended", "items": [{"sku": "S"}]},
            [("$.items[0].quantity", "missing"), ("$.items[0].unit_price", "missing")],
        ),
    ],
)
def test_what_is_wrong_with_an_event_is_named(fields: dict[str, Any], reasons: list[tuple[str, str]]) -> None:
    assert codes(**fields) == reasons
    assert decoded(**fields).event is None


def test_an_invalid_event_still_says_of_which_order_it_is() -> None:
    assert decoded(event="eaten").raw_order_id == "A-1"
    assert decode(b'{"order_id": "A-1", "event": "paid", "seq": NaN}').raw_order_id == "A-1"


def test_the_amount_of_new_items_is_their_sum() -> None:
    items = [{"sku": "S", "quantity": 3, "unit_price": "0.1"}]
    assert read(event="amended", items=items).amount == Decimal("0.3")
    assert read(event="amended", amount=0).amount == 0


def test_other_fields_are_kept_as_the_json_that_they_were() -> None:
    found = decode(b'{"order_id": "A", "event": "paid", "by": {"card": 1.50}, "note": null}').event
    assert found and found.details == '{"by":{"card":1.50},"note":null}'


def test_an_event_that_says_when_it_occurred_is_the_same_in_every_record() -> None:
    at = "2026-11-22T18:00:00Z"
    assert place(occurred_at=at) == place("shard-2:9", occurred_at="2026-11-22T19:00:00+01:00")
    assert place(occurred_at=at) != place(occurred_at=at, amount=1)
    assert place(occurred_at=at, amount="1.0") == place(occurred_at=at, amount=1)


def test_an_event_without_a_time_has_that_of_its_arrival_and_its_record() -> None:
    assert place() == "2026-11-22T18:30:00.000000Z/" + read().fingerprint + "/shard-1:7"
    assert place() != place("shard-2:9")


def test_the_hash_of_a_position_has_twelve_characters_of_ascii() -> None:
    found = position_hash(place())
    assert len(found) == 12 and found.isascii()


def test_the_attributes_of_an_event_have_what_was_sent_and_where_its_bytes_are() -> None:
    event = read(event="amended", items=[{"sku": "S", "quantity": 1, "unit_price": 5}], seq=2, by="me")
    row = event_attributes(
        event,
        record="shard-1:7",
        arrived_at=ARRIVAL,
        archive_key="orders/key",
        to_items=lambda items: [msgspec.structs.asdict(item) for item in items],
    )
    assert row == {
        "OrderID": "A-1",
        "Position": position(event, "shard-1:7", ARRIVAL),
        "Event": "amended",
        "OccurredAt": "2026-11-22T18:30:00.000000Z",
        "Seq": 2,
        "Amount": 5,
        "Items": [{"sku": "S", "quantity": 1, "unit_price": 5}],
        "Details": '{"by":"me"}',
        "EventID": "shard-1:7",
        "ReceivedAt": "2026-11-22T18:30:00.000000Z",
        "ArchiveKey": "orders/key",
    }


class Ticket(orderstream.Item):
    seat: orderstream.Name


class TicketOrder(orderstream.Order):
    TRANSITIONS = {"reserved": ("sold", "amended"), "sold": ()}

    items: tuple[Ticket, ...] | None = None


def test_the_events_of_a_model_are_those_of_its_transitions_and_its_items_have_its_type() -> None:
    def reasons(**fields: Any) -> list[str]:
        data = msgspec.json.encode({"order_id": "A", **fields})
        return [f"{reason.path} {reason.code}" for reason in decode(data, TicketOrder).reasons]

    line = {"sku": "S", "quantity": 1, "unit_price": 5}
    assert reasons(event="sold") == []
    assert reasons(event="paid") == ["$.event unknown_event"]
    assert reasons(event="amended", items=[line]) == ["$.items[0].seat missing"]
    assert reasons(event="amended", items=[line | {"seat": "4F"}]) == []


def test_a_rule_of_the_model_that_fails_is_a_reason_and_no_error() -> None:
    def fail(value: object) -> str:
        raise RuntimeError("broken rule")

    class BrokenItem(orderstream.Item):
        seat: Annotated[str, orderstream.rule(fail)]

    class BrokenOrder(orderstream.Order):
        items: tuple[BrokenItem, ...] | None = None

    line = {"sku": "S", "quantity": 1, "unit_price": 5, "seat": "4F"}
    data = msgspec.json.encode({"order_id": "A", "event": "amended", "items": [line]})
    assert [reason.code for reason in decode(data, BrokenOrder).reasons] == ["model_error"]
