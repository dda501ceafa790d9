"""Items, objects and records of a pipeline made by hand become orders: the same input, the same bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from orderstream.domain.decode import decode
from orderstream.migration.conversion import (
    NOTES,
    LegacyOrder,
    OrderFacts,
    from_item,
    from_object,
    from_record,
    plain_item,
)

ID = "7f0c3f0e-8a43-4b8f-9d53-3c2b6a1d9e10"
WRITTEN = datetime(2024, 5, 1, 12, 0, 5, tzinfo=UTC)
WRITTEN_TEXT = "2024-05-01T12:00:05.000000Z"


def attributes(**more: dict[str, Any]) -> dict[str, Any]:
    date = {"S": "2024-05-01T12:00:00Z"}
    return {
        "OrderID": {"S": ID},
        "CustomerID": {"S": "c"},
        "OrderAmount": {"N": "5"},
        "OrderDate": date,
    } | more


def rebuilt(**more: dict[str, Any]) -> LegacyOrder:
    return from_item(ID, plain_item(attributes(**more)))


def document(order: LegacyOrder) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(order.data, parse_float=Decimal)
    return found


def of_object(raw: bytes, item: dict[str, Any] | None = None) -> LegacyOrder:
    return from_object(ID, raw, WRITTEN, plain_item(item) if item else None)


def test_an_item_becomes_an_order_under_its_own_id() -> None:
    order = rebuilt()
    assert document(order) == {
        "order_id": ID,
        "customer_id": "c",
        "amount": 5,
        "order_date": "2024-05-01T12:00:00.000000Z",
    }
    assert (order.reasons, order.notes, order.predicted, order.partition_key) == ((), (), "", "c")
    assert order.facts == OrderFacts("c", "5", "2024-05-01T12:00:00.000000Z")


@pytest.mark.parametrize("kind", ["N", "S"])
@pytest.mark.parametrize("amount", ["19.90", "0.1", "12345678901234567890.123456789012345678", "1000000"])
def test_an_amount_keeps_every_digit_whether_it_was_stored_as_number_or_text(kind: str, amount: str) -> None:
    order = rebuilt(OrderAmount={kind: amount})
    found = decode(order.data).order
    assert found and found.amount == Decimal(amount)
    assert Decimal(order.facts.amount) == Decimal(amount) and not order.predicted


@pytest.mark.parametrize("amount", ["1_000", " 5", "5 EUR", "NaN", "-1", ""])
def test_an_amount_that_is_none_is_left_as_it_is_and_refused_by_the_model(amount: str) -> None:
    order = rebuilt(OrderAmount={"S": amount})
    assert {one.path for one in order.reasons} == {"$.amount"}


@pytest.mark.parametrize(
    ("date", "instant", "notes"),
    [
        ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00.000000Z", ()),
        ("2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00.000000Z", ()),
        ("2024-05-01T12:00:00.5", "2024-05-01T12:00:00.500000Z", ("zone_assumed",)),
        ("2024-05-01 12:00:00", "2024-05-01T12:00:00.000000Z", ("zone_assumed",)),
        ("2024-05-01", "2024-05-01T00:00:00.000000Z", ("zone_assumed",)),
    ],
)
def test_a_date_without_a_zone_is_taken_as_utc_and_noted(
    date: str, instant: str, notes: tuple[str, ...]
) -> None:
    order = rebuilt(OrderDate={"S": date})
    assert (document(order)["order_date"], order.facts.date, order.notes) == (instant, instant, notes)


@pytest.mark.parametrize("date", [{"S": "yesterday"}, {"N": "1714564800"}])
def test_a_date_that_is_none_is_refused_by_the_model(date: dict[str, Any]) -> None:
    assert {one.path for one in rebuilt(OrderDate=date).reasons} == {"$.order_date"}


def test_an_item_without_a_date_has_none_and_says_so() -> None:
    item = attributes()
    del item["OrderDate"]
    order = from_item(ID, plain_item(item))
    assert (order.notes, order.reasons, order.facts.date, order.predicted) == (("undated",), (), "", "")


def test_other_attributes_of_an_item_keep_their_names_and_give_the_same_bytes_in_any_order() -> None:
    more: dict[str, Any] = {
        "Status": {"S": "PROCESSED"},
        "Currency": {"S": "EUR"},
        "Tags": {"SS": ["b", "a"]},
        "Numbers": {"NS": ["2", "1.5"]},
        "Nested": {"M": {"x": {"L": [{"BOOL": True}, {"NULL": True}, {"N": "0.10"}]}}},
        "Nothing": {"NULL": True},
    }
    order = rebuilt(**more)
    found = document(order)
    assert (found["currency"], found["Status"], found["Tags"]) == ("EUR", "PROCESSED", ["a", "b"])
    assert found["Numbers"] == [Decimal("1.5"), 2]
    assert found["Nested"] == {"x": [True, None, Decimal("0.10")]}
    assert "Nothing" not in found
    other_way = dict(reversed(attributes(**more | {"Tags": {"SS": ["a", "b"]}}).items()))
    assert from_item(ID, plain_item(other_way)).data == order.data


def test_a_customer_that_was_stored_as_a_number_becomes_text() -> None:
    order = rebuilt(CustomerID={"N": "12345"})
    assert document(order)["customer_id"] == "12345" and not order.reasons and not order.predicted


def test_an_object_keeps_its_bytes_and_only_gets_the_id() -> None:
    raw = b'{ "customer_id":"c",\n "amount": 5.00, "order_date": "2024-05-01T12:00:00Z", "n\\u00e9e": 1e2}'
    order = of_object(raw, attributes())
    assert order.data == b'{"order_id":"%b",' % ID.encode() + raw[1:]
    assert (order.source, order.notes, order.reasons, order.predicted) == ("object", (), (), "")


def test_an_object_without_a_date_gets_that_of_its_item_else_the_time_at_which_it_was_written() -> None:
    raw = b'{"customer_id": "c", "amount": 5}'
    head = b'{"order_date":"%b","order_id":"' + ID.encode() + b'","customer_id"'
    of_item, alone = of_object(raw, attributes()), of_object(raw)
    assert head % b"2024-05-01T12:00:00.000000Z" in of_item.data and of_item.notes == ("date_of_item",)
    assert head % WRITTEN_TEXT.encode() in alone.data and alone.notes == ("date_of_object",)
    assert of_item.predicted == alone.predicted == ""


@pytest.mark.parametrize("date", ["null", '"2024-05-01T12:00:05"'])
def test_a_date_of_an_object_that_is_null_or_has_no_zone_is_replaced_and_all_else_keeps_its_bytes(
    date: str,
) -> None:
    order = of_object(b'{"customer_id": "c", "order_date": %b, "amount": 5.00}' % date.encode())
    assert b'"amount":5.00' in order.data and not order.reasons
    assert json.loads(order.data)["order_date"] == WRITTEN_TEXT
    assert order.notes == (("date_of_object",) if date == "null" else ("zone_assumed",))


@pytest.mark.parametrize("raw", [b"", b"not json", b"[]", b"\xff", b'{"CustomerID": "c"}', b"[" * 9999])
def test_an_object_that_is_no_order_is_replaced_by_its_item_and_without_one_is_invalid(raw: bytes) -> None:
    order = of_object(raw, attributes())
    assert (order.source, order.notes, order.reasons) == ("item", ("object_unusable",), ())
    assert order.data == rebuilt().data
    assert of_object(raw).reasons


def test_an_order_that_is_invalid_in_object_and_item_keeps_the_bytes_of_the_object() -> None:
    order = of_object(b'{"customer_id": "c", "amount": -5}', attributes(OrderAmount={"N": "-5"}))
    assert order.source == "object" and [one.code for one in order.reasons] == ["not_positive"]
    assert order.partition_key == ID


def test_an_object_that_was_too_large_to_be_read_is_replaced_by_its_item_else_it_cannot_be_sent() -> None:
    assert from_object(ID, None, WRITTEN, plain_item(attributes())).data == rebuilt().data
    alone = from_object(ID, None, WRITTEN, None)
    assert (alone.data, [one.code for one in alone.reasons]) == (b"", ["too_large"])


def test_another_order_id_in_an_object_is_replaced_and_noted() -> None:
    order = of_object(
        b'{"order_id": "A-1", "customer_id": "c", "amount": 5, "order_date": "2024-05-01T12:00:00Z"}'
    )
    assert json.loads(order.data)["order_id"] == ID and order.notes == ("id_replaced",)


def test_what_will_differ_is_predicted_from_object_and_item() -> None:
    raw = b'{"customer_id": "other", "amount": "5.01", "order_date": "2024-05-01T13:00:00Z"}'
    assert of_object(raw, attributes()).predicted == (
        "customer: c in the old one, other now; amount: 5 in the old one, 5.01 now;"
        " date: 2024-05-01T12:00:00.000000Z in the old one, 2024-05-01T13:00:00.000000Z now"
    )


def test_a_record_keeps_a_valid_order_id_and_gets_the_given_one_otherwise() -> None:
    own = from_record(ID, b'{"order_id": "A-1", "customer_id": "c", "amount": 5}')
    assert (own.order_id, own.data) == ("A-1", b'{"order_id": "A-1", "customer_id": "c", "amount": 5}')
    without = from_record(ID, b'{"customer_id": "c", "amount": 5}')
    assert (without.order_id, json.loads(without.data)["order_id"], without.reasons) == (ID, ID, ())
    garbled = from_record(ID, b"not json")
    assert (garbled.order_id, garbled.data, bool(garbled.reasons)) == (ID, b"not json", True)


def test_what_the_stream_would_take_for_an_event_is_no_order() -> None:
    raw = b'{"order_id": "%b", "customer_id": "c", "amount": 1, "event": "paid"}' % ID.encode()
    for order in (from_record(ID, raw), of_object(raw)):
        assert [(one.path, one.code) for one in order.reasons] == [("$.event", "unexpected")]


def test_an_unknown_date_is_not_compared_and_equal_amounts_are_equal_however_they_are_written() -> None:
    assert OrderFacts("c", "5", "").differences(OrderFacts("c", "5", WRITTEN_TEXT)) == ""
    assert rebuilt(OrderAmount={"S": "5.00"}).facts == rebuilt(OrderAmount={"N": "5"}).facts


def test_every_note_has_a_text() -> None:
    notes = {note for raw in (b"{}", b"x") for note in of_object(raw, attributes()).notes}
    assert notes <= NOTES.keys()
