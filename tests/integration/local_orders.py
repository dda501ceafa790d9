"""Orders sent to the local cloud, and where they end."""

from __future__ import annotations

from typing import Any

from orderstream.domain.object_keys import QUARANTINE
from orderstream.errors import NotFoundError
from orderstream.local.cloud import LocalCloud
from orderstream.pipeline.archive_codec import ArchiveLine
from orderstream.storage import bucket, reader
from orderstream.storage.orders import get_order


def found_order(local: LocalCloud, order_id: str) -> dict[str, Any] | None:
    try:
        return get_order(local.deployment, order_id)
    except NotFoundError:
        return None


def quarantined(local: LocalCloud) -> dict[str, ArchiveLine]:
    entries = bucket.list_by_hour(local.deployment, QUARANTINE)
    return {one.line.event_id: one.line for one in reader.lines(local.deployment, entries)}


def put(local: LocalCloud, data: bytes, key: str = "k") -> str:
    """Put a record as anyone can; returns its event_id."""
    answer = local.cloud.kinesis.put_record(StreamName="OrderStream", PartitionKey=key, Data=data)
    return f"{answer['ShardId']}:{answer['SequenceNumber']}"
