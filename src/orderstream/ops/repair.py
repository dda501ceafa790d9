"""Repair: records that are nowhere but in the archive or the stream go through the same processing again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from orderstream.domain.values import utc_text
from orderstream.ops import bucket, stream
from orderstream.ops.books import Books
from orderstream.ops.bucket import Span
from orderstream.ops.cloud import Cloud
from orderstream.ops.processing import Done, Processing, There, record_of
from orderstream.ops.stack import Stack
from orderstream.pipeline.unpack import unpack


def repair(
    books: Books,
    cloud: Cloud,
    stack: Stack,
    span: Span,
    *,
    settled: datetime,
    progress: Callable[[str, int], None],
) -> Done:
    """Bring what is missing, of what arrived before `settled`, to the table or the quarantine.

    Nothing is overwritten: it is what the function does, from the bytes in the archive or, for what
    never came there, in the stream.
    """
    processing = Processing(cloud, stack, "orders verify --repair")
    missing = (record for record in books.open() if record.arrived_at < utc_text(settled))
    unarchived: set[str] = set()
    for key, group in groupby(missing, attrgetter("key")):
        wanted = {record.event_id for record in group}
        if key is None:
            unarchived |= wanted
            continue
        body = bucket.fetch(cloud, stack, key) or b""
        # Damage was noted when the books were filled, and what comes before it can be mended.
        lines = bucket.undamaged_lines(stack, key, body, lambda key, what: None)
        there = There({event_id: key for event_id in wanted}.__getitem__)
        processing.run((record_of(line) for line in lines if line.event_id in wanted), there)
        progress("missing records mended", processing.done.stored + processing.done.quarantined)
    if unarchived:
        records = (inner for record in stream.records(cloud, stack, span) for inner in unpack(record))
        processing.run((record for record in records if record.event_id in unarchived), processing.archive)
    return processing.done
