"""Compares the order model with the archive: what it would refuse, accept or store differently."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from orderstream.archive.replay import Event, ReplayResult, Selection, events
from orderstream.aws.deployment import Deployment
from orderstream.domain.decode import Decoded, decode
from orderstream.domain.ids import order_id_of
from orderstream.pipeline.items import order_item
from orderstream.progress import Progress, no_progress
from orderstream.recovery.reprocess import record_of, settings_of
from orderstream.storage.bucket import TimeRange
from orderstream.storage.orders import get_orders

SAMPLES = 3
_RECORDS_AT_ONCE = 500
# Which object has the bytes, and how the model reads them, is no content of an order.
_NOT_COMPARED = frozenset(("ArchiveKey", "NormalizedFingerprint"))


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

    `newly_refused` is by reason code, `stored_differently` by attribute. Records were orders, or quarantined,
    by the model of their time. `is_complete` is whether every record of the span was read; `damaged` lists
    the objects that could not be.
    """

    records: int = 0
    orders: int = 0
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
    found = (one for one in events(deployment, Selection(span), "", read) if isinstance(one, Event))
    counted = islice(found, limit)
    while batch := list(islice(counted, _RECORDS_AT_ONCE)):
        _compare(deployment, batch, currency, done)
        progress("records checked", done.records)
    done.is_complete = limit is None or next(found, None) is None
    done.damaged = read.damaged
    return done


def _compare(deployment: Deployment, batch: list[Event], currency: str, done: ModelComparison) -> None:
    read: list[tuple[Event, Decoded]] = []
    for event in batch:
        done.records += 1
        what = decode(record_of(event.line).data)
        was_order = event.line.order_id is not None
        done.orders += was_order
        if what.order is None and was_order:
            read.append((event, what))
        elif what.order is not None and not was_order:
            done.newly_accepted.add(event_id=event.line.event_id, order_id=what.order.order_id)
        elif what.order is not None:
            read.append((event, what))
    stored = get_orders(deployment, (event.line.order_id for event, _ in read if event.line.order_id))
    for event, what in read:
        item = stored.get(event.line.order_id or "")
        is_its_item = item is not None and item["EventID"] == event.line.event_id
        if what.order is None:
            _refuse(event, what, done)
        elif item is not None and is_its_item:
            record = record_of(event.line)
            order_id = order_id_of(what.order, record.event_id)
            now = order_item(record, what.order, what, order_id, item["ArchiveKey"], currency)
            _differ(event, item, now, done)


def _refuse(event: Event, what: Decoded, done: ModelComparison) -> None:
    reason = what.reasons[0]
    change = done.newly_refused.setdefault(reason.code, ModelChange())
    change.add(
        order_id=event.line.order_id,
        event_id=event.line.event_id,
        path=reason.path,
        message=reason.message,
    )


def _differ(event: Event, item: dict[str, Any], now: dict[str, Any], done: ModelComparison) -> None:
    for name in sorted((item.keys() | now.keys()) - _NOT_COMPARED):
        if item.get(name) != now.get(name):
            change = done.stored_differently.setdefault(name, ModelChange())
            change.add(order_id=event.line.order_id, stored=item.get(name), now=now.get(name))
