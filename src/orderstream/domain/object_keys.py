"""Build and parse the bucket's object keys. Readers skip any other key; the audit reports it."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

# The prefix of the objects that result from compacting those of an hour.
COMPACTED = "compacted"

# No record can have arrived in a later year, and it would overflow calculations with the hour.
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
# From the Lambda guide: aws/lambda/MAPPING/SHARD/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-UUID.
_BATCH_OF_LAMBDA = re.compile(
    r"aws/lambda/[^/]+/(?P<shard>[^/]+)/[0-9]{4}/[0-9]{2}/[0-9]{2}/"
    r"(?P<at>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}\.[0-9]{2}\.[0-9]{2})-[0-9a-f-]{32,36}"
)

HOURLY = tuple(_NAMES)


def hour_of_key(key: str) -> datetime:
    """The hour (aware UTC) in an object's key. Raises ValueError if `is_hourly` is false."""
    form = _FORMS.get(key.partition("/")[0])
    found = form.fullmatch(key) if form else None
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
    return _SINGLE.fullmatch(key) is not None


def discarded(key: str) -> tuple[str, datetime] | None:
    """The shard and the time (aware UTC, in seconds) in the key of a batch that Lambda discarded, or None."""
    found = _BATCH_OF_LAMBDA.fullmatch(key)
    try:
        at = datetime.strptime(found["at"], "%Y-%m-%dT%H.%M.%S").replace(tzinfo=UTC) if found else None
    except ValueError:
        at = None
    return (found["shard"], at) if found and at else None


def hour_of(moment: datetime) -> datetime:
    """The start of the hour (UTC) that contains `moment` (aware)."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hour_prefix(prefix: str, moment: datetime) -> str:
    """The key prefix of the hour of `moment` (aware); prefixes sort chronologically."""
    return f"{prefix}/{hour_of(moment):year=%Y/month=%m/day=%d/hour=%H}"


def batch_key(prefix: str, hour: datetime, shard_id: str, sequence: list[str], event_ids: list[str]) -> str:
    """The key of an object with records of one shard and hour: its sequence range, and a hash of its records.

    Another batch can have other records in the same range (after the number of lanes changed, or if only a
    few records were brought back). The hash gives it another key, so it cannot replace an object with more
    records.
    """
    which = hashlib.blake2b("\n".join(event_ids).encode(), digest_size=4).hexdigest()
    return f"{hour_prefix(prefix, hour)}/{shard_id}-{sequence[0]}-{sequence[-1]}-{which}.ndjson.gz"
