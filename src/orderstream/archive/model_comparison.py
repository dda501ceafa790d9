"""Compares the order model with the archive: what it would refuse, accept or store differently."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from orderstream.archive.replay import ArchivedRecord, ReplayResult, Selection, archived_records
from orderstream.aws.deployment import Deployment
from orderstream.domain.decode import Decoded, decode
from orderstream.domain.fold import STATE
from orderstream.domain.ids import order_id_of
from orderstream.domain.order import Order
from orderstream.domain.validation import Violation
from orderstream.pipeline.items import order_item
from orderstream.progress import Progress, no_progress
from orderstream.recovery.reprocess import record_of, settings_of
from orderstream.storage.bucket import TimeRange
from orderstream.storage.orders import get_orders

SAMPLES = 3
_RECORDS_AT_ONCE = 500
# Which object has the bytes, how the model reads them, and what became of the order is no content of it.
_NOT_COMPARED = frozenset(("ArchiveKey", "NormalizedFingerprint", *STATE))
_NOW_EVENT = Violation("$.event", "is_event", "is read as an event of an order")
_NOW_ORDER = Violation("$.event", "is_order", "is read as an order")


@dataclass
class ModelChange:
    """How many records a change concerns, and the first few of them, as they are reported."""

    count: int = 0
    samples: list[dict[str, Any]] = field(default_factory=list)

    def add(self, **sample: Any) -> None:
        """Count a record; keep it if it is one of the first."""
        self.count += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(sample)


@dataclass
class ModelComparison:
    """What the model would do with the records of the archive.

    `newly_refused` is by reason code, `stored_differently` by attribute. Records were `orders`, `events` of
    orders, or quarantined, by the model of their time. `is_complete` is whether every record of the span was
    read; `damaged` lists the objects that could not be.
    """

    records: int = 0
    orders: int = 0
    events: int = 0
    newly_refused: dict[str, ModelChange] = field(default_factory=dict)
    newly_accepted: ModelChange = field(default_factory=ModelChange)
    stored_differently: dict[str, ModelChange] = field(default_factory=dict)
    is_complete: bool = True
    damaged: list[str] = field(default_factory=list)

    @property
    def is_same(self) -> bool:
        """Whether the model changes nothing."""
        return not (self.newly_refused or self.newly_accepted.count or self.stored_differently)


def compare_model(
    deployment: Deployment, span: TimeRange, *, limit: int | None = None, progress: Progress = no_progress
) -> ModelComparison:
    """Run the order model of this process over the records of `span`, at most `limit` of them."""
    done, read = ModelComparison(), ReplayResult()
    currency = settings_of(deployment).currency
    every = archived_records(deployment, Selection(span), "", read)
    found = (one for one in every if isinstance(one, ArchivedRecord))
    counted = islice(found, limit)
    while batch := list(islice(counted, _RECORDS_AT_ONCE)):
        _compare(deployment, batch, currency, done)
        progress("records checked", done.records)
    done.is_complete = limit is None or next(found, None) is None
    done.damaged = read.damaged
    return done


def _compare(
    deployment: Deployment, batch: list[ArchivedRecord], currency: str, done: ModelComparison
) -> None:
    orders: list[tuple[ArchivedRecord, Order, Decoded]] = []
    for record in batch:
        line, what = record.line, decode(record_of(record.line).data)
        was_event = line.event is not None
        was_order = line.order_id is not None and not was_event
        done.records += 1
        done.orders += was_order
        done.events += was_event
        if not (was_order or was_event):
            if what.order is not None or what.event is not None:
                done.newly_accepted.add(event_id=line.event_id, order_id=what.raw_order_id)
        elif what.reasons:
            _refuse(record, what.reasons[0], done)
        elif was_event != (what.event is not None):
            _refuse(record, _NOW_ORDER if was_event else _NOW_EVENT, done)
        elif what.order is not None:
            orders.append((record, what.order, what))
    stored = get_orders(deployment, (record.line.order_id for record, *_ in orders if record.line.order_id))
    for record, order, what in orders:
        item = stored.get(record.line.order_id or "")
        if item is not None and item.get("EventID") == record.line.event_id:
            sent = record_of(record.line)
            order_id = order_id_of(order, sent.event_id)
            _differ(record, item, order_item(sent, order, what, order_id, item["ArchiveKey"], currency), done)


def _refuse(record: ArchivedRecord, reason: Violation, done: ModelComparison) -> None:
    change = done.newly_refused.setdefault(reason.code, ModelChange())
    change.add(
        order_id=record.line.order_id,
        event_id=record.line.event_id,
        path=reason.path,
        message=reason.message,
    )


def _differ(record: ArchivedRecord, item: dict[str, Any], now: dict[str, Any], done: ModelComparison) -> None:
    for name in sorted((item.keys() | now.keys()) - _NOT_COMPARED):
        if item.get(name) != now.get(name):
            change = done.stored_differently.setdefault(name, ModelChange())
            change.add(order_id=record.line.order_id, stored=item.get(name), now=now.get(name))
