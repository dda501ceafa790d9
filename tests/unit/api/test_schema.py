"""The schemas of the API say what is accepted and what is stored, for any declaration of the order."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from jsonschema import Draft202012Validator

from orderstream.api.event_schema import ACCEPTED, EFFECT, HISTORY, event_schema
from orderstream.api.schema import order_schema, stored_schema
from orderstream.domain.decode import decode
from orderstream.domain.fields import InvalidValue, rule_of
from orderstream.domain.fold import with_state
from orderstream.domain.item import attributes
from orderstream.domain.lifecycle import event_names
from orderstream.domain.model import json_schema
from orderstream.domain.order import Item, Order
from tests.another_order import FULL, NULLS, SHORT, AnotherOrder

MODELS = pytest.mark.parametrize("model", [Order, AnotherOrder])
ITEMS = [{"sku": "tea", "quantity": 2, "unit_price": "9.95"}]


def encoded(document: Any) -> bytes:
    return msgspec.json.encode(document)


def is_valid(schema: dict[str, Any], document: Any) -> bool:
    Draft202012Validator.check_schema(schema)
    return bool(Draft202012Validator(schema).is_valid(document))


@MODELS
def test_the_example_is_an_order(model: type[Order]) -> None:
    schema = order_schema(model)
    assert decode(encoded(schema["example"]), model).reasons == ()
    assert is_valid(schema, msgspec.to_builtins(schema["example"]))


def test_the_example_is_the_one_of_the_documentation() -> None:
    example = {"order_id": "A-1001", "customer_id": "12345", "amount": "19.90", "currency": "EUR"}
    assert order_schema()["example"].items() >= (example | {"items": ITEMS}).items()


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"items": ITEMS},
        {"address": {}},
        {"address": {"street": ""}},
        {"channel": "fax"},
        {"channels": ["tv"]},
        {"parcels": [{"weight": -1, "channels": []}]},
        {"gift": "yes"},
        {"tags": ["x" * 257]},
        {"customer_id": "x" * 257},
        {"order_id": "ä"},
        {"amount": 0},
        {"items": [{"sku": "tea", "quantity": 2, "unit_price": -1}]},
    ],
)
def test_the_schema_refuses_what_is_refused(changed: dict[str, Any]) -> None:
    document = FULL | changed
    accepted = decode(encoded(document), AnotherOrder).reasons == ()
    assert is_valid(order_schema(AnotherOrder), document) == accepted


@pytest.mark.parametrize("document", [FULL, SHORT])
def test_what_is_stored_is_as_the_schema_says(document: dict[str, Any]) -> None:
    order = decode(encoded(document), AnotherOrder).order
    assert order is not None
    item = attributes(
        order, order_id="A-1", order_date=datetime(2026, 11, 22, tzinfo=UTC), currency="EUR", computed={}
    )
    item = with_state(item | {"ReceivedAt": "2026-11-22T00:00:00.000000Z"})
    # As it is answered.
    item = msgspec.json.decode(msgspec.json.Encoder(decimal_format="number").encode(item))
    schema = stored_schema(AnotherOrder)
    assert is_valid(schema, item)
    assert item.keys() <= schema["properties"].keys()
    for name in schema["required"]:
        assert not is_valid(schema, {key: value for key, value in item.items() if key != name})


# Just inside and just outside of each limit that a schema can have.
EDGES: dict[str, Any] = {
    "minLength": lambda least: ("x" * least, "x" * (least - 1)),
    "maxLength": lambda most: ("x" * most, "x" * (most + 1)),
    "minimum": lambda least: (least, least - 1),
    "exclusiveMinimum": lambda least: (least + Decimal("1e-9"), least),
}


@pytest.mark.parametrize("model", [Order, Item])
def test_a_limit_in_the_schema_is_the_limit_of_the_rule(model: type[msgspec.Struct]) -> None:
    hints = get_type_hints(model, include_extras=True)
    checked = 0
    for name, schema in json_schema(model)["properties"].items():
        for limit, value in schema.get("oneOf", [schema])[0].items():
            if limit in EDGES:
                # Of an optional field, the type that is not None.
                hint = next(iter(get_args(hints[name])), None)
                rule = rule_of(hint if get_args(hint) else hints[name])
                inside, outside = EDGES[limit](value)
                assert rule(inside) == inside, (name, limit)
                with pytest.raises(InvalidValue):
                    rule(outside)
                checked += 1
    assert checked


@pytest.mark.parametrize("document", [NULLS])
def test_null_counts_as_left_out(document: dict[str, Any]) -> None:
    assert decode(encoded(document), AnotherOrder).reasons == ()


class PickedUp(Order):
    """Orders of which the first event needs an amount."""

    TRANSITIONS = {"open": ("captured",)}


@pytest.mark.parametrize("model", [Order, AnotherOrder, PickedUp])
def test_the_example_of_an_event_is_one_and_the_events_are_those_of_the_model(model: type[Order]) -> None:
    schema = event_schema(model)
    assert decode(encoded(schema["example"] | {"order_id": "A-1"}), model).reasons == ()
    assert is_valid(schema, msgspec.to_builtins(schema["example"]))
    for name in event_names(model.TRANSITIONS):
        assert is_valid(schema, {"event": name})
    assert not is_valid(schema, {"event": "flown"})


@MODELS
def test_every_answer_about_events_has_a_valid_schema(model: type[Order]) -> None:
    for schema in (event_schema(model), ACCEPTED, EFFECT, HISTORY):
        Draft202012Validator.check_schema(schema)
    assert is_valid(ACCEPTED, ACCEPTED["example"]) and is_valid(EFFECT, EFFECT["example"])
