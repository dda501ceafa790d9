"""The lines of archive and quarantine objects: metadata about a record, and its exact bytes.

A record that is one line of valid JSON stands in its line as JSON, so that SQL engines can read it
in place; any other stands as text or, if it is not UTF-8, as base64. A compressed one stands as JSON
and, as it was sent, as base64. `original_bytes` gives back the bytes of each, exactly as sent.
"""

import base64
import gzip
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import IO, Any

import msgspec

from orderstream.domain.fields import utc_text
from orderstream.pipeline.records import Record

# The fastest. The default takes three times as long for a quarter fewer bytes, of which a million orders have
# some hundred megabytes: for a fraction of a cent a month, each order would wait longer.
COMPRESS_LEVEL = 1

# As `event_id` and `utc_text` write them. Nothing arrived before the year 2000.
_EVENT = re.compile(r"[A-Za-z0-9_.-]+:[0-9]{1,128}(?::[0-9]{1,9})?")
_ARRIVED = re.compile(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_REASON = {"path", "code", "message"}
_BLANKS = frozenset(b" \t\r\n")
_ENCODER = msgspec.json.Encoder()
_NO_RAW = msgspec.Raw()


class ArchiveLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line. One of `raw`, `raw_text`, `raw_base64` is there, or the first and the last.

    `reasons` and `attempt` are those of a quarantined record; `stored` is what a conflict met.
    """

    event_id: str
    partition_key: str | None
    arrived_at: str
    order_id: str | None
    reasons: list[dict[str, str]] = []
    attempt: dict[str, str] = {}
    stored: dict[str, Any] | None = None
    raw_text: str | None = None
    raw_base64: str | None = None
    raw: msgspec.Raw = _NO_RAW


_DECODER = msgspec.json.Decoder(ArchiveLine)


def encode(record: Record, *, json: bytes | None, order_id: str | None, **more: Any) -> bytes:
    """The line (with its line feed) of `record`.

    `json` is the JSON text in it, if any, uncompressed; `more` are further fields of Line.
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
    # Blanks around a value do not come back from a JSON reader, and a line end would end the line.
    return json[0] not in _BLANKS and json[-1] not in _BLANKS and b"\n" not in json and b"\r" not in json


def original_bytes(line: ArchiveLine) -> bytes:
    """The record's bytes, exactly as sent."""
    if line.raw_base64 is not None:
        return base64.b64decode(line.raw_base64)
    if line.raw_text is not None:
        return line.raw_text.encode()
    return bytes(line.raw)


def read_line(data: bytes) -> ArchiveLine:
    """A line as written by `encode`. Raises msgspec.DecodeError for anything else."""
    return checked(_DECODER.decode(data))


def checked(line: ArchiveLine) -> ArchiveLine:
    """The line, if `encode` can have written it. Raises msgspec.ValidationError."""
    if not _EVENT.fullmatch(line.event_id):
        raise msgspec.ValidationError("event_id is no SHARD:NUMBER")
    if not _ARRIVED.fullmatch(line.arrived_at) or not _is_time(line.arrived_at):
        raise msgspec.ValidationError("arrived_at is no time of arrival")
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
    """A gzip file of the lines; the same lines give the same bytes."""
    return gzip.compress(b"".join(lines), compresslevel=COMPRESS_LEVEL, mtime=0)


def read_lines(key: str, body: IO[bytes]) -> Iterator[ArchiveLine]:
    """The lines of an object, one at a time: gzip where its key says so, else one plain line."""
    with gzip.open(body, "rb") if key.endswith(".gz") else body as lines:
        for line in lines:
            yield read_line(line)
