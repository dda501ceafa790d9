"""Read the CloudEvents of the change feed, as far as their delivery depends on them."""

from __future__ import annotations

from typing import Any

import msgspec

from orderstream.feed.cloud_event import ERASED, LARGE, TYPE

# A row of DynamoDB has at most 400 KB, and receivers limit what they accept.
MOST_BYTES = 256 * 1024

_JSON = msgspec.json.Encoder()


class AnnouncedChange(msgspec.Struct, frozen=True):
    """A change of an order as announced. `kind` is what happened, such as `paid`; `body` is delivered."""

    event_id: str
    order_id: str
    version: int
    kind: str
    body: bytes
    sequence_number: str

    @property
    def is_erasure(self) -> bool:
        return self.kind == ERASED


class _Data(msgspec.Struct):
    version: int


class _Event(msgspec.Struct):
    id: str
    type: str
    subject: str
    data: _Data


_EVENT = msgspec.json.Decoder(_Event)
_RAW = msgspec.json.Decoder(dict[str, msgspec.Raw])


def announced_change(body: bytes, sequence_number: str) -> AnnouncedChange | None:
    """The announcement in a record of the stream of changes; None if the record is none.

    A large one is delivered without items and details, and with `truncated`.
    """
    try:
        found = _EVENT.decode(body)
        body.decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not found.type.startswith(TYPE) or not found.subject or found.data.version < 1:
        return None
    if len(body) > MOST_BYTES:
        body = _truncated(body)
    kind = found.type.removeprefix(TYPE)
    return AnnouncedChange(found.id, found.subject, found.data.version, kind, body, sequence_number)


def _truncated(body: bytes) -> bytes:
    """The event without its large members; numbers keep their digits."""
    event: dict[str, Any] = _RAW.decode(body)
    data: dict[str, Any] = _RAW.decode(event["data"])
    for part in ("order", "event"):
        if part in data:
            data[part] = {name: value for name, value in _RAW.decode(data[part]).items() if name not in LARGE}
    return _JSON.encode(event | {"data": data | {"truncated": True}})
