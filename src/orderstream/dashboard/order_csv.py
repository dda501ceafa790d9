"""Orders as CSV: a spreadsheet opens it, and runs none of its cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from orderstream.dashboard.order_table import STATUSES
from orderstream.domain.fields import InvalidValue, exact_number
from orderstream.lookup.order_search import FoundOrder, indexed_attributes

_HEADINGS = ("time (UTC)", "order", "customer", "amount", "currency", "status", "order status", "event")
# With these, in either width, a spreadsheet takes a cell for a formula.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def as_csv(orders: Iterable[FoundOrder]) -> bytes:
    """The orders with their headings, in UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    own = indexed_attributes()
    writer.writerow((*_HEADINGS, *own))
    for one in orders:
        said = one.summary
        cells = (one.at, one.order_id, said.customer, said.amount, said.currency, STATUSES[one.status])
        values = (one.indexed.get(name, "") for name in own)
        writer.writerow(map(harmless, (*cells, one.order_status, one.event_id, *values)))
    return text.getvalue().encode()


def harmless(cell: str) -> str:
    """The text, with an apostrophe in front where a spreadsheet would run it; a number stays a number."""
    if not cell.lstrip(" ").startswith(_FORMULA):
        return cell
    try:
        exact_number(cell)
    except InvalidValue:
        return f"'{cell}"
    return cell
