"""Encode and decode the lines of archive and quarantine objects: a record's metadata and exact bytes.

A record that is one line of valid JSON is embedded as JSON, so that SQL engines can query it in place. Any
other is stored as text or, if it is not UTF-8, as base64. A compressed record is stored both as JSON and, as
sent, as base64. `original_bytes` returns the bytes of each exactly as sent.
"""

import base64
import gzip
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import IO, Any

import msgspec

from orderstream.domain.fields import utc_text
from orderstream.domain.object_keys import is_batch
from orderstream.pipeline.records import Record

# The fastest. The default takes three times as long and saves a quarter of the bytes. A million orders have
# some hundred megabytes: to save a fraction of a cent a month, each order would wait longer.
COMPRESS_LEVEL = 1

# The formats of `event_id` and `utc_text`. Nothing arrived before the year 2000.
_EVENT = re.compile(r"[A-Za-z0-9_.-]+:[0-9]{1,128}(?::[0-9]{1,9})?")
_ARRIVED = re.compile(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_REASON = {"path", "code", "message"}
_BLANKS = frozenset(b" \t\r\n")
_ENCODER = msgspec.json.Encoder()
_NO_RAW = msgspec.Raw()


class ArchiveLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line. It has one of `raw`, `raw_text` and `raw_base64`, or both `raw` and `raw_base64`.

    `event` is what happened, if the record is an event in the life of the order `order_id`.

    `reasons` and `attempt` are set for a quarantined record; `stored` is the item it conflicts with.
    """

    event_id: str
    partition_key: str | None
    arrived_at: str
    order_id: str | None
    event: str | None = None
    reasons: list[dict[str, str]] = []
    attempt: dict[str, str] = {}
    stored: dict[str, Any] | None = None
    raw_text: str | None = None
    raw_base64: str | None = None
    raw: msgspec.Raw = _NO_RAW


_DECODER = msgspec.json.Decoder(ArchiveLine)


def encode(record: Record, *, json: bytes | None, order_id: str | None, **more: Any) -> bytes:
    """Encode `record` as a line, including the line feed.

    `json` is its uncompressed JSON text, if any; `more` are further fields of ArchiveLine.
    """
    raw = _NO_RAW
    if json is not None and _fits_in_a_line(json):
        raw = msgspec.Raw(json)
    if raw is _NO_RAW or json != record.data:
        try:
            more["raw_text"] = record.data.decode()
        except UnicodeDecodeError:
            more["raw_base64"] = base64.b64encode(record.data).decode()
    arrived_at = utc_text(record.arrived_at)
    line = ArchiveLine(record.event_id, record.partition_key, arrived_at, order_id, raw=raw, **more)
    return _ENCODER.encode(line) + b"\n"


def _fits_in_a_line(json: bytes) -> bool:
    # A JSON reader drops white space around a value, and a line break would end the line.
    return json[0] not in _BLANKS and json[-1] not in _BLANKS and b"\n" not in json and b"\r" not in json


def original_bytes(line: ArchiveLine) -> bytes:
    """The record's bytes, exactly as sent."""
    if line.raw_base64 is not None:
        return base64.b64decode(line.raw_base64)
    if line.raw_text is not None:
        return line.raw_text.encode()
    return bytes(line.raw)


def read_line(data: bytes) -> ArchiveLine:
    """Decode a line written by `encode`. Raises msgspec.DecodeError for anything else."""
    return checked(_DECODER.decode(data))


def checked(line: ArchiveLine) -> ArchiveLine:
    """The line, if `encode` could have written it; else raises msgspec.ValidationError."""
    if not _EVENT.fullmatch(line.event_id):
        raise msgspec.ValidationError("event_id is not SHARD:NUMBER")
    if not _ARRIVED.fullmatch(line.arrived_at) or not _is_time(line.arrived_at):
        raise msgspec.ValidationError("arrived_at is not a time of arrival")
    if not all(_REASON <= reason.keys() for reason in line.reasons):
        raise msgspec.ValidationError("a reason lacks its path, code or message")
    try:
        original_bytes(line)
    except ValueError as error:
        raise msgspec.ValidationError(f"the record's bytes cannot be told: {error}") from None
    return line


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def compress(lines: Iterable[bytes]) -> bytes:
    """Compress the lines with gzip; the same lines give the same bytes."""
    return gzip.compress(b"".join(lines), compresslevel=COMPRESS_LEVEL, mtime=0)


def read_lines(key: str, body: IO[bytes]) -> Iterator[ArchiveLine]:
    """The lines of an object, one at a time: gzip if it has a batch, else one plain line."""
    with gzip.open(body, "rb") if is_batch(key) else body as lines:
        for line in lines:
            yield read_line(line)
