"""The invocations that processed a record, and their results, from the function's log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

import msgspec

from orderstream.aws.deployment import Deployment
from orderstream.lookup.function_log import log_lines
from orderstream.pipeline.telemetry import LogLine

# AWS tries to deliver a record for at most seven days, but nearly all succeed much sooner. The rest of the
# log, which may be gigabytes, is read only for those that did not.
SOON = timedelta(hours=12)
AT_THE_LATEST = timedelta(days=7, hours=1)


class LoggedInvocation(msgspec.Struct, frozen=True):
    """One invocation with the record; `done` if it stored, recognized or quarantined it."""

    at: datetime
    request_id: str
    done: bool


@dataclass(frozen=True)
class RecordPosition:
    """A record's position in the stream, when it arrived, and the archive objects that contain it."""

    shard_id: str
    sequence_number: str
    arrived_at: datetime
    objects: frozenset[str]


def invocations_of(
    deployment: Deployment, places: Iterable[RecordPosition]
) -> dict[RecordPosition, list[LoggedInvocation]]:
    """The invocations with each record, earliest first, as long as the log is retained."""
    found: dict[RecordPosition, list[LoggedInvocation]] = {place: [] for place in places}
    for begin, end in ((timedelta(0), SOON), (SOON, AT_THE_LATEST)):
        failed = [place for place, some in found.items() if not any(one.done for one in some)]
        for shard_id, since, until, waiting in _windows(failed, begin, end):
            for line in _log(deployment, shard_id, since, until):
                for place in waiting:
                    is_soon = line.logged_at - place.arrived_at < SOON
                    if is_soon == (end == SOON) and _has(line, place):
                        one = LoggedInvocation(line.logged_at, line.request_id, _is_done(line, place))
                        found[place].append(one)
    return {place: sorted(some, key=lambda delivery: delivery.at) for place, some in found.items()}


def _windows(
    places: Iterable[RecordPosition], begin: timedelta, end: timedelta
) -> Iterator[tuple[str, datetime, datetime, list[RecordPosition]]]:
    """The log periods from `begin` to `end` after the records of a shard arrived, without overlap."""
    waiting: list[RecordPosition] = []
    for place in sorted(places, key=lambda place: (place.shard_id, place.arrived_at)):
        last = waiting[-1] if waiting else place
        if place.shard_id != last.shard_id or place.arrived_at + begin > last.arrived_at + end:
            yield _window(waiting, begin, end)
            waiting = []
        waiting.append(place)
    if waiting:
        yield _window(waiting, begin, end)


def _window(
    places: list[RecordPosition], begin: timedelta, end: timedelta
) -> tuple[str, datetime, datetime, list[RecordPosition]]:
    return places[0].shard_id, places[0].arrived_at + begin, places[-1].arrived_at + end, places


def _log(deployment: Deployment, shard_id: str, since: datetime, until: datetime) -> Iterator[LogLine]:
    now = deployment.cloud.now()
    if since <= now:
        pages = log_lines(deployment, f'"{shard_id}"', since, min(until, now))
        yield from chain.from_iterable(pages)


def _has(line: LogLine, place: RecordPosition) -> bool:
    if line.objects:
        # Concurrent batches of a shard interleave, so the object names identify a batch's records.
        return not place.objects.isdisjoint(line.objects)
    if line.shard_id != place.shard_id or not line.first_sequence_number or not line.last_sequence_number:
        return False
    return int(line.first_sequence_number) <= int(place.sequence_number) <= int(line.last_sequence_number)


def _is_done(line: LogLine, place: RecordPosition) -> bool:
    return line.failed_from is None or int(place.sequence_number) < int(line.failed_from)
