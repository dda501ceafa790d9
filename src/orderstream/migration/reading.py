"""Read table, bucket and stream of the old pipeline into the store. Nothing is written to them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from orderstream.aws.deployment import Deployment
from orderstream.client.put_records import MAX_RECORD_BYTES
from orderstream.domain.object_keys import order_id_in
from orderstream.migration.conversion import KEY, from_item, from_object, from_record, plain_item
from orderstream.migration.sources import LegacySources, delivering, legacy_deployment, stream_arn
from orderstream.migration.store import LegacyStore
from orderstream.pipeline.deaggregate import deaggregate
from orderstream.progress import Progress
from orderstream.sdk.errors import is_throttle, translate_errors
from orderstream.sdk.retries import backoff
from orderstream.storage import bucket, stream
from orderstream.storage.bucket import ObjectSummary

# What is added to an order must fit into the record too.
_MOST_BYTES = MAX_RECORD_BYTES - 2048
_TELL_EVERY = 500
_ITEMS_A_PAGE = 500
_FETCHED_AHEAD = 32


@dataclass
class SourceCounts:
    """What was read. Of the records of the stream, `unstored` ones are neither in the table nor the bucket.

    These are orders too, unless a mapping in `delivering` may still bring them to the old function.
    """

    items: int = 0
    objects: int = 0
    items_without_object: int = 0
    objects_without_item: int = 0
    records: int = 0
    unstored: int = 0
    delivering: list[str] = field(default_factory=list)


def read_sources(
    store: LegacyStore,
    deployment: Deployment,
    sources: LegacySources,
    progress: Progress,
    *,
    sleep: Callable[[float], object] = time.sleep,
) -> SourceCounts:
    """Add all orders of the sources to the store, each once."""
    counts = SourceCounts()
    old = legacy_deployment(deployment, sources)
    # Asked before the table is read: what is delivered after that is not in what was read.
    arn = stream_arn(old.cloud, old.stream) if sources.stream else ""
    before = delivering(old.cloud, arn) if arn else []
    if sources.table:
        for item in _items(old, sleep):
            store.add_item(item[KEY], item)
            counts.items += 1
            _tell(progress, "items of the old table read", counts.items)
    if sources.bucket:
        _read_objects(store, old, counts, progress)
    for order_id, item in store.items_without_object():
        store.add(from_item(order_id, item))
        counts.items_without_object += 1
        _tell(progress, "orders rebuilt from their items", counts.items_without_object)
    if arn:
        counts.delivering = sorted({*before, *delivering(old.cloud, arn)})
        _read_records(store, old, arn, counts, progress)
    return counts


def _read_objects(store: LegacyStore, old: Deployment, counts: SourceCounts, progress: Progress) -> None:
    def small() -> Iterator[ObjectSummary]:
        for entry in bucket.list_single_orders(old):
            if entry.size > _MOST_BYTES:
                add(entry, None)
            else:
                yield entry

    def add(entry: ObjectSummary, body: bytes | None) -> None:
        order_id = order_id_in(entry.key)
        item = store.item(order_id)
        store.add(from_object(order_id, body, entry.modified, item))
        counts.objects += 1
        counts.objects_without_item += item is None
        _tell(progress, "objects of the old bucket read", counts.objects)

    for entry, body in bucket.fetch_all(old, small(), _FETCHED_AHEAD):
        add(entry, body)


def _read_records(
    store: LegacyStore, old: Deployment, arn: str, counts: SourceCounts, progress: Progress
) -> None:
    for record in stream.records(old):
        for inner in deaggregate(record):
            counts.records += 1
            # The same at every run, as is everything that depends on it.
            order = from_record(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{arn}/{inner.event_id}")), inner.data)
            if store.has(order.order_id) or store.take_match(order.facts, inner.arrived_at):
                continue
            counts.unstored += 1
            if not counts.delivering:
                store.add(order)
            _tell(progress, "records of the old stream read", counts.records)


def _items(old: Deployment, sleep: Callable[[float], object]) -> Iterator[dict[str, Any]]:
    """The items of the old table, in small pages: its capacity is for the old function."""
    request: dict[str, Any] = {"TableName": old.table, "Limit": _ITEMS_A_PAGE}
    throttled = 0
    with translate_errors(f"cannot read table {old.table}"):
        while True:
            try:
                page = old.cloud.dynamodb.scan(**request)
            except ClientError as error:
                if not is_throttle(error):
                    raise
                throttled += 1
                sleep(backoff(throttled, 1.0))
                continue
            throttled = 0
            yield from map(plain_item, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _tell(progress: Progress, what: str, done: int) -> None:
    if done % _TELL_EVERY == 0:
        progress(what, done)
