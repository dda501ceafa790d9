"""What a record says, as the reconciliation compares it with items and with events in the table."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from orderstream.domain.decode import decode
from orderstream.domain.equality import earlier_fingerprints, reading_in
from orderstream.domain.fields import timestamp
from orderstream.domain.ids import order_id_of
from orderstream.domain.order_event import position, position_hash
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes


class RecordContent(NamedTuple):
    """The order_id of an order or of an event of it, None for an invalid record, and a hash of the bytes.

    Of an order, all `fingerprints` and that of its `reading`; of an event, the hash of its `position`.
    """

    order_id: str | None
    position: str | None
    fingerprints: bytes | None
    reading: bytes | None
    content: bytes


def content_of_line(line: ArchiveLine) -> RecordContent:
    """The content of an archived record."""
    found = content_of(line.event_id, original_bytes(line), line.arrived_at)
    # A record that was valid on arrival stays so, even if the model's rules have changed.
    return found if found.order_id else found._replace(order_id=line.order_id)


def content_of(event_id: str, data: bytes, arrived_at: str) -> RecordContent:
    """The content of a record: its id, its bytes and its arrival (UTC text)."""
    what = decode(data)
    content = hashlib.blake2b(data, digest_size=8).digest()
    if what.event is not None:
        place = position_hash(position(what.event, event_id, timestamp(arrived_at)))
        return RecordContent(what.event.sent.order_id, place, None, None, content)
    order_id = order_id_of(what.order, event_id) if what.order else None
    reading = reading_in(what.normalized) or what.fingerprint
    known = dict.fromkeys((what.fingerprint, reading, *earlier_fingerprints(what)))
    fingerprints = b"".join(map(bytes.fromhex, known)) or None
    return RecordContent(order_id, None, fingerprints, binary(reading), content)


def binary(fingerprint: str) -> bytes | None:
    """The fingerprint as stored in the file; None if it is not one."""
    try:
        return bytes.fromhex(fingerprint) or None
    except ValueError:
        return None
