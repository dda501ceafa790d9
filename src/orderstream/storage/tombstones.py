"""Which events were deliberately erased, so that they are not mistaken for lost. Stores no data subject."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from orderstream.aws.deployment import Deployment
from orderstream.domain.object_keys import ERASURES, hour_prefix, tombstone_key
from orderstream.sdk.errors import translate_errors
from orderstream.storage import bucket
from orderstream.storage.bucket import ALL_TIME, ObjectSummary, TimeRange


def write_tombstones(
    deployment: Deployment, hour: datetime, erasure: str, events: list[str]
) -> tuple[str, bytes]:
    """Record that the erasure with this id removed these events, which arrived in `hour`.

    Return the key and the bytes of the tombstone object. It is written once.
    """
    key = tombstone_key(hour, erasure)
    body = "\n".join(events).encode()
    with translate_errors(f"cannot write s3://{deployment.bucket}/{key}"):
        deployment.cloud.s3.put_object(Bucket=deployment.bucket, Key=key, Body=body, IfNoneMatch="*")
    return key, body


def erased_event_ids(deployment: Deployment, span: TimeRange = ALL_TIME) -> Iterator[str]:
    """The erased events in the hours of `span`."""
    return _read(deployment, bucket.list_by_hour(deployment, ERASURES, span))


def erased_in_hour(deployment: Deployment, arrived_at: datetime) -> set[str]:
    """The erased events that arrived in the same hour."""
    return set(_read(deployment, bucket.of_hour(deployment, hour_prefix(ERASURES, arrived_at))))


def _read(deployment: Deployment, entries: Iterator[ObjectSummary]) -> Iterator[str]:
    for _, body in bucket.fetch_all(deployment, entries):
        # Bytes that are not text match no event id, so invalid content is harmless here.
        yield from body.decode(errors="replace").splitlines()
