"""The reference of the order, from the schema that the HTTP API publishes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from orderstream.api.schema import ORDER
from reference.markdown import code, table


def fields() -> str:
    """A table of every field with its type, whether it is required, its limits and its meaning."""
    return table(("Field", "Type", "Required", "Limits", "Meaning"), _rows(ORDER, ""))


def example() -> str:
    """A valid order."""
    return f"```json\n{json.dumps(ORDER['example'], indent=2)}\n```"


def _rows(schema: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, str, str, str]]:
    for name, field in schema["properties"].items():
        required = "yes" if name in schema["required"] else ""
        meaning = field.get("description", "")
        yield code(prefix + name), _type(field), required, _limits(field), meaning
        if field.get("type") == "array":
            yield from _rows(field["items"], f"{prefix}{name}[].")


def _type(field: Mapping[str, Any]) -> str:
    if "oneOf" in field:
        return " or ".join(_type(one) for one in field["oneOf"])
    return f"{field['type']}, {field['format']}" if "format" in field else str(field["type"])


def _limits(field: Mapping[str, Any]) -> str:
    """The limits of a value in words; one of many values is not listed."""
    if "oneOf" in field:
        return "; ".join(filter(None, map(_limits, field["oneOf"])))
    limits = []
    if "maxLength" in field:
        limits.append(f"{field.get('minLength', 0)} to {field['maxLength']} characters")
    if "pattern" in field:
        limits.append(f"matches {code(field['pattern'])}")
    if "minimum" in field:
        limits.append(f"{field['minimum']} or more")
    if "exclusiveMinimum" in field:
        limits.append(f"above {field['exclusiveMinimum']}")
    if "enum" in field:
        limits.append(f"one of {len(field['enum'])} codes")
    return ", ".join(limits)
