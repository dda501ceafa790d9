"""Size and price a deployment in one mode of the stream, and find the rate at which a sizing changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from orderstream.capacity.bill import bill
from orderstream.capacity.demand import Mode, PlanInput
from orderstream.capacity.feed import FeedSizing, feed
from orderstream.capacity.function import FunctionSizing, function
from orderstream.capacity.line_items import Bill
from orderstream.capacity.storage import ArchiveSizing, TableSizing, archive, table
from orderstream.capacity.stream import StreamSizing, stream

_CLOSELY = Decimal("0.000001")


@dataclass(frozen=True)
class Sizing:
    """The stream, function, table, archive and change feed (None: none) of one deployment, and their first
    bill.
    """

    stream: StreamSizing
    function: FunctionSizing
    table: TableSizing
    archive: ArchiveSizing
    feed: FeedSizing | None
    bill: Bill


def compute_sizing(mode: Mode, given: PlanInput) -> Sizing:
    """The sizing for a demand if its stream has this mode."""
    of_stream = stream(mode, given)
    of_function = function(of_stream.shards, of_stream.shards_at_peak, given)
    of_table, of_archive = table(given), archive(of_function, given)
    parts = of_stream, of_function, of_table, of_archive, feed(mode, of_table, given)
    return Sizing(*parts, bill(*parts, given))


def bill_in(month: int, of: Sizing, given: PlanInput) -> Bill:
    """The bill of a sizing in a month; the first is 1."""
    return bill(of.stream, of.function, of.table, of.archive, of.feed, given, month)


def boundary(holds: Callable[[Decimal], bool], low: Decimal, high: Decimal) -> tuple[Decimal, Decimal]:
    """Two numbers, a millionth apart: `holds` is true of the first, as of `low`, and false of the second."""
    while high - low > high * _CLOSELY:
        middle = (low + high) / 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low, high
