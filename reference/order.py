"""The reference of the order, from its declaration."""

from __future__ import annotations

import json
from collections.abc import Iterable

from orderstream.api.schema import order_schema
from orderstream.domain.model import FieldDescription, field_descriptions
from orderstream.domain.order_event import event_type
from orderstream.domain.user_model import order_model
from reference.markdown import code, table


def fields() -> str:
    """A table of every field with its type, whether it is required, its limits and its meaning."""
    return _table(field_descriptions())


def events() -> str:
    """The same of an event of an order."""
    return _table(field_descriptions(event_type(order_model())))


def _table(fields: Iterable[FieldDescription]) -> str:
    header = ("Field", "Type", "Required", "Limits", "Meaning")
    return table(
        header,
        [
            (code(one.path), one.type, "yes" if one.is_required else "", one.limits, one.meaning)
            for one in fields
        ],
    )


def example() -> str:
    """A valid order."""
    return f"```json\n{json.dumps(order_schema()['example'], indent=2)}\n```"
