"""The forms of the bucket's keys. Readers skip an object whose key has none of them; the audit names it."""

from __future__ import annotations

import hashlib
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


def hour_of_key(key: str) -> datetime:
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
        hour_of_key(key)
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


def hour_of(moment: datetime) -> datetime:
    """The full hour, UTC, that `moment` (aware) lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hour_prefix(prefix: str, moment: datetime) -> str:
    """Where the objects of the hour of `moment` (aware) lie; text sorts as hours do."""
    return f"{prefix}/{hour_of(moment):year=%Y/month=%m/day=%d/hour=%H}"


def batch_key(prefix: str, hour: datetime, shard_id: str, sequence: list[str], event_ids: list[str]) -> str:
    """The key of the object with records of one shard and hour: from where to where, and which of those.

    Between the same first and last another batch can have other records (after a change of the lanes,
    or when a few are brought back): it gets another key, so that no object takes the place of one with
    more in it.
    """
    which = hashlib.blake2b("\n".join(event_ids).encode(), digest_size=4).hexdigest()
    return f"{hour_prefix(prefix, hour)}/{shard_id}-{sequence[0]}-{sequence[-1]}-{which}.ndjson.gz"
