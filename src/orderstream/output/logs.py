"""Prints log events of the functions, for people and programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from rich.text import Text

from orderstream.output.console import err, out, print_json, text_of
from orderstream.pipeline.telemetry import LogLine, read_log_line

if TYPE_CHECKING:
    from orderstream.lookup.log_tail import LogEvent

_OUTCOMES = {
    "stored": "",
    "duplicates": "",
    "conflicts": "yellow",
    "invalid": "yellow",
    "failed": "red",
}
_LEVELS = {"WARN": "yellow", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "red", "FATAL": "red"}
# What every line has, and what only CloudWatch reads.
_LEFT_OUT = {"Stack", "_aws"}


def print_log(events: Iterable[LogEvent], *, as_json: bool) -> None:
    """Print log events, one per line, as they arrive."""
    is_empty = True
    for event in events:
        is_empty = False
        if as_json:
            print_json(event)
        else:
            out.print(
                Text.assemble(
                    (f"{event.at:%Y-%m-%d %H:%M:%S}.{event.at:%f}"[:23] + "Z", "dim"),
                    "  ",
                    _said(event.message),
                )
            )
    if is_empty and not as_json:
        err.print("no log events")


def _said(message: str) -> Text:
    if line := read_log_line(message):
        return _invocation(line)
    try:
        found = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Text(message)
    return _fields(found) if isinstance(found, dict) else Text(message)


def _invocation(line: LogLine) -> Text:
    """The counts of an invocation that are not 0, what else is remarkable, and its problems below."""
    counts = ((name, getattr(line, name), colour) for name, colour in _OUTCOMES.items())
    said = [(f"{count:,} {name}", colour) for name, count, colour in counts if count]
    parts: list[Any] = [f"{line.received:,} received: "]
    for number, one in enumerate(said or [("nothing", "")]):
        parts += [", " * bool(number), one]
    parts += [f"  {line.shard_id or ''}", "  cold start" if line.cold_start else ""]
    parts += [(f"\n  {what}", "red") for what in line.problems]
    return Text.assemble(*parts)


def _fields(found: dict[str, Any]) -> Text:
    """Any other JSON object: level and message first, as Lambda logs them, then its other fields."""
    level, message = (text_of(found.pop(name, "")) for name in ("level", "message"))
    others = ", ".join(f"{name} {text_of(value)}" for name, value in found.items() if name not in _LEFT_OUT)
    parts = (Text(level, _LEVELS.get(level.upper(), "")), Text(message), Text(others))
    return Text("  ").join(part for part in parts if part)
