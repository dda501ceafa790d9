"""JSON schemas of what is printed as JSON, from the types in the code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from orderstream.api.schema import stored_schema

Schema = dict[str, Any]

# Any JSON value, and an object with any keys.
ANYTHING: Schema = {}
OPEN: Schema = {"type": "object"}
_KEPT = ("type", "enum", "const", "format")


def schema_of(kind: Any) -> Schema:
    """The schema of a type. Every field of a class is printed, even if it has its default."""
    if isinstance(kind, dict):
        return kind
    (found,), definitions = msgspec.json.schema_components([kind], ref_template="{name}")
    return _plain(found, definitions)


def combined(*parts: Any, **more: Any) -> Schema:
    """The schema of an object with the fields of all parts and, by name, of more."""
    properties: dict[str, Schema] = {}
    for part in parts:
        properties |= schema_of(part)["properties"]
    properties |= {name: schema_of(kind) for name, kind in more.items()}
    return _object(properties)


def without(kind: Any, *names: str) -> Schema:
    """The schema of the same object without some of its keys."""
    return _object({name: one for name, one in schema_of(kind)["properties"].items() if name not in names})


def optional(schema: Schema, *names: str) -> Schema:
    """The schema of the same object, which may lack some of its keys."""
    return schema | {"required": [name for name in schema["required"] if name not in names]}


def array(kind: Any) -> Schema:
    """The schema of a list."""
    return {"type": "array", "items": schema_of(kind)}


def by_name(kind: Any) -> Schema:
    """The schema of an object with any keys, whose values have this type."""
    return {"type": "object", "additionalProperties": schema_of(kind)}


def nullable(kind: Any) -> Schema:
    """The schema of a value that may be null."""
    return {"anyOf": [schema_of(kind), {"type": "null"}]}


def item() -> Schema:
    """The schema of an order in the table; a model of the user's may have other attributes."""
    found = stored_schema()
    return _plain(found, {}) | {"required": found["required"], "additionalProperties": True}


def keys_of(schema: Schema, path: str = "") -> Iterator[tuple[str, str]]:
    """The path and the types of every key, as `counts.stored` and `steps[].at`."""
    variants = schema.get("anyOf", [schema])
    if path:
        yield path, " or ".join(dict.fromkeys(map(_type, variants)))
    for one in variants:
        if "items" in one:
            yield from list(keys_of(one["items"], f"{path}[]"))[1 if _is_plain(one["items"]) else 0 :]
        for name, inner in one.get("properties", {}).items():
            yield from keys_of(inner, f"{path}.{name}" if path else name)
        if isinstance(inner := one.get("additionalProperties"), Mapping):
            yield from keys_of(dict(inner), f"{path}.*" if path else "*")


def _is_plain(schema: Schema) -> bool:
    return schema.get("type") not in ("object", "array")


def _type(schema: Schema) -> str:
    if schema.get("type") == "array":
        inner = schema["items"]
        return f"list of {_type(inner)}s" if _is_plain(inner) and inner.get("type") else "list"
    if schema.get("format") == "date-time":
        return "time"
    if "enum" in schema:
        values = schema["enum"]
        return "string" if all(isinstance(value, str) for value in values) else "integer"
    return str(schema.get("type", "anything"))


def _object(properties: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _plain(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """The schema without references, defaults and descriptions; Decimals are numbers."""
    if "$ref" in schema:
        return _plain(definitions[schema["$ref"]], definitions)
    if "anyOf" in schema or "oneOf" in schema:
        return {"anyOf": [_plain(one, definitions) for one in schema.get("anyOf", schema.get("oneOf"))]}
    if schema.get("format") == "decimal":
        return {"type": "number"}
    found = {name: schema[name] for name in _KEPT if name in schema}
    if "prefixItems" in schema:
        return found | {"items": ANYTHING}
    if isinstance(schema.get("items"), Mapping):
        found["items"] = _plain(schema["items"], definitions)
    elif found.get("type") == "array":
        found["items"] = ANYTHING
    if "properties" in schema:
        found |= _object({name: _plain(one, definitions) for name, one in schema["properties"].items()})
    if isinstance(schema.get("additionalProperties"), Mapping):
        found["additionalProperties"] = _plain(schema["additionalProperties"], definitions)
    return found
