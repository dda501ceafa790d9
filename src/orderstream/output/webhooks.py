"""Prints webhooks, their secrets and their tests, for people and programs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from rich.table import Column
from rich.text import Text

from orderstream.output.console import err, fields, hint, out, print_json
from orderstream.output.numbers import length
from orderstream.output.terminal import SafeTable

if TYPE_CHECKING:
    from orderstream.webhooks.admin import EndpointAnswer, NewSecret, WebhookStatus

_COLOURS = {"on": "green", "paused": "yellow", "off": "red"}


def print_secret(found: NewSecret, *, as_json: bool) -> None:
    """Print a new webhook, or its new secret."""
    if as_json:
        print_json(found)
        return
    shown = [
        ("Webhook", found.id),
        ("URL", found.url),
        ("Events", _events(found.types)),
        ("Secret", found.secret),
    ]
    if found.old_secret_until:
        shown.append(("Old secret", f"signs too until {found.old_secret_until}"))
    fields(shown)
    hint(f"give the secret to the receiver: it is not shown again. orders webhooks test {found.id} tries it")


def print_webhooks(found: Iterable[WebhookStatus], now: datetime, *, as_json: bool) -> None:
    """Print a table of webhooks, or one JSON object per line."""
    if as_json:
        for one in found:
            print_json(one)
        return
    table = SafeTable(
        Column("webhook", no_wrap=True),
        Column("URL", overflow="fold"),
        "events",
        "state",
        Column("pending", justify="right"),
        Column("dead", justify="right"),
        Column("oldest", justify="right", no_wrap=True),
    )
    for one in found:
        age = length((now - datetime.fromisoformat(one.oldest)).total_seconds()) if one.oldest else ""
        counts = (f"{one.pending:,}", f"{one.dead:,}")
        table.add_row(one.id, one.url, _events(one.types), _state(one), *counts, age)
    if table.row_count:
        out.print(table)
    else:
        err.print("no webhooks")


def print_test(result: EndpointAnswer, *, as_json: bool) -> None:
    """Print what an endpoint answered."""
    if as_json:
        print_json(result)
        return
    said = ("failed", "red") if result.error else ("ok", "green")
    what = result.error or f"status {result.status}"
    out.print(Text.assemble(said, f": {what}, in {length(result.seconds)}"))


def print_redriven(webhook_id: str, redriven: int, *, as_json: bool) -> None:
    """Print how many deliveries are sent again."""
    if as_json:
        print_json({"id": webhook_id, "redriven": redriven})
        return
    err.print(f"{redriven:,} deliveries are sent again" if redriven else "nothing to redrive")


def print_removed(webhook_id: str, removed: int, *, as_json: bool) -> None:
    """Print that a webhook is removed."""
    if as_json:
        print_json({"id": webhook_id, "removed": removed})
        return
    err.print(f"webhook {webhook_id} is removed")


def _events(types: Iterable[str]) -> str:
    return ", ".join(types) or "all"


def _state(one: WebhookStatus) -> Text:
    said = f" until {one.paused_until[:19]}Z" if one.paused_until else ""
    return Text.assemble((one.state, _COLOURS[one.state]), said, f": {one.why}" if one.why else "")
