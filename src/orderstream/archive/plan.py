"""What a replay would do, take and cost, before anything is done."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Literal

from orderstream.archive.replay import Selection
from orderstream.aws.clients import AwsClients
from orderstream.aws.pricing import prices
from orderstream.aws.stack import Stack
from orderstream.storage import bucket, reader
from orderstream.storage.bucket import ObjectSummary

Destination = Literal["table", "stream"]

# So many objects are read to know how many events lie in so many bytes.
SAMPLED = 5
# A new on-demand table takes so many writes a second, a new on-demand stream as many records of 1 KB.
EVENTS_PER_SECOND = 4000


@dataclass(frozen=True)
class ReplayPlan:
    """Objects and bytes to read, and what that comes to: `events` is an estimate from a few objects.

    `seconds` is the least it takes, `dollars` what AWS charges for it. Where only one customer or order is
    wanted, all events are read, and few are written: both are upper bounds.
    """

    objects: int
    bytes: int
    events: int
    seconds: float
    dollars: Decimal


def plan(
    cloud: AwsClients,
    stack: Stack,
    selection: Selection,
    *,
    to: Destination,
    rate: float | None,
    progress: Callable[[str, int], None] = lambda what, done: None,
) -> ReplayPlan:
    """Look at the objects of the selection, and into a few of them; `progress` hears how many there are."""
    objects = small = total = plain = compacted = 0
    sample: list[ObjectSummary] = []
    dice = random.Random(0)
    for entry in bucket.archive(cloud, stack, selection.span):
        objects += 1
        total += entry.size
        progress("objects listed", objects)
        if bucket.is_compacted(entry.key):
            compacted += bucket.lines_in(entry.key)
            continue
        plain += entry.size
        small += 1
        # Each object is as likely to be in the sample as any other, however many there are.
        if len(sample) < SAMPLED:
            sample.append(entry)
        elif (place := dice.randrange(small)) < SAMPLED:
            sample[place] = entry
    events = 0
    for opened in reader.objects(cloud, stack, sample):
        lines = reader.skip_corruption(opened.lines, opened.key, lambda key, what: None)
        events += sum(selection.span.contains(one.line.arrived_at) for one in lines)
    if sampled := sum(entry.size for entry in sample):
        events = round(events * plain / sampled)
    events += compacted
    return ReplayPlan(
        objects,
        total,
        events,
        events / min(rate or EVENTS_PER_SECOND, EVENTS_PER_SECOND),
        _dollars(objects, events, to, has_index=stack.customer_index is not None),
    )


def _dollars(objects: int, events: int, to: Destination, *, has_index: bool) -> Decimal:
    price = prices()
    reading = objects * price["s3"]["get_thousand"] / 1000
    # An order that is there already is charged as one that is written. On the stream each record counts as
    # 1 KB at the least, and the function then writes it to the table.
    writing = events * price["dynamodb"]["write_million"] / 1_000_000 * (2 if has_index else 1)
    if to == "stream":
        writing += events * price["kinesis"]["ingested_gb"] / 1_000_000
    return Decimal(reading + writing).quantize(Decimal("0.0001"), ROUND_UP)
