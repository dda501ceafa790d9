"""Notes on quarantined records that were put back on the stream. An object of notes is written once.

They are stored beside the quarantine, under the same hours: a redelivery may rewrite a quarantine object, and
would erase a note in it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from orderstream.aws.deployment import Deployment
from orderstream.domain.object_keys import RESUBMITTED, hour_of, hour_prefix, notes_key
from orderstream.sdk.errors import translate_errors
from orderstream.storage import bucket
from orderstream.storage.bucket import ALL_TIME, ObjectSummary, TimeRange


class ResubmissionNote(msgspec.Struct, frozen=True):
    """Records that `event_id` was put back: as which order, when, and as which new event."""

    event_id: str
    order_id: str
    at: str
    new_event_id: str


def read_note(line: bytes) -> ResubmissionNote | None:
    """The note in a line of an object of notes; None if it is not one."""
    try:
        return msgspec.json.decode(line, type=ResubmissionNote)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def write_notes(deployment: Deployment, notes: Iterable[tuple[datetime, ResubmissionNote]]) -> None:
    """Store notes, each given with the arrival of its record."""
    hours: dict[datetime, list[bytes]] = {}
    for arrived_at, note in notes:
        hours.setdefault(hour_of(arrived_at), []).append(msgspec.json.encode(note))
    for hour, lines in hours.items():
        write_lines(deployment, hour, lines)


def write_lines(deployment: Deployment, hour: datetime, lines: Iterable[bytes]) -> None:
    """Write notes on records that arrived in `hour` (aware UTC) as a new object."""
    key = notes_key(hour, uuid.uuid4().hex)
    with translate_errors(f"cannot write s3://{deployment.bucket}/{key}"):
        deployment.cloud.s3.put_object(
            Bucket=deployment.bucket, Key=key, Body=b"\n".join(lines), IfNoneMatch="*"
        )


def resubmissions_in_hour(deployment: Deployment, arrived_at: datetime) -> dict[str, list[ResubmissionNote]]:
    """The notes on records that arrived in the same hour, by event_id, earliest first."""
    found: dict[str, list[ResubmissionNote]] = {}
    entries = bucket.of_hour(deployment, hour_prefix(RESUBMITTED, arrived_at))
    for note in sorted(_read(deployment, entries), key=lambda note: note.at):
        found.setdefault(note.event_id, []).append(note)
    return found


def resubmissions_of_order(
    deployment: Deployment, order_id: str, span: TimeRange = ALL_TIME
) -> list[ResubmissionNote]:
    """The notes on records put back as this order that first arrived in `span`, earliest first."""
    notes = _read(deployment, bucket.list_by_hour(deployment, RESUBMITTED, span))
    return sorted((note for note in notes if note.order_id == order_id), key=lambda note: note.at)


def _read(deployment: Deployment, entries: Iterable[ObjectSummary]) -> Iterator[ResubmissionNote]:
    for _, body in bucket.fetch_all(deployment, entries):
        for line in body.splitlines():
            # Skip lines that are not notes; the audit names their object.
            if note := read_note(line):
                yield note
