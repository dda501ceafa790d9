"""Orders made up from the declaration of the model: for samples, the canary, checks and documentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from itertools import count, repeat
from typing import Any

import msgspec

from orderstream.domain.declaration import REQUIRED_FROM
from orderstream.domain.decode import decode
from orderstream.domain.model import Schema, json_schema
from orderstream.domain.order import Order
from orderstream.domain.schema_version import FIELD
from orderstream.domain.user_model import order_model
from orderstream.errors import InputError

# Chooses one of several values.
Choose = Callable[[Sequence[Any]], Any]

# The rules over several fields refuse some orders that are made up. If they refuse as many as this, they
# refuse nearly all.
_ATTEMPTS = 50
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def first(values: Sequence[Any]) -> Any:
    """Chooses the first."""
    return values[0]


def least(values: Sequence[Any]) -> Any:
    """Chooses the first, and leaves out what is optional."""
    return False if tuple(values) == (True, False) else values[0]


def _varied() -> Choose:
    """Chooses another value every time, and the same ones in every run."""
    numbers = count(1)
    return lambda values: values[next(numbers) * 31 // 7 % len(values)]


# Samples are made by the thousand.
_schema = cache(json_schema)


def example_order(
    given: Mapping[str, Any], choose: Choose = first, model: type[Order] | None = None
) -> dict[str, Any]:
    """A valid order, in the current version of the model; `given` is what is known of it, by field.

    Raises InputError if the model accepts none of those that are made up.
    """
    model = model or order_model()
    schema = _schema(model)
    version = {FIELD: model.SCHEMA} if model.SCHEMA > 1 else {}
    dice = _varied() if choose is first else choose
    # The least is the likeliest to satisfy all rules.
    for one in (choose, *repeat(dice, _ATTEMPTS), least):
        order: dict[str, Any] = version | example_of(schema, one, given)
        reasons = decode(_ENCODER.encode(order), model).reasons
        if not reasons:
            return order
    said = f"{reasons[0].path} {reasons[0].message}"
    raise InputError(
        f"no valid example can be made up of {model.__name__}: {said}",
        hint="give its fields examples that satisfy its rules: Annotated[…, example(…)]",
    )


def example_of(schema: Schema, choose: Choose = first, given: Mapping[str, Any] | None = None) -> Any:
    """A value for the schema, by its examples where it has any; of an object, what is not `given`.

    A field that is optional, or has an empty list of examples, may be left out.
    """
    for name in ("examples", "enum"):
        if schema.get(name):
            return choose(schema[name])
    if "oneOf" in schema:
        return Decimal(choose(range(100, 10_000))) / 100
    kind = schema["type"]
    if kind == "object":
        return _example_object(schema, choose, dict(given or {}))
    if kind == "array":
        return [example_of(schema["items"], choose) for _ in range(choose((1, 2, 3)))]
    if kind == "boolean":
        return choose((True, False))
    if kind == "integer":
        least = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
        return choose(range(least, least + 10))
    if schema.get("format") == "date-time":
        return f"2026-11-22T18:{choose(range(60)):02d}:00Z"
    return f"{choose(range(1000)):03d}"[: schema.get("maxLength")]


def _example_object(schema: Schema, choose: Choose, found: dict[str, Any]) -> dict[str, Any]:
    required = schema.get("required", ())
    for name, inside in schema["properties"].items():
        value = found.get(name)
        if isinstance(value, dict):
            found[name] = example_of(inside, choose, value)
        elif isinstance(value, list) and inside["items"].get("type") == "object":
            found[name] = [example_of(inside["items"], choose, one) for one in value]
        elif name not in found and inside.get("examples") != []:
            if name in required or REQUIRED_FROM in inside or choose((True, False)):
                found[name] = example_of(inside, choose)
    return found
