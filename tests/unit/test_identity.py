"""Same content, same fingerprint, however it is spelt; other content, another one (G3)."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from orderstream.domain.decode import decode
from orderstream.domain.identity import batch_key, event_id, hour_of, order_id_of

BASE = '{"customer_id": "c", "amount": 6, "items": [{"sku": "A", "quantity": 2, "unit_price": 3}], "x": 1}'


def fingerprint(data: str) -> str:
    found = decode(data.encode())
    assert found.order is not None, found.reasons
    return found.fingerprint


@pytest.mark.parametrize(
    "same",
    [
        '{"x": 1, "items": [{"unit_price": 3, "quantity": 2, "sku": "A"}], "amount": 6, "customer_id": "c"}',
        BASE.replace("6", '"6.00"'),
        BASE.replace("6", "6.0"),
        BASE.replace("6", "0.6e1"),
        BASE.replace('"unit_price": 3', '"unit_price": "3.000"'),
        BASE.replace('"x": 1', '"x": 1, "currency": null'),
        BASE.replace('"x": 1', '"x": 1, "order_id": "other"'),
    ],
)
def test_spelling_does_not_change_the_fingerprint(same: str) -> None:
    assert fingerprint(same) == fingerprint(BASE)


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace('"c"', '"d"'),
        BASE.replace("6", "8").replace('"unit_price": 3', '"unit_price": 4'),
        BASE.replace('"A"', '"B"'),
        BASE.replace('"x": 1', '"x": 2'),
        BASE.replace('"x": 1', '"x": 1, "currency": "EUR"'),
        BASE.replace('"x": 1', '"x": 1, "order_date": "2026-11-22T18:00:00Z"'),
        BASE.replace('"sku": "A"', '"sku": "A", "colour": "red"'),
        BASE.replace(', "items": [{"sku": "A", "quantity": 2, "unit_price": 3}]', ""),
        BASE.replace('"x": 1', '"x": "1"'),
    ],
)
def test_any_other_content_changes_the_fingerprint(other: str) -> None:
    assert fingerprint(other) != fingerprint(BASE)


def test_a_date_is_one_instant_in_any_zone() -> None:
    dated = BASE.replace('"x": 1', '"order_date": "%s"')
    assert fingerprint(dated % "2026-11-22T18:00:00Z") == fingerprint(dated % "2026-11-22T19:00:00+01:00")


def test_an_order_without_an_id_is_called_by_its_place_in_the_stream() -> None:
    event = event_id("shardId-000000000007", "49590338271490256608559692538361571095921575989136588898")
    nameless, named = decode(BASE.encode()).order, decode(BASE.replace("{", '{"order_id": "A", ', 1).encode())
    assert nameless is not None and named.order is not None
    assert order_id_of(nameless, event) == event
    assert order_id_of(named.order, event) == "A"


def test_objects_are_filed_by_the_hour_of_arrival_in_utc() -> None:
    late = datetime(2026, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-1)))
    assert hour_of(late) == datetime(2027, 1, 1, 0, tzinfo=UTC)
    key = batch_key("orders", hour_of(late), "shardId-000000000001", ["10", "11", "29"], ["a", "b", "c"])
    folder, name = key.rsplit("/", 1)
    assert folder == "orders/year=2027/month=01/day=01/hour=00"
    assert re.fullmatch(r"shardId-000000000001-10-29-[0-9a-f]{8}\.ndjson\.gz", name)


def test_the_same_records_are_one_object_and_others_between_the_same_two_are_another() -> None:
    def key(*numbers: str) -> str:
        return batch_key("orders", datetime(2027, 1, 1, tzinfo=UTC), "s", list(numbers), list(numbers))

    assert key("10", "11", "29") == key("10", "11", "29") != key("10", "29")
