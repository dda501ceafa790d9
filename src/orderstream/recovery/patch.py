"""Patch a quarantined record: set fields in it, and validate the resulting order or event."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from orderstream.client.serialization import ensure_order_id
from orderstream.domain.decode import decode, parse
from orderstream.domain.fields import json_type
from orderstream.domain.order_event import FIELD as EVENT_FIELD
from orderstream.errors import InputError

_STEP = re.compile(r"\.?([^.\[\]]+)|\[([0-9]{1,6})\]")
_ENCODER = msgspec.json.Encoder(decimal_format="number")
# NaN is written as is, and rejected with its path when the order is validated.
_NUMBERS: dict[str, Any] = {"parse_float": Decimal, "parse_int": Decimal, "parse_constant": Decimal}


@dataclass(frozen=True)
class FieldPatch:
    """A value to set at `path`, parsed into `steps`: field names and array indices."""

    path: str
    steps: tuple[str | int, ...]
    value: Any


def parse_patch(text: str) -> FieldPatch:
    """Parse PATH=VALUE as typed, for instance `items[0].quantity=2`.

    A value that is valid JSON is parsed, any other is a string. Raises InputError.
    """
    path, equals, value = text.partition("=")
    path = path.removeprefix("$").removeprefix(".")
    steps = [step for step in _STEP.finditer(path)]
    if not equals or not steps or "".join(step[0] for step in steps) != path:
        raise InputError(
            f"{text!r} does not say what to set",
            hint="write PATH=VALUE, such as amount=19.90 or 'items[0].quantity=2'",
        )
    try:
        found = json.loads(value, **_NUMBERS)
    except ValueError:
        found = value
    return FieldPatch(path, tuple(step[1] or int(step[2]) for step in steps), found)


def patched(
    data: bytes, identity: str, settings: Sequence[FieldPatch] = (), *, arrived_at: str = ""
) -> tuple[bytes, str]:
    """Apply `settings` to `data`. Return the order or event as JSON, and its order_id.

    The order_id is the one in the order, or `identity` if it has none, so patching twice produces one order.
    So it does of an event: one that says neither when it occurred nor its number occurred when its record
    arrived, at `arrived_at` (UTC text, if this is a record that was not stored). Without settings all bytes
    are unchanged, except for these and gzip. Raises InputError with every reason if the result is invalid.
    """
    text = decode(data).json or data
    if settings:
        text = _with(text, settings)
    # `decode` accepts only JSON objects, so insert the id before the check: a reason may be about it.
    if not _is_event(text):
        try:
            text, _, _ = ensure_order_id(text, lambda: identity)
        except InputError:
            pass
    what = decode(text)
    if what.event is not None:
        event = what.event.sent
        if arrived_at and event.occurred_at is None and event.seq is None:
            text = _with(text, [FieldPatch("occurred_at", ("occurred_at",), arrived_at)])
        return text, event.order_id
    if what.order is None:
        reasons = "; ".join(f"{reason.path} {reason.message}" for reason in what.reasons)
        raise InputError(
            reasons,
            hint="edit it with --set PATH=VALUE or --edit FILE; for a string that looks like a number: "
            """--set 'customer_id="12345"'""",
        )
    return text, what.order.order_id or identity


def _is_event(text: bytes) -> bool:
    """Whether it is, or was meant to be, an event of an order, which has no order_id of its own."""
    try:
        document = parse(text)
    except (ValueError, RecursionError, ArithmeticError):
        return False
    return isinstance(document, dict) and document.get(EVENT_FIELD) is not None


def _with(text: bytes, settings: Sequence[FieldPatch]) -> bytes:
    try:
        document = json.loads(text, **_NUMBERS)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"is not JSON, so nothing can be set in it ({error})", hint="give the whole order: --edit FILE"
        ) from None
    for one in settings:
        _set(document, one)
    return _ENCODER.encode(document)


def _set(document: Any, setting: FieldPatch) -> None:
    place = document
    *way, last = setting.steps
    for step, following in zip(way, setting.steps[1:], strict=True):
        if isinstance(step, str) and isinstance(place, dict):
            place = place.setdefault(step, [] if isinstance(following, int) else {})
        else:
            place = _element(place, step, setting)
    if isinstance(last, str) and isinstance(place, dict):
        place[last] = setting.value
    else:
        _element(place, last, setting)
        place[last] = setting.value


def _element(place: Any, step: str | int, setting: FieldPatch) -> Any:
    if isinstance(step, int) and isinstance(place, list) and step < len(place):
        return place[step]
    raise InputError(f"nothing can be set at {setting.path}: {json_type(place)} has no {step}")
