"""The shard of a partition key."""

from __future__ import annotations

import hashlib


def shard_of(key: str, shards: int) -> int:
    """The number of the shard, of so many with equal ranges."""
    hashed = int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest(), "big")
    return hashed * shards >> 128
