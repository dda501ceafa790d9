"""What changes between two schemas of orders, and what breaks."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator

import orderstream
from orderstream.errors import InputError
from orderstream.project.schema import published_schema, read_schema, schema_changes


class Before(orderstream.Order):
    note: orderstream.Name | None = None
    code: Annotated[str, orderstream.text(5), orderstream.example("a")]
    weight: orderstream.Price = Decimal(1)


class Parcel(orderstream.Model):
    size: orderstream.Quantity


class After(orderstream.Order):
    note: orderstream.Name
    code: Annotated[str, orderstream.text(4), orderstream.example("a")]
    weight: orderstream.Quantity = 2
    parcels: tuple[Parcel, ...] | None = None
    gift: bool


def changed(before: type[orderstream.Order], after: type[orderstream.Order]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in schema_changes(published_schema(before), published_schema(after)):
        found.setdefault(one.path, []).append(f"{one.change}: {one.breaks}".rstrip(": "))
    return found


def test_every_change_of_a_field_is_told_with_what_it_breaks() -> None:
    assert changed(Before, After) == {
        "note": ["becomes required: records without it are refused"],
        "code": [
            "limits 1 to 5 characters become 1 to 4 characters: records beyond the new limits are refused"
        ],
        "weight": [
            "type number becomes integer: records of the old type are refused",
            "limits 0 or more become 1 or more: records beyond the new limits are refused",
            'default "1" becomes 2',
        ],
        "parcels": ["added, list of objects, optional"],
        "parcels[].size": ["added, integer, required"],
        "gift": ["added, boolean, required: records without it are refused"],
    }
    assert changed(After, Before)["gift"] == ["removed, boolean, required: it is no longer stored"]


class Short(orderstream.Order):
    TRANSITIONS = {"placed": ("paid", "cancelled"), "paid": ("shipped",), "shipped": (), "cancelled": ()}


class PickedUp(orderstream.Order):
    TRANSITIONS = {"open": ("paid",), "paid": ("picked_up", "cancelled"), "picked_up": (), "cancelled": ()}


def test_every_change_of_the_lifecycle_is_told_with_what_it_breaks() -> None:
    assert changed(Short, PickedUp) == {
        "TRANSITIONS": [
            "the first status placed becomes open: orders without events have another status",
        ],
        "TRANSITIONS.placed": ["removed: no order has this status any more"],
        "TRANSITIONS.shipped": ["removed: no order has this status any more"],
        "TRANSITIONS.open": ["paid may follow"],
        "TRANSITIONS.paid": [
            "picked_up may follow",
            "cancelled may follow",
            "shipped may no longer follow: such events are refused",
        ],
    }

    class Strict(Short):
        TRANSITIONS = Short.TRANSITIONS | {"placed": ("paid",), "paid": ("shipped", "cancelled")}

    assert changed(Short, Strict)["TRANSITIONS.placed"] == [
        "cancelled may no longer follow: such events are forbidden"
    ]


def test_a_file_with_a_broken_lifecycle_is_refused() -> None:
    after = published_schema(Short)
    with pytest.raises(InputError, match="x-transitions is no lifecycle"):
        schema_changes(after | {"x-transitions": {"placed": ["paid"]}}, after)


def test_a_schema_of_a_version_without_a_lifecycle_says_nothing_of_it() -> None:
    before = published_schema(Short)
    del before["x-transitions"]
    assert schema_changes(before, published_schema(PickedUp)) == []


def test_the_same_model_changes_nothing() -> None:
    assert changed(After, After) == {}


def test_the_published_schema_is_one_and_is_read_back(tmp_path: Path) -> None:
    schema = published_schema(After)
    Draft202012Validator.check_schema(schema)
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(schema))
    assert read_schema(file) == json.loads(json.dumps(schema))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"properties": 1}'])
def test_another_file_is_refused(tmp_path: Path, text: Any) -> None:
    file = tmp_path / "schema.json"
    file.write_text(text)
    with pytest.raises(InputError, match="schema.json"):
        read_schema(file)
    with pytest.raises(InputError, match="cannot read"):
        read_schema(tmp_path / "nowhere.json")
