"""What people and programs see: data on standard output, everything else on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from orderstream.errors import OrderstreamError

if TYPE_CHECKING:
    from orderstream.client import Receipt
    from orderstream.local.demo import Outcome
    from orderstream.ops.query import Item
    from orderstream.ops.send import Tally
    from orderstream.ops.tpch import Totals

out = Console()
err = Console(stderr=True, highlight=False)

LOG_EVERY_SECONDS = 3.0

_JSON = msgspec.json.Encoder(decimal_format="number")


def print_json(value: Any) -> None:
    """One value as one line of JSON on standard output; Decimals as exact numbers."""
    sys.stdout.buffer.write(_JSON.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def step(text: str) -> None:
    """A step of long work."""
    err.print(f"[dim]•[/dim] {escape(text)}")


def problem(text: str) -> None:
    """Something went wrong, and the work goes on."""
    err.print(f"[yellow]warning:[/yellow] {escape(text)}")


def error(failure: OrderstreamError) -> None:
    """Why a verb failed, and what to do."""
    err.print(f"[red]error:[/red] {escape(failure.message)}", soft_wrap=True)
    if failure.hint:
        err.print(f"[cyan]hint:[/cyan] {escape(failure.hint)}", soft_wrap=True)


def ready(port: int, usual_port: int) -> None:
    """The laptop cloud runs: what to do with it."""
    which = "" if port == usual_port else f" --port {port}"
    err.print(f"[green]ready[/green] on http://127.0.0.1:{port}; Ctrl-C stops it. In another terminal:")
    err.print(f'  eval "$(orders env{which})"')
    err.print("""  orders send '{"customer_id": "12345", "amount": 250.00}'""")
    err.print("  orders list --customer 12345")


def exports(environment: dict[str, str], *, as_json: bool) -> None:
    """Environment variables, for a shell or as JSON."""
    if as_json:
        print_json(environment)
        return
    # A profile or a session of the user's own would win over the keys.
    print("unset AWS_PROFILE AWS_SESSION_TOKEN")
    for name, value in environment.items():
        print(f"export {name}={value}")


def _bar(*columns: ProgressColumn) -> Progress:
    # A bar is for eyes; where there are none, it would only leave blank lines in a log.
    return Progress(
        SpinnerColumn(),
        *columns,
        TimeElapsedColumn(),
        console=err,
        disable=not err.is_terminal,
        transient=True,
    )


@contextmanager
def counting(text: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar, or a line every few seconds in a log; the block calls what it gets with (done, of)."""
    told = 0.0

    def update(done: int, of: int) -> None:
        nonlocal told
        bar.update(task, completed=done, total=of)
        if not err.is_terminal and time.monotonic() - told > LOG_EVERY_SECONDS:
            step(f"{text}: {done:,} of {of:,}")
            told = time.monotonic()

    with _bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()) as bar:
        task = bar.add_task(text, total=None)
        yield update


def outcome(result: Outcome, totals: tuple[Totals, Totals] | None, *, as_json: bool) -> None:
    """The demo's account."""
    found = result.accounts
    rows: dict[str, int | float] = {
        "sent": result.sent,
        "stored": found.stored,
        "duplicates": found.duplicates,
        "conflicts": found.conflicts,
        "quarantined": found.quarantined,
        "archived": found.archived,
        "orders/s": round(result.orders_per_second),
        "latency p50 ms": round(result.latency_p50),
        "latency p99 ms": round(result.latency_p99),
    }
    if totals:
        theirs, ours = totals
        rows["customers"] = len(theirs)
        rows["customers whose totals agree"] = sum(ours.get(name) == of for name, of in theirs.items())
    if as_json:
        print_json(rows | {"agrees": result.agrees, "order": result.order, "raw": result.raw.decode()})
        return
    table = Table(
        "record", "count", title="Every record accounted for" if result.agrees else "NOT accounted for"
    )
    table.columns[1].justify = "right"
    wanted = {
        "stored": result.expected.get("order", 0),
        "duplicates": result.expected.get("duplicate", 0),
        "conflicts": result.expected.get("conflict", 0),
        "quarantined": result.expected.get("conflict", 0) + result.expected.get("bad", 0),
        "archived": result.sent,
    }
    table.add_column("on purpose", justify="right")
    for name, value in rows.items():
        expected = wanted.get(name)
        table.add_row(name, f"{value:,}", "" if expected is None else f"{expected:,}")
    out.print(table)
    out.print("One of them, as stored:")
    order(result.order, as_json=False)
    out.print("and as sent:")
    out.print(result.raw.decode(), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def sending(*, as_json: bool) -> Iterator[tuple[Callable[[Receipt], None], Callable[[str], None], list[str]]]:
    """A running count of orders sent: what to call with each receipt, and with each fault.

    The list holds the id of the latest order.
    """
    latest: list[str] = []
    with _bar(TextColumn("{task.completed:,.0f} {task.description}")) as bar:
        task = bar.add_task("orders sent", total=None)

        def receipt(sent: Receipt) -> None:
            bar.advance(task)
            latest[:] = [sent.order_id or ""]
            if as_json:
                print_json(sent)

        def fault(text: str) -> None:
            err.print(f"[red]not sent:[/red] {escape(text)}", soft_wrap=True)

        yield receipt, fault, latest


class _Sent(ProgressColumn):
    """How many records went out so far, looked up whenever the bar is drawn."""

    def __init__(self, counts: Tally) -> None:
        super().__init__()
        self._counts = counts

    def render(self, task: Task) -> Text:
        return Text(f"{self._counts.read:,} {task.description}")


@contextmanager
def simulating(counts: Tally, seconds: float | None) -> Iterator[None]:
    """A running count of sample orders."""
    text = "orders sent; Ctrl-C ends it" if seconds is None else f"orders sent, for {seconds:g} s"
    with _bar(_Sent(counts)) as bar:
        bar.add_task(text, total=None)
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
        table.add_row(name, escape(_text(value)))
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
        table.add_row(*(escape(_text(item.get(name, ""))) for name in columns))
    if table.row_count:
        out.print(table)
    else:
        err.print("no orders")


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value if isinstance(value, str) else _JSON.encode(value).decode()
