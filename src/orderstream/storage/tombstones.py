"""Which events were erased on purpose, so that nobody takes them for lost. Of whom they were is nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from orderstream.aws.clients import AwsClients, translate_errors
from orderstream.aws.stack import Stack
from orderstream.domain.object_keys import hour_prefix
from orderstream.storage import bucket
from orderstream.storage.bucket import ALL_TIME, ObjectSummary, TimeRange

PREFIX = "erasures"


def write_tombstones(
    cloud: AwsClients, stack: Stack, hour: datetime, erasure: str, events: list[str]
) -> tuple[str, bytes]:
    """Note that these events, which arrived in `hour`, are gone by the erasure of that id.

    Returns the key and the bytes of the object that says so. It is written once.
    """
    key = f"{hour_prefix(PREFIX, hour)}/{erasure}.txt"
    body = "\n".join(events).encode()
    with translate_errors(f"cannot write s3://{stack.bucket}/{key}"):
        cloud.s3.put_object(Bucket=stack.bucket, Key=key, Body=body, IfNoneMatch="*")
    return key, body


def erased_event_ids(cloud: AwsClients, stack: Stack, span: TimeRange = ALL_TIME) -> Iterator[str]:
    """The events of the hours of `span` that were erased."""
    return _read(cloud, stack, bucket.list_by_hour(cloud, stack, PREFIX, span))


def erased_in_hour(cloud: AwsClients, stack: Stack, arrived_at: datetime) -> set[str]:
    """The events that arrived in the same hour and were erased."""
    return set(_read(cloud, stack, bucket.of_hour(cloud, stack, hour_prefix(PREFIX, arrived_at) + "/")))


def _read(cloud: AwsClients, stack: Stack, entries: Iterator[ObjectSummary]) -> Iterator[str]:
    for _, body in bucket.fetch_all(cloud, stack, entries):
        # Of no bytes that are not text it is an event: those of whoever wrote them are no matter here.
        yield from body.decode(errors="replace").splitlines()
