"""The layout of the buckets: build and parse the keys of their objects. No other module spells one out.

template.yaml repeats the prefixes in its lifecycle rules, policies and tables; a test compares them. Readers
skip a key of another form, and the audit reports it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from urllib.parse import quote, unquote

# Every record, and those that cannot become items.
ORDERS = "orders/"
QUARANTINE = "quarantine/"
# The objects that result from compacting those of an hour.
COMPACTED = "compacted/"
# Notes on quarantined records that were put back on the stream.
RESUBMITTED = "resubmitted/"
# The ids of erased events.
ERASURES = "erasures/"
MANIFESTS = "manifests/"
# Batches that Lambda discarded: AWS chooses their keys. Those that were redriven have a marker.
DISCARDED = "aws/lambda/"
REDRIVEN = "redriven/"
LOCKS = "locks/"
ATHENA_RESULTS = "athena-results/"

# Where lines of the archive are, and lines of any kind.
ARCHIVE = (ORDERS, COMPACTED)
LINES = (*ARCHIVE, QUARANTINE)
# Evidence: written once, and never replaced.
EVIDENCE = (MANIFESTS, ERASURES, RESUBMITTED, REDRIVEN)

LEASE_KEY = f"{LOCKS}archive.json"

# The hour of arrival in UTC: in keys as NAME=VALUE, in SQL as columns.
PARTITIONS = {"year": "%Y", "month": "%m", "day": "%d", "hour": "%H"}
_HOUR_FORMAT = "/".join(f"{name}={form}" for name, form in PARTITIONS.items())
# No record can have arrived in a later year, and it would overflow calculations with the hour.
_HOUR = r"year=(2[0-9]{3})/month=([0-9]{2})/day=([0-9]{2})/hour=([0-9]{2})/"
_BATCH = r"[^/]+-[0-9]{1,128}-[0-9]{1,128}-[0-9a-z]+\.ndjson\.gz"
_NAMES = {
    ORDERS: _BATCH,
    QUARANTINE: _BATCH,
    COMPACTED: r"[0-9]{1,15}-[0-9a-f]{16}\.parquet",
    RESUBMITTED: r"[0-9a-f]{32}\.ndjson",
    ERASURES: r"[0-9a-f]{32}(?:-[0-9]+)*\.txt",
}
HOURLY = tuple(_NAMES)

_SINGLE = rf"{ORDERS}[^/]+\.json"
_DIGITS = 10
_MANIFEST = rf"{MANIFESTS}([0-9]{{{_DIGITS}}})-(?:([0-9-]{{10}}T[0-9]{{2}})-)?([a-z]+)\.json"
# From the Lambda guide: aws/lambda/MAPPING/SHARD/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-UUID.
_DISCARDED_AT = "%Y-%m-%dT%H.%M.%S"
_BATCH_OF_LAMBDA = (
    rf"{DISCARDED}[^/]+/(?P<shard>[^/]+)/[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}}/"
    r"(?P<at>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}\.[0-9]{2}\.[0-9]{2})-[0-9a-f-]{32,36}"
)

# Compiled when they are needed: ProcessOrders builds keys, and its cold start need not wait for them.
_compiled = cache(re.compile)


def hour_of(moment: datetime) -> datetime:
    """The start of the hour (UTC) that contains `moment` (aware)."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def years_prefix(prefix: str) -> str:
    """The key prefix of all hours."""
    return f"{prefix}{next(iter(PARTITIONS))}="


def hour_prefix(prefix: str, moment: datetime) -> str:
    """The key prefix of the hour of `moment` (aware); they sort chronologically, and end with a slash."""
    return f"{prefix}{hour_of(moment):{_HOUR_FORMAT}}/"


def hour_prefix_of(key: str, prefix: str = "") -> str:
    """The key prefix of the hour of the object `key`, its own or the one under another `prefix`."""
    own = prefix_of(key)
    return f"{prefix or own}{key.removeprefix(own).rpartition('/')[0]}/"


def batch_key(
    prefix: str, hour: datetime, shard_id: str, sequence: Sequence[str], event_ids: Sequence[str]
) -> str:
    """The key of an object with records of one shard and hour: its sequence range, and a hash of its records.

    Another batch can have other records in the same range (after the number of lanes changed, or if only a
    few records were brought back). The hash gives it another key, so it cannot replace an object with more
    records.
    """
    which = hashlib.blake2b("\n".join(event_ids).encode(), digest_size=4).hexdigest()
    return f"{hour_prefix(prefix, hour)}{shard_id}-{sequence[0]}-{sequence[-1]}-{which}.ndjson.gz"


def order_key(order_id: str) -> str:
    """The key of the object with one order."""
    return f"{ORDERS}{quote(order_id, safe='')}.json"


def order_id_in(key: str) -> str:
    """The id of the order in the object `key`, for which `is_single` is true."""
    return unquote(key.removeprefix(ORDERS).removesuffix(".json"))


def compacted_key(hour: datetime, lines: int, sha256: str) -> str:
    """The key of a compacted object with so many lines."""
    return f"{hour_prefix(COMPACTED, hour)}{lines}-{sha256[:16]}.parquet"


def notes_key(hour: datetime, unique: str) -> str:
    """The key of an object of notes on resubmitted records; `unique` is 32 hex digits."""
    return f"{hour_prefix(RESUBMITTED, hour)}{unique}.ndjson"


def tombstone_key(hour: datetime, erasure: str) -> str:
    """The key of the object with the events of an hour that an erasure removed."""
    return f"{hour_prefix(ERASURES, hour)}{erasure}.txt"


def manifest_key(number: int, hour: str, act: str) -> str:
    """The key of a manifest; `hour` is as 2026-11-24T18, or empty."""
    return f"{MANIFESTS}{number:0{_DIGITS}}-{f'{hour}-' if hour else ''}{act}.json"


def discarded_key(mapping_id: str, shard_id: str, at: datetime, unique: str) -> str:
    """The key that Lambda gives a discarded batch; `unique` is a UUID."""
    return f"{DISCARDED}{mapping_id}/{shard_id}/{at:%Y/%m/%d}/{at:{_DISCARDED_AT}}-{unique}"


def marker_key(key: str) -> str:
    """The key of the marker that the discarded batch `key` was redriven."""
    return f"{REDRIVEN}{key}"


def key_of_marked(marker: str) -> str:
    """The key of the discarded batch that has this marker."""
    return marker.removeprefix(REDRIVEN)


def prefix_of(key: str) -> str:
    """The key up to its first slash, inclusive."""
    return key[: key.find("/") + 1]


def hour_of_key(key: str) -> datetime:
    """The hour (aware UTC) in an object's key. Raises ValueError if `is_hourly` is false."""
    prefix = prefix_of(key)
    found = _compiled(prefix + _HOUR + _NAMES[prefix]).fullmatch(key) if prefix in _NAMES else None
    if found is None:
        raise ValueError(f"{key} is not an object of an hour")
    year, month, day, hour = map(int, found.groups())
    return datetime(year, month, day, hour, tzinfo=UTC)


def is_hourly(key: str) -> bool:
    """Whether the key contains an hour."""
    try:
        hour_of_key(key)
    except ValueError:
        return False
    return True


def is_single(key: str) -> bool:
    """Whether this is the key of an object with a single order."""
    return _compiled(_SINGLE).fullmatch(key) is not None


def is_batch(key: str) -> bool:
    """Whether an object of lines contains a batch of records rather than one order."""
    return key.endswith(".gz")


def is_compacted(key: str) -> bool:
    """Whether the object `key` contains the lines of other objects."""
    return key.startswith(COMPACTED)


def shard_range(key: str) -> tuple[str, str, str]:
    """The shard, the first and the last sequence number in the key of an hourly object of batches."""
    shard_id, first, last, _ = key.rpartition("/")[2].rsplit("-", 3)
    return shard_id, first, last


def lines_in(key: str) -> int:
    """How many lines a compacted object has, according to its key."""
    return int(key.rpartition("/")[2].partition("-")[0])


def manifest_of_key(key: str) -> tuple[int, str, str] | None:
    """The number, the hour (empty without one) and the act in a manifest's key; None for any other key."""
    found = _compiled(_MANIFEST).fullmatch(key)
    return (int(found[1]), found[2] or "", found[3]) if found else None


def discarded(key: str) -> tuple[str, datetime] | None:
    """The shard and the time (aware UTC, in seconds) in the key of a batch that Lambda discarded, or None."""
    found = _compiled(_BATCH_OF_LAMBDA).fullmatch(key)
    try:
        at = datetime.strptime(found["at"], _DISCARDED_AT).replace(tzinfo=UTC) if found else None
    except ValueError:
        at = None
    return (found["shard"], at) if found and at else None
