"""The JSON Schema of the orders of a project as others read it, and what changes between two of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec

from orderstream.domain.declaration import REQUIRED_FROM, computed_attributes
from orderstream.domain.item import attribute_names
from orderstream.domain.lifecycle import Transitions
from orderstream.domain.model import (
    FieldDescription,
    Schema,
    descriptions_in,
    field_descriptions,
    json_schema,
    type_of,
)
from orderstream.domain.order import Order
from orderstream.domain.schema_version import FIELD, version_schema
from orderstream.domain.user_model import order_model
from orderstream.errors import InputError

# The lifecycle in the schema: each status with the events that may follow in it. The first is that of a new
# order. It is a list, because the template of a stack does not keep the keys of an object in order.
TRANSITIONS = "x-transitions"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class SchemaChange(NamedTuple):
    """What has changed: `path` is that of a field, or TRANSITIONS.paid; `breaks` is who it breaks, or ""."""

    path: str
    change: str
    breaks: str


class DescribedField(NamedTuple):
    """A field or a computed attribute for people: `marks` are personal, indexed and computed, with commas."""

    field: str
    type: str
    required: bool
    default: str
    limits: str
    attribute: str
    marks: str
    meaning: str


class _StatusEvents(msgspec.Struct):
    status: str
    events: tuple[str, ...]


def described(model: type[Order]) -> list[DescribedField]:
    """Every field of a model with those inside it, and its computed attributes."""
    names = attribute_names(model)
    marks = {one.path: _marks(one.schema) for one in field_descriptions(model)}
    found = [
        DescribedField(
            one.path,
            one.type,
            one.is_required,
            one.default,
            one.limits,
            names.get(one.path, ""),
            marks[one.path],
            one.meaning,
        )
        for one in field_descriptions(model)
    ]
    for computed in computed_attributes(model):
        kind = type_of(json_schema(computed.hint))
        of_it = ", ".join(["computed", *(["indexed"] if "indexed" in computed.marks else [])])
        says = (getattr(model, computed.name).__doc__ or "").partition("\n")[0]
        found.append(DescribedField(computed.name, kind, False, "", "", names[computed.name], of_it, says))
    return found


def _marks(schema: Schema) -> str:
    found = [name for name in ("personal", "indexed") if schema.get(f"x-{name}")]
    if REQUIRED_FROM in schema:
        found.append(f"required from version {schema[REQUIRED_FROM]} on")
    return ", ".join(found)


def published_schema(model: type[Order] | None = None) -> Schema:
    """The JSON Schema of an order as it is sent, by default of this process's model."""
    model = model or order_model()
    schema = json_schema(model)
    properties = {FIELD: version_schema(model)} | schema["properties"]
    transitions = [{"status": status, "events": [*names]} for status, names in model.TRANSITIONS.items()]
    more = {"properties": properties, TRANSITIONS: transitions}
    return {"$schema": DIALECT, "title": model.__name__} | schema | more


def read_schema(file: Path) -> Schema:
    """A schema that `published_schema` wrote to a file. Raises InputError."""
    try:
        found: Schema = msgspec.json.decode(file.read_bytes(), type=dict)
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(f"cannot read {file}: {error}", hint="orders model schema writes one") from error
    if not isinstance(found.get("properties"), dict):
        raise InputError(f"{file} is no schema of orders", hint="orders model schema writes one")
    return found


def schema_changes(before: Schema, after: Schema) -> list[SchemaChange]:
    """What has changed from one schema to another, field by field and then status by status."""
    old = {one.path: one for one in descriptions_in(before)}
    new = {one.path: one for one in descriptions_in(after)}
    changes: list[SchemaChange] = []
    for path, one in new.items():
        if path not in old:
            # Inside of what is new itself, nothing has to be there.
            is_inside = re.split(r"\.|\[\]", path)[0] not in old and "." in path
            refuses = "records without it are refused" if one.is_required and not is_inside else ""
            changes.append(SchemaChange(path, f"added, {_said(one)}", refuses))
        else:
            changes += _changed(old[path], one)
    for path, one in old.items():
        if path not in new:
            changes.append(SchemaChange(path, f"removed, {_said(one)}", "it is no longer stored"))
    if TRANSITIONS in before and TRANSITIONS in after:
        changes += _transition_changes(*map(_transitions_in, (before, after)))
    return changes


def _transitions_in(schema: Schema) -> Transitions:
    try:
        found = msgspec.convert(schema[TRANSITIONS], list[_StatusEvents])
    except msgspec.ValidationError as error:
        raise InputError(f"{TRANSITIONS} is no lifecycle: {error}") from error
    return {one.status: one.events for one in found}


def _transition_changes(old: Transitions, new: Transitions) -> Iterator[SchemaChange]:
    first, first_now = next(iter(old)), next(iter(new))
    if first != first_now:
        said = f"the first status {first} becomes {first_now}"
        yield SchemaChange("TRANSITIONS", said, "orders without events have another status")
    known = {*new, *chain(*new.values())}
    for status in {**old, **new}:
        path = f"TRANSITIONS.{status}"
        if status not in new:
            yield SchemaChange(path, "removed", "no order has this status any more")
            continue
        before, after = old.get(status, ()), new[status]
        for event in (name for name in after if name not in before):
            yield SchemaChange(path, f"{event} may follow", "")
        for event in (name for name in before if name not in after):
            breaks = "such events are forbidden" if event in known else "such events are refused"
            yield SchemaChange(path, f"{event} may no longer follow", breaks)


def _said(one: FieldDescription) -> str:
    return f"{one.type}, {'required' if one.is_required else 'optional'}"


def _changed(old: FieldDescription, new: FieldDescription) -> list[SchemaChange]:
    found: list[SchemaChange] = []
    if old.type != new.type:
        said = f"type {old.type} becomes {new.type}"
        found.append(SchemaChange(new.path, said, "records of the old type are refused"))
    if old.limits != new.limits:
        said = f"limits {old.limits or 'none'} become {new.limits or 'none'}"
        refused = "records beyond the new limits are refused" if new.limits else ""
        found.append(SchemaChange(new.path, said, refused))
    if old.is_required != new.is_required:
        said = "becomes required" if new.is_required else "becomes optional"
        found.append(SchemaChange(new.path, said, "records without it are refused" * new.is_required))
    if old.default != new.default:
        said = f"default {old.default or 'none'} becomes {new.default or 'none'}"
        found.append(SchemaChange(new.path, said, ""))
    return found
