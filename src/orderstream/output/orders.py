"""Prints orders, the progress of sending them, and the trace of one, for people and programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
from rich.table import Column
from rich.text import Text

from orderstream.domain.currencies import money
from orderstream.output import console
from orderstream.output.console import err, fields, hint, out, print_json, problem, text_of
from orderstream.output.terminal import REPLACEMENT, SafeTable, write_bytes

if TYPE_CHECKING:
    from orderstream.client import RecordMetadata
    from orderstream.ingest.send import SendStats
    from orderstream.lookup.trace import OrderTrace
    from orderstream.storage.orders import Item


_MONEY = ("OrderAmount", "Total", "Captured", "Refunded", "Balance")


@contextmanager
def print_sending(
    *, as_json: bool
) -> Iterator[tuple[Callable[[RecordMetadata], None], Callable[[str], None], list[str]]]:
    """A running count of orders sent; yields a function for receipts, one for faults, and a list.

    The list holds the id of the latest order.
    """
    latest: list[str] = []
    count = 0

    def receipt(sent: RecordMetadata) -> None:
        nonlocal count
        count += 1
        latest[:] = [sent.order_id or ""]
        progress("orders sent", count)
        if as_json:
            print_json(sent)

    def fault(text: str) -> None:
        err.print(Text("not sent:", "red"), text)

    with console.progress() as progress:
        yield receipt, fault, latest


def print_send_stats(counts: SendStats, order_id: str = "") -> None:
    """Print what was sent and what was not, in one line; `order_id` is that of a single order."""
    said = f"{counts.sent:,} of {counts.read:,} sent"
    if order_id and counts.sent == 1:
        said += f": {order_id}"
    if counts.failed:
        said += f"; {counts.failed:,} not sent"
    if counts.not_sent:
        more = counts.failed - len(counts.not_sent)
        said += ": " + ", ".join(counts.not_sent) + (f" and {more:,} more" if more else "")
    err.print(said)


def print_event_receipt(name: str, receipt: RecordMetadata, *, as_json: bool) -> None:
    """Print that an event was sent."""
    if as_json:
        print_json(receipt)
        return
    err.print(f"{name} sent of order {receipt.order_id}; orders history {receipt.order_id}")


def shown(item: Item) -> Iterator[tuple[str, str]]:
    """The attributes of an order for people: money with its currency's decimal places.

    In a quarantine item, numbers are text.
    """
    currency = item.get("Currency", "")
    for name, value in item.items():
        if name in _MONEY:
            yield name, money(Decimal(value), currency)
        elif name in ("Items", "AmendedItems"):
            prices = (money(Decimal(line["unit_price"]), currency) for line in value)
            lines = [line | {"unit_price": msgspec.Raw(one)} for line, one in zip(value, prices, strict=True)]
            yield name, text_of(lines)
        else:
            yield name, text_of(value)


def print_order(item: Item, *, as_json: bool) -> None:
    """Print one order."""
    if as_json:
        print_json(item)
    else:
        fields(shown(item))


def print_orders(items: Iterable[Item], *, as_json: bool) -> None:
    """Print many orders: a table, or one JSON object per line."""
    if as_json:
        for item in items:
            print_json(item)
        return
    table = SafeTable(
        Column("OrderID", no_wrap=True),
        Column("OrderDate", no_wrap=True),
        Column("OrderAmount", justify="right"),
        "Currency",
        "Status",
    )
    for item in items:
        texts = dict(shown(item))
        table.add_row(*(texts.get(str(column.header), "") for column in table.columns))
    if table.row_count:
        out.print(table)
    else:
        err.print("no orders")


def print_search_stopped(since: datetime | None) -> None:
    """Print that a search did not look at everything, and where it stopped."""
    if since:
        at = f"{since:%Y-%m-%dT%H:%M:%SZ}"
        problem(f"the search stopped at {at}, and there may be more before it: go on with --until {at}")


def print_raw(data: bytes, *, exact: str) -> None:
    """Print bytes as sent; to a terminal, as text. `exact` is the command that writes them exactly."""
    if not write_bytes(data):
        problem(f"what a terminal cannot show is {REPLACEMENT} here; {exact} has the exact bytes")


def print_trace(found: OrderTrace, *, as_json: bool) -> None:
    """Print one order's trace, in chronological order."""
    if not found.is_complete:
        since = next((step.at for step in found.steps if step.at), "")
        hint(f"repeats of the order in other objects of the archive are not searched: --since {since} does")
    if as_json:
        steps = [msgspec.structs.asdict(step) for step in found.steps]
        print_json({"order_id": found.order_id, "item": found.item, "steps": steps})
        return
    # Ids are long and few: each event gets a number, and the ids are listed below.
    ids = dict.fromkeys(step.event_id for step in found.steps if step.event_id)
    numbers = {event_id: str(number) for number, event_id in enumerate(ids, start=1)}
    table = SafeTable(
        Column("when (UTC)", no_wrap=True), Column("what", no_wrap=True), "event", "where and why"
    )
    for step in found.steps:
        detail = "\n".join(filter(None, (step.where, step.detail)))
        for event_id, number in numbers.items():
            detail = detail.replace(f"event {event_id}", f"event {number}")
        table.add_row(moment(step.at), step.what, numbers.get(step.event_id or "", ""), detail)
    out.print(table)
    for event_id, number in numbers.items():
        out.print(f"event {number} is {event_id}")
    where = "in the table" if found.item else "not in the table"
    if any(step.what == "waiting" for step in found.steps):
        where += ", and events of it wait"
    out.print(f"order {found.order_id} is {where}")


def moment(at: str | None) -> str:
    """A time of a record, to the millisecond; "?" if it has none."""
    return at.replace("T", " ")[:23] if at else "?"
