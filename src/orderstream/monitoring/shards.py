"""How traffic is distributed over the shards: shares, the hottest, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orderstream.monitoring.figures import Minutes, per_second

# A shard is hot if it has more than twice an even share of the traffic and is over half full.
TIMES_EVEN = 2
FULL = 0.5
MOST_SHOWN = 5

# How Kinesis distributes records over the shards: by partition key, or automatically.
BY_KEY, AUTO = "USER_PARTITION_KEY", "AUTO"
PARTITION_KEYS_PAGE = "docs/how-to/choose-partition-keys.md"


@dataclass(frozen=True, slots=True)
class ShardLoad:
    """A shard over the last five minutes: its rates per second, and its share of the stream's traffic.

    `share` is of records or of bytes, whichever fills the hottest shard. `full` is the utilization of this
    shard, by whichever is higher: 0 to 1 of its limit, and above if AWS let more pass.
    """

    shard_id: str
    records: float
    bytes: float
    share: float
    full: float


@dataclass(frozen=True, slots=True)
class ShardLoads:
    """The open shards: how many, the hottest of them, and which of those is hot.

    `mode` is ON_DEMAND or PROVISIONED, `distribution` BY_KEY or AUTO. `hottest` is empty if the stream has no
    shard metrics. `advice` is "" unless one is hot.
    """

    count: int
    mode: str
    hottest: tuple[ShardLoad, ...]
    hot: str | None
    advice: str = ""
    distribution: str = BY_KEY


def shards_of(
    shard_ids: Sequence[str],
    mode: str,
    figures: Mapping[str, tuple[Minutes, Minutes]],
    until: int,
    limits: tuple[int, int],
    distribution: str = BY_KEY,
) -> ShardLoads:
    """The loads from `figures`, records and bytes by shard, up to `until`; `limits` are a shard's, per
    second.
    """
    rates = {
        shard_id: tuple(per_second(one, until).five_minutes for one in both)
        for shard_id, both in figures.items()
        if any(both)
    }
    sums = [sum(rate[kind] for rate in rates.values()) for kind in (0, 1)]
    fullest = [max((rate[kind] for rate in rates.values()), default=0) / limits[kind] for kind in (0, 1)]
    # One measure for all of them, so that the shares add up.
    kind = fullest.index(max(fullest))
    loads = []
    for shard_id, rate in rates.items():
        share = rate[kind] / sums[kind] if sums[kind] else 0.0
        full = max(one / limit for one, limit in zip(rate, limits, strict=True))
        loads.append(ShardLoad(shard_id, rate[0], rate[1], share, full))
    hottest = tuple(sorted(loads, key=lambda load: (-load.full, load.shard_id))[:MOST_SHOWN])
    hot = next((load.shard_id for load in hottest if _is_hot(load, len(shard_ids))), None)
    advice = _advice(mode, distribution) if hot else ""
    return ShardLoads(len(shard_ids), mode, hottest, hot, advice, distribution)


def _is_hot(load: ShardLoad, count: int) -> bool:
    return load.share > TIMES_EVEN / count and load.full > FULL


def _advice(mode: str, distribution: str) -> str:
    if distribution == AUTO:
        return f"Kinesis distributes the records and splits shards by itself: {PARTITION_KEYS_PAGE}"
    more = (
        "on-demand splits it by itself"
        if mode == "ON_DEMAND"
        else "splitting it or a larger ShardCount helps"
    )
    return (
        f"if many customers share it, {more}; if one fills it, nothing but spreading its orders does: "
        f"{PARTITION_KEYS_PAGE}"
    )
