"""The reference of the order, from its declaration."""

from __future__ import annotations

import json

from orderstream.api.schema import order_schema
from orderstream.domain.model import field_descriptions
from reference.markdown import code, table


def fields() -> str:
    """A table of every field with its type, whether it is required, its limits and its meaning."""
    header = ("Field", "Type", "Required", "Limits", "Meaning")
    return table(
        header,
        [
            (code(one.path), one.type, "yes" if one.is_required else "", one.limits, one.meaning)
            for one in field_descriptions()
        ],
    )


def example() -> str:
    """A valid order."""
    return f"```json\n{json.dumps(order_schema()['example'], indent=2)}\n```"
