"""A form for an order, made from the schema of its model: fields, nested models, and lists of either."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.value_element import ValueElement

from orderstream.domain.currencies import TEST_CURRENCY
from orderstream.domain.model import Schema

# What a field without a value has: it is left out of the order.
NOTHING: Any = object()

_INTEGER = re.compile(r"-?[0-9]{1,18}")
# The field with which a producer names an order; without it, the order gets a new one.
_ID = "order_id"
Changed = Callable[[], None]


class ScalarField:
    """A field with one value: text, a number, a choice or a switch."""

    def __init__(self, name: str, schema: Schema, on_change: Changed, *, is_required: bool) -> None:
        self._schema = schema
        self._is_required = is_required
        self.input = _input(name, schema)
        self.input.on_value_change(on_change)

    @property
    def value(self) -> Any:
        """What is typed, digit for digit; NOTHING if it is empty and may be."""
        typed = self.input.value
        if isinstance(typed, bool):
            return typed
        text = typed or ""
        if _is_number(self._schema):
            text = text.strip()
            if self._schema.get("type") == "integer" and _INTEGER.fullmatch(text):
                return int(text)
        return text if text or (self._is_required and self._schema.get("type") == "string") else NOTHING


class ModelField:
    """The fields of a model, side by side; those with several values below them."""

    def __init__(self, schema: Schema, on_change: Changed) -> None:
        self.fields: dict[str, ScalarField | ListField] = {}
        required = schema.get("required", ())
        simple = {name: one for name, one in _shown(schema).items() if _is_scalar(one)}
        with ui.grid().classes("w-full grid-cols-1 sm:grid-cols-2 gap-2"):
            for name, one in simple.items():
                self.fields[name] = ScalarField(name, one, on_change, is_required=name in required)
        for name, one in _shown(schema).items():
            if name not in simple:
                self.fields[name] = ListField(name, one, on_change, is_required=name in required)

    @property
    def value(self) -> dict[str, Any]:
        """What is sent: without the fields that have nothing."""
        found = {name: field.value for name, field in self.fields.items()}
        return {name: value for name, value in found.items() if value is not NOTHING}


class ListField:
    """The entries of a list, which can be added and removed; or a nested model, as a list of at most one."""

    def __init__(self, name: str, schema: Schema, on_change: Changed, *, is_required: bool) -> None:
        self._name = name
        self._is_list = schema.get("type") == "array"
        self._schema = schema["items"] if self._is_list else schema
        self._is_required = is_required
        self._on_change = on_change
        self.entries: list[ScalarField | ModelField | ListField] = []
        label = _label(name)
        with ui.column().classes("w-full gap-2 pl-3 border-l-2 border-gray-500/30"):
            ui.label(label).classes("text-sm font-medium opacity-80")
            self._place = ui.column().classes("w-full gap-2")
            self._one = (label.removesuffix("s") if self._is_list else label).lower()
            self._add_button = ui.button(f"Add {self._one}", icon="add", on_click=self._add_and_tell)
            self._add_button.props("flat dense no-caps").classes("self-start")
        if is_required:
            self._add()

    @property
    def value(self) -> Any:
        """The list or the model; NOTHING if it has no entries and may have none."""
        values = [entry.value for entry in self.entries]
        if not values and not (self._is_required and self._is_list):
            return NOTHING
        return [value for value in values if value is not NOTHING] if self._is_list else values[0]

    def _add_and_tell(self) -> None:
        self._add()
        self._on_change()

    def _add(self) -> None:
        with self._place, ui.row().classes("w-full no-wrap items-center gap-1") as row:
            with ui.column().classes("grow min-w-0 gap-2"):
                entry = self._entry()
            if self._is_list or not self._is_required:
                remove = ui.button(icon="close", on_click=lambda: self._remove(row, entry))
                remove.props(f'flat round dense aria-label="Remove {self._one}"')
        self.entries.append(entry)
        self._add_button.set_visibility(self._is_list)

    def _entry(self) -> ScalarField | ModelField | ListField:
        if "properties" in self._schema:
            return ModelField(self._schema, self._on_change)
        if _is_scalar(self._schema):
            return ScalarField(self._name, self._schema, self._on_change, is_required=False)
        return ListField(self._name, self._schema, self._on_change, is_required=True)

    def _remove(self, row: ui.row, entry: ScalarField | ModelField | ListField) -> None:
        self.entries.remove(entry)
        row.delete()
        self._add_button.set_visibility(True)
        self._on_change()


def _shown(schema: Schema) -> dict[str, Schema]:
    """The fields of a model but for those that are always now: the others are written as JSON."""
    return {name: one for name, one in schema["properties"].items() if one.get("examples") != []}


def _is_scalar(schema: Schema) -> bool:
    return schema.get("type") not in ("array", "object")


def _is_number(schema: Schema) -> bool:
    return "oneOf" in schema or schema.get("type") == "integer"


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _input(name: str, schema: Schema) -> ValueElement[Any]:
    label = _label(name)
    if name == _ID:
        return ui.input(label, placeholder="a new one").props("outlined dense stack-label")
    value = schema.get("default", next(iter(schema.get("examples", ())), None))
    if "enum" in schema:
        options = [one for one in schema["enum"] if one != TEST_CURRENCY]
        return (
            ui.select(options, value=value if value in options else None, label=label, with_input=True)
            .classes("w-full")
            .props("outlined dense")
        )
    if schema.get("type") == "boolean":
        return ui.switch(label, value=bool(value))
    number = " inputmode=decimal" if _is_number(schema) else ""
    text = "" if value is None else str(value)
    return ui.input(label, value=text).classes("w-full").props(f"outlined dense{number}")
