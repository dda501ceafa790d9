"""What the declaration of a model says: its types, its JSON schema, its fields for documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

from orderstream.domain.user_model import order_model

Schema = dict[str, Any]

# What is listed in words; more are only counted.
_MOST_LISTED = 10
_LIMITS = {
    "exclusiveMinimum": "more than {}",
    "minimum": "{} or more",
    "exclusiveMaximum": "less than {}",
    "maximum": "{} or less",
    "minLength": "{} characters or more",
    "maxLength": "{} characters or less",
    "pattern": "matches `{}`",
}


@dataclass(frozen=True)
class FieldDescription:
    """A field for documentation: its `path` (`items[].sku`), its type, limits and meaning in words.

    `default` is the JSON of what counts where the field is left out; empty if nothing does. `schema` is the
    JSON schema of the field.
    """

    path: str
    type: str
    is_required: bool
    limits: str
    meaning: str
    default: str
    schema: Schema


def fields_of(model: type[msgspec.Struct]) -> list[tuple[inspect.Field, inspect.Type]]:
    """The fields of a model, each with its `value_type`."""
    info = inspect.type_info(model)
    assert isinstance(info, inspect.StructType)
    return [(field, value_type(field.type)) for field in info.fields]


def value_type(kind: inspect.Type) -> inspect.Type:
    """A type without its annotations and without None; for an enum, that of its values."""
    if isinstance(kind, inspect.Metadata):
        return value_type(kind.type)
    if isinstance(kind, inspect.UnionType):
        (kind,) = (option for option in kind.types if not isinstance(option, inspect.NoneType))
        return value_type(kind)
    if isinstance(kind, inspect.EnumType):
        return inspect.type_info(type(next(iter(kind.cls)).value))
    return kind


def decimal_fields(model: type[msgspec.Struct] | None = None) -> frozenset[str]:
    """The names of the fields, at any depth, that have exact decimals."""
    found: set[str] = set()
    for field, kind in fields_of(model or order_model()):
        while isinstance(kind, inspect.VarTupleType):
            kind = value_type(kind.item_type)
        if isinstance(kind, inspect.StructType):
            found |= decimal_fields(kind.cls)
        elif isinstance(kind, inspect.DecimalType):
            found.add(field.name)
    return frozenset(found)


def json_schema(kind: Any = None) -> Schema:
    """The JSON schema of what is sent for a model or another type, with nested models inside it.

    Null is left out: it counts as a field that is left out. By default it is that of the order.
    """
    (schema,), components = msgspec.json.schema_components((kind or order_model(),), ref_template="{name}")
    return _inlined(schema, components)


def _inlined(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    if "$ref" in schema:
        # The title and the description of a model are those of its class, for programmers.
        named = {k: v for k, v in components[schema["$ref"]].items() if k not in ("title", "description")}
        schema = named | {name: value for name, value in schema.items() if name != "$ref"}
    if "anyOf" in schema:
        (some,) = (one for one in schema["anyOf"] if one != {"type": "null"})
        outside = {name: value for name, value in schema.items() if name != "anyOf" and value is not None}
        return _inlined(some, components) | outside
    if "oneOf" in schema:
        # Its alternatives have their own types.
        schema = {name: value for name, value in schema.items() if name not in ("type", "format")}
    if "items" in schema:
        schema = schema | {"items": _inlined(schema["items"], components)}
    if "properties" in schema:
        inside = {name: _inlined(one, components) for name, one in schema["properties"].items()}
        schema = schema | {"properties": inside}
    return schema


def without_examples(schema: Any) -> Any:
    """The schema without the examples of its fields."""
    if isinstance(schema, list):
        return [without_examples(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: without_examples(one) for name, one in schema.items() if name != "examples"}


def field_descriptions(model: type[msgspec.Struct] | None = None) -> Iterator[FieldDescription]:
    """Every field of a model, each followed by those inside it."""
    yield from descriptions_in(json_schema(model))


def descriptions_in(schema: Schema) -> Iterator[FieldDescription]:
    """Every field of a JSON schema of a model, each followed by those inside it."""
    yield from _described(schema, "")


def _described(schema: Schema, path: str) -> Iterator[FieldDescription]:
    for name, one in schema["properties"].items():
        yield FieldDescription(
            path=path + name,
            type=type_of(one),
            is_required=name in schema.get("required", ()),
            limits=_limits(one["items"] if "items" in one else one),
            meaning=one.get("description", ""),
            default=msgspec.json.encode(one["default"]).decode() if "default" in one else "",
            schema=one,
        )
        inside, mark = (one["items"], "[].") if "items" in one else (one, ".")
        if "properties" in inside:
            yield from _described(inside, path + name + mark)


def type_of(schema: Schema) -> str:
    """The type of a JSON schema in words."""
    if "items" in schema:
        return f"list of {type_of(schema['items'])}s"
    if "oneOf" in schema:
        return "number"
    if schema.get("format") == "decimal":
        return "number"
    if schema.get("format") == "date-time":
        return "date-time"
    return str(schema.get("type", "string"))


def _limits(schema: Schema) -> str:
    if "oneOf" in schema:
        return _limits(schema["oneOf"][0])
    if "enum" in schema:
        values = [f"`{value}`" for value in schema["enum"]]
        return ", ".join(values) if len(values) <= _MOST_LISTED else f"one of {len(values)} values"
    if "minLength" in schema and "maxLength" in schema:
        return f"{schema['minLength']} to {schema['maxLength']} characters"
    return ", ".join(words.format(schema[name]) for name, words in _LIMITS.items() if name in schema)
