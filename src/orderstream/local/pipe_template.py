"""Fills a pipe's parameters with values of a record, as EventBridge Pipes do.

A value is named by a path such as `$.data.type`: in a parameter as the whole of it, in the input template
between angle brackets, as `<$.data.type>`. Only names separated by dots are supported.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from orderstream.errors import CloudError

_PATH = r"\$(?:\.[\w/-]+)+"
_PLACEHOLDER = re.compile(f"<({_PATH})>")
_ANY_PLACEHOLDER = re.compile(r"<(?:\$|aws\.)[^>]*>")
_JSON = msgspec.json.Encoder(decimal_format="number")


def pipe_event(entry: bytes) -> dict[str, Any]:
    """A record as a pipe has it, from its entry in the event of a function.

    What is below `kinesis` there is at the top level. `data` is decoded if it is JSON, and base64 otherwise.
    """
    event: dict[str, Any] = json.loads(entry)
    event |= event.pop("kinesis")
    try:
        event["data"] = json.loads(base64.b64decode(event["data"]), parse_int=Decimal, parse_float=Decimal)
    except ValueError:
        # It is no JSON, or no text.
        pass
    return event


def check_template(template: str) -> None:
    """Raise CloudError if `render` does not support an input template."""
    for found in _ANY_PLACEHOLDER.findall(template):
        if not _PLACEHOLDER.fullmatch(found):
            raise CloudError(f"the local cloud does not support {found} in the input template of a pipe")


def render(template: str, event: Mapping[str, Any]) -> str:
    """An input template with the values of the event, as JSON. What is missing is an empty string."""

    def value(found: re.Match[str]) -> str:
        return _JSON.encode(_at(found[1], event)).decode()

    return _PLACEHOLDER.sub(value, template)


def parameter(text: str, event: Mapping[str, Any]) -> str:
    """The value of a parameter: that of the event if the whole parameter is a path, or the text as it is."""
    if not re.fullmatch(_PATH, text):
        return text
    found = _at(text, event)
    return found if isinstance(found, str) else _JSON.encode(found).decode()


def _at(path: str, event: Mapping[str, Any]) -> Any:
    found: Any = event
    for name in path.split(".")[1:]:
        if not isinstance(found, Mapping) or name not in found:
            return ""
        found = found[name]
    return found
