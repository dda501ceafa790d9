"""Another declaration of the order: what it accepts, how it compares, and what its item is."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from orderstream.domain.decode import Decoded, decode
from orderstream.domain.equality import same_content
from orderstream.domain.item import attributes
from orderstream.domain.model import decimal_fields, field_descriptions
from orderstream.domain.validation import ModelReader
from orderstream.pipeline.attributes import attribute_value, plain_value
from tests.another_order import FULL, NULLS, SHORT, Address, AnotherOrder, Channel, Parcel


def decoded(document: dict[str, Any]) -> Decoded:
    return decode(msgspec.json.encode(document), AnotherOrder)


def read(document: dict[str, Any]) -> AnotherOrder:
    found = decoded(document)
    assert isinstance(found.order, AnotherOrder), found.reasons
    return found.order


def test_every_field_is_read_in_its_own_type() -> None:
    order = read(FULL)
    since = datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert order.address == Address("Long Street 7", 3, since)
    assert (order.channel, order.channels) == (Channel.APP, (Channel.WEB, Channel.APP))
    assert (order.discount, order.rate, order.gift) == (Decimal("1.5"), Decimal("0.25"), True)
    assert order.deliver_at == datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert order.tags == ("new", "late")
    assert order.parcels == (
        Parcel(Decimal("2.5"), (Channel.APP,), Address("Short Street 1"), fragile=True),
        Parcel(Decimal(1), ()),
    )


@pytest.mark.parametrize("document", [SHORT, NULLS])
def test_what_is_left_out_or_null_has_its_default(document: dict[str, Any]) -> None:
    order = read(document)
    assert (order.channel, order.rate, order.tags) == (Channel.WEB, Decimal("0.5"), ())
    assert (order.gift, order.channels, order.parcels, order.items) == (None, None, None, None)


@pytest.mark.parametrize(
    ("changed", "reasons"),
    [
        ({"address": None}, [("$.address", "missing")]),
        ({"address": "here"}, [("$.address", "not_an_object")]),
        ({"address": {"floor": 0}}, [("$.address.street", "missing"), ("$.address.floor", "not_positive")]),
        ({"channel": "fax"}, [("$.channel", "unknown_value")]),
        ({"channel": ["web"]}, [("$.channel", "unknown_value")]),
        ({"channels": ["web", "tv"]}, [("$.channels[1]", "unknown_value")]),
        ({"tags": ["new", "", None]}, [("$.tags[1]", "empty"), ("$.tags[2]", "not_a_string")]),
        ({"tags": "new"}, [("$.tags", "not_an_array")]),
        ({"gift": "yes"}, [("$.gift", "not_a_boolean")]),
        ({"deliver_at": "2026-11-23"}, [("$.deliver_at", "not_a_date")]),
        ({"parcels": [7]}, [("$.parcels[0]", "not_an_object")]),
        (
            {"parcels": [{"weight": -1, "channels": ["fax"], "address": {}}]},
            [
                ("$.parcels[0].weight", "negative"),
                ("$.parcels[0].channels[0]", "unknown_value"),
                ("$.parcels[0].address.street", "missing"),
            ],
        ),
        # The rules over several fields are those of the order that it extends.
        ({"items": []}, [("$.items", "items_do_not_add_up")]),
    ],
)
def test_every_fault_is_told_with_its_path(changed: dict[str, Any], reasons: list[tuple[str, str]]) -> None:
    found = decoded(FULL | changed)
    assert found.order is None
    assert [(reason.path, reason.code) for reason in found.reasons] == reasons


def test_another_spelling_of_what_is_inside_is_the_same_content_and_another_value_is_not() -> None:
    address = {"street": "Long Street 7", "floor": "3.0", "since": "2025-12-31T23:00:00Z"}
    respelt = FULL | {"address": address, "discount": 1.5, "deliver_at": "2026-11-23T09:00:00+01:00"}
    assert decoded(respelt).fingerprint != decoded(FULL).fingerprint
    assert same_content(decoded(respelt), decoded(FULL))
    for changed in ({"address": address | {"floor": 4}}, {"channels": ["app", "web"]}, {"gift": False}):
        assert not same_content(decoded(respelt | changed), decoded(FULL))


def test_its_item_has_every_value_of_it_and_comes_back_from_the_table() -> None:
    item = attributes(
        read(FULL), order_id="A-1", order_date=datetime(2026, 11, 22, tzinfo=UTC), currency="EUR", computed={}
    )
    assert item == {
        "OrderID": "A-1",
        "CustomerID": "c",
        "OrderAmount": Decimal("19.9"),
        "OrderDate": "2026-11-22T00:00:00.000000Z",
        "Currency": "EUR",
        "Status": "placed",
        "Address": {"street": "Long Street 7", "floor": 3, "since": "2025-12-31T23:00:00.000000Z"},
        "Channel": "app",
        "Discount": Decimal("1.5"),
        "Rate": Decimal("0.25"),
        "DeliverAt": "2026-11-23T08:00:00.000000Z",
        "Gift": True,
        "Tags": ["new", "late"],
        "Channels": ["web", "app"],
        "Parcels": [
            {
                "weight": Decimal("2.5"),
                "channels": ["app"],
                "address": {"street": "Short Street 1"},
                "fragile": True,
            },
            {"weight": Decimal(1), "channels": [], "fragile": False},
        ],
    }
    assert plain_value(attribute_value(item)) == item


def test_a_producer_is_refused_floats_in_its_exact_fields() -> None:
    assert decimal_fields(AnotherOrder) == decimal_fields() | {"discount", "rate", "weight"}


def test_its_documentation_has_every_field_with_what_is_inside() -> None:
    found = {one.path: one for one in field_descriptions(AnotherOrder)}
    assert set(found) > {one.path for one in field_descriptions()} | {"parcels", "parcels[].address.street"}
    street, channel, floor = (found[name] for name in ("address.street", "channel", "address.floor"))
    assert (street.type, street.is_required, street.limits) == ("string", True, "1 to 256 characters")
    assert street.meaning == "With its number."
    assert (channel.limits, channel.default, channel.is_required) == ("`app`, `web`", '"web"', False)
    assert (floor.type, floor.limits) == ("integer", "1 or more")
    assert found["parcels"].type == "list of objects"


def test_a_type_without_a_rule_is_an_error_before_anything_is_read() -> None:
    wrong = msgspec.defstruct("Wrong", [("rate", Decimal | None, None)])
    with pytest.raises(TypeError, match="rate: .*Decimal.* has no rule"):
        ModelReader(wrong)
