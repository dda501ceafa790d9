"""Mending: a value is set where the path says, and the order keeps the identity of its record."""

import gzip
import json
from decimal import Decimal

import pytest

from orderstream.domain.decode import decode
from orderstream.errors import InputError
from orderstream.recovery.patch import parse_patch, patched

EVENT = "shardId-000000000000:17"


def with_set(data: bytes, *texts: str) -> tuple[bytes, str]:
    return patched(data, EVENT, [parse_patch(text) for text in texts])


def test_an_order_without_an_id_is_called_as_its_record_was() -> None:
    data, order_id = with_set(b'{"customer_id": "c", "amount": -1}', "amount=2.50")
    assert order_id == EVENT
    assert json.loads(data, parse_float=Decimal) == {
        "order_id": EVENT,
        "customer_id": "c",
        "amount": Decimal("2.50"),
    }


def test_an_order_keeps_its_own_id() -> None:
    assert with_set(b'{"order_id": "A", "customer_id": "c", "amount": -1}', "amount=1")[1] == "A"


def test_an_id_that_can_be_none_is_replaced_when_it_is_set_to_null() -> None:
    bad = b'{"order_id": "a\\u0007b", "customer_id": "c", "amount": 1}'
    with pytest.raises(InputError, match=r"\$\.order_id"):
        with_set(bad)
    assert with_set(bad, "order_id=null")[1] == EVENT
    assert with_set(bad, "order_id=B-1")[1] == "B-1"


def test_doing_it_twice_gives_the_same_order() -> None:
    first, order_id = with_set(b'{"customer_id": "c", "amount": "x"}', "amount=3")
    again, same_id = patched(first, EVENT)
    assert (again, same_id) == (first, order_id)


def test_without_a_setting_every_byte_stays_but_for_the_id() -> None:
    data = b'{"customer_id": "c",  "amount": 1.10, "note": 1e2}'
    assert patched(data, EVENT)[0] == b'{"order_id":"%b",' % EVENT.encode() + data[1:]
    assert decode(patched(data, EVENT)[0]).fingerprint == decode(data).fingerprint


def test_a_compressed_order_is_sent_again_as_plain_json() -> None:
    data = b'{"order_id": "A", "customer_id": "c", "amount": 1}'
    assert patched(gzip.compress(data), EVENT) == (data, "A")


def test_numbers_that_are_not_set_keep_every_digit() -> None:
    data = b'{"customer_id": "c", "amount": NaN, "weight": 0.1000000000000000000000001, "big": 1e400}'
    assert b'"weight":0.1000000000000000000000001,"big":1E+400' in with_set(data, "amount=1")[0]


def test_a_value_can_be_set_inside_an_item() -> None:
    data = b'{"customer_id": "c", "amount": 4, "items": [{"sku": "S", "quantity": 1, "unit_price": 2}]}'
    for path in ("items[0].quantity", "$.items[0].quantity"):
        assert json.loads(with_set(data, f"{path}=2")[0])["items"][0]["quantity"] == 2


def test_an_object_that_is_not_there_is_made() -> None:
    data, _ = with_set(b'{"customer_id": "c", "amount": 4}', "shop.country=NL", 'tags=["a"]')
    assert json.loads(data)["shop"] == {"country": "NL"}
    assert json.loads(data)["tags"] == ["a"]


def test_a_value_is_json_if_it_can_be_and_a_string_if_not() -> None:
    assert [parse_patch(f"a={text}").value for text in ("1.50", '"1.50"', "EUR", "null", "")] == [
        Decimal("1.50"),
        "1.50",
        "EUR",
        None,
        "",
    ]


@pytest.mark.parametrize("text", ["amount", "=1", "", "a..b=1", "a[x]=1", "a[0=1", "[]=1"])
def test_what_does_not_say_what_to_set_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="does not say what to set"):
        parse_patch(text)


@pytest.mark.parametrize("path", ["items[1].sku", "amount.x", "items.sku", "[0]"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    data = b'{"customer_id": "c", "amount": 4, "items": [{"sku": "S"}]}'
    with pytest.raises(InputError, match="nothing can be set at"):
        with_set(data, f"{path}=1")


@pytest.mark.parametrize("data", [b"not JSON", b"", b"\xff", b"[" * 100_000])
def test_nothing_can_be_set_in_what_is_not_json(data: bytes) -> None:
    with pytest.raises(InputError, match="is not JSON") as refused:
        with_set(data, "amount=1")
    assert "--edit" in refused.value.hint


def test_an_order_that_is_still_bad_is_refused_with_every_reason() -> None:
    with pytest.raises(
        InputError, match=r"\$\.customer_id is required; \$\.amount must be greater"
    ) as refused:
        with_set(b'{"amount": -1}', "amount=-2")
    assert "--set" in refused.value.hint


ARRIVED = "2026-11-22T18:30:00.000000Z"


def event(more: str, **settings: str) -> tuple[dict[str, object], str]:
    patches = [parse_patch(f"{name}={value}") for name, value in settings.items()]
    data, order_id = patched(f'{{"order_id": "A", {more}}}'.encode(), EVENT, patches, arrived_at=ARRIVED)
    return json.loads(data), order_id


def test_an_event_without_a_time_or_number_occurred_when_its_record_arrived() -> None:
    found, order_id = event('"event": "payed", "amount": 2', event="paid")
    assert (found, order_id) == ({"order_id": "A", "event": "paid", "amount": 2, "occurred_at": ARRIVED}, "A")
    data = json.dumps(found).encode()
    assert patched(data, EVENT, arrived_at="2026-11-22T19:00:00.000000Z") == (data, "A")


def test_an_event_that_says_its_time_or_number_keeps_it() -> None:
    for name, given in (("occurred_at", '"2026-11-20T00:00:00Z"'), ("seq", "2")):
        found, _ = event(f'"event": "paid", "{name}": {given}')
        assert found == {"order_id": "A", "event": "paid", name: json.loads(given)}


def test_an_event_is_given_no_order_id() -> None:
    with pytest.raises(InputError, match=r"\$\.order_id is required"):
        patched(b'{"event": "paid"}', EVENT, arrived_at=ARRIVED)
    assert patched(b'{"event": "paid"}', EVENT, [parse_patch("order_id=B")])[1] == "B"


def test_an_event_that_was_stored_is_not_changed() -> None:
    data = b'{"order_id": "A",  "event": "paid"}'
    assert patched(data, EVENT) == (data, "A")
