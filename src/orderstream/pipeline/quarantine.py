"""The quarantine in S3: store records that can never become items, with reasons and exact bytes (G5)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from orderstream.domain.object_keys import QUARANTINE
from orderstream.domain.validation import Violation, bounded
from orderstream.pipeline.archive import ObjectStore, put_by_hour
from orderstream.pipeline.archive_codec import encode
from orderstream.pipeline.records import Record


class RejectedRecord(msgspec.Struct, frozen=True):
    """A record with every reason for its rejection; `stored` is the item that it conflicts with."""

    record: Record
    reasons: tuple[Violation, ...]
    order_id: str | None
    json: bytes | None
    stored: dict[str, Any] | None = None


class QuarantineWriter:
    """Writes rejected records, one object for each batch and hour of arrival, as the archive does."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def write(self, entries: Sequence[RejectedRecord], attempt: dict[str, str]) -> None:
        """Write the entries, in the order of the shard; `attempt` identifies the invocation."""
        records = [entry.record for entry in entries]
        lines = (_line(entry, attempt, len(entries)) for entry in entries)
        put_by_hour(self._store, QUARANTINE, records, lines)


def _line(entry: RejectedRecord, attempt: dict[str, str], entries: int) -> bytes:
    more = {"stored": entry.stored} if entry.stored else {}
    return encode(
        entry.record,
        json=entry.json,
        order_id=entry.order_id,
        reasons=[msgspec.structs.asdict(reason) for reason in bounded(entry.reasons, entries)],
        attempt=attempt,
        **more,
    )
