"""What became of the orders of a scenario: worked out from what was sent, and by `orders stack verify`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from bench.harness import items as all_items

from orderstream.aws.deployment import Deployment
from orderstream.domain.decode import decode
from orderstream.domain.fields import utc_text
from orderstream.domain.object_keys import QUARANTINE
from orderstream.ingest.samples import Sample
from orderstream.recovery.verify import ReconciliationReport, verify
from orderstream.storage import bucket, reader
from orderstream.storage.bucket import TimeRange
from tests.chaos.environment import Sent, awaited

Item = dict[str, Any]


@dataclass(frozen=True)
class Accounts:
    """Counts, and a line for each record lost, for each thing doubled, and for each discrepancy of verify."""

    acknowledged: int
    stored: int
    quarantined: int
    lost: tuple[str, ...]
    double: tuple[str, ...]
    discrepancies: tuple[str, ...]


@dataclass(frozen=True)
class Version:
    """What an order said, one of the times that it was sent."""

    order_id: str
    customer: str
    amount: Decimal
    fingerprint: str

    @classmethod
    def of_sample(cls, sample: Sample) -> Version | None:
        """None for a sample that is no order."""
        if sample.kind == "bad":
            return None
        said = json.loads(sample.data, parse_float=Decimal)
        return cls(
            said["order_id"], said["customer_id"], Decimal(said["amount"]), decode(sample.data).fingerprint
        )

    @classmethod
    def of_item(cls, item: Item) -> Version:
        return cls(item["OrderID"], item["CustomerID"], item["OrderAmount"], item["Fingerprint"])


@dataclass
class _Promise:
    """Which versions of an order may be its item: those up to the first that Kinesis acknowledged.

    Kinesis may have taken one that it did not acknowledge. After an acknowledged one no other may win:
    all have the same partition key, so the producer sends and the function sees them in their order.
    """

    versions: set[Version] = field(default_factory=set)
    is_acknowledged: bool = False


def account_for(deployment: Deployment, sent: Sequence[Sent], since: datetime) -> Accounts:
    """The account of all that was sent, from `since` on, and has been processed."""
    items = {item["OrderID"]: item for item in all_items(deployment)}
    quarantined = _quarantined(deployment, since)
    arrived = {order_id: item for order_id, item in items.items() if item["ReceivedAt"] >= utc_text(since)}
    ids = {version.order_id for version in (Version.of_sample(record.sample) for record in sent) if version}
    return Accounts(
        acknowledged=sum(record.event_id is not None for record in sent),
        stored=len(ids & items.keys()),
        quarantined=len(quarantined),
        lost=tuple(lost(sent, items, quarantined)),
        double=tuple(double(sent, arrived, quarantined)),
        discrepancies=_discrepancies(deployment, since),
    )


def lost(sent: Sequence[Sent], items: Mapping[str, Item], quarantined: Collection[str]) -> Iterator[str]:
    """Acknowledged records that ended nowhere: not as an item, not as a repeat of one, not in quarantine.

    What Lambda discarded counts too: no scenario lasts as long as the age for that. So does an order,
    acknowledged in whatever version, that has no item.
    """
    for record in sent:
        version = Version.of_sample(record.sample)
        item = items.get(version.order_id) if version else None
        is_stored = version and item and Version.of_item(item).fingerprint == version.fingerprint
        is_somewhere = is_stored or record.event_id in quarantined
        if record.event_id and (not is_somewhere or (version and not item)):
            yield f"{record.event_id} ({record.sample.kind})"


def double(sent: Sequence[Sent], items: Mapping[str, Item], quarantined: Collection[str]) -> Iterator[str]:
    """Whatever became more than one thing, or another one.

    The key of the table is the order's id, so a second item of an order would have an id never sent.
    `items` are those that arrived in the time of the scenario.
    """
    promises: dict[str, _Promise] = {}
    for record in sent:
        version = Version.of_sample(record.sample)
        if not version:
            continue
        promise = promises.setdefault(version.order_id, _Promise())
        if not promise.is_acknowledged:
            promise.versions.add(version)
            promise.is_acknowledged = record.event_id is not None
        item = items.get(version.order_id)
        if item and item["Fingerprint"] == version.fingerprint and record.event_id in quarantined:
            yield f"{record.event_id} ({record.sample.kind}) is stored and in quarantine"
    for order_id, item in items.items():
        if order_id not in promises:
            yield f"{order_id} was never sent"
        elif Version.of_item(item) not in promises[order_id].versions:
            yield f"{order_id} says something else than was sent first: {item}"


def _discrepancies(deployment: Deployment, since: datetime) -> tuple[str, ...]:
    def when_nothing_is_on_its_way() -> ReconciliationReport | None:
        report = verify(deployment, TimeRange(since))
        return None if report.counts.in_flight else report

    # A producer that got no answer may have put a record behind the last acknowledged one.
    report = awaited(when_nothing_is_on_its_way)
    return tuple(f"{one.kind} {one.id}: {one.detail}" for one in report.discrepancies)


def _quarantined(deployment: Deployment, since: datetime) -> set[str]:
    """The events in quarantine that arrived from `since` on."""
    span = TimeRange(since)
    entries = (
        entry
        for entry in bucket.list_by_hour(deployment, QUARANTINE, span)
        # S3 tells the second only.
        if entry.modified >= since.replace(microsecond=0)
    )
    return {one.line.event_id for one in reader.lines(deployment, entries, span)}
