"""Versions of a model: which one a record says, and how records of earlier ones are brought forward."""

from __future__ import annotations

from functools import cache
from typing import Any

from orderstream.domain.declaration import declared_fields
from orderstream.domain.order import Order
from orderstream.domain.validation import ValidationErrors

# The field of a record that says its version. No model has a field of this name.
FIELD = "schema"


def schema_of(document: dict[str, Any], model: type[Order], errors: ValidationErrors) -> int | None:
    """The version of the model that a document says; None, with the reason in `errors`, for an unknown one.

    A document lacks nothing that its version requires, or `errors` says what is missing.
    """
    schema = document.get(FIELD)
    if schema is None:
        schema = 1
    if type(schema) is not int or not 1 <= schema <= model.SCHEMA:
        errors.add(f"$.{FIELD}", "unknown_schema", f"must be a version of the order from 1 to {model.SCHEMA}")
        return None
    for name, version in _required_later(model):
        if schema >= version and document.get(name) is None:
            errors.add(f"$.{name}", "missing", f"is required from version {version} on")
    return schema


def version_schema(model: type[Order]) -> dict[str, Any]:
    """The JSON schema of the field that says the version."""
    said = "The version of the order."
    return {"type": "integer", "minimum": 1, "maximum": model.SCHEMA, "default": 1, "description": said}


def upcast(document: dict[str, Any], schema: int, model: type[Order]) -> dict[str, Any]:
    """The document as the current version of the model has it, without its version."""
    if FIELD not in document and schema == model.SCHEMA:
        return document
    document = {name: value for name, value in document.items() if name != FIELD}
    for version in range(schema, model.SCHEMA):
        document = getattr(model, f"upcast_{version}")(document)
    return document


@cache
def _required_later(model: type[Order]) -> list[tuple[str, int]]:
    return [
        (one.name, one.marks["required_from"])
        for one in declared_fields(model)
        if "required_from" in one.marks
    ]
