"""Prints announced changes of orders, and the outcome of a replay, for people and programs."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from rich.text import Text

from orderstream.domain.currencies import money
from orderstream.output.console import err, out, print_json, problem, text_of
from orderstream.output.orders import moment

if TYPE_CHECKING:
    from orderstream.aws.location import Location
    from orderstream.recovery.change_replay import ReplayedChanges
    from orderstream.storage.announcements import Announced, CloudEvent

_COLOURS = {"erased": "red", "updated": "yellow", "placed": "green"}
_JSON = msgspec.json.Decoder(float_hook=Decimal)


def print_changes(changes: Iterable[Announced], *, as_json: bool) -> None:
    """Print announced changes, one per line, as they come. JSON is the whole CloudEvent."""
    is_empty = True
    for one in changes:
        is_empty = False
        if as_json:
            print_json(_JSON.decode(one.record.data))
        else:
            out.print(_line(one.change))
    if is_empty and not as_json:
        err.print("no changes")


def print_replayed(done: ReplayedChanges, location: Location, *, dry_run: bool, as_json: bool) -> None:
    """Print how many changes were announced, and of how many orders."""
    for what in done.problems:
        problem(f"not announced: {what}")
    if as_json:
        print_json(msgspec.to_builtins(done) | {"place": location.document()})
        return
    said = "would announce" if dry_run else "announced"
    out.print(f"{said} {done.announced:,} changes of {done.orders:,} orders")
    if done.failed:
        out.print(f"{done.failed:,} could not be announced: repeat the command")


def _line(change: CloudEvent) -> Text:
    order, event = change.data.order or {}, change.data.event or {}
    parts: list[Any] = [
        (f"{moment(change.time)}Z", "dim"),
        f"  {change.id}  ",
        (change.name, _COLOURS.get(change.name, "")),
    ]
    if (effect := event.get("effect", "applied")) != "applied":
        parts.append((f" {text_of(effect)}", "red"))
    if "Status" in order:
        parts.append(f"  status {text_of(order['Status'])}")
    currency = order.get("Currency")
    for name in ("Total", "Balance"):
        amount = order.get(name)
        if isinstance(amount, int | Decimal):
            shown = money(Decimal(amount), currency) if isinstance(currency, str) else f"{amount:f}"
            parts.append(f"  {name.lower()} {shown}")
    if isinstance(currency, str):
        parts.append(f" {currency}")
    return Text.assemble(*parts)
