"""The form has a field for every field of a model, however nested, and writes what was typed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import pytest
from nicegui import Client, core
from nicegui.page import page

from orderstream.dashboard.order_form import ListField, ModelField, ScalarField
from orderstream.dashboard.send_page import follow_items, total_of
from orderstream.domain.declaration import Model, example
from orderstream.domain.model import json_schema
from orderstream.domain.order import Name, Order, Price, Quantity


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Part(Model):
    name: Annotated[Name, example("bolt")]
    number: Quantity
    tags: tuple[Name, ...] = ()


class Box(Model):
    parts: tuple[Part, ...]
    price: Price | None = None


class Shipment(Order):
    box: Box
    color: Color
    is_gift: bool = False
    spare: Part | None = None
    labels: tuple[Name, ...] = ()


@pytest.fixture
def loop() -> Iterator[None]:
    """What NiceGUI needs of a running server."""
    core.loop = asyncio.new_event_loop()
    yield
    core.loop.close()
    core.loop = None


def form_of(model: type[Order]) -> tuple[ModelField, list[int]]:
    changes: list[int] = []
    with Client(page("/form"), request=None):
        return ModelField(json_schema(model), lambda: changes.append(1)), changes


def listed(form: ModelField, name: str) -> ListField:
    found = form.fields[name]
    assert isinstance(found, ListField)
    return found


def single(form: ModelField, name: str) -> ScalarField:
    found = form.fields[name]
    assert isinstance(found, ScalarField)
    return found


def model_in(field: ListField, number: int = 0) -> ModelField:
    found = field.entries[number]
    assert isinstance(found, ModelField)
    return found


def add(field: ListField) -> None:
    field._add_and_tell()


def test_a_nested_model_is_there_if_it_is_required_and_can_be_added_if_not(loop: None) -> None:
    form, changes = form_of(Shipment)
    sent: dict[str, Any] = form.value
    assert sent["box"] == {"parts": [{"name": "bolt"}]}
    assert "spare" not in sent and "labels" not in sent
    add(listed(form, "spare"))
    assert form.value["spare"] == {"name": "bolt"}
    assert changes


def test_lists_in_nested_models_grow_and_what_is_typed_is_sent_digit_for_digit(loop: None) -> None:
    form, _ = form_of(Shipment)
    box = model_in(listed(form, "box"))
    add(listed(box, "parts"))
    part = model_in(listed(box, "parts"), 1)
    single(part, "number").input.value = "12"
    add(listed(part, "tags"))
    tag = listed(part, "tags").entries[0]
    assert isinstance(tag, ScalarField)
    tag.input.value = "heavy"
    single(box, "price").input.value = " 1.50 "
    single(form, "color").input.value = "blue"
    assert form.value["box"]["parts"][1] == {"name": "bolt", "number": 12, "tags": ["heavy"]}
    assert form.value["box"]["price"] == "1.50"
    assert (form.value["color"], form.value["is_gift"]) == ("blue", False)
    single(part, "number").input.value = "a dozen"
    assert form.value["box"]["parts"][1]["number"] == "a dozen"


def test_the_amount_of_the_built_in_order_is_what_its_lines_add_up_to(loop: None) -> None:
    form, _ = form_of(Order)
    follow_items(form)
    assert form.value["amount"] == "19.90"
    add(listed(form, "items"))
    add(listed(form, "items"))
    single(model_in(listed(form, "items"), 1), "quantity").input.value = "3"
    follow_items(form)
    assert form.value["amount"] == "49.75"


def test_lines_that_are_no_numbers_yet_have_no_total() -> None:
    assert total_of([{"quantity": 2, "unit_price": "1.50"}]) == Decimal(3)
    assert total_of([{"quantity": "two", "unit_price": "1.50"}, {}]) is None
