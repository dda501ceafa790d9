"""Whether Lambda can have written an on-failure object: only then does it explain late objects."""

from __future__ import annotations

from datetime import timedelta

from orderstream.domain import object_keys
from orderstream.pipeline.records import Record, from_event
from orderstream.recovery.dead_letters import FailedBatch, event_records
from orderstream.storage.bucket import ObjectSummary

# Lambda writes the object when it discards the batch. A later write is not Lambda's.
_LATE = timedelta(hours=1)


def why_not_by_lambda(entry: ObjectSummary, failure: FailedBatch, *, is_attested: bool) -> str:
    """Why Lambda cannot have written an object; empty if it can. An `is_attested` one was rewritten by an
    erasure.

    Raises DamagedError if it contains no records.
    """
    place = object_keys.discarded(entry.key)
    if place is None:
        return "its key is none that Lambda gives"
    shard_id, at = place
    if failure.shard_id != shard_id:
        return f"its key says {shard_id}, its document {failure.shard_id}"
    if abs(failure.at - at) > _LATE or entry.modified < at - _LATE:
        return f"its key says {at:%Y-%m-%dT%H:%M:%SZ}, its document {failure.at:%Y-%m-%dT%H:%M:%SZ}"
    if entry.modified > at + _LATE and not is_attested:
        return f"it was written at {entry.modified:%Y-%m-%dT%H:%M:%SZ}, and says {at:%Y-%m-%dT%H:%M:%SZ}"
    records = records_of(failure)
    if len(records) != failure.records:
        return f"it says that it has {failure.records:,} records, and has {len(records):,}"
    for record in records:
        is_within = int(failure.first) <= int(record.sequence_number) <= int(failure.last)
        if record.shard_id != shard_id or not is_within:
            return f"{record.event_id} lies outside of what it says that it has"
        if record.arrived_at > at + _LATE:
            return f"{record.event_id} arrived after the batch was discarded"
    return ""


def records_of(failure: FailedBatch) -> list[Record]:
    """Its stream records, without deaggregation."""
    return from_event({"Records": event_records(failure)})
