"""Orders, and the sending of them, as people and programs see them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import (
    ProgressColumn,
    Task,
)
from rich.table import Table
from rich.text import Text

from orderstream.show.console import bar, err, out, print_json, text_of

if TYPE_CHECKING:
    from orderstream.client import Receipt
    from orderstream.ops.query import Item
    from orderstream.ops.send import Tally


@contextmanager
def sending(*, as_json: bool) -> Iterator[tuple[Callable[[Receipt], None], Callable[[str], None], list[str]]]:
    """A running count of orders sent: what to call with each receipt, and with each fault.

    The list holds the id of the latest order.
    """
    latest: list[str] = []
    count = 0

    def receipt(sent: Receipt) -> None:
        nonlocal count
        count += 1
        latest[:] = [sent.order_id or ""]
        if as_json:
            print_json(sent)

    def fault(text: str) -> None:
        err.print(f"[red]not sent:[/red] {escape(text)}", soft_wrap=True)

    with bar(_Sent(lambda: count)) as progress:
        progress.add_task("orders sent", total=None)
        yield receipt, fault, latest


class _Sent(ProgressColumn):
    """How many records went out so far, looked up whenever the bar is drawn."""

    def __init__(self, count: Callable[[], int]) -> None:
        super().__init__()
        self._count = count

    def render(self, task: Task) -> Text:
        return Text(f"{self._count():,} {task.description}")


@contextmanager
def simulating(counts: Tally, seconds: float | None) -> Iterator[None]:
    """A running count of sample orders."""
    text = "orders sent; Ctrl-C ends it" if seconds is None else f"orders sent, for {seconds:g} s"
    with bar(_Sent(lambda: counts.read)) as progress:
        progress.add_task(text, total=None)
        yield


def tally(counts: Tally, order_id: str = "") -> None:
    """What was sent, in one line; `order_id` of the order if it was only one."""
    failed = f", {counts.failed:,} not sent" if counts.failed else ""
    named = f": {order_id}" if order_id and counts.sent == 1 else ""
    err.print(f"{counts.sent:,} of {counts.read:,} sent{failed}{named}", soft_wrap=True)


def order(item: Item, *, as_json: bool) -> None:
    """One order."""
    if as_json:
        print_json(item)
        return
    table = Table(show_header=False, box=None)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in item.items():
        table.add_row(name, escape(text_of(value)))
    out.print(table)


def orders(items: Iterable[Item], *, as_json: bool) -> None:
    """Many orders: a table, or one JSON object a line."""
    if as_json:
        for item in items:
            print_json(item)
        return
    columns = ("OrderID", "OrderDate", "OrderAmount", "Currency", "Status")
    table = Table(*columns)
    for item in items:
        table.add_row(*(escape(text_of(item.get(name, ""))) for name in columns))
    if table.row_count:
        out.print(table)
    else:
        err.print("no orders")
