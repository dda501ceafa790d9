"""Search orders, the newest first: in the archive as they arrived, or in the index of their customer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Literal

from orderstream.aws.deployment import Deployment
from orderstream.domain.fields import InvalidValue, timestamp
from orderstream.domain.fold import with_state
from orderstream.domain.item import attribute_of, indexes
from orderstream.domain.user_model import order_model
from orderstream.errors import InputError
from orderstream.lookup.newest_records import NewestRecords, Position, newest_records
from orderstream.lookup.record_summary import RecordSummary, summary_of
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes
from orderstream.progress import Progress, no_progress
from orderstream.storage.bucket import ALL_TIME, TimeRange
from orderstream.storage.orders import Item, by_customer, get_orders, is_order, page_of_orders

# Stored from this record; not in the table yet; a repetition of the stored order; invalid or a conflict.
OrderStatus = Literal["stored", "waiting", "duplicate", "quarantined"]
# How many orders are read from the table, or of a customer, at a time.
_AT_A_TIME = 100
# After so many orders of a customer, a search says how far it has come.
_MOST_OF_CUSTOMER = 2000


@dataclass(frozen=True)
class OrderFilter:
    """Which orders: what is None or empty does not matter. Amounts are inclusive, `span` is of arrivals.

    `order_status` is the status that the item has now, from its events. By the index of a customer, `span`
    is of order dates.
    """

    customer: str = ""
    status: OrderStatus | None = None
    order_status: str = ""
    least: Decimal | None = None
    most: Decimal | None = None
    span: TimeRange = ALL_TIME

    def accepts(self, customer: str, amount: Decimal | None) -> bool:
        """Whether an order of this customer with this amount is wanted."""
        if self.customer and self.customer != customer:
            return False
        if self.least is None and self.most is None:
            return True
        return (
            amount is not None
            and (self.least is None or amount >= self.least)
            and (self.most is None or amount <= self.most)
        )


@dataclass(frozen=True)
class FoundOrder:
    """An order, or a record that is none: `order_id` is then "" unless the record says one.

    `at` is the arrival, or by the index of a customer the order date. `item` is what the table has under its
    id; `indexed` are the values (as text) there of the fields that the order model marks as indexed.
    """

    at: str
    event_id: str
    order_id: str
    status: OrderStatus
    summary: RecordSummary
    item: Item = field(default_factory=dict)

    @property
    def order_status(self) -> str:
        """The status that the item has from its events; "" if there is no item."""
        return _order_status(self.item)

    @property
    def indexed(self) -> Mapping[str, str]:
        return {name: str(self.item[name]) for name in indexed_attributes() if name in self.item}

    @property
    def position(self) -> Position:
        return self.at, self.event_id


def known_status(name: str) -> str:
    """A status of orders, by the transitions of this process's model. Raises InputError for another one."""
    if name not in order_model().TRANSITIONS:
        raise InputError(
            f"no order has the status {name}", hint=f"it is one of {', '.join(order_model().TRANSITIONS)}"
        )
    return name


def is_by_index(deployment: Deployment, wanted: OrderFilter) -> bool:
    """Whether the index by customer answers this: it has the stored orders of each."""
    stored = wanted.status in (None, "stored")
    return bool(wanted.customer and stored and deployment.customer_index)


def search_orders(
    deployment: Deployment,
    wanted: OrderFilter,
    *,
    most: int,
    before: Position | None = None,
    progress: Progress = no_progress,
) -> NewestRecords[FoundOrder]:
    """The newest orders that match, as many as `most`, from `before` on: the `next` of the previous page.

    Raises CloudError, or InputError for a `before` that is none.
    """
    if before:
        try:
            timestamp(before[0])
        except InvalidValue:
            raise InputError("the page cannot begin there") from None
    if is_by_index(deployment, wanted):
        return _of_customer(deployment, wanted, most, before)
    return newest_records(
        deployment,
        lambda lines: islice(_matching(deployment, wanted, lines), most + 1),
        most=most,
        span=wanted.span,
        before=before,
        progress=progress,
    )


def _of_customer(
    deployment: Deployment, wanted: OrderFilter, most: int, before: Position | None
) -> NewestRecords[FoundOrder]:
    begin: Item | None = {"OrderDate": before[0], "OrderID": before[1]} if before else None
    found: list[FoundOrder] = []
    read = 0
    while True:
        page = page_of_orders(
            deployment,
            by_customer(deployment, wanted.customer),
            since=wanted.span.since,
            until=wanted.span.until,
            limit=_AT_A_TIME,
            begin=begin,
        )
        for item in page.orders:
            read += 1
            if wanted.order_status not in ("", item["Status"]):
                continue
            if wanted.accepts(item["CustomerID"], item["OrderAmount"]):
                if len(found) == most:
                    return NewestRecords(found, _place(found[-1]), None, 0)
                found.append(_of_item(item))
        begin = page.next
        if begin is None:
            return NewestRecords(found, None, None, 0)
        if read >= _MOST_OF_CUSTOMER:
            place = begin["OrderDate"], begin["OrderID"]
            return NewestRecords(found, place, timestamp(begin["OrderDate"]), 0)


def _place(one: FoundOrder) -> Position:
    return one.at, one.order_id


def _of_item(item: Item) -> FoundOrder:
    summary = RecordSummary(
        item["CustomerID"], f"{item['OrderAmount']:f}", item["Currency"], item["OrderAmount"]
    )
    return FoundOrder(item["OrderDate"], item["EventID"], item["OrderID"], "stored", summary, item)


def indexed_attributes() -> tuple[str, ...]:
    """The attributes of the fields that the order model marks as indexed."""
    return tuple(attribute_of(one) for one in indexes(order_model()).values())


def _matching(
    deployment: Deployment, wanted: OrderFilter, lines: Iterable[ArchiveLine]
) -> Iterator[FoundOrder]:
    """The records among `lines` that match, the newest first; only as many are decoded as are taken."""
    # An event of an order is none.
    orders = (line for line in lines if line.event is None)
    newest = sorted(orders, key=lambda line: (line.arrived_at, line.event_id), reverse=True)
    candidates = (
        (line, summary)
        for line in newest
        if wanted.accepts((summary := summary_of(original_bytes(line))).customer, summary.number)
    )
    while some := list(islice(candidates, _AT_A_TIME)):
        items = get_orders(deployment, filter(None, (line.order_id for line, _ in some)))
        for line, summary in some:
            item = items.get(line.order_id or "")
            status = _status(deployment, line, item)
            now = status, _order_status(item or {})
            if wanted.order_status and now != ("stored", wanted.order_status):
                continue
            if wanted.status in (None, status):
                if item is not None and not summary.currency:
                    # A record without a currency has the one that the stack gave it.
                    summary = RecordSummary(
                        summary.customer, summary.amount, str(item["Currency"]), summary.number
                    )
                order_id = line.order_id or ""
                yield FoundOrder(line.arrived_at, line.event_id, order_id, status, summary, item or {})


def _order_status(item: Item) -> str:
    return str(with_state(item)["Status"]) if item else ""


def _status(deployment: Deployment, line: ArchiveLine, item: Item | None) -> OrderStatus:
    # Every valid order has its id in the archive, given or not.
    if line.order_id is None:
        return "quarantined"
    if item is None:
        return "waiting"
    if item["EventID"] == line.event_id:
        return "stored"
    return "duplicate" if is_order(deployment, item, original_bytes(line)) else "quarantined"
