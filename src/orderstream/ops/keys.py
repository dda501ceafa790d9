"""The forms of the bucket's keys. Readers skip an object whose key has none of them; the audit names it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

# Where the lines of an hour's objects lie when they are compacted into one.
COMPACTED = "compacted"

# Later years, which no record can have arrived in, would overflow what is reckoned from an hour.
_HOUR = r"/year=(2[0-9]{3})/month=([0-9]{2})/day=([0-9]{2})/hour=([0-9]{2})/"
_BATCH = r"[^/]+-[0-9]{1,128}-[0-9]{1,128}-[0-9a-z]+\.ndjson\.gz"
_NAMES = {
    "orders": _BATCH,
    "quarantine": _BATCH,
    COMPACTED: r"[0-9]{1,15}-[0-9a-f]{16}\.parquet",
    "resubmitted": r"[0-9a-f]{32}\.ndjson",
    "erasures": r"[0-9a-f]{32}(?:-[0-9]+)*\.txt",
}
_FORMS = {prefix: re.compile(prefix + _HOUR + name) for prefix, name in _NAMES.items()}
_SINGLE = re.compile(r"orders/[^/]+\.json")
# Lambda's guide: aws/lambda/MAPPING/SHARD/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-UUID.
_BATCH_OF_LAMBDA = re.compile(
    r"aws/lambda/[^/]+/(?P<shard>[^/]+)/[0-9]{4}/[0-9]{2}/[0-9]{2}/"
    r"(?P<at>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}\.[0-9]{2}\.[0-9]{2})-[0-9a-f-]{32,36}"
)

HOURLY = tuple(_NAMES)


def begins_of(key: str) -> datetime:
    """The hour (aware UTC) that an object lies under. Raises ValueError where `is_hourly` says no."""
    form = _FORMS.get(key.partition("/")[0])
    found = form.fullmatch(key) if form else None
    if found is None:
        raise ValueError(f"{key} is no object of an hour")
    year, month, day, hour = map(int, found.groups())
    return datetime(year, month, day, hour, tzinfo=UTC)


def is_hourly(key: str) -> bool:
    """Whether this is the key of an object of an hour."""
    try:
        begins_of(key)
    except ValueError:
        return False
    return True


def is_single(key: str) -> bool:
    """Whether this is the key of an object with one order."""
    return _SINGLE.fullmatch(key) is not None


def discarded(key: str) -> tuple[str, datetime] | None:
    """The shard and the time (aware UTC, in seconds) in the key of a batch that Lambda has discarded."""
    found = _BATCH_OF_LAMBDA.fullmatch(key)
    try:
        at = datetime.strptime(found["at"], "%Y-%m-%dT%H.%M.%S").replace(tzinfo=UTC) if found else None
    except ValueError:
        at = None
    return (found["shard"], at) if found and at else None
