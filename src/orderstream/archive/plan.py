"""Estimate the work, time and cost of a replay beforehand."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Literal

from orderstream.archive.replay import Selection
from orderstream.aws.deployment import Deployment
from orderstream.capacity.reference_data import ReferenceData
from orderstream.domain.object_keys import is_compacted, lines_in
from orderstream.progress import Progress, no_progress
from orderstream.storage import bucket, reader
from orderstream.storage.bucket import ObjectSummary

Destination = Literal["table", "stream"]

# The number of objects read to estimate records per byte.
SAMPLED = 5
# The write throughput per second of a new on-demand table, and of a new on-demand stream in records of 1 KB.
RECORDS_PER_SECOND = 4000


@dataclass(frozen=True)
class ReplayPlan:
    """Objects and bytes to read, and the resulting estimates.

    `events` are the records, orders included, extrapolated from a few objects.
    `seconds` is the minimum time, `dollars` what AWS charges. For a single customer or order, all records are
    read but few are written, so both are upper bounds.
    """

    objects: int
    bytes: int
    events: int
    seconds: float
    dollars: Decimal


def plan(
    deployment: Deployment,
    selection: Selection,
    *,
    to: Destination,
    rate: float | None,
    progress: Progress = no_progress,
) -> ReplayPlan:
    """List the objects of the selection and sample a few; `progress` is called with the number listed."""
    objects = small = total = plain = compacted = 0
    sample: list[ObjectSummary] = []
    dice = random.Random(0)
    for entry in bucket.archive(deployment, selection.span):
        objects += 1
        total += entry.size
        progress("objects listed", objects)
        if is_compacted(entry.key):
            compacted += lines_in(entry.key)
            continue
        plain += entry.size
        small += 1
        # Reservoir sampling: each object is equally likely to be in the sample.
        if len(sample) < SAMPLED:
            sample.append(entry)
        elif (place := dice.randrange(small)) < SAMPLED:
            sample[place] = entry
    lines = [
        one.line
        for one in reader.readable_lines(deployment, sample)
        if selection.span.contains(one.line.arrived_at)
    ]
    records, events = len(lines), sum(line.event is not None for line in lines)
    if sampled := sum(entry.size for entry in sample):
        records, events = round(records * plain / sampled), round(events * plain / sampled)
    # Of compacted records, the shares are not known without reading them.
    records, events = records + compacted, events + compacted
    return ReplayPlan(
        objects,
        total,
        records,
        records / min(rate or RECORDS_PER_SECOND, RECORDS_PER_SECOND),
        _dollars(objects, records, events, to, has_index=deployment.customer_index is not None),
    )


def _dollars(objects: int, records: int, events: int, to: Destination, *, has_index: bool) -> Decimal:
    """The price if no more than `events` of the records are events."""
    price = ReferenceData()
    reading = objects * price.s3_prices.get_thousand / 1000
    # An event is written to its own table, and updates the order. What exists is charged like a write. On the
    # stream each record counts as at least 1 KB, and the function then writes it to the table.
    writes = records * (2 if has_index else 1) + events
    writing = writes * price.dynamodb_prices.write_million / 1_000_000
    if to == "stream":
        writing += records * price.kinesis_prices.ingested_gb / 1_000_000
    return Decimal(reading + writing).quantize(Decimal("0.0001"), ROUND_UP)
